//! What a handoff may never do, told by somebody who knows only three things: who may commit, what the state is, and
//! which inputs are applied.

use std::collections::{BTreeMap, BTreeSet};

use playon_core::effect::{Aside, Effect, Report};
use playon_types::attach::{Deliver, FromWorker, Item, ToWorker};
use playon_types::gate::ToGateway;
use playon_types::ids::{Attempt, DeployId, Seq, WorkerId};
use playon_types::image::{Image, Record};
use playon_types::time::Span;

use crate::game::{State, hash};
use crate::rig::reports;

/// A `Migrate` record that is with the store.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Switch {
    pub(crate) seq: u64,
    pub(crate) to: Attempt,
    /// Its worker has died or given up meanwhile.
    dead: bool,
}

/// The room as of one commit.
#[derive(Clone, Debug)]
struct Past {
    state: State,
    applied: u64,
    tick: u64,
    now: u64,
}

#[derive(Debug)]
pub(crate) struct Truth {
    pub(crate) state: State,
    pub(crate) seq: u64,
    /// The last input applied or set aside.
    pub(crate) applied: u64,
    tick: u64,
    now: u64,
    past: BTreeMap<u64, Past>,
    /// The only attempt that may commit.
    pub(crate) owner: Option<Attempt>,
    /// An attempt that was asked to open the room while it has no owner.
    opening: Option<Attempt>,
    /// A copy that was made for a handoff, and whether from an export.
    warm: Option<(Attempt, bool)>,
    /// The attempt for which the room was frozen.
    frozen: Option<Attempt>,
    pub(crate) switch: Option<Switch>,
    /// The batch that is with the owner.
    pub(crate) inflight: Option<Deliver>,
    pub(crate) set_aside: BTreeSet<u64>,
    pub(crate) at: BTreeMap<Attempt, WorkerId>,
    /// Moves and checks that were ordered and not reported on; whether they were cancelled.
    pub(crate) orders: BTreeMap<u64, bool>,
    /// The owner is given up in this step.
    falls: bool,
    durable: bool,
    period: Option<Span>,
    pub(crate) moved: usize,
    pub(crate) thawed: usize,
}

impl Truth {
    pub(crate) fn new(
        image: &Image,
        owner: (Attempt, WorkerId),
        durable: bool,
        period: Option<Span>,
    ) -> Self {
        let mut truth = Self {
            state: State::decode(&image.state),
            seq: image.seq.0,
            applied: 0,
            tick: image.tick,
            now: image.now.0,
            past: BTreeMap::new(),
            owner: Some(owner.0),
            opening: None,
            warm: None,
            frozen: None,
            switch: None,
            inflight: None,
            set_aside: BTreeSet::new(),
            at: BTreeMap::from([owner]),
            orders: BTreeMap::new(),
            falls: false,
            durable,
            period,
            moved: 0,
            thawed: 0,
        };
        truth.remember();
        truth
    }

    fn remember(&mut self) {
        let Self { applied, tick, now, .. } = *self;
        self.past.insert(self.seq, Past { state: self.state.clone(), applied, tick, now });
    }

    /// Whether this, heard now for the first time, is the commit that is waited for.
    pub(crate) fn is_answer(&self, message: &FromWorker) -> bool {
        let Some(deliver) = &self.inflight else { return false };
        matches!(message, FromWorker::Commit(commit)
            if Some(commit.attempt) == self.owner && commit.seq == deliver.seq)
    }

    /// The owner's commit counts.
    pub(crate) fn commit(&mut self) {
        let deliver = self.inflight.take().expect("a batch is with the owner");
        self.state.run(deliver.now, &deliver.items);
        self.seq += 1;
        self.now = deliver.now.0;
        for item in &deliver.items {
            match item {
                Item::Input { seq, .. } => self.applied = *seq,
                Item::Tick(number) => self.tick = *number,
                _ => {}
            }
        }
        self.skip();
        self.remember();
    }

    fn skip(&mut self) {
        while self.set_aside.contains(&(self.applied + 1)) {
            self.applied += 1;
        }
    }

    /// A process is gone.
    pub(crate) fn worker_down(&mut self, worker: WorkerId) {
        let gone: Vec<Attempt> =
            self.at.iter().filter(|(_, at)| **at == worker).map(|(attempt, _)| *attempt).collect();
        for attempt in gone {
            self.attempt_ends(attempt);
        }
    }

    pub(crate) fn attempt_ends(&mut self, attempt: Attempt) {
        self.at.remove(&attempt);
        if self.owner == Some(attempt) {
            self.owner = None;
            self.inflight = None;
        }
        self.opening.take_if(|open| *open == attempt);
        self.warm.take_if(|(warm, _)| *warm == attempt);
        if self.frozen.take_if(|frozen| *frozen == attempt).is_some() && self.switch.is_none() {
            self.thawed += 1;
        }
        if let Some(switch) = self.switch.as_mut().filter(|switch| switch.to == attempt) {
            switch.dead = true;
        }
    }

    /// Commits up to `seq` are stored.
    pub(crate) fn stored(&mut self, seq: u64) {
        if let Some(switch) = self.switch.take_if(|switch| switch.seq <= seq) {
            self.owner = (!switch.dead).then_some(switch.to);
            self.frozen = None;
        }
    }

    /// Another keeper has read the room back.
    pub(crate) fn recovered(&mut self, image: &Image, safe: u64) {
        let seq = image.seq.0;
        assert!(!self.durable || seq >= safe, "{seq} is read back, {safe} was safe");
        let past = self.past.get(&seq).expect("a commit that was").clone();
        assert_eq!(image.state, past.state.encode(), "the state as of that commit");
        self.past.retain(|at, _| *at <= seq);
        (self.state, self.seq) = (past.state, seq);
        (self.applied, self.tick, self.now) = (past.applied, past.tick, past.now);
        (self.owner, self.opening, self.warm, self.frozen) = (None, None, None, None);
        (self.switch, self.inflight) = (None, None);
        self.set_aside.retain(|number| *number <= past.applied);
        self.at.clear();
        self.orders.clear();
    }

    /// What the shard did. `heard` is what it did it upon, if that was a worker's first saying it.
    pub(crate) fn observe(&mut self, effects: &[Effect], heard: Option<&FromWorker>, safe: u64) {
        self.falls = reports(effects).any(|report| matches!(report, Report::Fault { .. }));
        for effect in effects {
            match effect {
                Effect::Worker(worker, message) => self.told(*worker, message),
                Effect::Append { record, .. } => self.appended(record, heard),
                Effect::Snapshot(image) => self.snapshot(image, heard),
                Effect::Report(report) => self.reported(report),
                Effect::Gate(ToGateway::Push { push, .. }) if self.durable => {
                    let applied =
                        self.past.range(..=safe).next_back().map_or(0, |(_, p)| p.applied);
                    let told = push.applied.unwrap_or(0);
                    assert!(told <= applied, "told {told} are applied, {applied} are safely so");
                }
                _ => {}
            }
        }
    }

    fn told(&mut self, worker: WorkerId, message: &ToWorker) {
        match message {
            ToWorker::Deliver(deliver) => return self.delivered(worker, deliver),
            ToWorker::Retire { attempt, .. } => {
                let owner = self.owner == Some(*attempt);
                assert!(self.falls || !owner, "the owner is retired");
                return self.attempt_ends(*attempt);
            }
            _ => {}
        }
        assert!(self.switch.is_none(), "{message:?} while the outcome of a switch is unknown");
        match message {
            ToWorker::Open { attempt, seq, version, state, .. } => {
                self.at.insert(*attempt, worker);
                assert_eq!(seq.0, self.seq, "an old state is opened");
                let whole = State { version: *version as u8, ..self.state.clone() };
                assert_eq!(*state, whole.encode(), "another state is opened");
                match self.warm {
                    Some((warm, _)) if warm == *attempt => self.frozen = Some(*attempt),
                    _ => {
                        assert_eq!(self.owner, None, "opened elsewhere while it has an owner");
                        self.opening = Some(*attempt);
                    }
                }
            }
            ToWorker::Prewarm { attempt, version, .. } => {
                self.at.insert(*attempt, worker);
                self.warm = Some((*attempt, *version != u32::from(self.state.version)));
            }
            ToWorker::Tail { attempt, seq, hash: told, .. } => {
                assert_eq!(self.warm.map(|warm| warm.0), Some(*attempt));
                assert_eq!((seq.0, *told), (self.seq, hash(&self.state.encode())));
                self.frozen = Some(*attempt);
            }
            ToWorker::Export { attempt, seq, state, .. } => {
                self.at.insert(*attempt, worker);
                assert_eq!(seq.0, self.seq, "an old state is exported");
                assert_eq!(*state, self.state.encode(), "another state is exported");
                self.frozen = self.warm.filter(|(_, exported)| *exported).map(|warm| warm.0);
            }
            _ => {}
        }
        assert!(
            self.frozen.is_none() || self.inflight.is_none(),
            "frozen in the middle of a batch"
        );
    }

    fn delivered(&mut self, worker: WorkerId, deliver: &Deliver) {
        assert_eq!(self.owner, Some(deliver.attempt), "{deliver:?} is not for the owner");
        assert_eq!(self.at.get(&deliver.attempt), Some(&worker));
        assert!(self.frozen.is_none() && self.switch.is_none(), "{deliver:?} to a frozen room");
        assert!(self.inflight.is_none(), "{deliver:?} while another is under way");
        assert_eq!(deliver.seq, Seq(self.seq + 1));
        assert!(deliver.now.0 >= self.now, "room time went back");
        let mut applied = self.applied;
        for item in &deliver.items {
            match item {
                Item::Input { seq, .. } => {
                    assert_eq!(*seq, applied + 1, "inputs out of order: {deliver:?}");
                    applied = *seq;
                    while self.set_aside.contains(&(applied + 1)) {
                        applied += 1;
                    }
                }
                Item::Tick(number) => {
                    assert_eq!(*number, self.tick + 1, "a tick is missing or repeated");
                    let due = self.now + self.period.map_or(0, |period| period.0);
                    assert_eq!(deliver.now.0, due, "a tick at another time than its own");
                }
                _ => {}
            }
        }
        self.inflight = Some(deliver.clone());
    }

    fn appended(&mut self, record: &Record, heard: Option<&FromWorker>) {
        // Before a worker has said what the kind asks for, the switch is a record in any case.
        assert!(self.durable || record.migrate.is_some(), "this kind has no records");
        if record.migrate.is_some() {
            self.issued(record.seq.0, heard);
        }
        assert_eq!(record.seq.0, self.seq);
        assert_eq!(record.hash, hash(&self.state.encode()), "a commit that nobody made");
        assert_eq!((record.now.0, record.tick), (self.now, self.tick));
        assert_eq!(record.wake_at.map(|at| at.0), self.state.timer, "timers are state");
        assert_eq!(record.between_rounds, self.state.between);
        assert!(record.migrate.is_none() || record.seats.is_empty(), "a handoff changes no seat");
    }

    fn snapshot(&mut self, image: &Image, heard: Option<&FromWorker>) {
        if image.seq.0 == self.seq + 1 {
            assert!(!self.durable, "the switch is a record");
            self.issued(image.seq.0, heard);
        }
        assert_eq!((image.seq.0, &image.state), (self.seq, &self.state.encode()));
        assert_eq!((image.now.0, image.tick), (self.now, self.tick));
    }

    /// The switch is issued: from here on the former owner has no effect, and the new one none yet.
    fn issued(&mut self, seq: u64, heard: Option<&FromWorker>) {
        let Some(FromWorker::Ready(ready)) = heard else {
            panic!("a switch upon {heard:?}");
        };
        let to = ready.attempt;
        assert!(self.frozen == Some(to) || self.opening == Some(to), "a switch to {to}");
        assert!(self.inflight.is_none() && self.switch.is_none());
        assert_eq!(seq, self.seq + 1);
        self.seq += 1;
        self.state.version = ready.version as u8;
        self.remember();
        (self.owner, self.opening, self.warm) = (None, None, None);
        self.switch = Some(Switch { seq, to, dead: false });
    }

    fn reported(&mut self, report: &Report) {
        match report {
            Report::Fault { .. } => {
                (self.owner, self.inflight, self.opening) = (None, None, None);
                assert!(self.switch.is_none(), "given up while its outcome is unknown");
            }
            Report::Recovered { .. } => {
                if let Some(opened) = self.opening.take() {
                    self.owner = Some(opened);
                }
            }
            Report::SetAside { what: Aside::Input(input), .. } => {
                // With the commit that has just been heard.
                self.set_aside.insert(*input);
                self.skip();
                self.remember();
            }
            Report::Moved { deploy, .. } => {
                assert!(self.switch.is_none(), "said to have moved before that is safe");
                self.moved += 1;
                self.settled(*deploy);
            }
            Report::MoveFailed { deploy, .. }
            | Report::Checked { deploy, .. }
            | Report::Staying { deploy, .. } => {
                self.settled(*deploy);
            }
            _ => {}
        }
    }

    fn settled(&mut self, deploy: DeployId) {
        // Number 0 stands for moves that no deploy asked for.
        let known = deploy == DeployId(0) || self.orders.remove(&deploy.0).is_some();
        assert!(known, "{deploy} is reported on twice, or was never ordered");
    }
}
