//! The thread that starts, watches, restarts and ends workers.

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use playon_core::fleet::{Berth, Ended, WorkerEnd};
use playon_types::code::Code;
use playon_types::ids::{ReleaseId, WorkerId};
use playon_types::ply;
use playon_types::reason::Reason;
use playon_wire::attach::{ENV_ATTACH, ENV_SECRET, LinkSecret};

use super::backoff::Backoff;
use super::fate::Fate;
use super::passes::{Passes, SpawnId, WorkerPass};
use super::process::{Launch, Process, environment};
use crate::config::Bounds;
use crate::data::dir::random_bytes;
use crate::error::{Coded, system};
use crate::messages::{FromSupervisor, Parting, ToSupervisor, Want};
use crate::process::alarm::{self, Alarm, Alarms};

/// What the supervisor works with.
pub(crate) struct SupervisorSetup {
    /// Where workers attach; told to each of them.
    pub(crate) attach_socket: PathBuf,
    /// The working directory of workers.
    pub(crate) folder: PathBuf,
    /// Names of environment variables that workers see beside the usual ones.
    pub(crate) env: Vec<String>,
    /// Who may attach.
    pub(crate) passes: Arc<Passes>,
    /// The bounds of the shell.
    pub(crate) bounds: Bounds,
    /// Where it raises the alarm.
    pub(crate) alarms: Alarms,
    /// Takes the news.
    pub(crate) news: Box<dyn Fn(FromSupervisor) + Send>,
}

/// Handle to the thread.
#[derive(Debug)]
pub(crate) struct Supervisor {
    commands: Sender<ToSupervisor>,
    thread: Option<JoinHandle<()>>,
}

impl Supervisor {
    /// Starts the thread.
    ///
    /// # Errors
    /// When there is no thread to be had, or privileges cannot be given up; `PLY-0503`.
    pub(crate) fn start(setup: SupervisorSetup) -> Result<Self, Coded> {
        let (commands, inbox) = mpsc::channel();
        let (ready, told) = mpsc::channel();
        let again = commands.clone();
        let alarm = setup.alarms.part("the supervisor of workers");
        let run = move |alarm: &Alarm| {
            // Inherited by every child of this thread: no worker can gain rights by executing a privileged file.
            let outcome = rustix::thread::set_no_new_privs(true);
            let failed = outcome.is_err();
            let _ = ready.send(outcome);
            if !failed {
                SupervisorThread::new(setup, again).run(&inbox, alarm);
            }
        };
        let thread = alarm::spawn("supervisor", alarm, run)
            .map_err(|error| system("no thread for the supervisor", error))?;
        match told.recv() {
            Ok(Ok(())) => Ok(Self { commands, thread: Some(thread) }),
            Ok(Err(error)) => Err(system("cannot give up new privileges", error)),
            Err(error) => Err(system("the supervisor ended", error)),
        }
    }

    fn send(&self, command: ToSupervisor) {
        // After `stop` there is nobody left to tell.
        let _ = self.commands.send(command);
    }

    /// Sets how many workers of a release should run. Asked anew, a release that was given up is tried again.
    pub(crate) fn want(&self, want: Want) {
        self.send(ToSupervisor::Want(want));
    }

    /// A started process has attached.
    pub(crate) fn attached(&self, spawn: SpawnId, worker: WorkerId) {
        self.send(ToSupervisor::Attached(spawn, worker));
    }

    /// The link of a worker is gone: its process has no more purpose.
    pub(crate) fn detached(&self, worker: WorkerId, end: &WorkerEnd) {
        // What has spoiled it was a room's doing, too.
        let at_work = end.was_at_work() || end.ended == Ended::Spoiled;
        let how = end.how.clone();
        let parting = Parting { by_itself: end.by_itself(), at_work, how };
        self.send(ToSupervisor::Detached(worker, parting));
    }

    /// A started process was not let in: it is ended, and that is the reason.
    pub(crate) fn refused(&self, spawn: SpawnId, error: Coded) {
        self.send(ToSupervisor::Refused(spawn, error));
    }

    /// Kills a worker.
    pub(crate) fn kill(&self, worker: WorkerId, why: Reason) {
        self.send(ToSupervisor::Kill(worker, why));
    }

    /// Ends all workers: those still there after `worker_stop_timeout` are killed. `ask` asks them to end, once
    /// nobody takes that for a failure and starts others.
    pub(crate) fn stop(&mut self, ask: impl FnOnce()) {
        self.send(ToSupervisor::Stop);
        ask();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Workers that are alike: they stand for one another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Crew {
    release: ReleaseId,
    berth: Berth,
}

struct Running {
    crew: Crew,
    process: Process,
    secret: LinkSecret,
    worker: Option<WorkerId>,
    /// When it attached, and before that, until when it must.
    attached_at: Option<Instant>,
    deadline: Option<Instant>,
    /// Why it was killed, if it was.
    doomed: Option<Coded>,
    /// It is not wanted any more, so its end is no failure.
    dismissed: bool,
    /// How its link ended, once it has.
    parting: Option<Parting>,
    /// The process has ended, and what its link says of that is waited for.
    exited: bool,
}

/// What is known of a crew.
struct Roster {
    want: Want,
    label: Arc<str>,
    backoff: Backoff,
    /// Restarts in a row that waited for nothing, as rooms had ended the workers.
    excused: u32,
    /// Whether any process of it ever attached.
    proven: bool,
    not_before: Option<Instant>,
    given_up: bool,
}

struct SupervisorThread {
    setup: SupervisorSetup,
    again: Sender<ToSupervisor>,
    crews: BTreeMap<Crew, Roster>,
    running: HashMap<SpawnId, Running>,
    next: u64,
    stopping: bool,
}

impl SupervisorThread {
    fn new(setup: SupervisorSetup, again: Sender<ToSupervisor>) -> Self {
        Self {
            setup,
            again,
            crews: BTreeMap::new(),
            running: HashMap::new(),
            next: 1,
            stopping: false,
        }
    }

    fn run(mut self, inbox: &Receiver<ToSupervisor>, alarm: &Alarm) {
        loop {
            alarm.idle();
            let command = match self.next_timeout() {
                None => inbox.recv().map_err(|_| RecvTimeoutError::Disconnected),
                Some(at) => inbox.recv_timeout(at.saturating_duration_since(Instant::now())),
            };
            alarm.busy();
            match command {
                Ok(ToSupervisor::Stop) | Err(RecvTimeoutError::Disconnected) => break,
                Ok(command) => self.handle(command),
                Err(RecvTimeoutError::Timeout) => {}
            }
            self.check_deadlines(Instant::now());
            self.fill(Instant::now());
        }
        self.wind_down(inbox);
    }

    fn handle(&mut self, command: ToSupervisor) {
        match command {
            ToSupervisor::Want(want) => self.handle_want(want),
            ToSupervisor::Attached(spawn, worker) => self.handle_attached(spawn, worker),
            ToSupervisor::Detached(worker, parting) => self.handle_detached(worker, parting),
            ToSupervisor::Kill(worker, why) => {
                let why = why.to_string();
                tracing::warn!(%worker, why, "worker is killed");
                self.doom(worker, Coded::new(ply!("PLY-0409"), why, REMEDY_WORKER));
            }
            ToSupervisor::Refused(spawn, error) => {
                if let Some(running) = self.running.get_mut(&spawn) {
                    running.doomed = Some(error);
                    running.deadline = Some(Instant::now() + REFUSED_GRACE);
                }
            }
            ToSupervisor::Exited(spawn) => self.handle_exited(spawn),
            ToSupervisor::Stop => {}
        }
    }

    fn handle_want(&mut self, want: Want) {
        let crew = Crew { release: want.release, berth: want.berth };
        let label = Arc::from(want.label.as_str());
        let known = self.crews.entry(crew).or_insert_with(|| Roster {
            want: want.clone(),
            label,
            backoff: Backoff::default(),
            excused: 0,
            // Its rooms run on that release already.
            proven: crew.berth != Berth::Common,
            not_before: None,
            given_up: false,
        });
        known.want = want;
        if known.given_up || known.want.afresh {
            known.given_up = false;
            known.backoff.reset();
            known.not_before = None;
        }
        self.dismiss_surplus(crew);
    }

    /// Kills what runs beyond the wanted number, the youngest first.
    fn dismiss_surplus(&mut self, crew: Crew) {
        let count = self.crews.get(&crew).map_or(0, |known| known.want.count as usize);
        let mut spawns: Vec<_> = self
            .running
            .iter()
            .filter(|(_, r)| r.crew == crew && !r.dismissed)
            .map(|(id, _)| *id)
            .collect();
        spawns.sort_unstable();
        for spawn in spawns.into_iter().skip(count) {
            if let Some(running) = self.running.get_mut(&spawn) {
                running.dismissed = true;
                running.process.kill();
            }
        }
    }

    fn handle_attached(&mut self, spawn: SpawnId, worker: WorkerId) {
        let Some(running) = self.running.get_mut(&spawn) else { return };
        running.worker = Some(worker);
        running.attached_at = Some(Instant::now());
        running.deadline = None;
        if let Some(known) = self.crews.get_mut(&running.crew) {
            known.proven = true;
        }
    }

    fn doom(&mut self, worker: WorkerId, error: Coded) {
        let found = self.running.values_mut().find(|running| running.worker == Some(worker));
        if let Some(running) = found.filter(|r| r.doomed.is_none() && !r.exited) {
            running.doomed = Some(error);
            running.process.kill();
        }
    }

    fn handle_detached(&mut self, worker: WorkerId, parting: Parting) {
        let found = self.running.iter_mut().find(|(_, running)| running.worker == Some(worker));
        let Some((spawn, running)) = found else { return };
        let (spawn, exited) = (*spawn, running.exited);
        let doom = (!parting.by_itself).then(|| parting.how.clone());
        // A process that has ended its link is about to end, and how it does says more than that it was killed then.
        running.deadline = Some(Instant::now() + ENDING_GRACE);
        running.parting = Some(parting);
        if exited {
            self.conclude(spawn);
        } else if let Some(why) = doom {
            self.doom(worker, Coded::new(ply!("PLY-0406"), why, REMEDY_WORKER));
        }
    }

    /// The process is gone. What it was at the keeper learns from its link, which ends with it.
    fn handle_exited(&mut self, spawn: SpawnId) {
        let Some(running) = self.running.get_mut(&spawn) else { return };
        if running.worker.is_some() && running.parting.is_none() && !running.dismissed {
            running.exited = true;
            running.deadline = Some(Instant::now() + ENDING_GRACE);
            return;
        }
        self.conclude(spawn);
    }

    fn conclude(&mut self, spawn: SpawnId) {
        let Some(running) = self.running.remove(&spawn) else { return };
        self.setup.passes.revoke(running.secret);
        let healthy =
            running.attached_at.is_some_and(|at| at.elapsed() >= self.setup.bounds.healthy_after);
        let (crew, pid) = (running.crew, running.process.number());
        let attached = running.attached_at.is_some();
        let how = running.process.fate().how().unwrap_or_default();
        running.process.reap();
        if running.dismissed {
            tracing::info!(pid, release = ?crew.release, "worker ended, it was not wanted any more");
            return;
        }
        let error = match running.doomed {
            // What its link was told it has said already.
            Some(error) if error.message.contains(&how) => error,
            Some(error) => Coded { message: format!("{} ({how})", error.message), ..error },
            None => ended(&how, attached),
        };
        // That a trial ends a worker is what it is for, and the room itself waits longer each time.
        let expected = attached && matches!(crew.berth, Berth::Trial(_));
        let cause = match running.parting {
            _ if healthy || expected => Cause::First,
            Some(parting) if parting.at_work => Cause::Room,
            _ => Cause::Release,
        };
        self.note_failure(crew, cause, error);
    }

    fn note_failure(&mut self, crew: Crew, cause: Cause, error: Coded) {
        let bounds = &self.setup.bounds;
        let Some(known) = self.crews.get_mut(&crew) else { return };
        if cause == Cause::First {
            known.backoff.reset();
            known.excused = 0;
        }
        // What a room has done it does not do again among the others: they need not wait for it.
        let excused = cause == Cause::Room && known.excused < bounds.restarts_at_once_max;
        let wait = if excused {
            known.excused += 1;
            Duration::ZERO
        } else {
            known.backoff.fail(bounds.restart_backoff_min, bounds.restart_backoff_max)
        };
        known.not_before = Some(Instant::now() + wait);
        // A release that has worked before is needed by its rooms and tried for ever, and so is one that must have worked
        // for an earlier keeper.
        let hopeless =
            HOPELESS.contains(&error.code) || known.backoff.failures() >= bounds.starts_max;
        known.given_up = !known.proven && !known.want.needed && hopeless;
        let (failures, given_up) = (known.backoff.failures(), known.given_up);
        tracing::warn!(release = %known.label, %error, failures, given_up, ?wait, "worker ended");
        (self.setup.news)(FromSupervisor::Ended { release: crew.release, error, given_up });
    }

    /// Starts what is wanted and may be started now.
    fn fill(&mut self, now: Instant) {
        let due: Vec<Crew> =
            self.crews.keys().copied().filter(|crew| self.lacks(*crew, now)).collect();
        for crew in due {
            while self.lacks(crew, now) {
                self.start_one(crew);
            }
        }
    }

    fn lacks(&self, crew: Crew, now: Instant) -> bool {
        let Some(known) = self.crews.get(&crew) else { return false };
        let ready = !known.given_up && known.not_before.is_none_or(|at| at <= now);
        let running = self.running.values().filter(|r| r.crew == crew && !r.dismissed).count();
        ready && !self.stopping && running < known.want.count as usize
    }

    fn start_one(&mut self, crew: Crew) {
        let spawn = SpawnId(self.next);
        self.next += 1;
        if let Err(error) = self.launch(spawn, crew) {
            self.note_failure(crew, Cause::Release, error);
        }
    }

    fn launch(&mut self, spawn: SpawnId, crew: Crew) -> Result<(), Coded> {
        let Some(known) = self.crews.get(&crew) else { return Ok(()) };
        let secret = LinkSecret(random_bytes()?);
        let mut env = environment(std::env::vars_os(), &self.setup.env);
        env.insert(ENV_ATTACH.into(), self.setup.attach_socket.clone().into());
        env.insert(ENV_SECRET.into(), secret.to_hex().into());
        let label = known.want.label.clone();
        // Granted before the process exists, so that it cannot be too early.
        let Crew { release, berth } = crew;
        let fate = Fate::new();
        let pass = WorkerPass::Spawned { spawn, release, label, berth, fate: fate.clone() };
        self.setup.passes.grant(secret, pass);
        let launch = Launch {
            executable: &known.want.executable,
            folder: &self.setup.folder,
            label: &known.label,
            env,
            files_max: self.setup.bounds.worker_files_max,
            fate,
        };
        let mut process = Process::start(&launch, &self.setup.alarms).map_err(|error| {
            self.setup.passes.revoke(secret);
            Coded::new(
                ply!("PLY-0412"),
                format!("the executable cannot be started: {error}"),
                REMEDY_EXECUTABLE,
            )
        })?;
        tracing::info!(release = %known.label, ?berth, pid = process.number(), "worker started");
        let again = self.again.clone();
        let alarm = self.setup.alarms.part("the watch over a worker");
        let watched = process.on_exit(alarm, move || {
            let _ = again.send(ToSupervisor::Exited(spawn));
        });
        if let Err(error) = watched {
            process.kill();
            process.reap();
            return Err(system("no thread to watch a worker", error));
        }
        let deadline = Some(Instant::now() + self.setup.bounds.attach_timeout);
        let running = Running {
            crew,
            process,
            secret,
            worker: None,
            attached_at: None,
            deadline,
            doomed: None,
            dismissed: false,
            parting: None,
            exited: false,
        };
        self.running.insert(spawn, running);
        Ok(())
    }

    fn next_timeout(&self) -> Option<Instant> {
        let deadlines = self.running.values().filter_map(|r| r.deadline);
        let now = Instant::now();
        let starts = self.crews.values().filter(|r| !r.given_up).filter_map(|r| r.not_before);
        deadlines.chain(starts.filter(|at| *at > now)).min()
    }

    fn check_deadlines(&mut self, now: Instant) {
        let mut ended = Vec::new();
        let due = |running: &Running| running.deadline.is_some_and(|at| at <= now);
        for (spawn, running) in self.running.iter_mut().filter(|(_, running)| due(running)) {
            running.deadline = None;
            if running.exited {
                ended.push(*spawn);
                continue;
            }
            let (code, message) = match &running.parting {
                Some(parting) => (ply!("PLY-0406"), parting.how.clone()),
                None => {
                    let seconds = self.setup.bounds.attach_timeout.as_secs();
                    (ply!("PLY-0413"), format!("the process did not attach within {seconds} s"))
                }
            };
            running.doomed.get_or_insert_with(|| Coded::new(code, message, REMEDY_WORKER));
            running.process.kill();
        }
        ended.into_iter().for_each(|spawn| self.conclude(spawn));
    }

    /// Workers end by themselves when their links are closed; the rest is killed: at once who has no link yet, and with it nothing
    /// to bring to an end.
    fn wind_down(&mut self, inbox: &Receiver<ToSupervisor>) {
        self.stopping = true;
        let exited = self.running.extract_if(|_, running| running.exited);
        exited.for_each(|(_, running)| running.process.reap());
        for running in self.running.values().filter(|running| running.worker.is_none()) {
            running.process.kill();
        }
        let until = Instant::now() + self.setup.bounds.worker_stop_timeout;
        self.collect(inbox, until);
        for running in self.running.values() {
            running.process.kill();
        }
        self.collect(inbox, Instant::now() + Duration::from_secs(1));
    }

    fn collect(&mut self, inbox: &Receiver<ToSupervisor>, until: Instant) {
        while !self.running.is_empty() {
            match inbox.recv_timeout(until.saturating_duration_since(Instant::now())) {
                Ok(ToSupervisor::Exited(spawn)) => {
                    if let Some(running) = self.running.remove(&spawn) {
                        self.setup.passes.revoke(running.secret);
                        running.process.reap();
                    }
                }
                Ok(_) => {}
                Err(_) => return,
            }
        }
    }
}

/// Failures that another try does not mend: it cannot be executed, does not attach, or is not let in.
const HOPELESS: [Code; 4] =
    [ply!("PLY-0411"), ply!("PLY-0412"), ply!("PLY-0413"), ply!("PLY-0410")];

/// How long a process may take to end after its link has, and its link after the process.
const ENDING_GRACE: Duration = Duration::from_millis(500);

/// What a worker ended of, as far as its next start is concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cause {
    /// It had run well for long enough, or is there to end: it counts as the first.
    First,
    /// It was at something of a room, which is tried elsewhere.
    Room,
    /// It did not start, or ended while it was at nothing.
    Release,
}

/// How long a refused process may take to say why in its log.
const REFUSED_GRACE: Duration = Duration::from_millis(500);

const REMEDY_EXECUTABLE: &str = "deploy an executable built for this machine";
const REMEDY_WORKER: &str =
    "look at the worker's lines in the keeper's log; the executable must call `playon::App::run`";

/// What the end of a process that nobody killed means.
fn ended(how: &str, attached: bool) -> Coded {
    if attached {
        Coded::new(ply!("PLY-0406"), format!("the worker ended: {how}"), REMEDY_WORKER)
    } else {
        Coded::new(
            ply!("PLY-0405"),
            format!("the process ended before it attached: {how}"),
            REMEDY_WORKER,
        )
    }
}

#[cfg(test)]
#[path = "supervisor_tests.rs"]
mod tests;
