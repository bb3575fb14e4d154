//! Whether a commit holds each input once: counted where it is applied, against what the image says was applied before, and
//! against what the worker says that it has run.

use std::collections::BTreeMap;

use playon_types::attach::Item;
use playon_types::ids::SessionId;

use crate::effect::Report;

use super::Room;
use super::phase::Inflight;

impl Room {
    /// Compares the inputs of a batch with what earlier commits hold; nothing if each of them is the next one. The image is
    /// as it was before the batch.
    pub(super) fn tally(&self, inflight: &Inflight, ran: u32) -> Option<Report> {
        // What is set aside with this commit is dealt with, and goes before.
        let aside = match self.blame.accused(inflight.portion) {
            Some(Item::Input { session, seq, .. }) => Some((*session, *seq)),
            _ => None,
        };
        let mut last: BTreeMap<SessionId, u64> = aside.into_iter().collect();
        let (mut twice, mut missing) = (0, 0);
        for item in &inflight.items {
            match item {
                Item::Input { session, seq, .. } => {
                    let Some(seat) = self.image.seats.get(session) else { continue };
                    let before = last.get(session).copied().unwrap_or(0).max(seat.applied);
                    twice += u64::from(*seq <= before);
                    missing += seq.saturating_sub(before + 1);
                    last.insert(*session, before.max(*seq));
                }
                // The player has been told of what is missing here, and it is counted as lost.
                Item::Back { session, lost } if *lost > 0 => {
                    if let Some(known) = self.presence.get(session) {
                        last.insert(*session, known.resumed_at);
                    }
                }
                _ => {}
            }
        }
        let delivered =
            inflight.items.iter().filter(|item| matches!(item, Item::Input { .. })).count();
        let (delivered, ran) = (delivered as u64, u64::from(ran));
        twice += ran.saturating_sub(delivered);
        missing += delivered.saturating_sub(ran);
        let room = self.id();
        (twice > 0 || missing > 0).then_some(Report::Miscounted { room, twice, missing })
    }
}
