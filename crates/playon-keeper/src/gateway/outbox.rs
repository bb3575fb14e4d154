//! What waits to be written to one player: the only buffer between the owner and the socket.
//!
//! It knows no socket and no clock. Whatever waits goes out as one message, so a player whose socket is slow
//! gets fewer and fuller messages: events pile up to a bound, of views only the newest is kept.
//!
//! Beyond the bound, events are dropped. Once all the rest is written the owner is asked to send them
//! again; until they come, later events and the views that include them are held back, for a client
//! takes a view as the end of the events before it.

use std::collections::VecDeque;
use std::rc::Rc;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use playon_types::gate::{Close, Push, SET_ASIDE_CODE, Welcome};
use playon_types::reason;
use playon_types::time::{Span, Time};
use playon_wire::player::ServerFrame;

use super::close::{Closing, Farewell};
use super::config::OutboxConfig;
use super::stats::GatewayStats;
use super::views::{View, ViewCopies, ViewTeller, own};

/// What a waiting event or message costs beside its payload: its place in the queue, and its frame's head.
const ITEM_BYTES: usize = 32;

/// Time after which the owner is asked again, should it have had no answer.
const ASK_AGAIN: Span = Span::secs(1);

#[derive(Debug)]
pub(super) struct Outbox {
    bounds: OutboxConfig,
    /// The terms of the session, to be written before all else.
    pub(super) welcome: Option<Welcome>,
    /// To be closed once all is written.
    close: Option<Closing>,
    /// The nonce of a ping to send.
    pub(super) ping: Option<u64>,
    /// At most as many as may be sent and not acknowledged: an acknowledgement leaves in the same message.
    set_aside: Vec<u64>,
    applied: Option<u64>,
    events: VecDeque<(u64, Bytes)>,
    events_bytes: usize,
    view: Option<(u64, Rc<View>)>,
    /// Whether views may be told by the one before: the client takes it, and this keeper does it.
    deltas: bool,
    /// The view that was written last, if the next one may be told by it.
    base: Option<Rc<View>>,
    /// One was written since this side last had a look.
    shown: bool,
    nows: VecDeque<Bytes>,
    nows_bytes: usize,
    /// The last event that was queued, or is included in a view that was.
    last: u64,
    gap: EventGap,
}

/// Whether events are missing after `last`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum EventGap {
    No,
    /// Some were dropped, up to this one.
    Dropped {
        to: u64,
    },
    /// As before, and the owner was asked for them.
    Asked {
        to: u64,
        at: Time,
    },
}

impl Outbox {
    pub(super) fn new(bounds: OutboxConfig) -> Self {
        Self {
            bounds,
            welcome: None,
            close: None,
            ping: None,
            set_aside: Vec::new(),
            applied: None,
            events: VecDeque::new(),
            events_bytes: 0,
            view: None,
            deltas: false,
            base: None,
            shown: false,
            nows: VecDeque::new(),
            nows_bytes: 0,
            last: 0,
            gap: EventGap::No,
        }
    }

    /// The owner closes the socket, or the keeper on its behalf. The first reason counts.
    pub(super) fn close(&mut self, farewell: Farewell) {
        let close = self.close.get_or_insert(Closing { farewell, owner_knows: true });
        close.owner_knows = true;
    }

    /// Whether it is to be closed once all is written.
    pub(super) const fn closes(&self) -> bool {
        self.close.is_some()
    }

    /// All is written, or is not waited for any longer: how the socket is to be closed, if it is.
    pub(super) const fn take_close(&mut self) -> Option<Closing> {
        self.close.take()
    }

    /// Whether the client takes views that are told by the one before.
    pub(super) const fn take_deltas(&mut self, taken: bool) {
        self.deltas = taken && self.bounds.view_deltas;
    }

    /// The socket is quiet. What is kept to tell the next view by is given back if none came since the last time.
    pub(super) fn rest(&mut self) {
        if !std::mem::take(&mut self.shown) {
            self.base = None;
        }
    }

    /// Takes what the owner wants written.
    pub(super) fn push(
        &mut self,
        now: Time,
        push: Push,
        copies: &mut ViewCopies,
        stats: &Arc<GatewayStats>,
    ) {
        if self.close.is_some() {
            return;
        }
        let max = self.bounds.payload_bytes_max;
        let payloads = push.events.iter().map(|(_, payload)| payload.len());
        if let Some(bytes) = payloads.max().filter(|bytes| *bytes > max) {
            // It is owed, and the room's code is at fault: the player keeps the seat and comes back.
            let reason = reason!("PLY-0152 an event of {bytes} bytes, {max} are allowed");
            let farewell = Farewell::new(Close::RoomFails, reason);
            self.close = Some(Closing { farewell, owner_knows: false });
            return;
        }
        self.set_aside.extend(push.set_aside);
        self.applied = push.applied.or(self.applied);
        for (seq, event) in push.events {
            self.event(now, seq, event, stats);
        }
        if push.view.as_ref().is_some_and(|(_, view)| view.len() > max) {
            stats.views_too_large.add(1);
        } else if let Some((as_of, view)) = push.view {
            if self.gap == EventGap::No {
                self.last = self.last.max(as_of);
            }
            let keep_max = self.deltas.then_some(self.bounds.view_bases_bytes_max);
            let view = copies.own(view, keep_max, stats);
            if self.view.replace((as_of, view)).is_some() {
                stats.views_replaced.add(1);
            }
        }
        for message in push.now {
            self.now(message, stats);
        }
    }

    fn event(&mut self, now: Time, seq: u64, event: Bytes, stats: &GatewayStats) {
        if seq <= self.last && self.last != 0 {
            // Sent again although it is on its way already.
            return;
        }
        let cost = event.len() + ITEM_BYTES;
        let missing = self.gap != EventGap::No && seq != self.last + 1;
        let over =
            !self.events.is_empty() && self.events_bytes + cost > self.bounds.events_bytes_max;
        if missing || over {
            stats.events_dropped.add(1);
            self.gap = self.gap.widened(now, seq);
            return;
        }
        self.gap = EventGap::No;
        self.last = seq;
        self.events_bytes += cost;
        self.events.push_back((seq, own(event)));
    }

    fn now(&mut self, message: Bytes, stats: &GatewayStats) {
        self.nows_bytes += message.len() + ITEM_BYTES;
        self.nows.push_back(own(message));
        while self.nows_bytes > self.bounds.now_bytes_max
            && let Some(oldest) = self.nows.pop_front()
        {
            self.nows_bytes -= oldest.len() + ITEM_BYTES;
            stats.nows_dropped.add(1);
        }
    }

    /// Appends all that may be written now and says how many frames that is.
    pub(super) fn encode(
        &mut self,
        now: Time,
        out: &mut BytesMut,
        teller: &mut ViewTeller,
        stats: &GatewayStats,
    ) -> u64 {
        let mut frames = 0;
        let mut put = |frame: ServerFrame, out: &mut BytesMut| {
            frame.encode(out);
            frames += 1;
        };
        if let Some(nonce) = self.ping.take() {
            put(ServerFrame::Ping { nonce }, out);
        }
        // Before the acknowledgement that covers them, so that nobody takes them for applied even for a moment.
        if !self.set_aside.is_empty() {
            let inputs = std::mem::take(&mut self.set_aside);
            put(ServerFrame::SetAside { code: SET_ASIDE_CODE, inputs }, out);
        }
        // What is acknowledged comes before what it led to, so that a client that predicts can drop its guess first.
        if let Some(applied) = self.applied.take() {
            put(ServerFrame::Ack { applied }, out);
        }
        for (seq, payload) in self.events.drain(..) {
            put(ServerFrame::Event { seq, payload }, out);
        }
        self.events_bytes = 0;
        let views = self.encode_view(now, out, teller, stats);
        for payload in self.nows.drain(..) {
            put(ServerFrame::Now { payload }, out);
        }
        self.nows_bytes = 0;
        frames + views
    }

    /// Appends the view, if there is one that may be written, and says how many frames that is.
    fn encode_view(
        &mut self,
        now: Time,
        out: &mut BytesMut,
        teller: &mut ViewTeller,
        stats: &GatewayStats,
    ) -> u64 {
        let Some((as_of, view)) = self.ripe_view(now) else { return 0 };
        teller.put(as_of, self.base.as_ref(), &view, out, stats);
        self.shown = true;
        self.base = Some(view).filter(|view| view.is_kept());
        1
    }

    /// Takes the view out if it may be written: if no event that it includes may yet come.
    fn ripe_view(&mut self, now: Time) -> Option<(u64, Rc<View>)> {
        let grace = Span(self.bounds.view_grace.as_micros() as u64);
        let as_of = self.view.as_ref()?.0;
        if let EventGap::Dropped { to } | EventGap::Asked { to, .. } = self.gap
            && as_of > self.last
        {
            match self.gap {
                EventGap::Asked { at, .. } if now.since(at) >= grace => {}
                _ => return None,
            }
            // The owner no longer has those events, so the view stands for them.
            self.last = as_of;
            self.gap = if to > as_of { EventGap::Dropped { to } } else { EventGap::No };
        }
        self.view.take()
    }

    /// To be called when all is written: the last event that was, if later ones were dropped.
    pub(super) fn drained(&mut self, now: Time) -> Option<u64> {
        let EventGap::Dropped { to } = self.gap else { return None };
        if !self.events.is_empty() {
            return None;
        }
        self.gap = EventGap::Asked { to, at: now };
        Some(self.last)
    }

    /// When to try again although nothing has come.
    pub(super) fn next_timeout(&self) -> Option<Time> {
        match self.gap {
            EventGap::Asked { at, .. } if self.view.is_some() => {
                Some(at + Span(self.bounds.view_grace.as_micros() as u64))
            }
            _ => None,
        }
    }
}

impl EventGap {
    fn widened(self, now: Time, seq: u64) -> Self {
        match self {
            Self::No => Self::Dropped { to: seq },
            Self::Dropped { to } => Self::Dropped { to: to.max(seq) },
            Self::Asked { to, at } if now.since(at) < ASK_AGAIN => {
                Self::Asked { to: to.max(seq), at }
            }
            Self::Asked { to, .. } => Self::Dropped { to: to.max(seq) },
        }
    }
}

#[cfg(test)]
#[path = "outbox_tests.rs"]
mod tests;
