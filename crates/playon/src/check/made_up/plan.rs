//! What has been found out about a type over several offers.

use std::collections::{BTreeMap, BTreeSet};

use super::clues;
use super::guess::{Guess, styled};

/// A struct and its field, or an enum and its variant.
pub(super) type Owner = (&'static str, &'static str);

/// Fields that are named of those that could not be tried.
const NAMED_MAX: usize = 8;

/// What has been found out.
#[derive(Default)]
pub(super) struct Plan {
    /// By owner, and by what is wanted there.
    guesses: BTreeMap<(Owner, String), Guess>,
    /// The styles of texts.
    styles: BTreeMap<Owner, usize>,
    /// What takes no offer, and stays empty if it may.
    hopeless: BTreeSet<Owner>,
    last: Option<Last>,
}

/// What was offered last, and is to blame if the offer is not taken.
struct Last {
    owner: Owner,
    /// What was wanted; a text if nothing is said.
    wanted: Option<String>,
    container: Option<Owner>,
}

impl Plan {
    /// A new offer begins.
    pub(super) fn begin(&mut self) {
        self.last = None;
        clues::take();
    }

    /// The guess at what is wanted here; it is to be given back.
    pub(super) fn offer(
        &mut self,
        owner: Owner,
        container: Option<Owner>,
        wanted: &str,
    ) -> Guess {
        clues::take();
        self.last = Some(Last { owner, wanted: Some(wanted.to_owned()), container });
        self.guesses.get(&(owner, wanted.to_owned())).cloned().unwrap_or_default()
    }

    pub(super) fn keep(&mut self, owner: Owner, wanted: String, guess: Guess) {
        self.guesses.insert((owner, wanted), guess);
    }

    /// A text that has not been used for this value.
    pub(super) fn text(
        &mut self,
        owner: Owner,
        container: Option<Owner>,
        number: usize,
    ) -> String {
        self.last = Some(Last { owner, wanted: None, container });
        let style = self.styles.get(&owner).copied().unwrap_or(0);
        styled(style, number).unwrap_or_default()
    }

    pub(super) fn is_hopeless(&self, owner: Owner) -> bool {
        self.hopeless.contains(&owner)
    }

    /// How many variants there are to be seen.
    pub(super) fn names_max(&self) -> usize {
        self.guesses.values().map(Guess::names_max).max().unwrap_or(1)
    }

    /// An offer was not taken; false if there is nothing more to try.
    pub(super) fn learn(&mut self, skip: usize) -> bool {
        let clues = clues::take();
        let Some(Last { owner, wanted, container }) = self.last.take() else { return false };
        let learned = match wanted {
            Some(wanted) => {
                let guess = self.guesses.entry((owner, wanted)).or_default();
                guess.learn(&clues, skip)
            }
            None => {
                let style = self.styles.entry(owner).or_default();
                *style += 1;
                styled(*style, 0).is_some()
            }
        };
        learned || container.is_some_and(|container| self.hopeless.insert(container))
    }

    /// What could not be tried, in words; `failed` says why there is no value at all.
    pub(super) fn untried(self, failed: Option<String>) -> Option<String> {
        if let Some(why) = failed {
            return Some(format!("no contents could be made up for it ({why})"));
        }
        let named = |(name, field): &Owner| match *field {
            "" => format!("`{name}`"),
            field => format!("`{name}.{field}`"),
        };
        let names: Vec<String> = self.hopeless.iter().take(NAMED_MAX).map(named).collect();
        let more = self.hopeless.len().saturating_sub(NAMED_MAX);
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        let empty = format!("nothing could be made up for {}{more}", names.join(", "));
        (!names.is_empty()).then_some(empty)
    }
}
