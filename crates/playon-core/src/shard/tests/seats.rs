//! Sockets and seats: who may speak, what it is answered, and what the game hears of who comes and goes.

use crate::effect::{Effect, Order, Report};
use crate::limits::Limits;
use bytes::Bytes;
use playon_types::attach::{Deliver, FromWorker, Item, Output, ToWorker};
use playon_types::gate::{Close, Hello, Mode, Push, ToGateway, ToOwner, Welcome, Who};
use playon_types::ids::{ConnId, Generation, History, SecretHash, SessionId};
use playon_types::image::{Image, Loss, SeatChange};
use playon_types::kind::{Policies, Survives};
use playon_types::time::{Span, Time};

use super::bench::{Bench, ONE, ROOM, answer, turn_based};

const FIRST: SessionId = SessionId(101);
const SECOND: SessionId = SessionId(102);

/// A room that goes by turns, with one player.
fn table() -> Bench {
    Bench::with_player(&turn_based(), false)
}

/// What the first player claims who comes back on that socket.
fn claims(conn: u64) -> Claim {
    Claim { conn, secret: 1, history: 1, generation: conn, recv: 0, lo: 1, whole: false }
}

#[derive(Clone, Copy)]
struct Claim {
    conn: u64,
    secret: u8,
    history: u64,
    generation: u64,
    recv: u64,
    lo: u64,
    whole: bool,
}

fn come_back(bench: &mut Bench, claim: Claim) {
    let who = Who::Known {
        session: FIRST,
        secret: SecretHash([claim.secret; 16]),
        history: History(claim.history),
        generation: Generation(claim.generation),
        recv: claim.recv,
        lo: claim.lo,
        whole: claim.whole,
    };
    let conn = ConnId(claim.conn);
    bench.gate(ToOwner::Hello(Hello { conn, room: ROOM, who, create: None }));
}

fn watch(bench: &mut Bench, conn: u64) {
    let who = Who::Watcher;
    bench.gate(ToOwner::Hello(Hello { conn: ConnId(conn), room: ROOM, who, create: None }));
}

fn gone(bench: &mut Bench, conn: u64) {
    bench.gate(ToOwner::Gone { conn: ConnId(conn) });
}

/// The terms that a socket was told.
fn welcome(bench: &Bench, conn: u64) -> Option<Welcome> {
    bench.effects.iter().find_map(|effect| match effect {
        Effect::Gate(ToGateway::Welcome { conn: at, welcome }) if at.0 == conn => {
            Some(welcome.clone())
        }
        _ => None,
    })
}

fn pushed(bench: &Bench, conn: u64) -> Vec<Push> {
    let of = |effect: &Effect| match effect {
        Effect::Gate(ToGateway::Push { conn: at, push }) if at.0 == conn => Some(push.clone()),
        _ => None,
    };
    bench.effects.iter().filter_map(of).collect()
}

/// The worker runs what it is given, and tells the first player of each batch. Gives what it was given.
fn batches(bench: &mut Bench, tells: bool) -> Vec<Deliver> {
    let mut found: Vec<Deliver> = Vec::new();
    loop {
        let sent = bench.sent_to(ONE);
        if sent.is_empty() {
            return found;
        }
        assert!(found.len() < 50, "batch after batch");
        for message in sent {
            let mut reply = answer(ONE, &message, false);
            if let (ToWorker::Deliver(deliver), Some(FromWorker::Commit(commit))) =
                (&message, &mut reply)
            {
                found.push(deliver.clone());
                let payload = Bytes::from_static(b"event");
                let output = Output { session: FIRST, reliable: true, payload };
                commit.outputs.extend(tells.then_some(output));
            }
            reply.into_iter().for_each(|reply| bench.worker(ONE, reply));
        }
    }
}

fn items(batches: &[Deliver]) -> Vec<Item> {
    let items = batches.iter().flat_map(|batch| batch.items.clone());
    items.filter(|item| *item != Item::Wake).collect()
}

fn image(bench: &Bench) -> Image {
    bench.shard.rooms(bench.now).next().and_then(|facts| facts.image.cloned()).expect("it is there")
}

fn numbers(pushes: &[Push]) -> Vec<u64> {
    pushes.iter().flat_map(|push| &push.events).map(|(number, _)| *number).collect()
}

#[test]
fn only_who_knows_the_secret_of_a_seat_that_is_taken_gets_it_back() {
    let mut bench = table();
    come_back(&mut bench, Claim { secret: 9, ..claims(2) });
    assert_eq!((bench.closed(2), bench.closed(1)), (Some(Close::UnknownSession), None));
    // Of the player that asks now nobody can know anything.
    bench.hello(3);
    let who = Who::Known {
        session: SessionId(103),
        secret: SecretHash([3; 16]),
        history: History(1),
        generation: Generation(9),
        recv: 0,
        lo: 1,
        whole: false,
    };
    bench.gate(ToOwner::Hello(Hello { conn: ConnId(4), room: ROOM, who, create: None }));
    assert_eq!(bench.closed(4), Some(Close::UnknownSession));
    bench.gate(ToOwner::Bye { conn: ConnId(1) });
    come_back(&mut bench, claims(5));
    assert_eq!(bench.closed(5), Some(Close::UnknownSession), "it gives it up");
    assert_eq!(bench.closed(3), None);
}

#[test]
fn a_page_as_old_as_the_one_that_holds_the_seat_gets_it_only_when_nobody_does() {
    let mut bench = table();
    come_back(&mut bench, Claim { generation: 4, ..claims(2) });
    assert_eq!((bench.closed(1), bench.closed(2)), (Some(Close::Replaced), None));
    for (conn, generation) in [(3, 4), (4, 3)] {
        come_back(&mut bench, Claim { generation, ..claims(conn) });
        assert_eq!((bench.closed(conn), bench.welcomed(conn)), (Some(Close::Replaced), false));
    }
    gone(&mut bench, 2);
    come_back(&mut bench, Claim { generation: 3, ..claims(5) });
    let terms = welcome(&bench, 5).expect("nobody holds it");
    assert_eq!(terms.generation, Generation(4), "which was the newest");
}

#[test]
fn who_comes_back_goes_on_after_what_it_has_and_is_told_so() {
    let mut bench = table();
    for n in 1..=3 {
        bench.input(1, n);
        batches(&mut bench, true);
    }
    gone(&mut bench, 1);
    batches(&mut bench, false);
    bench.effects.clear();
    come_back(&mut bench, Claim { recv: 2, ..claims(2) });
    let terms = welcome(&bench, 2).unwrap();
    assert_eq!((terms.mode, terms.event_seq, terms.in_next), (Mode::Resumed, 2, 4));
    assert_eq!((terms.lost, terms.session, terms.release), (0, FIRST, super::bench::OLD));
    assert_eq!(terms.ttl, Policies::default().seat_hold);
    let pushes = pushed(&bench, 2);
    assert_eq!((numbers(&pushes), pushes[0].applied), (vec![3], Some(3)));
    assert_eq!(items(&batches(&mut bench, false)), [Item::Back { session: FIRST, lost: 0 }]);
    // What it has acknowledged over the older socket counts.
    bench.gate(ToOwner::Ack { conn: ConnId(2), recv: 3 });
    assert_eq!(image(&bench).seats[&FIRST].outbox.len(), 0, "nothing is kept for it");
    bench.effects.clear();
    come_back(&mut bench, Claim { recv: 1, ..claims(3) });
    let terms = welcome(&bench, 3).unwrap();
    assert_eq!((terms.mode, terms.event_seq), (Mode::Resumed, 3));
    assert_eq!(items(&batches(&mut bench, false)), [], "nobody had been told that it was away");
}

#[test]
fn who_wants_all_or_says_what_cannot_be_begins_afresh() {
    for claim in [
        Claim { whole: true, recv: 1, ..claims(2) },
        Claim { recv: 2, ..claims(2) },
        Claim { history: 0, ..claims(2) },
    ] {
        let mut bench = table();
        bench.input(1, 1);
        batches(&mut bench, true);
        bench.effects.clear();
        come_back(&mut bench, claim);
        let terms = welcome(&bench, 2).unwrap();
        assert_eq!((terms.mode, terms.event_seq), (Mode::Fresh, 1));
        assert_eq!(numbers(&pushed(&bench, 2)), [], "it is shown the room instead");
        let shown: Vec<_> = batches(&mut bench, false).into_iter().map(|b| b.render).collect();
        assert_eq!(shown, [[FIRST]]);
    }
}

#[test]
fn an_acknowledgement_of_what_has_not_left_counts_for_what_has() {
    let mut bench = table();
    bench.input(1, 1);
    batches(&mut bench, true);
    assert_eq!(image(&bench).seats[&FIRST].outbox.len(), 1);
    bench.gate(ToOwner::Ack { conn: ConnId(7), recv: 1 });
    assert_eq!(image(&bench).seats[&FIRST].outbox.len(), 1, "another socket");
    bench.gate(ToOwner::Ack { conn: ConnId(1), recv: 99 });
    assert_eq!(image(&bench).seats[&FIRST].outbox.len(), 0);
    bench.input(1, 2);
    batches(&mut bench, true);
    assert_eq!(image(&bench).seats[&FIRST].outbox.len(), 1, "it has not acknowledged this one");
}

#[test]
fn inputs_are_taken_up_to_their_bounds_and_who_goes_beyond_is_sent_away_and_away() {
    let limits = Limits { inputs_pending_max: 2, input_bytes_max: 4, ..Limits::default() };
    let says = |bench: &mut Bench, seq, bytes: &'static [u8]| {
        let payload = Bytes::from_static(bytes);
        bench.gate(ToOwner::Input { conn: ConnId(1), seq, recv: 0, payload });
    };
    for (seq, bytes, why) in [
        (3, &b"1234"[..], Some(Close::TooMany)),
        (2, b"12345", Some(Close::TooLarge)),
        (4, b"1234", Some(Close::InputGap)),
        (1, b"1234", None),
    ] {
        let mut bench = Bench::limited(&turn_based(), limits.clone());
        bench.hello(1);
        batches(&mut bench, false);
        says(&mut bench, 1, b"1234");
        says(&mut bench, 2, if why == Some(Close::TooLarge) { bytes } else { b"1234" });
        if why != Some(Close::TooLarge) {
            says(&mut bench, seq, bytes);
        }
        assert_eq!(bench.closed(1), why);
        let ran = items(&batches(&mut bench, false));
        let away = ran.iter().filter(|item| **item == Item::Away(FIRST)).count();
        assert_eq!(away, usize::from(why.is_some()), "{ran:?}");
        let inputs = ran.iter().filter(|item| matches!(item, Item::Input { .. })).count();
        assert_eq!(inputs, if why == Some(Close::TooLarge) { 1 } else { 2 });
    }
}

#[test]
fn nobody_speaks_for_another_nor_before_it_has_a_seat_nor_after_it_has_left() {
    let mut bench = table();
    bench.hello(2);
    bench.input(2, 1);
    bench.input(9, 1);
    let ran = items(&batches(&mut bench, false));
    assert!(matches!(ran[..], [Item::Join { session: SECOND, .. }]), "{ran:?}");
    bench.gate(ToOwner::Bye { conn: ConnId(1) });
    bench.gate(ToOwner::Bye { conn: ConnId(1) });
    bench.input(1, 1);
    bench.gate(ToOwner::Bye { conn: ConnId(9) });
    assert_eq!(items(&batches(&mut bench, false)), [Item::Leave(FIRST)]);
    assert_eq!((bench.closed(1), bench.closed(2)), (Some(Close::Left), None));
}

#[test]
fn a_join_that_is_taken_back_before_it_runs_is_as_if_it_had_not_been() {
    for bye in [true, false] {
        let mut bench = table();
        bench.input(1, 1);
        bench.hello(2);
        if bye {
            bench.gate(ToOwner::Bye { conn: ConnId(2) });
            assert_eq!(bench.closed(2), Some(Close::Left));
        } else {
            gone(&mut bench, 2);
            assert_eq!(bench.closed(2), None);
        }
        let ran = items(&batches(&mut bench, false));
        assert!(matches!(ran[..], [Item::Input { .. }]), "{ran:?}");
        let known = bench.shard.rooms(bench.now).next().map(|facts| facts.sessions.len());
        assert_eq!(known, Some(1));
    }
}

#[test]
fn a_join_that_a_worker_has_already_is_undone_right_after_it() {
    let mut bench = table();
    bench.hello(2);
    let sent = bench.sent_to(ONE);
    assert!(matches!(&sent[..], [ToWorker::Deliver(_)]));
    bench.gate(ToOwner::Bye { conn: ConnId(2) });
    assert_eq!(bench.closed(2), Some(Close::Left));
    bench.worker(ONE, answer(ONE, &sent[0], false).unwrap());
    assert!(!bench.welcomed(2));
    assert_eq!(items(&batches(&mut bench, false)), [Item::Leave(SECOND)]);
    assert!(!image(&bench).seats.contains_key(&SECOND));
}

#[test]
fn who_comes_and_goes_while_nothing_runs_fills_no_queue() {
    let mut bench = table();
    bench.gate(ToOwner::Ack { conn: ConnId(1), recv: 0 });
    bench.worker_down(ONE);
    gone(&mut bench, 1);
    for conn in 2..9 {
        come_back(&mut bench, claims(conn));
        gone(&mut bench, conn);
    }
    let pending = |bench: &Bench| bench.shard.rooms(bench.now).next().map(|facts| facts.pending);
    assert_eq!(pending(&bench), Some(1), "it is away");
    come_back(&mut bench, claims(10));
    bench.input(10, 1);
    gone(&mut bench, 10);
    assert_eq!(pending(&bench), Some(4), "it was here, has said something, and is away");
}

#[test]
fn a_full_room_and_one_that_takes_nobody_say_so() {
    let policies = Policies { players_max: 2, ..turn_based() };
    let mut bench = Bench::with_player(&policies, false);
    bench.gate(ToOwner::Ack { conn: ConnId(1), recv: 0 });
    bench.hello(2);
    assert_eq!(bench.closed(2), None);
    bench.hello(3);
    assert_eq!(bench.closed(3), Some(Close::RoomFull));
    // The same id once more.
    let mut bench = Bench::with_player(&turn_based(), false);
    let who = Who::New { session: FIRST, secret: SecretHash([7; 16]), profile: Bytes::new() };
    bench.gate(ToOwner::Hello(Hello { conn: ConnId(4), room: ROOM, who, create: None }));
    assert_eq!((bench.closed(4), bench.closed(1)), (Some(Close::Busy), None));
    bench.order(Order::Drain);
    bench.hello(5);
    assert_eq!(bench.closed(5), Some(Close::Busy));
    come_back(&mut bench, claims(6));
    assert_eq!(bench.closed(6), None, "who has a seat has it");
}

#[test]
fn spectators_are_taken_up_to_a_bound_and_are_shown_the_room_again_when_they_were_too_slow() {
    let limits = Limits { watchers_max: 2, ..Limits::default() };
    let mut bench = Bench::limited(&turn_based(), limits);
    bench.hello(1);
    batches(&mut bench, false);
    for (conn, why) in [(5, None), (6, None), (7, Some(Close::Refused))] {
        watch(&mut bench, conn);
        assert_eq!((bench.closed(conn), bench.welcomed(conn)), (why, why.is_none()));
    }
    assert_eq!(welcome(&bench, 5).map(|terms| terms.mode), Some(Mode::Watching));
    let shows = |bench: &mut Bench| {
        let sent = bench.sent_to(ONE);
        let [message] = &sent[..] else { return sent.len() };
        let Some(FromWorker::Commit(mut commit)) = answer(ONE, message, false) else { panic!() };
        commit.watch_view = Some(Bytes::from_static(b"all"));
        bench.worker(ONE, FromWorker::Commit(commit));
        1
    };
    assert_eq!((shows(&mut bench), shows(&mut bench)), (1, 0));
    bench.gate(ToOwner::Drained { conn: ConnId(6), sent: 0 });
    assert_eq!((shows(&mut bench), shows(&mut bench)), (1, 0));
    gone(&mut bench, 6);
    bench.gate(ToOwner::Drained { conn: ConnId(6), sent: 0 });
    assert_eq!(shows(&mut bench), 0, "it is gone");
    watch(&mut bench, 8);
    assert!(bench.welcomed(8), "there is place for another one");
    bench.order(Order::Close { room: ROOM });
    let closed = [1, 5, 8].map(|conn| bench.closed(conn));
    assert_eq!(closed, [Some(Close::RoomEnded); 3]);
    assert_eq!(bench.closed(6), None);
}

#[test]
fn a_player_that_was_too_slow_is_sent_what_came_after_what_it_took() {
    let mut bench = table();
    for n in 1..=3 {
        bench.input(1, n);
        batches(&mut bench, true);
    }
    bench.effects.clear();
    bench.gate(ToOwner::Drained { conn: ConnId(1), sent: 1 });
    assert_eq!(numbers(&pushed(&bench, 1)), [2, 3]);
    let shown: Vec<_> = batches(&mut bench, false).into_iter().map(|b| b.render).collect();
    assert_eq!(shown, [[FIRST]], "and is shown the room");
}

#[test]
fn the_store_knows_since_when_a_player_is_away_and_that_it_is_back() {
    let mut bench = table();
    bench.gate(ToOwner::Ack { conn: ConnId(1), recv: 0 });
    let presence = |bench: &mut Bench| {
        batches(bench, false);
        let found = bench.effects.iter().filter_map(|effect| match effect {
            Effect::Append { record, .. } => Some(record.seats.clone()),
            _ => None,
        });
        let found: Vec<SeatChange> = found.flatten().collect();
        bench.effects.clear();
        found
    };
    bench.wait(Span::secs(3));
    let at = bench.now;
    gone(&mut bench, 1);
    let away = |since| SeatChange::Presence { session: FIRST, away_since: since };
    assert_eq!(presence(&mut bench), [away(Some(at))]);
    bench.wait(Span::secs(3));
    come_back(&mut bench, claims(2));
    assert_eq!(presence(&mut bench), [away(None)]);
    assert_eq!(image(&bench).seats[&FIRST].away_since, None::<Time>);
}

/// A room of a kind that may lose commits, read back by the next keeper after the input with that number was applied.
fn lost_some(applied: u64, clean: bool) -> Bench {
    let survives = Survives::WorkerCrash { checkpoint: Span::secs(2) };
    let policies = Policies { survives, ..turn_based() };
    let mut bench = Bench::with_player(&policies, false);
    for n in 1..=applied {
        bench.input(1, n);
        batches(&mut bench, false);
    }
    bench.wait(Span::secs(3));
    let image = Image { clean, ..image(&bench) };
    let mut bench = Bench::under(2, Span::secs(5), &policies);
    bench.recovered(image);
    batches(&mut bench, false);
    bench.effects.clear();
    bench
}

#[test]
fn inputs_that_were_lost_with_a_keeper_are_counted_once_and_the_next_one_follows() {
    for (lo, lost) in [(4, 0), (5, 1), (9, 5)] {
        let mut bench = lost_some(3, false);
        come_back(&mut bench, Claim { lo, ..claims(2) });
        let terms = welcome(&bench, 2).expect("it comes back");
        assert_eq!((terms.lost, terms.mode, terms.in_next), (lost, Mode::Fresh, lo));
        let told: Vec<_> = bench
            .reports()
            .into_iter()
            .filter_map(|report| match report {
                Report::InputsLost { inputs, .. } => Some(inputs),
                _ => None,
            })
            .collect();
        assert_eq!(told, if lost > 0 { vec![lost] } else { Vec::new() });
        // Asked again before it has said anything, it is told the same, and the room hears it once.
        come_back(&mut bench, Claim { lo, generation: 9, ..claims(3) });
        assert_eq!(welcome(&bench, 3).map(|terms| terms.lost), Some(lost));
        bench.input(3, lo);
        let ran = items(&batches(&mut bench, false));
        assert!(ran.contains(&Item::Back { session: FIRST, lost }), "{ran:?}");
        let seat = image(&bench).seats[&FIRST].clone();
        assert_eq!(seat.applied, lo);
        assert_eq!(seat.loss, Loss { inputs: lost, history: seat.loss.history });
        assert!(!bench.reports().iter().any(|r| matches!(r, Report::Miscounted { .. })));
        come_back(&mut bench, Claim { lo: lo + 1, generation: 10, ..claims(4) });
        assert_eq!(welcome(&bench, 4).map(|terms| terms.lost), Some(0), "it knows");
    }
}

#[test]
fn an_empty_seat_whose_player_may_not_know_of_it_is_given_up_for_whoever_asks() {
    let mut bench = table();
    gone(&mut bench, 1);
    batches(&mut bench, false);
    bench.hello(2);
    let ran = items(&batches(&mut bench, false));
    assert!(matches!(ran[..], [Item::Leave(FIRST), Item::Join { session: SECOND, .. }]), "{ran:?}");
    assert!(!image(&bench).seats.contains_key(&FIRST) && bench.welcomed(2));
}

#[test]
fn a_room_that_lost_nothing_goes_on_in_the_history_it_has() {
    for (clean, history) in [(true, 1), (false, 2)] {
        let mut bench = table();
        bench.input(1, 1);
        batches(&mut bench, true);
        let image = Image { clean, ..image(&bench) };
        let mut bench = Bench::under(2, Span::secs(5), &turn_based());
        bench.recovered(image);
        batches(&mut bench, false);
        come_back(&mut bench, Claim { recv: 1, lo: 2, ..claims(2) });
        let terms = welcome(&bench, 2).unwrap();
        assert_eq!(terms.history, History(history));
        assert_eq!(terms.mode, if clean { Mode::Resumed } else { Mode::Fresh });
    }
}

#[test]
fn who_knows_the_present_history_has_lost_nothing_with_a_keeper() {
    let mut bench = lost_some(3, false);
    come_back(&mut bench, Claim { history: 2, lo: 9, ..claims(2) });
    assert_eq!(bench.closed(2), Some(Close::InputGap));
    come_back(&mut bench, Claim { history: 2, lo: 4, ..claims(3) });
    assert_eq!(welcome(&bench, 3).map(|terms| terms.lost), Some(0));
}

/// As when a copy of the directory is put back that is older than what its players know.
#[test]
fn a_room_that_may_lose_commits_believes_that_it_has_though_it_was_stored_whole() {
    let mut bench = lost_some(3, true);
    come_back(&mut bench, Claim { history: 0, lo: 5, ..claims(2) });
    assert_eq!(welcome(&bench, 2).map(|terms| terms.lost), Some(1));
}
