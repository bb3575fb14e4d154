//! Views on their way to players, and how they are told: whole, or by what differs from the last one of the socket.
//!
//! A socket loses nothing and keeps the order, so the view that was written to it last is there on the other side when the next
//! one comes. Until then it is kept here, once for all sockets that it was written to.

use std::fmt;
use std::rc::Rc;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use playon_wire::player::{BASE_LAST, BASE_NONE, DELTA_VIEW_BYTES_MAX, put_delta, put_view};

use super::stats::GatewayStats;

/// Payloads up to this are copied: they are slices of what was read from a worker at once, 64 KiB and more, all of which would
/// be kept for as long as one of them waits.
const COPY_BYTES_MAX: usize = 4 << 10;

/// Views of one batch that are remembered, so that who is shown the same is shown the same copy.
const COPIES_MAX: usize = 4;

/// Deltas of a thread that are remembered, so that those who are told the same are told it with the work of one. Each holds two
/// views and is at most as long as one of them; with one more the oldest is forgotten.
const SHARED_DELTAS_MAX: usize = 4;

/// The payload, in memory of its own if it is small.
pub(super) fn own(payload: Bytes) -> Bytes {
    if payload.len() > COPY_BYTES_MAX { payload } else { Bytes::copy_from_slice(&payload) }
}

/// A view that waits to be written, or that was written last.
pub(super) struct View {
    bytes: Bytes,
    kept: Option<KeptBytes>,
}

impl View {
    /// Whether the next one may be told by it.
    pub(super) const fn is_kept(&self) -> bool {
        self.kept.is_some()
    }
}

impl fmt::Debug for View {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "View({} bytes, kept: {})", self.bytes.len(), self.is_kept())
    }
}

/// Bytes under the bound of all that is kept, given back when dropped.
struct KeptBytes {
    stats: Arc<GatewayStats>,
    bytes: u64,
}

impl Drop for KeptBytes {
    fn drop(&mut self) {
        self.stats.view_bases_bytes.sub(self.bytes);
    }
}

/// The copies that were made of the views of one batch: one of each, however many sockets it is for.
#[derive(Debug, Default)]
pub(super) struct ViewCopies {
    made: [Option<Copied>; COPIES_MAX],
    next: usize,
}

#[derive(Debug)]
struct Copied {
    /// Held, so that nothing else gets to be where it is.
    of: Bytes,
    keep: bool,
    view: Rc<View>,
}

impl ViewCopies {
    /// The view for one more socket. With `keep_max` the next one may be told by it, unless it is too long or that many bytes are
    /// kept already.
    pub(super) fn own(
        &mut self,
        payload: Bytes,
        keep_max: Option<usize>,
        stats: &Arc<GatewayStats>,
    ) -> Rc<View> {
        let keep = keep_max.is_some();
        let same = |one: &&Copied| {
            (one.of.as_ptr(), one.of.len()) == (payload.as_ptr(), payload.len()) && one.keep == keep
        };
        if let Some(copied) = self.made.iter().flatten().find(same) {
            return copied.view.clone();
        }
        let kept = keep_max.and_then(|max| keep_bytes(payload.len(), max, stats));
        let bytes = match kept {
            Some(_) => Bytes::copy_from_slice(&payload),
            None => own(payload.clone()),
        };
        let view = Rc::new(View { bytes, kept });
        self.made[self.next] = Some(Copied { of: payload, keep, view: view.clone() });
        self.next = (self.next + 1) % COPIES_MAX;
        view
    }
}

fn keep_bytes(bytes: usize, max: usize, stats: &Arc<GatewayStats>) -> Option<KeptBytes> {
    if bytes > DELTA_VIEW_BYTES_MAX || !stats.view_bases_bytes.add_within(bytes as u64, max as u64)
    {
        return None;
    }
    Some(KeptBytes { stats: stats.clone(), bytes: bytes as u64 })
}

/// Tells the views of one thread's sockets.
#[derive(Debug, Default)]
pub(super) struct ViewTeller {
    scratch: BytesMut,
    shared: [Option<SharedDelta>; SHARED_DELTAS_MAX],
    next: usize,
}

/// What one view is told by another in, for all sockets that both are for.
#[derive(Debug)]
struct SharedDelta {
    base: Rc<View>,
    view: Rc<View>,
    /// None if the view itself is not longer.
    delta: Option<Bytes>,
}

impl ViewTeller {
    /// Appends the frame of a view, told by `base` if that is shorter.
    pub(super) fn put(
        &mut self,
        as_of: u64,
        base: Option<&Rc<View>>,
        view: &Rc<View>,
        out: &mut BytesMut,
        stats: &GatewayStats,
    ) {
        stats.views.add(1);
        stats.view_bytes_whole.add(view.bytes.len() as u64);
        let bytes = match base.and_then(|base| self.delta(base, view)) {
            Some(delta) => {
                stats.views_delta.add(1);
                put_view(as_of, BASE_LAST, delta, out);
                delta.len()
            }
            None => {
                put_view(as_of, BASE_NONE, &view.bytes, out);
                view.bytes.len()
            }
        };
        stats.view_bytes_out.add(bytes as u64);
    }

    fn delta(&mut self, base: &Rc<View>, view: &Rc<View>) -> Option<&[u8]> {
        if Rc::strong_count(base) == 1 || Rc::strong_count(view) == 1 {
            // Nobody else is told it.
            self.scratch.clear();
            return put_delta(&base.bytes, &view.bytes, &mut self.scratch)
                .then_some(&*self.scratch);
        }
        let same = |one: &SharedDelta| Rc::ptr_eq(&one.base, base) && Rc::ptr_eq(&one.view, view);
        let known = self.shared.iter().position(|one| one.as_ref().is_some_and(same));
        let at = known.unwrap_or_else(|| self.share(base, view));
        self.shared[at].as_ref()?.delta.as_deref()
    }

    /// Makes a delta, to be told more than once, and says where it is.
    fn share(&mut self, base: &Rc<View>, view: &Rc<View>) -> usize {
        self.scratch.clear();
        let shorter = put_delta(&base.bytes, &view.bytes, &mut self.scratch);
        let delta = shorter.then(|| Bytes::copy_from_slice(&self.scratch));
        let at = self.next;
        self.shared[at] = Some(SharedDelta { base: base.clone(), view: view.clone(), delta });
        self.next = (at + 1) % SHARED_DELTAS_MAX;
        at
    }
}

#[cfg(test)]
#[path = "views_tests.rs"]
mod tests;
