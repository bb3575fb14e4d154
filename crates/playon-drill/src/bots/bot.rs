//! One player: sends on schedule whether or not anyone answers, and keeps its books.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::rc::Rc;
use std::task::Poll;

use bytes::Bytes;
use playon_client::{ClientLimits, JoinError, JoinOptions, RawRoom, RawUpdate, Update};
use playon_types::rng::mix;
use playon_types::time::Span;
use tokio::time::{Instant, Sleep};

use super::book::{BookFaults, PlayerBook};
use super::gaps::{DrillPhase, Gaps, ViewTime};
use super::plan::room_name;
use super::shared::BotContext;
use crate::game::{View, is_summed, monotonic_ns};

/// How long a player may take to get in while everyone else does too.
const JOIN_TIMEOUT: Span = Span::secs(60);

/// The view that is shown wrong if one is.
const CORRUPTED: u32 = 20;

/// Where a view tells how many inputs of each player were applied.
const COUNTS: &[u8] = b"\"counts\":[";

pub(super) struct Bot {
    shared: Rc<BotContext>,
    /// Counted from 0 within the process.
    room_index: u32,
    name: String,
    room: RawRoom,
    gaps: Gaps,
    /// Books on the drill's own game; for another game there is nothing to compare with.
    book: Option<PlayerBook>,
    last: Option<View>,
    sent: u64,
    /// Inputs up to this number are applied, the keeper says.
    acknowledged: u64,
    blocked: u64,
    events: u64,
    due: Instant,
    settled: bool,
    speaker: bool,
    /// Views until one is shown wrong on purpose; 0 for none.
    corrupt_in: u32,
}

impl Bot {
    pub(super) async fn join(
        shared: Rc<BotContext>,
        room: u32,
        player: u32,
    ) -> Result<Self, JoinError> {
        let plan = &shared.plan;
        let index = u64::from(plan.first_room + room) * u64::from(plan.players) + u64::from(player);
        let seed = mix(plan.seed ^ mix(index));
        let mut options = JoinOptions::new(plan.url.clone(), plan.kind.clone());
        let name = room_name(plan.seed, plan.first_room + room);
        options.name.clone_from(&name);
        options.seed = Some(seed);
        // A session that cannot be resumed is a broken promise and not a new beginning.
        options.limits =
            ClientLimits { afresh_max: 0, join_timeout: JOIN_TIMEOUT, ..ClientLimits::default() };
        options = options.profile(&serde_json::json!({ "name": format!("bot-{index}") }))?;
        let joining = shared.joining.acquire().await;
        let joined = RawRoom::join(options).await?;
        drop(joining);
        let own = shared.lines.is_none();
        let speaker = player == 0;
        let gaps = Gaps::new(1_000_000_000 / u64::from(plan.hz), speaker);
        Ok(Self {
            room_index: room,
            room: joined,
            gaps,
            book: own.then(|| PlayerBook::new(seed, plan.goes_back)),
            last: None,
            sent: 0,
            acknowledged: 0,
            blocked: 0,
            events: 0,
            due: Instant::now() + plan.input_every().mul_f64((seed % 1_000) as f64 / 1_000.0),
            name,
            settled: false,
            speaker,
            corrupt_in: if plan.corrupt_view && index == 0 { CORRUPTED } else { 0 },
            shared,
        })
    }

    /// Plays until everything has settled, then closes the books.
    pub(super) async fn run(mut self) {
        let mut timer = Box::pin(tokio::time::sleep_until(self.due));
        loop {
            match self.step(&mut timer).await {
                Some(Update::Ended(end)) => {
                    let mut report = self.shared.report.borrow_mut();
                    report.sessions_ended += 1;
                    report.trouble(format!("a session ended: {end}"));
                    break;
                }
                Some(update) => self.take(update),
                None => self.look_round(&mut timer),
            }
            if self.shared.phase() == DrillPhase::Settling && self.over() {
                break;
            }
        }
        self.close();
    }

    /// The next update, or nothing when the timer went off. One timer is enough for a bot.
    async fn step(&mut self, timer: &mut Pin<Box<Sleep>>) -> Option<RawUpdate> {
        poll_fn(|cx| match timer.as_mut().poll(cx) {
            Poll::Ready(()) => Poll::Ready(None),
            Poll::Pending => self.room.poll_next(cx).map(Some),
        })
        .await
    }

    /// Sends what is due. A bot that was kept waiting makes up for it, so that the load does not depend on the answers.
    fn look_round(&mut self, timer: &mut Pin<Box<Sleep>>) {
        let every = self.shared.plan.input_every();
        if matches!(self.shared.phase(), DrillPhase::Baseline | DrillPhase::Disturbed) {
            let now = Instant::now();
            while self.due <= now {
                self.send();
                self.due += every;
            }
        } else {
            self.due = Instant::now() + every;
        }
        timer.as_mut().reset(self.due);
    }

    fn send(&mut self) {
        let sent = match &mut self.book {
            Some(book) => {
                let input = book.next_input();
                let payload = serde_json::to_vec(&input).map(Bytes::from).unwrap_or_default();
                let sent = self.room.try_send(payload).is_ok();
                if sent {
                    book.sent(input);
                }
                sent
            }
            None => {
                let lines = self.shared.lines.as_deref().unwrap_or_default();
                let line = lines.get(self.sent as usize % lines.len().max(1)).cloned();
                line.is_some_and(|line| self.room.try_send(line).is_ok())
            }
        };
        self.sent += u64::from(sent);
        self.blocked += u64::from(!sent);
    }

    fn take(&mut self, update: RawUpdate) {
        match update {
            Update::View { view, .. } => match self.corrupted(&view) {
                Some(wrong) => self.view(&wrong),
                None => self.view(&view),
            },
            Update::Event { event, .. } => {
                self.events += 1;
                let Some(book) = &mut self.book else { return };
                match serde_json::from_slice(&event) {
                    Ok(event) => book.event(event),
                    Err(why) => self.mismatch(format!("an event cannot be read: {why}")),
                }
            }
            Update::Applied(inputs) => self.acknowledged = inputs,
            Update::Gap { missed: 0 } => {
                if let Some(book) = &mut self.book {
                    book.went_back();
                }
            }
            Update::Lost { inputs } => self.told_lost(inputs),
            _ => {}
        }
    }

    fn told_lost(&mut self, inputs: u64) {
        let mut report = self.shared.report.borrow_mut();
        if !self.shared.plan.goes_back {
            report.trouble(format!("the keeper says that {inputs} inputs are lost"));
        }
        match &mut self.book {
            Some(book) => book.told_lost(self.acknowledged, inputs),
            None => report.faults.inputs_lost += inputs,
        }
    }

    fn view(&mut self, payload: &[u8]) {
        let arrived = monotonic_ns();
        if self.book.is_some() && !is_summed(payload) {
            self.mismatch("a view is not as the room made it".to_owned());
        }
        let mark = if let Some(book) = &mut self.book {
            let view: View = match serde_json::from_slice(payload) {
                Ok(view) => view,
                Err(why) => return self.mismatch(format!("a view cannot be read: {why}")),
            };
            book.view(&view);
            let mark =
                ViewTime { tick: view.tick, release: view.release, stamp: view.stamp, arrived };
            self.last = Some(view);
            mark
        } else {
            ViewTime { tick: 0, release: 0, stamp: 0, arrived }
        };
        let report = &mut *self.shared.report.borrow_mut();
        let phase = self.shared.phase();
        let into = if phase == DrillPhase::Baseline {
            &mut report.baseline
        } else {
            &mut report.disturbed
        };
        self.gaps.mark(phase, mark, into);
    }

    /// The view with another number of inputs of the first player, which is in no book, if it is its turn.
    fn corrupted(&mut self, view: &[u8]) -> Option<Vec<u8>> {
        self.corrupt_in = self.corrupt_in.checked_sub(1)?;
        let counts = view.windows(COUNTS.len()).position(|part| part == COUNTS)?;
        let mut wrong = view.to_vec();
        *wrong.get_mut(counts + COUNTS.len()).filter(|_| self.corrupt_in == 0)? ^= 1;
        Some(wrong)
    }

    fn mismatch(&self, text: String) {
        let mut report = self.shared.report.borrow_mut();
        report.faults.state_mismatches += 1;
        report.trouble(text);
    }

    /// Whether there is nothing left to wait for.
    fn over(&mut self) -> bool {
        let all_applied = match &self.book {
            Some(book) => {
                book.settled() && self.last.as_ref().is_some_and(|v| self.shared.is_final(v.stamp))
            }
            None => self.room.applied() >= self.sent,
        };
        if all_applied && !self.settled {
            self.settled = true;
            let chain = self.book.as_ref().map(PlayerBook::chain).unwrap_or_default();
            self.shared.settle(self.room_index, chain);
        }
        if self.shared.overdue() {
            return true;
        }
        let Some(at) = self.shared.settled_at() else { return false };
        // One view more, made after nothing changes any more, to compare whole rooms.
        self.book.is_none() || self.last.as_ref().is_some_and(|view| view.stamp > at)
    }

    fn close(self) {
        let report = &mut *self.shared.report.borrow_mut();
        let counters = self.room.counters();
        report.players += 1;
        report.sockets_opened += counters.sockets_opened;
        report.sockets_closed += counters.sockets_closed;
        report.sockets_moved += counters.sockets_moved;
        report.views_delta += counters.views_delta;
        report.inputs_sent += self.sent;
        report.inputs_blocked += self.blocked;
        report.events += self.events;
        report.unsettled += u64::from(!self.settled);
        // The client has dropped them before the books could see them.
        report.faults.events_repeated += counters.events_twice;
        report.stalls.extend(self.gaps.close(&mut report.baseline, &mut report.disturbed));
        let Some(book) = self.book else {
            report.faults.inputs_lost += self.sent.saturating_sub(self.room.applied());
            report.faults.events_lost += counters.events_missed;
            return;
        };
        let Some(last) = self.last else {
            report.faults.inputs_lost += self.sent;
            return report.trouble("a player never saw anything".to_owned());
        };
        report.inputs_told_lost += book.lost_and_told();
        let faults = book.close(&last);
        if faults != BookFaults::default() {
            report.trouble(format!("a player of room {}: {faults:?}", self.name));
        }
        report.faults.add(faults);
        let expected = self.shared.expected_total(self.room_index).filter(|_| self.speaker);
        if expected.is_some_and(|total| total != last.total) {
            report.faults.state_mismatches += 1;
            report.trouble(format!("room {}: the accounts do not add up", self.name));
        }
    }
}
