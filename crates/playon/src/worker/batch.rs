//! One batch: the game plays, the state is encoded, and both become a commit.

use std::time::Instant;

use bytes::Bytes;
use playon_core::attach::{Commit, Deliver};
use playon_core::ids::SessionId;
use playon_core::image::StateCodec;
use playon_wire::attach::LogLevel;
use playon_wire::state::{ZstdXxh3, diff};

use super::proofs::{Complaint, Proofs};
use super::rooms::micros;
use super::slot::OpenRoom;
use crate::envelope::Trouble;
use crate::live::Live;

/// A line for the log.
pub(super) type Note = (LogLevel, String);

/// Bytes of all views of one batch. More are a fault of the game.
const VIEW_BYTES_MAX: usize = 4 << 20;

/// Runs a batch. Gives the commit, and lines for the log. After an error the room is half changed.
pub(super) fn run(
    open: &mut OpenRoom,
    deliver: &Deliver,
    proofs: &mut Proofs,
) -> Result<(Commit, Vec<Note>), Trouble> {
    let started = Instant::now();
    let outcome = open.live.run(deliver.now, &deliver.items);
    let views = views(&*open.live, &deliver.render)?;
    let watch_view = if deliver.render_watch { open.live.watch()? } else { None };
    let encoded = open.live.encode(open.bytes.len(), proofs.note(open.proof.kind()))?;
    if encoded.bytes.len() > open.bytes_max {
        return Err(Trouble::TooLarge { bytes: encoded.bytes.len(), max: open.bytes_max });
    }
    let mut notes = Vec::new();
    notes.extend(outcome.unreadable.and_then(|found| note_unreadable(open, found)));
    let found = proofs.judge(&*open.live, &mut open.proof, &open.bytes, &encoded)?;
    notes.extend(found.and_then(|found| note_complaint(&found)));
    let bytes = encoded.bytes;
    let facts = open.live.facts();
    let commit = Commit {
        room: deliver.room,
        attempt: deliver.attempt,
        seq: deliver.seq,
        parent_hash: open.hash,
        hash: ZstdXxh3.hash(&bytes),
        version: open.kind.version(),
        body: diff(&open.bytes, &bytes),
        refused: outcome.refused,
        dismissed: outcome.dismissed,
        outputs: outcome.outputs,
        views,
        watch_view,
        wake_at: facts.wake_at,
        between_rounds: facts.between_rounds,
        ended: facts.ended,
        cost_us: micros(started),
    };
    open.seq = commit.seq;
    open.hash = commit.hash;
    open.bytes = bytes.into();
    Ok((commit, notes))
}

/// Players without a seat, such as those refused in this very batch, see nothing.
pub(super) fn views(
    live: &dyn Live,
    render: &[SessionId],
) -> Result<Vec<(SessionId, Bytes)>, Trouble> {
    let mut views = Vec::with_capacity(render.len());
    let mut bytes = 0;
    for session in render {
        if let Some(view) = live.view(*session)? {
            bytes += view.len();
            views.push((*session, view));
        }
    }
    if bytes > VIEW_BYTES_MAX {
        return Err(Trouble::ViewsTooLarge { bytes, max: VIEW_BYTES_MAX });
    }
    Ok(views)
}

/// A broken client may go on for ever: one line each time the number has doubled.
fn note_unreadable(open: &mut OpenRoom, (count, first): (u64, String)) -> Option<Note> {
    let before = open.unreadable;
    open.unreadable += count;
    (before.checked_ilog2() != open.unreadable.checked_ilog2())
        .then(|| format!("PLY-0437 {} inputs so far cannot be read: {first}", open.unreadable))
        .map(|text| (LogLevel::Warn, text))
}

/// It may be found with every batch: one line each time the number has doubled.
fn note_complaint(found: &Complaint) -> Option<Note> {
    let level = match found.trouble {
        Trouble::Unordered { .. } => LogLevel::Warn,
        _ => LogLevel::Error,
    };
    found.times.is_power_of_two().then(|| (level, found.trouble.to_string()))
}
