use clap::Parser;

use super::*;
use crate::bots::BookFaults;
use crate::crowd::Ends;

#[derive(Parser)]
struct Cli {
    #[command(flatten)]
    args: DrillArgs,
}

fn args(line: &str) -> DrillArgs {
    Cli::parse_from(std::iter::once("drill").chain(line.split_whitespace())).args
}

/// A drill in which everything went as promised.
fn good() -> (BotReport, Done) {
    let mut report = BotReport { players: 8, inputs_sent: 100, events: 40, ..BotReport::default() };
    report.disturbed.moves.add(5_000);
    report.disturbed.pauses.add(5_000);
    let done = Done { deploys: 1, rooms_moved: 1, kills: vec![1_000_000], ..Done::default() };
    let ends = Ends::from([(("keeper, disk full", "PLY-0201".to_owned()), 1)]);
    let done = Done { cuts: vec![1_000], ends, deeds: 1, ..done };
    (report, done)
}

fn broken(scenario: DrillScenario, change: impl FnOnce(&mut BotReport, &mut Done)) -> Vec<String> {
    let (mut report, mut done) = good();
    change(&mut report, &mut done);
    DrillOutcome::new(&args(scenario.name()), scenario, 7, report, done, &Noise::default()).broken
}

type Break = fn(&mut BookFaults);

const EACH: [DrillScenario; 8] = [
    DrillScenario::Calm,
    DrillScenario::Deploy,
    DrillScenario::CrashWorker,
    DrillScenario::CrashKeeper,
    DrillScenario::Disk,
    DrillScenario::Slow,
    DrillScenario::Soak,
    DrillScenario::Deeds,
];

#[test]
fn a_good_drill_breaks_nothing() {
    for scenario in EACH {
        assert_eq!(broken(scenario, |_, _| {}), [""; 0], "{scenario:?}");
    }
}

#[test]
fn every_fault_breaks_its_promise_in_every_drill() {
    let faults: [(&str, Break); 6] = [
        ("inputs_lost", |f| f.inputs_lost = 1),
        ("inputs_duplicated", |f| f.inputs_duplicated = 1),
        ("inputs_reordered", |f| f.inputs_reordered = 1),
        ("events_lost", |f| f.events_lost = 1),
        ("events_repeated", |f| f.events_repeated = 1),
        ("state_mismatches", |f| f.state_mismatches = 1),
    ];
    for scenario in EACH {
        for (name, fault) in faults {
            let expected = format!("{name} is 1, promised is 0");
            assert_eq!(broken(scenario, |report, _| fault(&mut report.faults)), [expected]);
        }
        assert_eq!(broken(scenario, |report, _| report.unsettled = 1).len(), 1);
        assert_eq!(broken(scenario, |report, _| report.sessions_ended = 1).len(), 1);
    }
}

#[test]
fn only_a_killed_keeper_may_close_sockets() {
    let close = |scenario| broken(scenario, |report, _| report.sockets_closed = 3).len();
    assert_eq!(EACH.map(close), [1, 1, 1, 0, 0, 0, 0, 1]);
}

#[test]
fn only_a_killed_keeper_may_cost_inputs_and_only_those_that_were_told() {
    let told = |scenario| broken(scenario, |report, _| report.inputs_told_lost = 3).len();
    assert_eq!(EACH.map(told), [1, 1, 1, 0, 0, 1, 0, 1]);
}

#[test]
fn long_pauses_break_the_promise_of_a_deploy() {
    let long = broken(DrillScenario::Deploy, |report, _| report.disturbed.moves.add(30_000));
    assert!(long[0].starts_with("pause_ms.p99"), "{long:?}");
    let longest = broken(DrillScenario::Deploy, |report, _| report.disturbed.pauses.add(101_000));
    assert!(longest[0].starts_with("tick_pause_ms.max"), "{longest:?}");
}

#[test]
fn slow_recoveries_break_the_promise_of_a_crash() {
    let stall = |ms: u64| Stall {
        stamp_before: 900_000,
        stamp_after: ms * 1_000_000,
        arrived_before: 950_000,
        arrived_after: 1_000_000 + ms * 1_000_000,
    };
    let after = |scenario, ms| broken(scenario, |report, _| report.stalls.push(stall(ms))).len();
    assert_eq!([900, 1_100].map(|ms| after(DrillScenario::CrashWorker, ms)), [0, 1]);
    assert_eq!([2_900, 3_100].map(|ms| after(DrillScenario::CrashKeeper, ms)), [0, 1]);
}

#[test]
fn a_drill_in_which_nothing_happened_proves_nothing() {
    assert_eq!(broken(DrillScenario::Deploy, |_, done| done.deploys = 0).len(), 1);
    assert_eq!(broken(DrillScenario::CrashWorker, |_, done| done.kills.clear()).len(), 1);
    assert_eq!(broken(DrillScenario::CrashKeeper, |report, _| report.inputs_sent = 0).len(), 1);
    assert_eq!(
        broken(DrillScenario::Deploy, |_, done| done.stopped.push("why".to_owned())).len(),
        1
    );
    assert_eq!(broken(DrillScenario::Disk, |_, done| done.ends.clear()).len(), 1);
    assert_eq!(broken(DrillScenario::Slow, |_, done| done.cuts.clear()).len(), 1);
    assert_eq!(broken(DrillScenario::Soak, |_, done| done.deploys = 0).len(), 1);
    let by_hand = |_: &mut BotReport, done: &mut Done| {
        (done.deploys, done.interrupted) = (0, true);
    };
    assert_eq!(broken(DrillScenario::Soak, by_hand), [""; 0]);
}

#[test]
fn what_the_scenario_itself_finds_wrong_is_broken() {
    for scenario in EACH {
        let found = broken(scenario, |_, done| done.wrong.push("it grew".to_owned()));
        assert_eq!(found, ["it grew"]);
    }
}

#[test]
fn players_who_feel_others_misbehave_break_the_promise() {
    let felt = |ms: u64| {
        let gaps = |report: &mut BotReport, _: &mut Done| {
            report.baseline.gaps.add(50_000);
            report.disturbed.gaps.add(ms * 1_000);
        };
        broken(DrillScenario::Slow, gaps).len()
    };
    assert_eq!([140, 160].map(felt), [0, 1]);
}

#[test]
fn the_output_has_the_names_that_were_agreed() {
    let (report, done) = good();
    let outcome = DrillOutcome::new(
        &args("deploy --rooms 3"),
        DrillScenario::Deploy,
        7,
        report,
        done,
        &Noise::default(),
    );
    let json = serde_json::to_value(outcome).unwrap();
    for name in [
        "sockets_closed",
        "inputs_sent",
        "inputs_lost",
        "inputs_duplicated",
        "inputs_reordered",
        "events_lost",
        "rooms_moved",
        "deploys",
        "pause_ms",
        "gap_ms",
        "baseline",
        "state_mismatches",
        "seed",
    ] {
        assert!(json.get(name).is_some(), "{name}");
    }
    assert!(json["baseline"].get("pause_ms").is_some() && json["baseline"].get("gap_ms").is_some());
    assert_eq!(json["pause_ms"]["p99"], 5.0);
}

#[test]
fn a_game_of_ones_own_needs_all_of_its_parts() {
    let parse = |line: &str| Cli::try_parse_from(line.split_whitespace()).map(|cli| cli.args);
    assert!(parse("drill deploy --release-a a").is_err());
    assert!(
        parse("drill deploy --release-a a --release-b b --inputs i --kind k --hz 7")
            .unwrap()
            .check()
            .is_ok()
    );
    assert!(parse("drill deploy --hz 7").unwrap().check().is_err());
}

#[test]
fn a_drill_says_what_it_does_not_check() {
    let said = |scenario: DrillScenario, line: &str| {
        let (report, done) = good();
        DrillOutcome::new(&args(line), scenario, 7, report, done, &Noise::default()).not_checked
    };
    let own = said(DrillScenario::Deploy, "deploy");
    assert!(!own.contains(&"pause_ms") && !own.contains(&"sockets_closed"), "{own:?}");
    let crash = said(DrillScenario::CrashKeeper, "crash-keeper");
    for name in ["pause_ms", "tick_pause_ms", "sockets_closed", "inputs_told_lost"] {
        assert!(crash.contains(&name), "{name} is not judged, and that is not said");
    }
    // Whatever is named is really not judged, and what is not named is.
    let slow = said(DrillScenario::Slow, "slow");
    assert!(!slow.contains(&"gap_ms") && slow.contains(&"longest_gap_ms"), "{slow:?}");
    for scenario in EACH {
        let closed = broken(scenario, |report, _| report.sockets_closed = 1);
        let named = said(scenario, scenario.name()).contains(&"sockets_closed");
        assert_eq!(closed.is_empty(), named, "{scenario:?}");
    }
}

#[test]
fn what_game_code_costs_other_rooms_is_judged_from_the_deed_on() {
    const MS: u64 = 1_000_000;
    let stall = |before: u64, after: u64| Stall {
        stamp_before: before * MS,
        stamp_after: after * MS,
        arrived_before: before * MS,
        arrived_after: after * MS,
    };
    let judged = |deaths: &[u64], lockups: &[u64], stalls: &[Stall]| {
        broken(DrillScenario::Deeds, |report, done| {
            done.deaths = deaths.iter().map(|ms| ms * MS).collect();
            done.lockups = lockups.iter().map(|ms| ms * MS).collect();
            report.stalls = stalls.to_vec();
        })
    };
    // The last view before it may be younger than the deed.
    assert_eq!(judged(&[1_000], &[], &[stall(1_040, 1_290)]), [""; 0]);
    let late = judged(&[1_000], &[], &[stall(1_040, 1_310)]);
    assert_eq!(late, ["back_after_death_ms.max is 310 ms, promised is 300 ms"]);
    assert_eq!(judged(&[], &[1_000], &[stall(1_900, 2_250)]), [""; 0]);
    assert_eq!(judged(&[], &[1_000], &[stall(990, 2_310)]).len(), 1);
    assert_eq!(judged(&[1_000], &[], &[stall(100, 900), stall(5_000, 6_000)]), [""; 0]);
}

#[test]
fn a_time_that_the_machine_may_have_taken_is_missed_and_not_broken() {
    let judged = |pause_ms: u64, sync_ms: u64| {
        let (mut report, done) = good();
        report.disturbed.moves.add(pause_ms * 1_000);
        let mut syncs = Spread::default();
        syncs.add(sync_ms * 1_000);
        let mut noise = Noise::default();
        noise.disturbed.sync_ms = syncs.figures();
        let (args, scenario) = (args("deploy --pause-p99-ms 1000"), DrillScenario::Deploy);
        let outcome = DrillOutcome::new(&args, scenario, 7, report, done, &noise);
        assert_eq!(outcome.ok, outcome.broken.is_empty());
        (outcome.broken.len(), outcome.missed.len())
    };
    assert_eq!(judged(90, 0), (0, 0));
    assert_eq!(judged(140, 0), (1, 0));
    assert_eq!(judged(140, 50), (0, 1));
    assert_eq!(judged(160, 50), (1, 0));
}

#[test]
fn how_soon_players_are_back_is_judged_by_what_was_asked_for() {
    let judged = |line: &str| {
        let (mut report, done) = good();
        let (stamp_before, stamp_after) = (0, 9_000_000_000);
        report.stalls.push(Stall {
            stamp_before,
            stamp_after,
            arrived_before: stamp_before,
            arrived_after: stamp_after,
        });
        let scenario = DrillScenario::CrashWorker;
        DrillOutcome::new(&args(line), scenario, 7, report, done, &Noise::default()).broken.len()
    };
    assert_eq!(judged("crash-worker"), 1);
    assert_eq!(judged("crash-worker --back-p99-ms 10000"), 0);
    assert_eq!(judged("crash-worker --back-p99-ms 8000"), 1);
}
