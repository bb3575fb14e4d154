//! What has been found out about a type over several offers.

use std::collections::{BTreeMap, BTreeSet};

use super::clues::{self, Clue};
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
    /// What was not taken in the current offer.
    blamed: Option<Offered>,
    /// What was taken last. Many a type takes something and looks into it later.
    latest: Option<Offered>,
}

/// A part of an offer.
#[derive(Clone)]
pub(super) struct Offered {
    pub(super) what: What,
    pub(super) owner: Owner,
    /// What may stay empty instead.
    pub(super) container: Option<Owner>,
}

#[derive(Clone)]
pub(super) enum What {
    /// Something for one who asks for anything, and says this about it.
    Any(String),
    Text,
    Number,
}

impl Plan {
    /// A new offer begins.
    pub(super) fn begin(&mut self) {
        (self.blamed, self.latest) = (None, None);
        clues::take();
    }

    /// The guess at what is wanted; it is to be given back.
    pub(super) fn guess(&self, owner: Owner, wanted: &str) -> Guess {
        clues::take();
        self.guesses.get(&(owner, wanted.to_owned())).cloned().unwrap_or_default()
    }

    /// Takes a guess back; what is not taken first is to blame for all that follows.
    pub(super) fn keep(&mut self, offered: Offered, guess: Guess, taken: bool) {
        if let (None, What::Any(wanted)) = (&self.blamed, &offered.what) {
            self.guesses.insert((offered.owner, wanted.clone()), guess);
        }
        if taken {
            clues::take();
            self.latest = Some(offered);
        } else {
            self.blamed.get_or_insert(offered);
        }
    }

    /// Notes that a number was offered.
    pub(super) fn number(&mut self, owner: Owner, container: Option<Owner>) {
        self.latest = Some(Offered { what: What::Number, owner, container });
    }

    /// A text that has not been used for this value.
    pub(super) fn text(&mut self, owner: Owner, container: Option<Owner>, number: usize) -> String {
        self.latest = Some(Offered { what: What::Text, owner, container });
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
        let suspects = [self.blamed.take(), self.latest.take()];
        let mut suspects = suspects.into_iter().flatten().peekable();
        let container = suspects.peek().and_then(|suspect| suspect.container);
        suspects.any(|suspect| self.learn_about(suspect, &clues, skip))
            || container.is_some_and(|container| self.hopeless.insert(container))
    }

    fn learn_about(&mut self, offered: Offered, clues: &[Clue], skip: usize) -> bool {
        match offered.what {
            What::Any(wanted) => {
                let guess = self.guesses.entry((offered.owner, wanted)).or_default();
                guess.learn(clues, skip)
            }
            What::Text => {
                let style = self.styles.entry(offered.owner).or_default();
                *style += 1;
                styled(*style, 0).is_some()
            }
            What::Number => false,
        }
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
