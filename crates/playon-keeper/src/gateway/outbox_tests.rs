use std::time::Duration;

use playon_wire::player::decode_server;

use super::*;

const NOW: Time = Time(1_000_000);
const AFTER_GRACE: Time = Time(1_250_000);

fn outbox() -> Outbox {
    let bounds = OutboxConfig {
        events_bytes_max: 200,
        now_bytes_max: 100,
        payload_bytes_max: 1_000,
        view_deltas: true,
        view_bases_bytes_max: 10_000,
        view_grace: Duration::from_millis(250),
    };
    Outbox::new(bounds)
}

fn payload(bytes: usize) -> Bytes {
    vec![b'x'; bytes].into()
}

fn events(seqs: impl IntoIterator<Item = u64>) -> Push {
    Push { events: seqs.into_iter().map(|seq| (seq, payload(18))).collect(), ..Push::default() }
}

fn view(as_of: u64) -> Push {
    Push { view: Some((as_of, payload(9))), ..Push::default() }
}

fn hand(outbox: &mut Outbox, now: Time, push: Push, stats: &Arc<GatewayStats>) {
    outbox.push(now, push, &mut ViewCopies::default(), stats);
}

/// One letter and number per frame: what goes out.
fn written(outbox: &mut Outbox, now: Time) -> String {
    let mut out = BytesMut::new();
    let stats = GatewayStats::default();
    let count = outbox.encode(now, &mut out, &mut ViewTeller::default(), &stats);
    if out.is_empty() {
        return String::new();
    }
    let frames = decode_server(out.freeze()).unwrap();
    assert_eq!(frames.len() as u64, count);
    let names = frames.iter().map(|frame| match frame {
        ServerFrame::Event { seq, .. } => format!("e{seq}"),
        ServerFrame::View { as_of, .. } => format!("v{as_of}"),
        ServerFrame::Ack { applied } => format!("a{applied}"),
        ServerFrame::SetAside { code: 127, inputs } => format!("s{inputs:?}"),
        ServerFrame::Now { payload } => format!("n{}", payload.len()),
        other => format!("{other:?}"),
    });
    names.collect::<Vec<_>>().join(" ")
}

#[test]
fn what_waits_goes_out_together_and_only_the_newest_view() {
    let (mut outbox, stats) = (outbox(), Arc::<GatewayStats>::default());
    hand(
        &mut outbox,
        NOW,
        Push { applied: Some(1), view: Some((1, payload(3))), ..events([1]) },
        &stats,
    );
    hand(&mut outbox, NOW, Push { applied: Some(4), now: vec![payload(7)], ..events([2]) }, &stats);
    hand(&mut outbox, NOW, view(2), &stats);
    assert_eq!(written(&mut outbox, NOW), "a4 e1 e2 v2 n7");
    assert_eq!(written(&mut outbox, NOW), "");
    assert_eq!(stats.views_replaced.get(), 1);
    assert_eq!(outbox.drained(NOW), None);
}

#[test]
fn what_was_set_aside_is_told_before_it_is_acknowledged() {
    let (mut outbox, stats) = (outbox(), Arc::<GatewayStats>::default());
    let aside = |set_aside, applied| Push { set_aside, applied, ..Push::default() };
    hand(&mut outbox, NOW, aside(vec![3], None), &stats);
    hand(&mut outbox, NOW, aside(vec![5, 6], Some(6)), &stats);
    assert_eq!(written(&mut outbox, NOW), "s[3, 5, 6] a6");
    assert_eq!(written(&mut outbox, NOW), "");
}

#[test]
fn a_small_payload_does_not_keep_the_block_it_was_read_with() {
    let (mut outbox, stats) = (outbox(), Arc::<GatewayStats>::default());
    let block = Bytes::from(vec![7; 64 << 10]);
    let small = block.slice(100..180);
    let push = Push {
        events: vec![(1, small.clone())],
        view: Some((1, small.clone())),
        now: vec![small.slice(..8)],
        ..Push::default()
    };
    drop(small);
    hand(&mut outbox, NOW, push, &stats);
    assert!(block.is_unique(), "the block could be freed");
    assert_eq!(written(&mut outbox, NOW), "e1 v1 n8");
}

#[test]
fn events_beyond_the_bound_are_asked_for_again() {
    let (mut outbox, stats) = (outbox(), Arc::<GatewayStats>::default());
    hand(&mut outbox, NOW, events(1..=6), &stats);
    assert_eq!(stats.events_dropped.get(), 2);
    // It includes events that were dropped, so it must wait for them.
    hand(&mut outbox, NOW, view(6), &stats);
    assert_eq!(outbox.drained(NOW), None, "not while events wait");
    assert_eq!(written(&mut outbox, NOW), "e1 e2 e3 e4");
    assert_eq!(outbox.drained(NOW), Some(4));
    assert_eq!(outbox.drained(NOW), None, "once");
    // One was on its way when the owner was asked.
    hand(&mut outbox, NOW, events([7]), &stats);
    assert_eq!(written(&mut outbox, NOW), "");
    hand(&mut outbox, NOW, events(5..=7), &stats);
    hand(&mut outbox, NOW, events([8]), &stats);
    assert_eq!(written(&mut outbox, NOW), "e5 e6 e7 e8 v6");
}

#[test]
fn a_view_stands_for_events_that_the_owner_does_not_have() {
    let (mut outbox, stats) = (outbox(), Arc::<GatewayStats>::default());
    hand(&mut outbox, NOW, events(1..=9), &stats);
    assert_eq!(written(&mut outbox, NOW), "e1 e2 e3 e4");
    assert_eq!(outbox.drained(NOW), Some(4));
    hand(&mut outbox, NOW, view(9), &stats);
    assert_eq!(written(&mut outbox, NOW), "");
    assert_eq!(outbox.next_timeout(), Some(AFTER_GRACE));
    assert_eq!(written(&mut outbox, AFTER_GRACE), "v9");
    assert_eq!(outbox.next_timeout(), None);
    hand(&mut outbox, AFTER_GRACE, events([10]), &stats);
    assert_eq!(written(&mut outbox, AFTER_GRACE), "e10");
}

#[test]
fn events_after_such_a_view_are_asked_for() {
    let (mut outbox, stats) = (outbox(), Arc::<GatewayStats>::default());
    hand(&mut outbox, NOW, events(1..=9), &stats);
    written(&mut outbox, NOW);
    assert_eq!(outbox.drained(NOW), Some(4));
    hand(&mut outbox, NOW, view(9), &stats);
    hand(&mut outbox, NOW, events([10]), &stats);
    assert_eq!(written(&mut outbox, AFTER_GRACE), "v9");
    assert_eq!(outbox.drained(AFTER_GRACE), Some(9));
}

#[test]
fn an_owner_that_did_not_answer_is_asked_again() {
    let (mut outbox, stats) = (outbox(), Arc::<GatewayStats>::default());
    hand(&mut outbox, NOW, events(1..=5), &stats);
    written(&mut outbox, NOW);
    assert_eq!(outbox.drained(NOW), Some(4));
    hand(&mut outbox, NOW + ASK_AGAIN, events([6]), &stats);
    assert_eq!(outbox.drained(NOW + ASK_AGAIN), Some(4));
}

#[test]
fn a_view_of_what_was_written_does_not_wait() {
    let (mut outbox, stats) = (outbox(), Arc::<GatewayStats>::default());
    hand(&mut outbox, NOW, view(4), &stats);
    hand(&mut outbox, NOW, events(5..=10), &stats);
    assert_eq!(written(&mut outbox, NOW), "e5 e6 e7 e8 v4");
}

#[test]
fn events_that_were_sent_already_are_not_repeated() {
    let (mut outbox, stats) = (outbox(), Arc::<GatewayStats>::default());
    hand(&mut outbox, NOW, events([7, 8]), &stats);
    hand(&mut outbox, NOW, events([7, 8, 9]), &stats);
    assert_eq!(written(&mut outbox, NOW), "e7 e8 e9");
}

#[test]
fn the_oldest_unnumbered_messages_give_way() {
    let (mut outbox, stats) = (outbox(), Arc::<GatewayStats>::default());
    let push =
        Push { now: vec![payload(1), payload(2), payload(3), payload(90)], ..Push::default() };
    hand(&mut outbox, NOW, push, &stats);
    assert_eq!(written(&mut outbox, NOW), "");
    hand(
        &mut outbox,
        NOW,
        Push { now: vec![payload(1), payload(2), payload(3)], ..Push::default() },
        &stats,
    );
    assert_eq!(written(&mut outbox, NOW), "n2 n3");
    assert_eq!(stats.nows_dropped.get(), 5);
}

#[test]
fn one_event_over_the_bound_goes_through_alone_but_not_over_the_payload_bound() {
    let (mut outbox, stats) = (outbox(), Arc::<GatewayStats>::default());
    hand(&mut outbox, NOW, Push { events: vec![(1, payload(900))], ..Push::default() }, &stats);
    assert_eq!(written(&mut outbox, NOW), "e1");
    hand(&mut outbox, NOW, Push { view: Some((1, payload(1_001))), ..Push::default() }, &stats);
    assert_eq!((written(&mut outbox, NOW).as_str(), stats.views_too_large.get()), ("", 1));
    hand(&mut outbox, NOW, Push { events: vec![(2, payload(1_001))], ..Push::default() }, &stats);
    let closing = outbox.close.clone().unwrap();
    assert_eq!((closing.farewell.why, closing.owner_knows), (Close::RoomFails, false));
    hand(&mut outbox, NOW, events([2]), &stats);
    assert_eq!(written(&mut outbox, NOW), "", "nothing after the last word");
    outbox.close(Farewell::new(Close::RoomEnded, reason!("PLY-0103 meanwhile")));
    let closing = outbox.take_close().unwrap();
    assert_eq!((closing.farewell.why, closing.owner_knows), (Close::RoomFails, true));
}
