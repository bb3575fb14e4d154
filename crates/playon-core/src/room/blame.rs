//! Who makes the room fail: found by trial, never guessed.
//!
//! A batch that ended in a fault (a panic, a refused commit, a hang, the death of its process) puts the room on
//! *trial*: first a batch with nothing in it but the time. If that fails, once more without a view for anybody, and if that
//! fails too, the room itself is at fault: its step or a timer. Else what was in the batch comes a group at a time, and what fails alone is *accused*. An accused item
//! is set aside only after the same moment has passed without it, so that nothing is blamed for a timer that happened
//! to be due. What was not in the batch that failed is no suspect and waits its turn behind. Whose view it was, if it was one, is found
//! last ([`Viewers`]).
//!
//! A fault that took the process down is tried where nobody else is: in the trial worker, one room at a time. It may have
//! had a cause outside of the game, so it takes two to set an item aside. A room that has proved guilty there, or was
//! suspected twice within [`Limits::quarantine`], lives in the quarantine worker for that long, so that whatever it does
//! it costs the other rooms one reopening.
//!
//! A panic leaves the process alive, but perhaps not as it was: a lock that is poisoned, a static that is half changed. So what a
//! room or an item is charged with after a panic among others is tried once more where nobody has been before. If it passes there, it
//! was the process, which is replaced; no room is at fault.
//!
//! Rooms that do so in the same moment would cost the others one reopening each. So a room that had something to run when
//! another room took a common worker down, and has committed nothing until the next one is lost in the same way, runs its
//! next batch where nobody else is: it is accused of nothing, and goes back when that has passed. Of what had nothing but
//! the time to run that is less likely, so it goes after one loss more.

use playon_types::attach::Item;
use playon_types::ids::{SessionId, WorkerId};
use playon_types::reason::Reason;
use playon_types::time::Time;

use crate::effect::Inquiry;
use crate::fleet::Half;
use crate::limits::Limits;
use crate::mutant::{Mutant, broken};

use super::beside::{Beside, Stake};
use super::confinement::Confinement;
use super::item_trial::{Accused, ItemTrial, STRIKES};
use super::residue::{Residue, SPLITS_MAX};
use super::timers::{At, Timer, Timers};
use super::viewers::{Viewers, groups};

/// What the next batch may bring.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Portion {
    /// Whatever waits.
    Free,
    /// Nothing but the time.
    Control,
    /// The next group of suspects.
    Group,
    /// Nothing but the time, for the next viewers under suspicion.
    Views,
}

/// How a batch, or an opening, failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FaultDamage {
    /// The game panicked and the worker caught it: no other room has noticed.
    Panic,
    /// The commit was refused: no other room has noticed, and the same batch may do better.
    Refused,
    /// The process died of it or had to be killed.
    Process,
}

/// A charge that was raised in a process that others share: it may be the process that is at fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Doubt {
    worker: WorkerId,
    /// Which batch tells.
    judge: Portion,
}

/// When something happens to the room, the bounds that it is judged by, and the table in which what follows is awaited.
pub(crate) type When<'a> = (Time, &'a Limits, &'a mut Timers);

/// What is known about the faults of one room.
#[derive(Debug)]
pub(crate) struct Blame {
    /// Openings and batches without items that failed in a row: faults of the room itself.
    own_faults: u32,
    /// Openings in a row that took too long. They may be due to load, so they make the room wait and nothing else.
    slow_openings: u32,
    trial: Option<ItemTrial>,
    viewers: Viewers,
    confinement: Confinement,
    beside: Option<Beside>,
    doubt: Option<Doubt>,
    /// When it was last acquitted of having taken a process down.
    acquitted_at: Option<Time>,
    residue: Residue,
    /// Why nobody runs the room any more.
    halted: Option<Reason>,
}

impl Blame {
    pub(crate) fn new() -> Self {
        Self {
            own_faults: 0,
            slow_openings: 0,
            trial: None,
            viewers: Viewers::default(),
            confinement: Confinement::Free,
            beside: None,
            doubt: None,
            acquitted_at: None,
            residue: Residue::default(),
            halted: None,
        }
    }

    /// Its process died by itself and was at nothing of any room: perhaps of what the game had left behind in a thread of its own.
    /// Tells whether the room is under suspicion for it: when it happens for the second time, or where nobody else is.
    pub(crate) fn unexplained(&mut self, now: Time, limits: &Limits) -> bool {
        let again = self.residue.died_again(now, limits);
        again || self.confinement != Confinement::Free
    }

    /// The same, and no batch of the room had been begun: what it had done just before may have left a thread behind that ends the
    /// process. It cannot be set aside any more, so when that happens again the room is run apart, and so are all others that it may
    /// have been. They are split by the `lot` of each: where it happens next tells which half it was not
    /// ([`Blame::was_elsewhere`]), and the other is split again.
    pub(crate) fn left_behind(
        &mut self,
        (now, limits, timers): When<'_>,
        lot: impl Fn(u64) -> Half,
    ) {
        if !self.residue.has_run(now) || !self.unexplained(now, limits) {
            return;
        }
        // Who was alone, or is detained for something else, is no suspect: what another process dies of does not free it.
        let others = matches!(self.confinement, Confinement::Free | Confinement::Suspected(_));
        let splits = others.then(|| self.residue.narrow_down());
        match splits.filter(|splits| *splits < SPLITS_MAX) {
            Some(splits) => {
                self.confinement = Confinement::Suspected(lot(splits));
                timers.set(Timer::Quarantine, now + limits.quarantine);
            }
            None => self.quarantine(now + limits.quarantine, timers),
        }
    }

    /// A process of its release died so in which this room was not: if it was suspected of that, it was not this one. Tells
    /// whether it may go back among the others.
    pub(crate) fn was_elsewhere(&mut self, timers: &mut Timers) -> bool {
        let freed = self.residue.was_elsewhere() && self.confinement.is_detained();
        if freed {
            self.confinement = Confinement::Free;
            timers.stop(Timer::Quarantine);
        }
        freed
    }

    fn quarantine(&mut self, until: Time, timers: &mut Timers) {
        self.confinement = Confinement::Quarantined;
        timers.set(Timer::Quarantine, until);
    }

    /// It is over.
    pub(crate) const fn end_quarantine(&mut self) {
        self.residue.settle();
        self.confinement = Confinement::Free;
    }

    /// Nothing waits to be run. Tells whether the room was run apart for its next batch, which it need not be for that.
    pub(crate) fn nothing_to_run(&mut self) -> bool {
        self.beside = None;
        let apart = self.confinement == Confinement::Apart;
        if apart {
            self.confinement = Confinement::Free;
        }
        apart
    }

    /// What the next batch may bring.
    pub(crate) fn portion(&self) -> Portion {
        match &self.trial {
            None => Portion::Free,
            Some(trial) if !trial.control_passed => Portion::Control,
            Some(trial) if trial.is_cleared() && self.viewers.on_trial() => Portion::Views,
            Some(_) => Portion::Group,
        }
    }

    /// Whether that one is shown the room after a batch of this portion.
    pub(crate) fn shows(&self, portion: Portion, id: SessionId) -> bool {
        self.viewers.sees(id, portion == Portion::Views)
    }

    /// Whether that one is shown nothing for a while, as the room fails when it is.
    pub(crate) fn is_blind(&self, id: SessionId) -> bool {
        self.viewers.is_blind(id)
    }

    /// The suspects of the next batch, which leave this machine until their batch has passed or failed.
    pub(crate) fn take_group(&mut self) -> Vec<Item> {
        let Some(trial) = &mut self.trial else { return Vec::new() };
        match &trial.accused {
            Some(accused) => vec![accused.item.clone()],
            None => trial.groups.pop_front().unwrap_or_default(),
        }
    }

    /// Faults of the room itself in a row.
    pub(crate) fn own_faults(&self) -> u32 {
        let accused = self.trial.as_ref().and_then(|trial| trial.accused.as_ref());
        let noted = accused.filter(|accused| accused.is_the_room());
        self.own_faults.max(noted.map_or(0, |accused| accused.strikes))
    }

    /// Whether it is known what the room fails on: before it is, that may be something that can be set aside.
    pub(crate) fn inquiry(&self) -> Inquiry {
        let open = self.trial.is_some() && self.own_faults() == 0;
        if open { Inquiry::Open } else { Inquiry::Over }
    }

    /// Items under suspicion.
    pub(crate) fn suspects(&self) -> usize {
        let trial = self.trial.as_ref();
        trial.map_or(0, |t| {
            t.groups.iter().map(Vec::len).sum::<usize>() + usize::from(t.accused.is_some())
        })
    }

    /// Whether a trial is under way.
    pub(crate) const fn on_trial(&self) -> bool {
        self.trial.is_some()
    }

    /// How it is kept from the others, if it is.
    pub(crate) const fn confinement(&self) -> Confinement {
        self.confinement
    }

    /// Another room took the common worker down, the `lost`th of the release, with that of this room.
    pub(crate) fn was_beside(&mut self, lost: u64, stake: Stake) {
        let beside = self.beside.get_or_insert(Beside { lost, stake });
        beside.stake = beside.stake.max(stake);
    }

    /// So many common workers of the room's release have been lost by now: perhaps its next batch runs apart.
    pub(crate) fn weigh(&mut self, lost: u64) {
        let Some(beside) = self.beside else { return };
        if beside.again(lost) && self.confinement == Confinement::Free {
            self.confinement = Confinement::Apart;
        }
    }

    /// Those who have been shown nothing for long enough are shown the room again.
    pub(crate) fn show_again(&mut self, now: Time, timers: &mut Timers) {
        self.viewers.show_again(now);
        self.note_blind(timers);
    }

    fn note_blind(&self, timers: &mut Timers) {
        timers.put(Timer::Blind, self.blind_until().map(At::Keeper));
    }

    /// When the next one is shown the room again.
    pub(crate) fn blind_until(&self) -> Option<Time> {
        self.viewers.blind_until()
    }

    /// Why nobody runs the room any more, if so.
    pub(crate) fn halted(&self) -> Option<&Reason> {
        self.halted.as_ref()
    }

    /// The room keeps failing by itself: nobody runs it any more.
    pub(crate) fn halt(&mut self, why: Reason) {
        self.halted = Some(why);
    }

    /// Somebody wants a room that was given up tried again, perhaps on another release. Where it may be run on the release that it
    /// has is as it was: it may come back there.
    pub(crate) fn reprieve(&mut self) {
        self.own_faults = 0;
        self.halted = None;
        self.doubt = None;
        if let Some(trial) = &mut self.trial {
            trial.control_passed = false;
            trial.put_back();
        }
    }

    /// Another release has the room: what was found out about it was found out with other code. What was under suspicion still is.
    pub(crate) fn pardon(&mut self, timers: &mut Timers) {
        self.own_faults = 0;
        self.halted = None;
        self.confinement = Confinement::Free;
        self.beside = None;
        self.doubt = None;
        self.residue.settle();
        self.acquitted_at = None;
        self.viewers = Viewers::default();
        timers.stop(Timer::Quarantine);
        timers.stop(Timer::Blind);
        if let Some(trial) = &mut self.trial {
            trial.control_passed = false;
            trial.guilty = false;
            trial.put_back();
        }
    }

    /// Whether the room itself has failed too often for another try.
    pub(crate) fn is_hopeless(&self, limits: &Limits) -> bool {
        self.own_faults() >= limits.own_faults_max
    }

    /// The room was not opened in time. Gives how often in a row.
    pub(crate) const fn opening_slow(&mut self) -> u32 {
        self.slow_openings = self.slow_openings.saturating_add(1);
        self.slow_openings
    }

    /// The room is open.
    pub(crate) fn opened(&mut self) {
        self.slow_openings = 0;
        self.beside.take_if(|beside| beside.stake == Stake::Opening);
    }

    /// The room could not be opened. `shared` is as for [`Blame::batch_failed`].
    pub(crate) fn opening_failed(
        &mut self,
        (damage, shared): (FaultDamage, Option<WorkerId>),
        timers: &mut Timers,
    ) {
        let shared = shared.filter(|_| damage == FaultDamage::Panic);
        self.doubt = None;
        if shared.is_some_and(|worker| self.doubt(worker, Portion::Control, timers)) {
            return;
        }
        self.own_faults = self.own_faults.saturating_add(1);
        self.confine(damage, timers);
    }

    /// A batch failed. `items` are what it brought, its tick aside, and `saw` are those who were to be shown the room after it.
    /// `shared` is its worker, if others are there too and it could be tried where nobody is. Gives who is shown nothing from now on.
    pub(crate) fn batch_failed(
        &mut self,
        (now, limits, timers): When<'_>,
        portion: Portion,
        (items, saw): (Vec<Item>, Vec<SessionId>),
        (damage, shared): (FaultDamage, Option<WorkerId>),
    ) -> Option<SessionId> {
        self.confine(damage, timers);
        let shared = shared.filter(|_| damage == FaultDamage::Panic);
        self.doubt = None;
        let doubted = shared.is_some_and(|worker| {
            let last = portion == Portion::Control || items.len() == 1;
            last && self.doubt(worker, portion, timers)
        });
        let trial = self.trial.get_or_insert_default();
        match portion {
            Portion::Free => {
                trial.control_passed = items.is_empty() && broken(Mutant::PoisonKept);
                trial.groups = groups(items, limits.trial_groups_max);
                trial.unseen.extend(saw);
            }
            Portion::Control if doubted => trial.put_back(),
            Portion::Control => {
                if !self.viewers.suspect(saw, limits.trial_groups_max) {
                    self.own_faults = self.own_faults.saturating_add(1);
                }
                // It was not the accused.
                trial.put_back();
            }
            Portion::Views => {
                let blind = self.viewers.failed(now + limits.quarantine);
                blind.iter().for_each(|viewer| _ = trial.unseen.remove(viewer));
                self.note_blind(timers);
                return blind;
            }
            Portion::Group if items.len() > 1 => {
                for group in groups(items, 2).into_iter().rev() {
                    trial.groups.push_front(group);
                }
            }
            Portion::Group if broken(Mutant::PoisonKept) => trial.groups.push_front(items),
            Portion::Group => {
                let before = trial.accused.take().map_or(0, |accused| accused.strikes);
                let proven =
                    (damage == FaultDamage::Panic && !doubted) || broken(Mutant::OneStrike);
                trial.accused = items.into_iter().next().map(|item| {
                    let mut accused = Accused { item, strikes: before + 1 };
                    if proven && !accused.is_the_room() {
                        accused.strikes = STRIKES;
                    }
                    accused
                });
                trial.control_passed = false;
            }
        }
        None
    }

    /// What failed in that worker is tried once more where nobody else is. Tells whether it is.
    fn doubt(&mut self, worker: WorkerId, portion: Portion, timers: &mut Timers) -> bool {
        let charged = matches!(portion, Portion::Control | Portion::Group);
        if !charged || self.confinement.is_alone() || broken(Mutant::ProcessTrusted) {
            return false;
        }
        let quarantined = self.confinement == Confinement::Quarantined;
        self.confinement = Confinement::OnTrial;
        timers.stop(Timer::Quarantine);
        self.trial.get_or_insert_default().guilty |= quarantined;
        self.doubt = Some(Doubt { worker, judge: portion });
        true
    }

    /// A batch of that portion has passed in that worker. Gives the one that was at fault when it did not, if it was a worker.
    pub(crate) fn found_spoiled(&mut self, portion: Portion, worker: WorkerId) -> Option<WorkerId> {
        let told = self.doubt.take_if(|doubt| doubt.judge == portion)?;
        (told.worker != worker).then_some(told.worker)
    }

    /// That worker is gone as one that had been spoiled: a room that failed in it is tried among the others again. An item that did is
    /// tried apart all the same, as it may be the one that spoils them. Tells whether that concerns the room.
    pub(crate) fn doubt_was_right(&mut self, worker: WorkerId) -> bool {
        let of_room = |doubt: &mut Doubt| doubt.worker == worker && doubt.judge == Portion::Control;
        if self.doubt.take_if(of_room).is_none() {
            return false;
        }
        if let Some(trial) = &mut self.trial {
            // What it is accused of may be under way just now, so it stays the accused.
            trial.accused.iter_mut().for_each(|accused| accused.strikes = 0);
            trial.control_passed = false;
            if trial.guilty {
                return true;
            }
        }
        if self.confinement == Confinement::OnTrial {
            self.confinement = Confinement::Free;
        }
        true
    }

    /// A fault that took the process down is tried where nobody else is.
    fn confine(&mut self, damage: FaultDamage, timers: &mut Timers) {
        if damage != FaultDamage::Process || broken(Mutant::TrialInCommon) {
            return;
        }
        self.beside = None;
        self.residue.settle();
        // In the trial worker it was alone, and in quarantine it is because it had been guilty.
        let guilty = !matches!(self.confinement, Confinement::Free | Confinement::Suspected(_));
        self.confinement = Confinement::OnTrial;
        timers.stop(Timer::Quarantine);
        self.trial.get_or_insert_default().guilty |= guilty;
    }

    /// The worker went away through no fault of this room: what it had goes to the head of the suspects again. Gives
    /// back what was under no suspicion.
    pub(crate) fn interrupted(&mut self, portion: Portion, items: Vec<Item>) -> Vec<Item> {
        match (&mut self.trial, portion) {
            (Some(trial), Portion::Group) => {
                if trial.accused.is_none() && !items.is_empty() {
                    trial.groups.push_front(items);
                }
                Vec::new()
            }
            _ => items,
        }
    }

    /// What is set aside if the batch of this portion passes.
    pub(crate) fn accused(&self, portion: Portion) -> Option<&Item> {
        let accused = self.trial.as_ref().and_then(|trial| trial.accused.as_ref());
        let proven = |accused: &&Accused| portion == Portion::Control && accused.is_proven();
        accused.filter(proven).map(|accused| &accused.item)
    }

    /// A batch of the room has been committed.
    pub(crate) const fn has_run(&mut self, now: Time) {
        self.residue.ran(now);
    }

    /// A batch has passed: its commit is the room's, and `saw` are those who are shown the room after it. Gives what is set aside
    /// with it.
    pub(crate) fn batch_passed(
        &mut self,
        (now, limits, timers): When<'_>,
        portion: Portion,
        saw: impl Iterator<Item = SessionId>,
    ) -> Option<Item> {
        self.own_faults = 0;
        self.beside = None;
        let Some(trial) = self.trial.as_mut() else {
            self.release((now, limits, timers), false);
            return None;
        };
        saw.for_each(|viewer| _ = trial.unseen.remove(&viewer));
        let mut aside = None;
        match portion {
            Portion::Control => {
                trial.control_passed = true;
                aside = trial.accused.take_if(|accused| accused.is_proven());
            }
            Portion::Views => self.viewers.passed(),
            Portion::Free | Portion::Group => trial.accused = None,
        }
        if trial.is_cleared() && !self.viewers.on_trial() {
            // Who has gone meanwhile may come back, and what is not tried is not acquitted.
            let guilty = trial.guilty || !trial.unseen.is_empty();
            self.trial = None;
            self.doubt = None;
            self.viewers.light();
            self.release((now, limits, timers), guilty);
        }
        aside.map(|accused| accused.item)
    }

    /// The trial is over, or there was none.
    fn release(&mut self, (now, limits, timers): When<'_>, guilty: bool) {
        match self.confinement {
            Confinement::OnTrial => {}
            Confinement::Apart => return self.confinement = Confinement::Free,
            Confinement::Free | Confinement::Suspected(_) | Confinement::Quarantined => return,
        }
        let again = self.acquitted_at.is_some_and(|at| now.since(at) < limits.quarantine);
        if guilty || again {
            self.quarantine(now + limits.quarantine, timers);
        } else {
            self.confinement = Confinement::Free;
            self.acquitted_at = Some(now);
        }
    }

    /// Puts an item before all that is still under suspicion; gives it back if nothing is.
    pub(crate) fn precede(&mut self, item: Item) -> Option<Item> {
        let Some(trial) = self.trial.as_mut() else { return Some(item) };
        trial.groups.push_front(vec![item]);
        None
    }

    /// Drops that suspect, if it is the last that concerns its player. Tells whether it did.
    pub(crate) fn take_back(&mut self, item: &Item) -> bool {
        let Some(trial) = &mut self.trial else { return false };
        let of_player = |found: &Item| found.session() == item.session();
        for group in trial.groups.iter_mut().rev() {
            if let Some(last) = group.iter().rposition(of_player) {
                let same = group[last] == *item;
                if same {
                    group.remove(last);
                    trial.groups.retain(|group| !group.is_empty());
                }
                return same;
            }
        }
        trial.accused.take_if(|accused| accused.item == *item).is_some()
    }

    /// Drops suspects that are not to be delivered any more: of players who have left. What is not tried is not acquitted: a
    /// room whose process died of it, perhaps, is as one that was found guilty.
    pub(crate) fn retain(&mut self, keep: impl Fn(&Item) -> bool) {
        let Some(trial) = &mut self.trial else { return };
        let dropped = trial.groups.iter().flatten().any(|item| !keep(item));
        trial.guilty |= dropped && self.confinement == Confinement::OnTrial;
        trial.groups.iter_mut().for_each(|group| group.retain(&keep));
        trial.groups.retain(|group| !group.is_empty());
        trial.accused.take_if(|accused| !keep(&accused.item));
    }
}

#[cfg(test)]
#[path = "blame_tests.rs"]
mod tests;
