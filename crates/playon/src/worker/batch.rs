//! One batch: the game plays, the state is encoded, and both become a commit.

use std::time::Instant;

use bytes::Bytes;
use playon_types::attach::{Commit, Deliver, LeftOut, Output};
use playon_types::ids::SessionId;
use playon_types::image::StateCodec;
use playon_wire::attach::LogLevel;
use playon_wire::state::{ZstdXxh3, diff};

use super::proofs::{Complaint, Proofs};
use super::rooms::micros;
use super::slot::OpenRoom;
use crate::envelope::Trouble;
use crate::live::Live;

/// A line for the log.
pub(super) type Note = (LogLevel, String);

/// Bytes of all views of one batch, unless a single one has more. Those that are beyond it are left out and come first with the
/// next batch; no input is at fault for them.
const VIEWS_BYTES_MAX: usize = 4 << 20;

/// What a batch shows.
#[derive(Debug, Default)]
pub(super) struct Views {
    pub(super) shown: Vec<(SessionId, Bytes)>,
    pub(super) watch: Option<Bytes>,
    pub(super) left_out: Vec<LeftOut>,
    /// Bytes of the largest view that is larger than one may be.
    pub(super) too_large: Option<usize>,
}

/// Runs a batch. Gives the commit, and lines for the log. After an error the room is half changed.
pub(super) fn run(
    open: &mut OpenRoom,
    deliver: &Deliver,
    proofs: &mut Proofs,
) -> Result<(Commit, Vec<Note>), Trouble> {
    let started = Instant::now();
    let outcome = open.live.run(deliver.now, &deliver.items);
    if let Some(bytes) =
        largest_event(&outcome.outputs).filter(|bytes| *bytes > open.view_bytes_max)
    {
        return Err(Trouble::EventTooLarge { bytes, max: open.view_bytes_max });
    }
    let views = views(&*open.live, &deliver.render, deliver.render_watch, open.view_bytes_max)?;
    let encoded = open.live.encode(open.bytes.len(), proofs.note(open.proof.kind()))?;
    if encoded.bytes.len() > open.bytes_max {
        return Err(Trouble::TooLarge { bytes: encoded.bytes.len(), max: open.bytes_max });
    }
    let mut notes = Vec::new();
    notes.extend(note_left_out(open, &views));
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
        inputs: outcome.inputs,
        views: views.shown,
        left_out: views.left_out,
        watch_view: views.watch,
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

/// Players without a seat, such as those refused in this very batch, see nothing. `max` bytes may a view have.
pub(super) fn views(
    live: &dyn Live,
    render: &[SessionId],
    watch: bool,
    max: usize,
) -> Result<Views, Trouble> {
    let mut views = Views::default();
    let (mut bytes, mut full) = (0, false);
    for session in render {
        // Once there is no place for one, it is no use to make those after it.
        let view = if full { None } else { live.view(*session)? };
        let Some(view) = view else {
            let again = full && live.players().contains(session);
            views.left_out.extend(again.then_some(LeftOut { session: *session, again }));
            continue;
        };
        if view.len() > max {
            views.leave_out(*session, view.len());
            continue;
        }
        // The first one always has a place, so that all are shown in the end.
        full = bytes > 0 && bytes + view.len() > VIEWS_BYTES_MAX;
        if full {
            views.left_out.push(LeftOut { session: *session, again: true });
        } else {
            bytes += view.len();
            views.shown.push((*session, view));
        }
    }
    match if watch { live.watch()? } else { None } {
        Some(view) if view.len() > max => views.leave_out(LeftOut::WATCHERS, view.len()),
        view => views.watch = view,
    }
    Ok(views)
}

impl Views {
    fn leave_out(&mut self, session: SessionId, bytes: usize) {
        self.left_out.push(LeftOut { session, again: false });
        self.too_large = self.too_large.max(Some(bytes));
    }
}

fn largest_event(outputs: &[Output]) -> Option<usize> {
    outputs.iter().filter(|output| output.reliable).map(|output| output.payload.len()).max()
}

/// It may be so with every batch: one line each time the number has doubled.
fn note_left_out(open: &mut OpenRoom, views: &Views) -> Option<Note> {
    let before = open.left_out;
    open.left_out += views.left_out.len() as u64;
    if before.checked_ilog2() == open.left_out.checked_ilog2() {
        return None;
    }
    let (count, max) = (open.left_out, open.view_bytes_max);
    let text = match views.too_large {
        Some(bytes) => Trouble::ViewTooLarge { bytes, max }.to_string(),
        None => format!("PLY-0135 the views of one batch have more than {VIEWS_BYTES_MAX} bytes"),
    };
    Some((LogLevel::Warn, format!("{text}; {count} views were left out so far")))
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
