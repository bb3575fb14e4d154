//! One shard's thread.

use std::collections::VecDeque;
use std::io;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use playon_core::shard::{Shard, ShardConfig};
use playon_types::attach::FromWorker;
use playon_types::time::Time;
use playon_wire::state::ZstdXxh3;

use super::outlet::{Outside, ShardOutlet};
use super::pulse::Pulse;
use crate::messages::{FromShard, ToShard};
use crate::process::alarm::{self, Alarm};

/// Events taken from the inbox at once. What is due is looked at when they are all handled, so that whoever has answered in time
/// is not late because others have, too.
const EVENTS_AT_ONCE_MAX: usize = 1_024;

/// Effects leave when the first of them has waited for so long, although more events are at hand: to apply the commit of a room
/// of megabytes takes milliseconds, and many of them would hold up the first.
const HELD_FOR_MAX: Duration = Duration::from_millis(2);

/// Starts the thread of one shard. It ends after `ToShard::Quit`.
///
/// # Errors
/// When there is no thread to be had.
pub(crate) fn spawn(
    config: ShardConfig,
    outside: Outside,
    alarm: Alarm,
) -> io::Result<JoinHandle<()>> {
    let name = format!("shard-{}", config.shard);
    let run = move |alarm: &Alarm| {
        let number = config.shard;
        let shard = Shard::new(config, ZstdXxh3);
        let pulse = Pulse::new(outside.clock);
        let outlet = ShardOutlet::new(number, outside);
        Driver { shard, outlet, pulse, number, events: VecDeque::new() }.run(alarm);
    };
    alarm::spawn(name, alarm, run)
}

struct Driver {
    shard: Shard<ZstdXxh3>,
    outlet: ShardOutlet,
    pulse: Pulse,
    number: u16,
    events: VecDeque<ToShard>,
}

impl Driver {
    fn run(mut self, alarm: &Alarm) {
        while let Some(mut now) = self.wait() {
            alarm.busy();
            let began = Instant::now();
            let mut slice = began;
            let mut quit = false;
            let mut recovered = false;
            self.outlet.ticks.begin(began);
            while let Some(event) = self.events.pop_front() {
                quit |= matches!(event, ToShard::Quit);
                recovered |= matches!(event, ToShard::RecoveryDone);
                self.handle(now, event);
                self.drain();
                if slice.elapsed() >= HELD_FOR_MAX {
                    self.outlet.flush();
                    (now, slice) = (self.pulse.now(Some(Time(0))), Instant::now());
                    alarm.busy();
                }
            }
            if let Some(at) = self.shard.next_timeout().filter(|at| *at <= now) {
                let late = Duration::from_micros(now.since(at).0) + began.elapsed();
                self.outlet.ticks.begin_late(late);
                self.shard.handle_timeout(now);
                self.drain();
            }
            self.outlet.flush();
            if recovered {
                // After the listings of all recovered rooms, which have just left.
                self.outlet.tell(FromShard::Recovered);
            }
            self.outlet.outside.metrics.shard_busy.inc_by(began.elapsed().as_secs_f64());
            if quit {
                return;
            }
            alarm.idle();
        }
    }

    /// Waits for events or the next timeout and says what time it is then. Nothing if there is no such shard.
    fn wait(&mut self) -> Option<Time> {
        // Handling an event takes no time worth speaking of, unless the thread stood still meanwhile.
        self.pulse.now(Some(Time(0)));
        let next = self.shard.next_timeout();
        let until = next.map(|at| self.pulse.instant(at));
        let inbox = self.outlet.outside.shards.get(self.number.into())?;
        inbox.drain(&mut self.events, EVENTS_AT_ONCE_MAX, until);
        Some(self.pulse.now(next))
    }

    fn handle(&mut self, now: Time, event: ToShard) {
        let shard = &mut self.shard;
        match event {
            ToShard::Gate(message) => shard.handle_gate(now, message),
            ToShard::Release(release, kinds) => shard.handle_release(release, kinds),
            ToShard::WorkerUp(info) => shard.handle_worker_up(now, info),
            ToShard::WorkerDown(worker, end) => shard.handle_worker_down(now, worker, &end),
            ToShard::Heard(worker, at) => {
                let ago = u64::try_from(at.elapsed().as_micros()).unwrap_or(u64::MAX);
                shard.handle_heard(Time(now.0.saturating_sub(ago)), worker);
            }
            ToShard::Turn(worker, turn) => shard.handle_turn(now, worker, turn),
            ToShard::Worker(worker, message) => {
                if let FromWorker::Commit(commit) = &message {
                    self.outlet.ticks.committed(commit.room);
                }
                shard.handle_worker(now, worker, message);
            }
            ToShard::Recovered(image) => shard.handle_recovered(now, *image),
            ToShard::Damaged(room, why) => shard.handle_damaged(now, room, why),
            ToShard::RecoveryDone => shard.handle_recovery_done(now),
            ToShard::Loaded(room, loaded) => shard.handle_loaded(now, room, loaded),
            ToShard::Stored(stored) => {
                for (room, what) in stored {
                    self.shard.handle_stored(now, room, what);
                    self.drain();
                }
            }
            ToShard::SnapshotsWanted(rooms) => shard.handle_snapshots_wanted(now, &rooms),
            ToShard::Order(order) => shard.handle_order(now, order),
            ToShard::Probe(tell) => {
                // Whoever asked may have stopped waiting.
                let _ = tell.send(());
            }
            ToShard::Quit => {}
        }
    }

    /// After every handle, so that effects keep the order of their causes.
    fn drain(&mut self) {
        while let Some(effect) = self.shard.poll() {
            self.outlet.put(effect);
        }
    }
}
