//! How long a room may wait for the end of its round, over keepers that come and go.

use crate::deploy::{Director, DirectorConfig, DirectorEffect, Target};
use crate::effect::{Listing, Order, Report};
use crate::fleet::{Berth, WorkerInfo};
use playon_types::ids::DeployId;
use playon_types::kind::{OnDeploy, Policies};
use playon_types::record::{Course, DeployPhase, DeployRecord};
use playon_types::time::{Span, Time};

use super::bench::{Bench, DEPLOY, NEW, OLD, ONE, ROOM, TWO, kind};
use super::{moved, prewarm};

fn by_rounds() -> Policies {
    let on_deploy = OnDeploy::BetweenRounds { deadline: Span::secs(20) };
    Policies { on_deploy, ..Policies::default() }
}

/// When the room that is told so will move at the latest, on its keeper's clock, and whether it moves at once.
fn waits(age: Span, since: Option<Time>) -> (Option<Time>, bool) {
    let mut bench = Bench::under(2, age, &by_rounds());
    bench.hello(1);
    bench.obey(ONE, false);
    bench.reports();
    bench.order(Order::Move { deploy: DEPLOY, room: ROOM, to: NEW, at_once: false, since });
    let until = bench.reports().iter().find_map(|report| match report {
        Report::Waiting { until, .. } => Some(*until),
        _ => None,
    });
    (until, !bench.sent_to(TWO).is_empty())
}

#[test]
fn a_room_that_is_told_again_by_the_next_keeper_waits_only_for_the_rest_of_its_time() {
    let age = Span::secs(100);
    assert_eq!(waits(age, Some(Time(88_000_000))), (Some(Time(8_000_000)), false));
    assert_eq!(waits(age, Some(Time(80_000_000))), (None, true), "its time is over");
    assert_eq!(waits(age, Some(Time(80_001_000))), (None, true), "just now");
    assert_eq!(waits(age, Some(Time(100_000_000))), (Some(Time(20_000_000)), false));
    let (until, moves) = waits(age, None);
    assert!(!moves && until.is_some_and(|until| until >= Time(20_000_000)), "{until:?}");
}

#[test]
fn a_room_moves_when_the_deploys_time_is_over_though_its_keeper_is_young() {
    let mut bench = Bench::under(2, Span::secs(100), &by_rounds());
    bench.hello(1);
    bench.obey(ONE, false);
    let since = Some(Time(88_000_000));
    bench.order(Order::Move { deploy: DEPLOY, room: ROOM, to: NEW, at_once: false, since });
    assert_eq!(bench.sent_to(TWO), []);
    bench.wait(Span::secs(8));
    prewarm(&mut bench);
    assert!(!moved(&bench.reports()));
}

/// What the director tells the room about moving once all rooms are listed, its record of the deploy, and what it stores.
fn resumed(age: Span, record: DeployRecord) -> (Option<Time>, Vec<DeployRecord>) {
    let mut director = Director::new(DirectorConfig { age, ..DirectorConfig::default() });
    let declared = vec![kind(1, by_rounds())];
    [OLD, NEW].iter().for_each(|release| director.handle_release(*release, declared.clone()));
    director.handle_recovered(Time(0), Some(NEW), vec![record]);
    let listing = Listing {
        room: ROOM,
        kind: "duel".into(),
        name: "table".into(),
        release: OLD,
        version: 1,
        players: 1,
        players_max: 4,
        live: true,
        halted: None,
    };
    director.handle_report(Time(0), 0, &Report::Listing(listing));
    director.handle_recovery_done(Time(0));
    let kinds = vec![kind(1, by_rounds())];
    let info = WorkerInfo { id: TWO, berth: Berth::Common, release: NEW, kinds };
    director.handle_worker_up(Time(0), &info);
    director.handle_timeout(Time(1_000_000));
    let (mut told, mut stored) = (None, Vec::new());
    while let Some(effect) = director.poll() {
        match effect {
            DirectorEffect::Order(Target::Shard(_), Order::Move { since, .. }) => told = since,
            DirectorEffect::Store { record, .. } | DirectorEffect::Keep(record) => {
                stored.push(record);
            }
            _ => {}
        }
    }
    (told, stored)
}

#[test]
fn a_deploy_that_goes_on_tells_rooms_since_when_it_moves_them() {
    let mut record = DeployRecord::new(DeployId(7), Course::Forward, Some(OLD), NEW, false);
    record.phase = DeployPhase::Moving;
    record.moving_since = Some(Time(88_000_000));
    let (told, stored) = resumed(Span::secs(100), record);
    assert_eq!(told, Some(Time(88_000_000)));
    assert!(!stored.is_empty());
    assert!(stored.iter().all(|record| record.moving_since == Some(Time(88_000_000))));
}

/// It is known from any worker of its release that has ever been there.
#[test]
fn a_room_without_a_worker_knows_how_long_it_may_wait() {
    let mut bench = Bench::new(&by_rounds());
    bench.worker_down(ONE);
    let state = bytes::Bytes::from_static(&[1, 5]);
    bench.recovered(super::bench::committed(ROOM, "duel", state));
    bench.reports();
    bench.move_to(NEW, false);
    let until = bench.reports().iter().find_map(|report| match report {
        Report::Waiting { until, .. } => Some(*until),
        _ => None,
    });
    assert_eq!(until, Some(bench.now + Span::secs(20)));
    assert_eq!(bench.sent_to(TWO), []);
    bench.wait(Span::secs(20));
    bench.worker_up(TWO);
    assert!(!bench.sent_to(TWO).is_empty(), "its time is over");
}
