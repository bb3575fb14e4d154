//! Calls that fail, and say so. The page cache keeps what was written, so nothing may be lost, not even a start.

use std::collections::BTreeMap;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use playon_faults::{Calls, FaultKind, IoEvent, IoFault, Keep, Medium, What, read_log};
use playon_store::verify;

use crate::child::{CODED, SEED, STEPS_FIRST, STEPS_SECOND, command};
use crate::common::scratch;
use crate::judge::{Acked, Outcome, judge};

/// How a life ended.
#[derive(Debug)]
pub(crate) struct Life {
    pub(crate) events: Vec<IoEvent>,
    /// The code of the error it ended with.
    pub(crate) code: Option<String>,
    pub(crate) killed: bool,
}

impl Life {
    fn struck(&self) -> bool {
        self.events.iter().any(|event| event.what == What::Broken)
    }

    /// The file that was struck.
    fn file(&self) -> &str {
        let struck = self.events.iter().find(|event| event.what == What::Broken);
        struck.map_or("nothing", |event| &event.file)
    }
}

/// Runs a child to its end, with a fault or without.
pub(crate) fn run(dir: &Path, from: u64, fault: Option<&IoFault>) -> Life {
    let logs = scratch();
    let log = logs.path().join("log");
    let mut command = command(dir, from);
    match fault {
        Some(fault) => fault.put_into(&mut command, dir, &log),
        None => playon_faults::watch(&mut command, dir, &log),
    }
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let errors = String::from_utf8_lossy(&output.stderr);
    let killed = output.status.signal() == Some(9);
    let told = said.lines().find_map(|line| line.split_once("stopped ")).map(|(_, told)| told);
    let code = told.map(|told| told.split(' ').next().unwrap_or_default().to_owned());
    match output.status.code() {
        Some(0) => assert_eq!(code, None, "{fault:?}"),
        Some(CODED) => assert!(code.as_ref().is_some_and(|code| code.starts_with("PLY-02"))),
        other => assert!(killed, "{fault:?}: the child ended with {other:?}\n{said}{errors}"),
    }
    Life { events: read_log(&log).unwrap(), code, killed }
}

/// Breaks the first call, the second, and so on, until a life has no more of them. Counts what came of it.
fn sweep(name: &str, make: &(dyn Fn(u64) -> IoFault + Sync)) -> u64 {
    let next = AtomicU64::new(1);
    let over = AtomicBool::new(false);
    let counts = Mutex::new(BTreeMap::<String, u64>::new());
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while !over.load(Ordering::Relaxed) {
                    let fault = make(next.fetch_add(1, Ordering::Relaxed));
                    match one(&fault) {
                        Some(verdict) => *counts.lock().unwrap().entry(verdict).or_default() += 1,
                        None => over.store(true, Ordering::Relaxed),
                    }
                }
            });
        }
    });
    let counts = counts.into_inner().unwrap();
    println!("{name}: {counts:#?}");
    counts.values().sum()
}

/// One fault; `None` if there was no call left for it.
fn one(fault: &IoFault) -> Option<String> {
    let dir = scratch();
    let life = run(dir.path(), 0, Some(fault));
    if !life.struck() {
        assert_eq!(life.code, None, "{fault:?}");
        assert_eq!(Acked::of(&life.events).step, STEPS_FIRST + STEPS_SECOND);
        return None;
    }
    let acked = Acked::of(&life.events);
    let outcome = judge(SEED, dir.path(), acked).unwrap_or_else(|why| panic!("{fault:?}: {why}"));
    assert_eq!(outcome, Outcome::Exact, "{fault:?}, {acked:?}, {:?}", life.code);
    let report = verify(dir.path()).unwrap();
    assert!(report.is_sound(), "{fault:?}: {report}");
    // On the medium there may be less, but never less than was acknowledged.
    let mut disk = Medium::default();
    life.events.iter().for_each(|event| disk.apply(event, true));
    for keep in [Keep::None, Keep::Some(fault.at)] {
        let dir = scratch();
        disk.fail_power(keep, dir.path()).unwrap();
        let outcome = judge(SEED, dir.path(), acked).unwrap_or_else(|why| {
            panic!("{fault:?} struck {}, then a power failure, {keep:?}: {why}", life.file())
        });
        assert_eq!(outcome, Outcome::Exact, "{fault:?}, then a power failure, {keep:?}");
    }
    let ended = match (&life.code, life.killed) {
        (Some(code), _) => code.as_str(),
        (None, true) => "killed",
        (None, false) => "went on",
    };
    Some(format!("{} {ended}", life.file()))
}

#[test]
fn every_failed_write() {
    let count = sweep("EIO on write", &|at| IoFault::new(Calls::Write, at, FaultKind::Eio));
    assert!(count > 200, "only {count} writes were broken");
}

#[test]
fn every_write_that_fills_the_disk() {
    sweep("short write, then ENOSPC", &|at| IoFault::new(Calls::Write, at, FaultKind::Short));
}

#[test]
fn every_torn_write() {
    sweep("half a write, then killed", &|at| IoFault::new(Calls::Write, at, FaultKind::Torn));
}

#[test]
fn every_failed_sync() {
    let count = sweep("EIO on sync", &|at| IoFault::new(Calls::Sync, at, FaultKind::Eio));
    assert!(count > 40, "only {count} syncs were broken");
}

#[test]
fn every_kill_before_a_sync() {
    sweep("killed before a sync", &|at| IoFault::new(Calls::Sync, at, FaultKind::Kill));
}

#[test]
fn every_failed_read() {
    sweep("EIO on read", &|at| IoFault::new(Calls::Read, at, FaultKind::Eio));
    sweep("half a read", &|at| IoFault::new(Calls::Read, at, FaultKind::Short));
}

#[test]
fn every_failed_open_and_truncation() {
    sweep("EIO on open", &|at| IoFault::new(Calls::Open, at, FaultKind::Eio));
    sweep("ENOSPC on open", &|at| IoFault::new(Calls::Open, at, FaultKind::Enospc));
    sweep("EIO on truncation", &|at| IoFault::new(Calls::Truncate, at, FaultKind::Eio));
}

/// The directory of a killed keeper, so that opening has a write-ahead log to recover.
#[test]
fn every_fault_while_a_crashed_store_is_opened() {
    let crashed = scratch();
    run(crashed.path(), 0, None);
    let had = STEPS_FIRST + STEPS_SECOND;
    for (calls, kind) in [
        (Calls::Read, FaultKind::Eio),
        (Calls::Write, FaultKind::Eio),
        (Calls::Write, FaultKind::Short),
        (Calls::Write, FaultKind::Torn),
        (Calls::Sync, FaultKind::Eio),
        (Calls::Truncate, FaultKind::Eio),
        (Calls::Open, FaultKind::Eio),
    ] {
        let mut struck = 0;
        for at in 1.. {
            let dir = scratch();
            crate::common::copy(crashed.path(), dir.path());
            std::fs::remove_file(dir.path().join("notes")).unwrap();
            let life = run(dir.path(), had, Some(&IoFault::new(calls, at, kind)));
            if !life.struck() {
                break;
            }
            struck += 1;
            let mut acked = Acked::of(&life.events);
            acked.step = acked.step.max(had);
            let outcome = judge(SEED, dir.path(), acked).unwrap();
            assert_eq!(outcome, Outcome::Exact, "{calls:?} {at} {kind:?}: {:?}", life.code);
        }
        println!("{calls:?} {kind:?}: {struck} faults");
        assert!(struck > 0);
    }
}
