//! Records, snapshots and messages, as they leave the machines.

use playon_core::effect::{Aside, AtFault, Report};
use playon_core::facts::Place;
use playon_types::attach::{ToWorker, Turn};
use playon_types::ids::{Attempt, Epoch, RoomId, Seq, WorkerId};
use playon_types::image::{Image, Record, StateCodec};
use playon_wire::state::ZstdXxh3;
use playon_wire::stored::{decode_image, decode_record, encode_image, encode_record};

use super::Audit;
use crate::game::Game;
use crate::store::{StoreModel, Write};
use crate::world::RoomKind;

impl Audit {
    /// A record on its way to the store.
    ///
    /// # Errors
    /// When an invariant is broken.
    pub fn append(&mut self, seq: Seq, room: RoomId, record: &Record) -> Result<Write, String> {
        let body = encode_record(record);
        let back = decode_record(&body).map_err(|e| format!("I10: {room}/{seq}: {e}"))?;
        if back != *record {
            return Err(format!("I10: {room}/{seq} reads back as another record"));
        }
        let bounds = self.bounds;
        let (revoked, book) = (&self.revoked, self.rooms.entry(room).or_default());
        let shadow = book.shadow.as_mut().ok_or_else(|| format!("I11: {room} has no image"))?;
        let before = shadow.clone();
        shadow
            .apply(Epoch(0), &back, &ZstdXxh3, &bounds)
            .map_err(|e| format!("I10: {room}: {e}"))?;
        let game = check_state(shadow)?;
        if let Some(deploy) = back.migrate {
            super::handoff::check_migrate(&before, shadow, &back)?;
            let unsettled = book.switch.replace((seq, deploy)).filter(|(_, of)| of.0 != 0);
            if let Some((other, _)) = unsettled {
                return Err(format!("I8: {room} has Migrate {seq} while {other} is not settled"));
            }
            // From here on the old worker's word counts no more.
            self.revoked.extend(book.live.take());
        } else if back.release != before.release {
            return Err(format!("I8: {room}/{seq} is on another release without a Migrate"));
        } else if book.live != Some(Attempt(game.writer)) || revoked.contains(&Attempt(game.writer))
        {
            return Err(format!("I4: {room}/{seq} was written by a revoked attempt"));
        }
        // One that has woken on a release which reads it is only brought to the version of that.
        if let Some(deploy) = back.migrate.filter(|_| back.release != before.release) {
            self.check_policy(&before, deploy)?;
        }
        Ok(Write::Append(room, seq, body))
    }

    /// A snapshot on its way to the store.
    ///
    /// # Errors
    /// When an invariant is broken.
    pub fn snapshot(&mut self, image: &Image) -> Result<Write, String> {
        let room = image.room;
        let body = encode_image(image);
        let back = decode_image(&body).map_err(|e| format!("I10: {room}: {e}"))?;
        if back != *image || encode_image(&back) != body {
            return Err(format!("I10: {room} reads back as another image"));
        }
        check_state(&back)?;
        let lossy = RoomKind::of(room).is_lossy();
        let book = self.book(room);
        if let Some(shadow) = book.shadow.as_mut().filter(|_| !lossy) {
            // What is told of the keeper's own life may differ; nothing else may.
            shadow.epoch = image.epoch;
            shadow.clean = image.clean;
            // The clock of a room with steps waits for it after an outage, so that none is skipped.
            if image.clock < shadow.clock && RoomKind::of(room) == RoomKind::Turns {
                return Err(format!("I13: {room} is stored with its clock turned back"));
            }
            shadow.clock = image.clock;
            note_absences(shadow, image)?;
            if *shadow != *image {
                return Err(format!("I9/I10: {room} at {} is not what its records say", image.seq));
            }
        }
        let moved = |shadow: &Image| shadow.release != image.release;
        let ended = book.live.take_if(|_| lossy && book.shadow.as_ref().is_some_and(moved));
        self.revoked.extend(ended);
        self.book(room).shadow = Some(back);
        Ok(Write::Snapshot(room, image.seq, body))
    }

    /// The room leaves memory.
    pub fn departs(&mut self, room: RoomId) {
        self.book(room).shadow = None;
    }

    /// The room is deleted: by an operator, by its game in a commit that is safe, or because nobody can come back to it.
    ///
    /// # Errors
    /// When it has not ended, and was not at rest past its age.
    pub fn ends(&mut self, room: RoomId, store: &StoreModel, waiting: usize) -> Result<(), String> {
        let closed = self.closing.remove(&room);
        let slept_by = self.expiring.remove(&room);
        let shadow = self.rooms.get(&room).is_some_and(|book| book.shadow.is_some());
        if let Some(since) = store.at_rest_since(room).filter(|_| !shadow && !closed) {
            if slept_by.is_none_or(|slept_by| since > slept_by) {
                return Err(format!(
                    "I5: {room} is deleted, at rest since {since:?}, not {slept_by:?}"
                ));
            }
            if waiting > 0 {
                return Err(format!("I5: {room} is deleted at rest, and {waiting} ask for it"));
            }
            self.book(room).ended = true;
            return Ok(());
        }
        let safe = store.last(room).unwrap_or_default();
        let book = self.book(room);
        let over = book.shadow.as_ref().is_some_and(|image| image.ended && image.seq <= safe);
        let lost = |image: &Image| image.name.is_empty() && image.seats.is_empty();
        let lost = book.shadow.as_ref().is_some_and(lost);
        if !closed && !over && !lost && !RoomKind::of(room).is_lossy() {
            return Err(format!("I5: {room} is deleted, and no end of it is safe at {safe}"));
        }
        (book.shadow, book.ended, book.lies) = (None, true, 0);
        (book.live, book.frozen, book.switch) = (None, None, None);
        self.rejected.retain(|(refused, _)| *refused != room);
        // Another room may have its name, and its id, later.
        self.costly_copies.retain(|(costly, ..), _| *costly != room);
        Ok(())
    }

    /// A message to a worker.
    ///
    /// # Errors
    /// When an invariant is broken.
    pub fn tell(
        &mut self,
        worker: WorkerId,
        message: &ToWorker,
        store: &StoreModel,
    ) -> Result<(), String> {
        let Turn { room, attempt, .. } = message.turn();
        let other = *self.minted.entry(attempt).or_insert(room);
        if other != room {
            return Err(format!("I4: attempt {attempt} is of {room} and of {other}"));
        }
        let alone = self.hears_appeals(room, worker)?;
        match message {
            // A copy that is thrown away.
            ToWorker::Open { attempt, .. } | ToWorker::Export { attempt, .. } if alone => {
                self.appealed.insert(*attempt);
            }
            ToWorker::Deliver(deliver) if alone && self.appealed.contains(&deliver.attempt) => {}
            ToWorker::Deliver(deliver) if self.appealed.contains(&deliver.attempt) => {
                return Err(format!("I25: an appeal of {} is heard among rooms", deliver.room));
            }
            _ if alone && !matches!(message, ToWorker::Retire { .. }) => {
                return Err(format!("I25: {message:?} where appeals are heard"));
            }
            ToWorker::Open { room, .. } => {
                let on_trial = self.side(*room).tries(&worker);
                // A trial may take several batches, and openings.
                let goes_on = if on_trial {
                    !self.on_trial.insert(*room)
                } else {
                    self.on_trial.remove(room);
                    false
                };
                // What is opened for a cutover is a copy: of a room of which one has cost others their worker.
                // It may be frozen and given to the new worker in one step.
                let switches = |place: Place| place.is_frozen() || place == Place::Warm;
                let cutover = self.book(*room).place.is_some_and(switches);
                let known = self.costly_copies.keys().any(|(costly, ..)| costly == room);
                let copy = cutover && (known || self.late_copies.contains(room));
                if on_trial && !goes_on && !copy && !self.may_be_tried(*room) {
                    return Err(format!("I25: {room} is on trial for what it had no part in"));
                }
            }
            ToWorker::Retire { attempt, .. } => {
                self.revoked.insert(*attempt);
            }
            ToWorker::Deliver(deliver) => {
                let (room, attempt) = (deliver.room, deliver.attempt);
                if self.revoked.contains(&attempt) {
                    return Err(format!("I4: {room} is delivered to a revoked attempt"));
                }
                if let Some((switch, _)) = self.book(room).switch {
                    let safe = store.last(room).unwrap_or_default();
                    if safe < switch {
                        return Err(format!("I12: {room} goes on before Migrate {switch} is safe"));
                    }
                }
                let book = self.book(room);
                if book.live.replace(attempt) != Some(attempt) {
                    book.switch.take_if(|(_, deploy)| deploy.0 == 0);
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// News from the shard.
    ///
    /// # Errors
    /// When an invariant is broken.
    pub fn report(&mut self, report: &Report) -> Result<(), String> {
        match report {
            // No last reader of a room at rest is ever deleted here.
            Report::Stranded { room, kind, version } => {
                Err(format!("I22: no release reads {room}, {kind} version {version}"))
            }
            Report::Refused { room, reason } => {
                let book = self.book(*room);
                if book.lies == 0 {
                    return Err(format!("I10: a good commit of {room} was refused: {reason}"));
                }
                book.lies = 0;
                Ok(())
            }
            Report::Fault { room, reason, count, .. } => {
                if *count > 0 {
                    self.suffered.begin_anew();
                }
                // It may have been the process, so it is tried where nobody has been.
                if reason.words().contains("panicked") {
                    self.suspected.insert(*room);
                }
                Ok(())
            }
            Report::Unsound { room, what } => Err(format!("{room} is unsound: {what}")),
            Report::SetAside { room, what, .. } => {
                let known = match what {
                    Aside::Input(input) => self.poison.contains(&(*room, *input)),
                    _ => self.cursed,
                };
                // What failed twice by accident looks guilty.
                let unlucky = self.bad_luck.get(room).is_some_and(|times| *times >= 2);
                if known || unlucky || self.panics {
                    return Ok(());
                }
                Err(format!("I7: {what:?} of {room} was set aside without cause"))
            }
            Report::Moved { deploy, room, .. } => {
                self.suffered.begin_anew();
                // What was known about it was known of other code.
                self.costly.retain(|(costly, _)| costly != room);
                self.moved(*room, *deploy)
            }
            Report::Checked { room, result: Err(why), .. } => {
                self.note_late(*room, why);
                Ok(())
            }
            Report::Gone { room, .. } | Report::Halted { room, .. } => {
                self.suffered.begin_anew();
                self.costly.retain(|(costly, _)| costly != room);
                Ok(())
            }
            Report::MoveFailed { deploy, room, blame, reason } => {
                self.note_late(*room, reason);
                // What workers say, and the keeper of them, when a batch fails.
                let of_batch = reason.words() == "panicked"
                    || reason.words().contains("while it ran the room");
                if *blame == AtFault::Release && of_batch {
                    return Err(format!("I26: {room} cannot leave because of a batch: {reason}"));
                }
                self.move_failed(*room, *deploy)
            }
            _ => Ok(()),
        }
    }
}

/// The bytes hash to what is told, and say the same once read and written again.
fn check_state(image: &Image) -> Result<Game, String> {
    let (room, seq) = (image.room, image.seq);
    if ZstdXxh3.hash(&image.state) != image.hash {
        return Err(format!("I10: {room}/{seq} has bytes with another hash"));
    }
    let game =
        Game::decode(&image.state).ok_or_else(|| format!("I10: {room}/{seq} cannot be read"))?;
    if game.encode() != image.state {
        return Err(format!("I10: {room}/{seq} encodes differently"));
    }
    if image.wake_at != game.timer {
        return Err(format!(
            "I13: {room}/{seq} wakes at {:?}, not {:?}",
            image.wake_at, game.timer
        ));
    }
    Ok(game)
}

/// What the store is told of empty seats with the whole room: they have been empty since when their records say or, if the room
/// was not live meanwhile, for less long.
fn note_absences(shadow: &mut Image, image: &Image) -> Result<(), String> {
    for (session, seat) in &mut shadow.seats {
        let told = image.seats.get(session).and_then(|told| told.away_since);
        if let (Some(since), Some(told)) = (seat.away_since, told) {
            if told < since {
                return Err(format!(
                    "I13: {session:?} of {} is away since before it was",
                    image.room
                ));
            }
            seat.away_since = Some(told);
        }
        // That a player was heard is noted with the whole room, or with the next record.
        seat.unheard &= image.seats.get(session).is_none_or(|told| told.unheard);
    }
    Ok(())
}
