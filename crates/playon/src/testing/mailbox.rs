//! What players of a test room were told.

use std::collections::BTreeMap;

use bytes::Bytes;
use serde::de::DeserializeOwned;

use crate::PlayerId;
use crate::live::BatchOutcome;

/// Everything said and not yet looked at.
#[derive(Default)]
pub(super) struct Mailbox {
    sent: BTreeMap<PlayerId, Vec<Bytes>>,
    flashed: BTreeMap<PlayerId, Vec<Bytes>>,
    dismissed: BTreeMap<PlayerId, String>,
}

impl Mailbox {
    pub(super) fn take_in(&mut self, outcome: BatchOutcome) {
        for output in outcome.outputs {
            let tray = if output.reliable { &mut self.sent } else { &mut self.flashed };
            tray.entry(output.session.into()).or_default().push(output.payload);
        }
        for (session, reason) in outcome.dismissed {
            self.dismissed.insert(session.into(), reason);
        }
    }

    pub(super) fn sent<E: DeserializeOwned>(&mut self, to: PlayerId) -> Vec<E> {
        decode(self.sent.remove(&to).unwrap_or_default())
    }

    pub(super) fn flashed<E: DeserializeOwned>(&mut self, to: PlayerId) -> Vec<E> {
        decode(self.flashed.remove(&to).unwrap_or_default())
    }

    pub(super) fn dismissed(&self, who: PlayerId) -> Option<&str> {
        self.dismissed.get(&who).map(String::as_str)
    }
}

fn decode<E: DeserializeOwned>(events: Vec<Bytes>) -> Vec<E> {
    let decoded: Result<_, _> = events.iter().map(|event| serde_json::from_slice(event)).collect();
    decoded.unwrap_or_else(|why| panic!("an event does not read back what was written: {why}"))
}
