//! What waits for a commit to be safe.

use bytes::Bytes;
use playon_types::gate::{Close, Push};
use playon_types::ids::{Seq, SessionId};
use playon_types::reason::Reason;

/// What one commit says to the outside, kept until the commit is safe.
#[derive(Debug, Default)]
pub(super) struct HeldOutput {
    pub(super) seq: Seq,
    /// Players who have their seat with this commit.
    pub(super) seated: Vec<SessionId>,
    pub(super) pushes: Vec<(SessionId, Push)>,
    pub(super) watch_view: Option<Bytes>,
    /// Spectators asked, and the game shows them nothing.
    pub(super) watch_refused: bool,
    /// Sockets that are told goodbye.
    pub(super) goodbyes: Vec<(SessionId, Close, Reason)>,
    pub(super) ended: bool,
}
