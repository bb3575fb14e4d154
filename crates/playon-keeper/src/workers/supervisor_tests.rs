//! Real processes, but no workers: what happens to executables that never attach.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::mpsc;
use std::thread;

use playon_types::attach::Turn;
use playon_types::ids::{Attempt, RoomId, Seq};
use playon_types::ply;

use super::*;
use crate::messages::{FromSupervisor, Want};
use crate::time::clock::Clock;

struct Rig {
    supervisor: Supervisor,
    news: Receiver<FromSupervisor>,
    passes: Arc<Passes>,
    dir: tempfile::TempDir,
}

fn rig(change: impl FnOnce(&mut Bounds)) -> Rig {
    let dir = tempfile::tempdir().unwrap();
    let (tell, news) = mpsc::channel();
    let mut bounds = Bounds { restart_backoff_min: Duration::from_millis(1), ..Bounds::default() };
    change(&mut bounds);
    let passes = Arc::new(Passes::new(LinkSecret([1; 32])));
    let supervisor = Supervisor::start(SupervisorSetup {
        attach_socket: dir.path().join("attach.sock"),
        folder: dir.path().to_owned(),
        env: Vec::new(),
        passes: Arc::clone(&passes),
        bounds,
        alarms: Alarms::new(Clock::new()),
        news: Box::new(move |news| {
            let _ = tell.send(news);
        }),
    })
    .unwrap();
    Rig { supervisor, news, passes, dir }
}

impl Rig {
    fn script(&self, text: &str) -> PathBuf {
        let path = self.dir.path().join("script");
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o700)).unwrap();
        path
    }

    fn want(&self, executable: &Path, count: u32) {
        self.want_as(executable, count, false, false);
    }

    fn want_as(&self, executable: &Path, count: u32, needed: bool, afresh: bool) {
        let (release, label, executable) = (ReleaseId([1; 32]), "r1".into(), executable.into());
        let berth = Berth::Common;
        self.supervisor.want(Want { release, berth, label, executable, count, needed, afresh });
    }

    fn end(&self) -> (Coded, bool) {
        let FromSupervisor::Ended { error, given_up, .. } =
            self.news.recv_timeout(Duration::from_secs(20)).unwrap();
        (error, given_up)
    }

    fn wait_for_file(&self, name: &str) -> String {
        let until = Instant::now() + Duration::from_secs(20);
        loop {
            match fs::read_to_string(self.dir.path().join(name)) {
                Ok(text) if text.ends_with('\n') => return text,
                _ => assert!(Instant::now() < until, "{name} was not written"),
            }
            thread::sleep(Duration::from_millis(5));
        }
    }
}

#[test]
fn what_a_process_printed_last_is_part_of_the_reason() {
    let mut rig = rig(|_| {});
    let script = "#!/bin/sh\necho starting >&2\necho \"libc.so.6: version 'GLIBC_2.99' not found\" >&2\nexit 1\n";
    rig.want(&rig.script(script), 1);
    let (error, _) = rig.end();
    assert_eq!(error.code, ply!("PLY-0405"));
    let wanted = ": exit code 1; its last line: libc.so.6: version 'GLIBC_2.99' not found";
    assert!(error.message.ends_with(wanted), "{error}");
    rig.supervisor.stop(|| {});
}

/// Of every way out: by itself, of a signal, at the keeper's hand.
#[test]
fn how_a_process_ended_is_part_of_the_reason() {
    let ways = [
        ("kill -SEGV $$", ": killed by SIGSEGV; its last line: soon"),
        ("kill -ABRT $$", ": killed by SIGABRT; its last line: soon"),
        (
            "kill -KILL $$",
            ": killed by SIGKILL, which the keeper did not send: perhaps there was no memory left; its last line: soon",
        ),
        ("exit 0", ": exit code 0; its last line: soon"),
        ("exec sleep 1000", " within 0 s (killed by the keeper; its last line: soon)"),
    ];
    for (way, wanted) in ways {
        let mut rig = rig(|bounds| bounds.attach_timeout = Duration::from_millis(900));
        rig.want(&rig.script(&format!("#!/bin/sh\necho soon >&2\n{way}\n")), 1);
        let (error, _) = rig.end();
        assert!(error.message.ends_with(wanted), "{way}: {error}");
        rig.supervisor.stop(|| {});
    }
}

/// What it prints is somebody else's: neither long nor able to act on a terminal.
#[test]
fn the_last_line_is_bounded_and_plain() {
    let mut rig = rig(|_| {});
    let script = "#!/bin/sh\nprintf '\\033[2Jgone %01000d\\n' 7 >&2\nkill -BUS $$\n";
    rig.want(&rig.script(script), 1);
    let (error, _) = rig.end();
    let told = &error.message;
    assert!(told.contains("killed by SIGBUS") && told.contains("[2Jgone 000"), "{told}");
    assert!(!told.contains('\u{1b}') && told.len() < 400, "{told}");
    rig.supervisor.stop(|| {});
}

#[test]
fn a_process_that_exits_at_once_is_given_up_after_some_tries() {
    let mut rig = rig(|_| {});
    rig.want(&rig.script("#!/bin/sh\nexit 3\n"), 1);
    for turn in 1..=3 {
        let (error, given_up) = rig.end();
        assert_eq!(error.code, ply!("PLY-0405"));
        assert!(error.message.contains('3'), "{error}");
        assert_eq!(given_up, turn == 3);
    }
    // Wanted anew it is tried anew.
    rig.want(&rig.dir.path().join("script"), 1);
    assert!(!rig.end().1);
    rig.supervisor.stop(|| ());
}

#[test]
fn what_rooms_need_is_tried_for_ever_and_more_and_more_slowly() {
    let mut rig = rig(|bounds| bounds.restart_backoff_max = Duration::from_millis(4));
    // It fails five times and is good then.
    let script = "#!/bin/sh\necho >> tries\n[ $(wc -l < tries) -gt 5 ] && echo yes > good && sleep 1000\nexit 3\n";
    rig.want_as(&rig.script(script), 1, true, false);
    for turn in 1..=5 {
        let (error, given_up) = rig.end();
        assert_eq!((error.code, given_up), (ply!("PLY-0405"), false), "try {turn}");
    }
    assert_eq!(rig.wait_for_file("good"), "yes\n");
    rig.supervisor.stop(|| ());
}

#[test]
fn whoever_asks_for_it_afresh_does_not_wait() {
    let mut rig = rig(|bounds| {
        bounds.restart_backoff_min = Duration::from_secs(1_000);
        bounds.restart_backoff_max = Duration::from_secs(1_000);
    });
    let script = rig.script("#!/bin/sh\nexit 3\n");
    rig.want_as(&script, 1, true, false);
    assert!(
        !rig.end().1 && !rig.end().1,
        "the second try waits for no one, the third for very long"
    );
    rig.want_as(&script, 1, true, true);
    assert!(!rig.end().1);
    rig.supervisor.stop(|| ());
}

#[test]
fn what_cannot_be_executed_is_told() {
    let mut rig = rig(|bounds| bounds.starts_max = 1);
    let path = rig.script("\x7fELFnonsense");
    rig.want(&path, 1);
    let (error, given_up) = rig.end();
    assert_eq!(error.code, ply!("PLY-0412"));
    assert!(given_up);
    rig.supervisor.stop(|| ());
}

#[test]
fn a_process_that_never_attaches_is_killed_with_its_children() {
    let mut rig = rig(|bounds| {
        bounds.starts_max = 1;
        bounds.attach_timeout = Duration::from_millis(300);
    });
    rig.want(&rig.script("#!/bin/sh\nsleep 1000 &\necho $! > child\nsleep 1000\n"), 1);
    let child: i32 = rig.wait_for_file("child").trim().parse().unwrap();
    let (error, _) = rig.end();
    assert_eq!(error.code, ply!("PLY-0413"));
    let gone = || {
        // An orphan that nobody has collected yet is dead all the same.
        fs::read_to_string(format!("/proc/{child}/stat")).map_or(true, |stat| stat.contains(") Z"))
    };
    let until = Instant::now() + Duration::from_secs(10);
    while !gone() {
        assert!(Instant::now() < until, "the grandchild lives");
        thread::sleep(Duration::from_millis(5));
    }
    rig.supervisor.stop(|| ());
}

/// A keeper that is stopped while it starts waits for no game that has not come up yet.
#[test]
fn a_stop_does_not_wait_for_who_has_not_attached() {
    let mut rig = rig(|bounds| bounds.worker_stop_timeout = Duration::from_secs(3_600));
    rig.want(&rig.script("#!/bin/sh\necho > begun\nsleep 1000\n"), 1);
    rig.wait_for_file("begun");
    rig.supervisor.stop(|| ());
    assert!(rig.news.try_recv().is_err(), "an end that was wished is no news");
}

#[test]
fn workers_run_without_new_privileges_and_within_limits() {
    let mut rig = rig(|bounds| bounds.worker_files_max = 77);
    // The limits are set from outside, a moment after the process has begun.
    let text = "#!/bin/sh\n\
                until grep -q '^Max core file size  *0  *0 ' /proc/self/limits &&\n\
                grep -q '^Max open files  *77  *77 ' /proc/self/limits; do sleep 0.01; done\n\
                cat /proc/self/status /proc/self/limits > facts.part\necho >> facts.part\n\
                mv facts.part facts\necho $PLAYON_SECRET > secret\nsleep 1000\n";
    rig.want(&rig.script(text), 1);
    let secret = rig.wait_for_file("secret");
    let facts = rig.wait_for_file("facts");
    assert!(facts.contains("NoNewPrivs:\t1"), "{facts}");
    let limit = |name: &str| {
        let line = facts.lines().find_map(|line| line.strip_prefix(name)).unwrap();
        line.split_whitespace().take(2).map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(limit("Max core file size"), ["0", "0"]);
    assert_eq!(limit("Max open files"), ["77", "77"]);
    let spawned = rig.passes.present(LinkSecret::parse(secret.trim()).unwrap());
    assert!(matches!(spawned, Some(WorkerPass::Spawned { .. })), "{spawned:?}");
    rig.want(&rig.dir.path().join("script"), 0);
    rig.supervisor.stop(|| ());
    assert!(rig.news.try_recv().is_err(), "an end that was wished is no news");
}

/// Each run says its number and aborts when told to.
const ABORTS: &str = "#!/bin/sh\nn=$(ls | grep -c '^run')\necho $$ > part\nmv part run$n\n\
                      until [ -e go$n ]; do sleep 0.01; done\nkill -ABRT $$\n";

impl Rig {
    /// The next run attaches and aborts, at something of a room or at nothing. Its link ends before the process or after it.
    fn abort(&self, run: u64, at_work: bool, link_first: bool) -> Coded {
        let pid = self.wait_for_file(&format!("run{run}"));
        let worker = WorkerId(run);
        self.supervisor.attached(SpawnId(run + 1), worker);
        let turn = Turn { room: RoomId([1; 16]), attempt: Attempt(1), seq: Seq(1) };
        let turns = at_work.then_some(turn).into_iter().collect();
        let end = WorkerEnd { ended: Ended::ByItself, turns: Some(turns), how: String::new() };
        let go = || fs::write(self.dir.path().join(format!("go{run}")), "").unwrap();
        let detach = || self.supervisor.detached(worker, &end);
        if link_first {
            detach();
            go();
        } else {
            go();
            let stat = format!("/proc/{}/stat", pid.trim());
            while !fs::read_to_string(&stat).map_or(true, |stat| stat.contains(") Z")) {
                thread::sleep(Duration::from_millis(5));
            }
            detach();
        }
        let (error, given_up) = self.end();
        assert!(!given_up);
        error
    }
}

#[test]
fn a_worker_that_a_room_took_down_is_started_again_at_once_a_bounded_number_of_times() {
    let mut rig = rig(|bounds| {
        bounds.restart_backoff_min = Duration::from_secs(1);
        bounds.restart_backoff_max = Duration::from_secs(1);
        bounds.healthy_after = Duration::from_secs(1_000);
        bounds.restarts_at_once_max = 6;
    });
    rig.want(&rig.script(ABORTS), 1);
    let began = Instant::now();
    for run in 0..6 {
        let error = rig.abort(run, true, run % 2 == 0);
        assert!(error.message.contains("SIGABRT"), "run {run}: {error}");
    }
    // The first that is not excused waits for nothing, like any first failure, the second for a second.
    rig.abort(6, true, true);
    rig.abort(7, true, true);
    let before = Instant::now();
    rig.wait_for_file("run8");
    assert!(before.elapsed() >= Duration::from_millis(900), "{:?}", before.elapsed());
    assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
    rig.supervisor.stop(|| ());
}

#[test]
fn what_rooms_had_no_part_in_is_waited_for_all_the_same() {
    let mut rig = rig(|bounds| {
        bounds.restart_backoff_min = Duration::from_secs(1);
        bounds.healthy_after = Duration::from_secs(1_000);
    });
    rig.want(&rig.script(ABORTS), 1);
    rig.abort(0, false, true);
    rig.abort(1, false, false);
    let before = Instant::now();
    rig.wait_for_file("run2");
    assert!(before.elapsed() >= Duration::from_millis(900), "{:?}", before.elapsed());
    rig.supervisor.stop(|| ());
}
