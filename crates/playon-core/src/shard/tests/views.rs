//! Views that a batch has no place for.

use crate::effect::Effect;
use bytes::Bytes;
use playon_types::attach::{Commit, FromWorker, LeftOut, ToWorker};
use playon_types::gate::{Close, Hello, ToGateway, ToOwner, Who};
use playon_types::ids::{ConnId, SessionId};
use playon_types::kind::Policies;
use playon_types::time::Span;

use super::bench::{Bench, ONE, ROOM, answer};
use super::now;

/// Players beside the first one.
const OTHERS: u64 = 4;

/// A worker whose commits have a place for two views. Gives who was asked for in each batch.
fn obey(bench: &mut Bench) -> Vec<Vec<u64>> {
    let mut asked = Vec::new();
    loop {
        let messages = bench.sent_to(ONE);
        if messages.is_empty() {
            return asked;
        }
        for message in messages {
            let Some(mut reply) = answer(ONE, &message, false) else { continue };
            if let (ToWorker::Deliver(deliver), FromWorker::Commit(commit)) = (&message, &mut reply)
            {
                asked.push(deliver.render.iter().map(|session| session.0 - 100).collect());
                show(commit, &deliver.render);
            }
            bench.worker(ONE, reply);
        }
        assert!(asked.len() < 100, "batch after batch: {asked:?}");
    }
}

fn show(commit: &mut Commit, render: &[SessionId]) {
    for (place, session) in render.iter().enumerate() {
        if place < 2 {
            commit.views.push((*session, Bytes::from(commit.seq.0.to_string())));
        } else {
            commit.left_out.push(LeftOut { session: *session, again: true });
        }
    }
}

/// The commit that each socket was shown last.
fn shown(bench: &Bench) -> Vec<Option<u64>> {
    let last = |conn: u64| {
        bench.effects.iter().rev().find_map(|effect| match effect {
            Effect::Gate(ToGateway::Push { conn: at, push }) if at.0 == conn => {
                let (_, view) = push.view.as_ref()?;
                std::str::from_utf8(view).ok()?.parse().ok()
            }
            _ => None,
        })
    };
    (1..=1 + OTHERS).map(last).collect()
}

fn table(policies: &Policies) -> Bench {
    let mut bench = Bench::new(policies);
    for conn in 1..=1 + OTHERS {
        bench.hello(conn);
    }
    obey(&mut bench);
    bench
}

#[test]
fn views_that_had_no_place_follow_at_once_and_nobody_else_is_shown_anything_again() {
    let mut bench = table(&Policies { tick: None, ..now() });
    bench.effects.clear();
    bench.input(1, 1);
    assert_eq!(obey(&mut bench), [vec![1, 2, 3, 4, 5], vec![3, 4, 5], vec![5]]);
    let shown = shown(&bench);
    let first = shown[0].expect("it is shown something");
    assert_eq!(shown, [0, 0, 1, 1, 2].map(|after| Some(first + after)));
    assert!(obey(&mut bench).is_empty(), "all have seen the room as it is");
}

#[test]
fn in_a_room_with_ticks_everybody_is_shown_something_in_turn() {
    let mut bench = table(&Policies { tick: Some(Span::millis(50)), ..now() });
    let mut asked = Vec::new();
    for _ in 0..8 {
        bench.wait(Span::millis(50));
        asked.extend(obey(&mut bench));
    }
    assert!(asked.len() >= 7, "a tick each time: {asked:?}");
    let firsts: Vec<_> = asked.iter().map(|batch| batch[..2].to_vec()).collect();
    for player in 1..=1 + OTHERS {
        assert!(firsts.windows(3).all(|w| w.concat().contains(&player)), "{player}: {firsts:?}");
    }
}

/// No batch is run for a view that would be left out again.
#[test]
fn a_view_that_is_too_large_by_itself_is_not_asked_for_again() {
    let mut bench = Bench::with_player(&Policies { tick: None, ..now() }, false);
    let who = Who::Watcher;
    bench.gate(ToOwner::Hello(Hello { conn: ConnId(9), room: ROOM, who, create: None }));
    bench.input(1, 1);
    for batch in 0.. {
        let messages = bench.sent_to(ONE);
        let Some(message) = messages.first() else { break };
        assert!(batch < 4, "batch after batch");
        let Some(FromWorker::Commit(mut commit)) = answer(ONE, message, false) else { panic!() };
        let large = |session| LeftOut { session, again: false };
        commit.left_out = vec![large(SessionId(101)), large(LeftOut::WATCHERS)];
        bench.worker(ONE, FromWorker::Commit(commit));
    }
    assert_eq!(bench.closed(9), None::<Close>, "a spectator whose view is too large stays");
}
