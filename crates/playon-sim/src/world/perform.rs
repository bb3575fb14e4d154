//! Hand-written cases: what a line does to the world.

use playon_core::deploy::DeployWish;
use playon_core::effect::Order;
use playon_core::fleet::Ended;
use playon_types::gate::ToOwner;
use playon_types::ids::{ConnId, ReleaseId, RoomId, SessionId, WorkerId};
use playon_types::kind::OnDeploy;
use playon_types::record::{Course, DeployRecord};
use playon_types::time::{Span, Time};

use super::{Summary, World, WorldEvent, room_id};
use crate::client::Client;
use crate::deeds::GameFailure;
use crate::gate::Out;
use crate::keeper::wall;
use crate::options::Options;
use crate::owner::ShardInput;
use crate::scenario::{Counter, Scenario, ScenarioStep};
use crate::worker::RELEASES;

/// How long a line may wait for what it waits for.
const PATIENCE: Span = Span::secs(20);

impl World {
    /// Plays a case to its end, and on until everything is well.
    ///
    /// # Errors
    /// The line that could not be carried out, the expectation that failed or the invariant that was broken.
    pub fn perform(scenario: &Scenario, trace: bool) -> Result<Summary, String> {
        let options = Options { trouble: Span::secs(3_600), trace, ..Options::calm(0, 0) };
        let mut world = Self::new(options);
        for (line, step) in &scenario.steps {
            world.carry_out(step).map_err(|e| format!("line {line}: {e}"))?;
        }
        world.calm_from = world.now;
        world.run()
    }

    fn carry_out(&mut self, step: &ScenarioStep) -> Result<(), String> {
        match step {
            ScenarioStep::Shards(count) => self.options.shards = *count,
            ScenarioStep::Room(room, players) => {
                self.open_room(room_id(u64::from(*room)), *players)
            }
            ScenarioStep::Play(time) => return self.play(*time),
            ScenarioStep::Deploy(to, now) => return self.ship(release(*to)?, *now),
            ScenarioStep::Rollback => return self.roll_back(true),
            ScenarioStep::Doom(of, room, doom) => {
                self.doom(release(*of)?, room_id(u64::from(*room)), *doom);
            }
            ScenarioStep::UntilPlace(..)
            | ScenarioStep::UntilOn(..)
            | ScenarioStep::UntilDeploy(_)
            | ScenarioStep::UntilWelcomed(_) => return self.wait_for(step),
            ScenarioStep::Threads(room) => self.leave_threads(room_id(u64::from(*room))),
            ScenarioStep::Watch(room) => return self.watch_room(room_id(u64::from(*room))),
            ScenarioStep::Stall(time) => self.stalled_until = self.now + *time,
            ScenarioStep::KillWorker(of, room) => {
                let id = self.worker_of(release(*of)?, room_id(u64::from(*room)))?;
                self.summary.worker_crashes += 1;
                self.kill_worker(id, Ended::ByItself);
            }
            ScenarioStep::HangWorker(of, room, time) => {
                let id = self.worker_of(release(*of)?, room_id(u64::from(*room)))?;
                let until = self.now + *time;
                self.workers.entry(id).and_modify(|worker| worker.hung_until = until);
            }
            ScenarioStep::Spoil(of) => {
                let spoilt = release(*of)?;
                self.spoilt.insert(spoilt);
                let of_release = self.workers.values_mut().filter(|w| w.release == spoilt);
                of_release.for_each(|worker| worker.bad_copy = 100);
            }
            ScenarioStep::KillKeeper(keeping) => return self.crash_keeper_with(Some(*keeping)),
            ScenarioStep::StopKeeper => return self.stop_keeper(),
            ScenarioStep::BackUp => self.back_up(),
            ScenarioStep::Restore => return self.restore(),
            ScenarioStep::Cut(player, time) => return self.cut_player(*player, *time),
            ScenarioStep::Farewell(player) => {
                return self.send_last(*player, |client| client.say_farewell());
            }
            ScenarioStep::Poison(player, on, deed) => {
                let on = (*on).map(release).transpose()?;
                return self.send_last(*player, |client| client.poison(deed.poison(on)));
            }
            ScenarioStep::Close(room) => return self.close_room(room_id(u64::from(*room))),
            ScenarioStep::Expire(room, player) => {
                let room = room_id(u64::from(*room));
                return self.expire_as_asked(room, *player);
            }
            ScenarioStep::Keep(most) => self.options.artifacts = *most,
            ScenarioStep::Executable(of, back) => {
                let of = release(*of)?;
                return if *back { self.return_executable(of) } else { self.lose_executable(of) };
            }
            ScenarioStep::TurnsFinish => self.options.manners.turns = OnDeploy::Finish,
            ScenarioStep::Keeps(time) => self.options.manners.expire = *time,
            ScenarioStep::Damage(room) => {
                self.decaying.insert(room_id(u64::from(*room)));
            }
            ScenarioStep::ExpectOn(..)
            | ScenarioStep::ExpectAsleep(_)
            | ScenarioStep::ExpectLoss
            | ScenarioStep::Expect(..) => return self.expect_that(step),
        }
        Ok(())
    }

    /// Whether it is as the line wants it now.
    fn expect_that(&self, step: &ScenarioStep) -> Result<(), String> {
        match step {
            ScenarioStep::ExpectOn(room, to) => {
                self.expect_on(room_id(u64::from(*room)), release(*to)?)
            }
            ScenarioStep::ExpectAsleep(room) => self.expect_asleep(room_id(u64::from(*room))),
            ScenarioStep::ExpectLoss if self.summary.lost == 0 => Err("no input was lost".into()),
            ScenarioStep::Expect(what, most) => self.expect(*what, *most),
            _ => Ok(()),
        }
    }

    /// Plays on until it is as the line wants it.
    fn wait_for(&mut self, step: &ScenarioStep) -> Result<(), String> {
        match step {
            ScenarioStep::UntilPlace(room, place) => {
                let room = room_id(u64::from(*room));
                self.wait(|world| world.place(room) == Some(*place))
            }
            ScenarioStep::UntilOn(room, to) => {
                let (room, to) = (room_id(u64::from(*room)), release(*to)?);
                self.wait(|world| world.release_of(room) == Some(to))
            }
            ScenarioStep::UntilWelcomed(player) => {
                let player = *player as usize;
                self.wait(|world| world.clients.get(player).is_some_and(|c| c.welcomed))
            }
            ScenarioStep::UntilDeploy(phase) => {
                let stands = |deploy: &DeployRecord| deploy.phase == *phase;
                self.wait(|world| {
                    let keeper = world.keeper.as_ref();
                    keeper.and_then(|keeper| keeper.director.deploy()).is_some_and(stands)
                })
            }
            _ => Ok(()),
        }
    }

    fn open_room(&mut self, room: RoomId, players: u64) {
        for _ in 0..players {
            let index = self.clients.len() as u64;
            self.clients.push(Client::new(index, room));
            self.schedule(Span::millis(20 * (index + 1)), 0, WorldEvent::Connect(index));
        }
    }

    fn play(&mut self, time: Span) -> Result<(), String> {
        let until = self.now + time;
        self.advance(until, |_| false)?;
        self.now = until;
        Ok(())
    }

    fn wait(&mut self, done: impl Fn(&Self) -> bool) -> Result<(), String> {
        let until = self.now + PATIENCE;
        self.advance(until, &done)?;
        if done(self) { Ok(()) } else { Err(format!("it did not happen by {until:?}")) }
    }

    fn ship(&mut self, to: ReleaseId, at_once: bool) -> Result<(), String> {
        self.deploy_to(DeployWish { to, at_once, course: Course::Forward })
    }

    /// Runs events until a time or until something is so.
    fn advance(&mut self, until: Time, done: impl Fn(&Self) -> bool) -> Result<(), String> {
        while !done(self) && self.next_at().is_some_and(|at| at <= until) {
            self.advance_one()?;
        }
        Ok(())
    }

    fn place(&self, room: RoomId) -> Option<playon_core::facts::Place> {
        let keeper = self.keeper.as_ref()?;
        keeper.room(self.now, room).map(|facts| facts.place)
    }

    fn release_of(&self, room: RoomId) -> Option<ReleaseId> {
        let keeper = self.keeper.as_ref()?;
        keeper.room(self.now, room)?.image.map(|image| image.release)
    }

    fn worker_of(&self, of: ReleaseId, room: RoomId) -> Result<WorkerId, String> {
        let keeper = self.keeper.as_ref().ok_or("there is no keeper")?;
        let facts = keeper.room(self.now, room).ok_or("there is no such room")?;
        let post = facts.posts.iter().find(|(_, _, release)| *release == of);
        post.map(|(id, _, _)| *id).ok_or_else(|| "no worker of that release has the room".into())
    }

    fn cut_player(&mut self, player: u64, time: Span) -> Result<(), String> {
        let client = self.clients.get(player as usize).ok_or("there is no such player")?;
        let conn = client.conn.ok_or("the player has no socket")?;
        self.away_for = Some(time);
        let cut = self.cut_client(conn);
        self.away_for = None;
        cut
    }

    /// A player sends an input that something is to be done with.
    fn send_last(&mut self, player: u64, mark: impl Fn(&mut Client)) -> Result<(), String> {
        let client = self.clients.get_mut(player as usize).ok_or("there is no such player")?;
        let conn = client.conn.ok_or("the player has no socket")?;
        let seq = client.make_input();
        mark(client);
        let recv = client.seat.map_or(0, |seat| seat.recv);
        let message = ToOwner::Input { conn, seq, recv, payload: client.payload(seq) };
        self.summary.inputs += 1;
        if GameFailure::is_poison(&client.payload(seq)) {
            self.poison.insert((client.room, seq));
            self.keeper.iter_mut().for_each(|k| k.audit.poison.clone_from(&self.poison));
        }
        self.speak(message)
    }

    /// The room is looked for because of its age, and before the store has answered its player asks for it.
    fn expire_as_asked(&mut self, room: RoomId, player: u64) -> Result<(), String> {
        if self.clients.get(player as usize).is_none_or(|client| client.conn.is_some()) {
            return Err("there is no such player, or it has a socket".into());
        }
        let slept_by = wall(self.now);
        self.tell_of(room, ShardInput::Order(Order::Expire { room, slept_by }))?;
        self.drain()?;
        let (conn, fresh) = (ConnId(self.fresh()), SessionId(1_000_000 + self.fresh()));
        let hello = self.introduce(player, conn, fresh);
        for out in self.gate.introduce(hello, false) {
            if let Out::Owner(message) = out {
                self.tell_of(room, ShardInput::Gate(message))?;
                self.drain()?;
            }
        }
        self.drain()
    }

    fn expect_on(&self, room: RoomId, to: ReleaseId) -> Result<(), String> {
        let found = self.release_of(room);
        if found == Some(to) { Ok(()) } else { Err(format!("the room is on {found:?}")) }
    }

    fn expect_asleep(&self, room: RoomId) -> Result<(), String> {
        let place = self.place(room);
        let rests = place.is_none() && self.store.at_rest_since(room).is_some();
        if rests { Ok(()) } else { Err(format!("the room is {place:?}")) }
    }

    fn expect(&self, what: Counter, expected: u64) -> Result<(), String> {
        let last = || self.keeper.as_ref().and_then(|keeper| keeper.director.deploy());
        let found = match what {
            Counter::Checked => last().map_or(0, |record| record.checked),
            Counter::CheckedAsleep => last().map_or(0, |record| record.checked_at_rest),
            Counter::Moved => self.summary.moved,
            Counter::Undone => self.summary.move_failed,
            Counter::Slept => self.summary.slept,
            Counter::Ended => self.summary.ended,
            Counter::Lost => self.summary.lost,
        };
        if found == expected { Ok(()) } else { Err(format!("{found}, not {expected}")) }
    }
}

fn release(number: u8) -> Result<ReleaseId, String> {
    let found = RELEASES.into_iter().find(|release| release.0[0] == number);
    found.ok_or_else(|| format!("there is no release R{number}"))
}
