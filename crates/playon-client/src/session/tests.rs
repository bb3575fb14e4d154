use std::collections::BTreeMap;

use bytes::{Bytes, BytesMut};
use playon_types::gate::{Close, Mode};
use playon_types::ids::{Generation, History, RoomId, SessionId};
use playon_types::time::{Span, Time};
use playon_wire::player::{
    ClientFrame, ClientHello, MoveTo, PlayerLimits, ServerFrame, ServerWelcome, Token,
    decode_client,
};

use super::*;
use crate::options::ClientLimits;
mod hellos;

const ROOM: RoomId = RoomId([7; 16]);

/// A session with its sockets in hand: nothing moves unless the test says so.
struct Pair {
    now: Time,
    session: Session,
    opened: Vec<(SocketId, String)>,
    written: BTreeMap<u64, Vec<ClientFrame>>,
    dropped: Vec<SocketId>,
    updates: Vec<RawUpdate>,
}

impl Pair {
    fn new(limits: ClientLimits) -> Self {
        let options = JoinOptions { limits, ..JoinOptions::new("ws://home/play", "arena") };
        let mut pair = Self {
            now: Time(0),
            session: Session::new(Time(0), options, 5),
            opened: Vec::new(),
            written: BTreeMap::new(),
            dropped: Vec::new(),
            updates: Vec::new(),
        };
        pair.drain();
        pair
    }

    /// Let in, with nothing said yet.
    fn live() -> Self {
        let mut pair = Self::new(ClientLimits::default());
        pair.open(1);
        pair.says(1, [welcome(Mode::New, 1, 0)]);
        pair.updates.clear();
        pair.written.clear();
        pair
    }

    fn drain(&mut self) {
        while let Some(action) = self.session.poll() {
            match action {
                Action::Open { socket, url } => self.opened.push((socket, url)),
                Action::Write { socket, message } => {
                    let frames = decode_client(message, &PlayerLimits::default()).unwrap();
                    self.written.entry(socket.0).or_default().extend(frames);
                }
                Action::Drop { socket } => self.dropped.push(socket),
            }
        }
        while let Some(update) = self.session.poll_update() {
            self.updates.push(update);
        }
    }

    fn open(&mut self, socket: u64) {
        self.session.handle_opened(self.now, SocketId(socket));
        self.drain();
    }

    fn says<const N: usize>(&mut self, socket: u64, frames: [ServerFrame; N]) {
        let mut message = BytesMut::new();
        frames.iter().for_each(|frame| frame.encode(&mut message));
        self.session.handle_message(self.now, SocketId(socket), message.freeze());
        self.drain();
    }

    fn closes(&mut self, socket: u64, code: Option<u16>) {
        let closed = Closed { code, reason: "PLY-0000 test".to_owned(), ..Closed::default() };
        self.session.handle_closed(self.now, SocketId(socket), closed);
        self.drain();
    }

    fn send(&mut self, payload: &'static [u8]) -> Result<u64, SendError> {
        let sent = self.session.send(self.now, Bytes::from_static(payload));
        self.drain();
        sent
    }

    /// Lets time pass until the session has nothing to do before `span` is over.
    fn pass(&mut self, span: Span) {
        let end = self.now + span;
        while let Some(due) = self.session.next_timeout().filter(|due| *due <= end) {
            self.now = due;
            self.session.handle_timeout(due);
            self.drain();
        }
        self.now = end;
    }

    fn hello(&self, socket: u64) -> ClientHello {
        match self.written.get(&socket).and_then(|frames| frames.first()) {
            Some(ClientFrame::Hello(hello)) => (**hello).clone(),
            other => panic!("no hello but {other:?}"),
        }
    }

    fn inputs(&self, socket: u64) -> Vec<u64> {
        let frames = self.written.get(&socket).into_iter().flatten();
        frames
            .filter_map(|frame| match frame {
                ClientFrame::Input { seq, .. } => Some(*seq),
                _ => None,
            })
            .collect()
    }
}

fn welcome(mode: Mode, in_next: u64, event_seq: u64) -> ServerFrame {
    let token = Token { session: SessionId(9), secret: [3; 16] };
    ServerFrame::Welcome(Box::new(ServerWelcome {
        protocol: 1,
        mode,
        codec: 0,
        token: (mode == Mode::New).then_some(token),
        room: ROOM,
        history: History(1),
        generation: Generation(1),
        in_next,
        event_seq,
        lost: 0,
        ttl_ms: 120_000,
        ping_ms: 5_000,
        input_bytes_max: 16 << 10,
        inputs_pending_max: 256,
        frames_per_second: 0,
        bytes_per_second: 0,
        release: "one".to_owned(),
    }))
}

fn event(seq: u64) -> ServerFrame {
    ServerFrame::Event { seq, payload: Bytes::from_static(b"e") }
}

fn view(as_of: u64) -> ServerFrame {
    ServerFrame::View { as_of, base: 0, payload: Bytes::from_static(b"v") }
}

fn seqs(updates: &[RawUpdate]) -> Vec<u64> {
    let events = updates.iter();
    events
        .filter_map(|u| if let Update::Event { seq, .. } = u { Some(*seq) } else { None })
        .collect()
}

#[test]
fn a_new_player_says_hello_and_is_let_in() {
    let mut pair = Pair::new(ClientLimits::default());
    assert_eq!(pair.opened, [(SocketId(1), "ws://home/play".to_owned())]);
    pair.open(1);
    let hello = pair.hello(1);
    assert_eq!((hello.token, hello.room, hello.kind.as_str()), (None, None, "arena"));
    pair.says(1, [welcome(Mode::New, 1, 0)]);
    assert_eq!(pair.updates, [Update::State(State::Live)]);
    assert_eq!(pair.session.session_id(), Some(SessionId(9)));
    assert_eq!(pair.session.room(), Some(ROOM));
}

#[test]
fn inputs_wait_for_the_welcome() {
    let mut pair = Pair::new(ClientLimits::default());
    assert_eq!((pair.send(b"a"), pair.send(b"b")), (Ok(1), Ok(2)));
    pair.open(1);
    assert_eq!(pair.inputs(1), [0; 0]);
    pair.says(1, [welcome(Mode::New, 1, 0)]);
    assert_eq!(pair.inputs(1), [1, 2]);
    assert_eq!(pair.session.counters().inputs_resent, 0);
}

#[test]
fn a_lost_socket_is_replaced_and_unapplied_inputs_are_said_again() {
    let mut pair = Pair::live();
    for payload in [b"a", b"b", b"c"] {
        pair.send(payload).unwrap();
    }
    pair.says(1, [ServerFrame::Ack { applied: 1 }, event(1)]);
    pair.closes(1, None);
    assert_eq!(pair.session.state(), State::Reconnecting);
    assert_eq!(pair.send(b"d"), Ok(4));
    pair.pass(Span::millis(500));
    assert_eq!(pair.opened.len(), 2);
    pair.open(2);
    let hello = pair.hello(2);
    assert_eq!((hello.recv, hello.lo, hello.generation), (1, 2, Generation(2)));
    assert_eq!((hello.room, hello.token.map(|t| t.session)), (Some(ROOM), Some(SessionId(9))));
    // The keeper has 2 although it did not say so.
    pair.says(2, [welcome(Mode::Resumed, 3, 1)]);
    assert_eq!(pair.inputs(2), [3, 4]);
    assert_eq!(pair.session.state(), State::Live);
    let counters = pair.session.counters();
    assert_eq!((counters.sockets_closed, counters.reconnects, counters.inputs_resent), (1, 1, 1));
}

#[test]
fn an_input_the_keeper_has_but_did_not_acknowledge_is_kept_for_its_crash() {
    let mut pair = Pair::live();
    pair.send(b"a").unwrap();
    pair.closes(1, None);
    pair.pass(Span::millis(500));
    pair.open(2);
    pair.says(2, [welcome(Mode::Resumed, 2, 0)]);
    assert_eq!(pair.inputs(2), [0; 0]);
    pair.closes(2, None);
    pair.pass(Span::secs(1));
    pair.open(3);
    assert_eq!(pair.hello(3).lo, 1);
    pair.says(3, [welcome(Mode::Resumed, 1, 0)]);
    assert_eq!(pair.inputs(3), [1]);
}

#[test]
fn a_session_without_a_past_is_caught_up_by_a_view() {
    let mut pair = Pair::live();
    pair.says(1, [event(1), event(2)]);
    pair.closes(1, Some(Close::Restarting.code()));
    pair.pass(Span::millis(500));
    pair.open(2);
    pair.updates.clear();
    pair.says(2, [welcome(Mode::Fresh, 1, 10), view(10), event(11)]);
    assert!(pair.updates.contains(&Update::Gap { missed: 8 }));
    assert_eq!(seqs(&pair.updates), [11]);
}

#[test]
fn what_comes_again_on_a_later_socket_is_no_fault_of_the_keeper() {
    let mut pair = Pair::live();
    pair.says(1, [event(1), event(2)]);
    pair.closes(1, None);
    pair.pass(Span::millis(500));
    pair.open(2);
    pair.says(2, [welcome(Mode::Resumed, 1, 0), event(2), event(3), event(3)]);
    assert_eq!(seqs(&pair.updates), [1, 2, 3]);
    let counters = pair.session.counters();
    assert_eq!((counters.events_repeated, counters.events_twice), (2, 1));
}

#[test]
fn events_are_taken_in_once_and_holes_are_reported() {
    let mut pair = Pair::live();
    pair.says(1, [event(1), event(1), event(2)]);
    assert_eq!(seqs(&pair.updates), [1, 2]);
    let counters = pair.session.counters();
    assert_eq!((counters.events_repeated, counters.events_twice), (1, 1));
    pair.updates.clear();
    pair.says(1, [view(7), event(8)]);
    assert_eq!(pair.updates.first(), Some(&Update::Gap { missed: 5 }));
    assert_eq!(seqs(&pair.updates), [8]);
}

#[test]
fn events_are_acknowledged_by_count_by_time_and_by_inputs() {
    let mut pair = Pair::live();
    (1..=32).for_each(|seq| pair.says(1, [event(seq)]));
    assert_eq!(pair.written.remove(&1), Some(vec![ClientFrame::Ack { recv: 32 }]));
    pair.says(1, [event(33)]);
    pair.pass(Span::millis(500));
    assert_eq!(pair.written.remove(&1), Some(vec![ClientFrame::Ack { recv: 33 }]));
    pair.says(1, [event(34)]);
    pair.send(b"a").unwrap();
    pair.pass(Span::millis(500));
    let payload = Bytes::from_static(b"a");
    assert_eq!(
        pair.written.remove(&1),
        Some(vec![ClientFrame::Input { seq: 1, recv: 34, payload }])
    );
}

#[test]
fn a_welcome_is_confirmed_by_an_input_or_an_acknowledgement() {
    let mut pair = Pair::new(ClientLimits::default());
    pair.open(1);
    pair.written.clear();
    pair.says(1, [welcome(Mode::New, 1, 0)]);
    assert_eq!(pair.written.remove(&1), Some(vec![ClientFrame::Ack { recv: 0 }]));
    let mut pair = Pair::new(ClientLimits::default());
    pair.send(b"a").unwrap();
    pair.open(1);
    pair.written.clear();
    pair.says(1, [welcome(Mode::New, 1, 0)]);
    let payload = Bytes::from_static(b"a");
    assert_eq!(
        pair.written.remove(&1),
        Some(vec![ClientFrame::Input { seq: 1, recv: 0, payload }])
    );
}

#[test]
fn a_session_begun_afresh_counts_from_one_also_if_nothing_waited() {
    let mut pair = Pair::live();
    pair.send(b"a").unwrap();
    pair.says(1, [ServerFrame::Ack { applied: 1 }]);
    pair.closes(1, Some(Close::UnknownSession.code()));
    pair.pass(Span::millis(500));
    pair.open(2);
    assert_eq!((pair.hello(2).lo, pair.hello(2).token), (1, None));
    pair.says(2, [welcome(Mode::New, 1, 0)]);
    assert_eq!((pair.send(b"b"), pair.inputs(2)), (Ok(1), vec![1]));
}

#[test]
fn leaving_while_the_hello_is_under_way_gives_the_seat_up() {
    let mut pair = Pair::live();
    pair.closes(1, None);
    pair.pass(Span::millis(500));
    pair.open(2);
    pair.session.leave(pair.now);
    pair.drain();
    assert_eq!(pair.written[&2].last(), Some(&ClientFrame::Bye));
    pair.closes(2, Some(Close::Left.code()));
    assert_eq!(pair.updates.last(), Some(&Update::Ended(End::Left)));
}

#[test]
fn a_keeper_that_pings_seldom_is_not_taken_for_dead_before_it_would() {
    let mut pair = Pair::new(ClientLimits::default());
    pair.open(1);
    let ServerFrame::Welcome(mut terms) = welcome(Mode::New, 1, 0) else { panic!("no welcome") };
    terms.ping_ms = 20_000;
    pair.says(1, [ServerFrame::Welcome(terms)]);
    pair.pass(Span::millis(21_999));
    assert_eq!(pair.session.state(), State::Live);
    pair.pass(Span::millis(1));
    assert_eq!(pair.session.state(), State::Reconnecting);
}

#[test]
fn inputs_keep_to_the_pace_of_the_keeper() {
    let mut pair = Pair::new(ClientLimits::default());
    pair.open(1);
    let ServerFrame::Welcome(mut terms) = welcome(Mode::New, 1, 0) else { panic!("no welcome") };
    (terms.frames_per_second, terms.inputs_pending_max) = (300, 256);
    pair.says(1, [ServerFrame::Welcome(terms)]);
    let (mut taken, mut sent) = (0, 0);
    for _ in 0..10_000 {
        taken += u64::from(pair.send(b"a").is_ok());
        pair.pass(Span::millis(1));
        let numbers = pair.inputs(1);
        pair.written.clear();
        sent += numbers.len() as u64;
        if let Some(applied) = numbers.last().copied() {
            pair.says(1, [ServerFrame::Ack { applied }]);
        }
    }
    assert!(sent <= 300 + 10 * 300 && sent > 2_000, "{sent} in ten seconds");
    pair.pass(Span::secs(5));
    assert_eq!(sent + pair.inputs(1).len() as u64, taken);
}

#[test]
fn a_large_input_goes_alone() {
    let mut outgoing = Outgoing::default();
    let input =
        |seq, bytes: usize| ClientFrame::Input { seq, recv: 0, payload: vec![0; bytes].into() };
    outgoing.push(&input(1, 30_000));
    outgoing.push(&input(2, 60_000));
    outgoing.push(&input(3, 1));
    let sizes: Vec<_> = std::iter::from_fn(|| outgoing.pop()).map(|m| m.len() / 1_000).collect();
    assert_eq!(sizes, [30, 60, 0]);
}

#[test]
fn inputs_that_were_set_aside_are_told_once() {
    let mut pair = Pair::live();
    for _ in 0..3 {
        pair.send(b"a").unwrap();
    }
    let aside = |inputs: &[u64]| ServerFrame::SetAside { code: 127, inputs: inputs.to_vec() };
    pair.says(1, [aside(&[2]), ServerFrame::Ack { applied: 2 }, aside(&[2]), aside(&[2, 3])]);
    let told = |inputs: &[u64]| Update::SetAside { inputs: inputs.to_vec(), code: 127 };
    assert_eq!(pair.updates, [told(&[2]), Update::Applied(2), told(&[3])]);
}

#[test]
fn silence_costs_the_socket_and_pings_are_answered() {
    let mut pair = Pair::live();
    pair.pass(Span::secs(11));
    pair.says(1, [ServerFrame::Ping { nonce: 4 }]);
    assert_eq!(pair.written.remove(&1), Some(vec![ClientFrame::Pong { nonce: 4 }]));
    pair.pass(Span::secs(11));
    assert_eq!(pair.session.state(), State::Live);
    pair.pass(Span::secs(1));
    assert_eq!(pair.session.state(), State::Reconnecting);
    assert_eq!(pair.dropped, [SocketId(1)]);
}

#[test]
fn a_move_makes_before_it_breaks() {
    let mut pair = Pair::live();
    pair.send(b"a").unwrap();
    let to = MoveTo {
        url: "ws://other/play".into(),
        ticket: Bytes::new(),
        window_ms: 1_000,
        deadline_ms: 9_000,
    };
    pair.says(1, [ServerFrame::Move(Box::new(to))]);
    pair.pass(Span::millis(1_000));
    assert_eq!(pair.opened.last(), Some(&(SocketId(2), "ws://other/play".to_owned())));
    pair.open(2);
    pair.says(1, [event(1)]);
    pair.says(2, [welcome(Mode::Resumed, 1, 0), event(1), event(2)]);
    assert_eq!(seqs(&pair.updates), [1, 2]);
    assert!(!pair.updates.iter().any(|u| matches!(u, Update::State(_))), "{:?}", pair.updates);
    assert_eq!((pair.dropped.clone(), pair.inputs(2)), (vec![SocketId(1)], vec![1]));
    // The old socket is not read any more.
    pair.says(1, [event(3)]);
    assert_eq!(seqs(&pair.updates), [1, 2]);
    let counters = pair.session.counters();
    assert_eq!((counters.sockets_closed, counters.sockets_moved, counters.reconnects), (0, 1, 0));
}

#[test]
fn a_move_that_fails_leaves_everything_as_it_is() {
    let mut pair = Pair::live();
    let to = MoveTo {
        url: "ws://other/play".into(),
        ticket: Bytes::new(),
        window_ms: 0,
        deadline_ms: 9_000,
    };
    pair.says(1, [ServerFrame::Move(Box::new(to))]);
    pair.pass(Span::ZERO);
    pair.closes(2, None);
    assert_eq!(pair.session.state(), State::Live);
    pair.says(1, [event(1)]);
    assert_eq!(seqs(&pair.updates), [1]);
    pair.pass(Span::secs(1));
    assert_eq!(pair.opened.last(), Some(&(SocketId(3), "ws://other/play".to_owned())));
}

#[test]
fn a_socket_that_is_lost_before_the_move_is_looked_for_there_and_then_at_home() {
    let mut pair = Pair::live();
    let to = MoveTo {
        url: "/other".into(),
        ticket: Bytes::new(),
        window_ms: 10_000,
        deadline_ms: 10_000,
    };
    pair.says(1, [ServerFrame::Move(Box::new(to))]);
    pair.closes(1, None);
    for socket in 2..4 {
        pair.pass(Span::millis(1_000));
        pair.closes(socket, None);
    }
    let urls: Vec<_> = pair.opened.iter().map(|(_, url)| url.as_str()).collect();
    assert_eq!(urls, ["ws://home/play", "ws://home/other", "ws://home/play"]);
}

#[test]
fn a_move_within_any_time_at_all_leaves_the_socket_as_it_is() {
    for window_ms in [u64::MAX / 1_000, u64::MAX / 1_000 + 1, u64::MAX] {
        let mut pair = Pair::live();
        let url = "ws://other/play".into();
        let to = MoveTo { url, ticket: Bytes::new(), window_ms, deadline_ms: u64::MAX };
        pair.says(1, [ServerFrame::Move(Box::new(to)), event(1)]);
        pair.pass(Span::secs(1));
        assert_eq!(pair.opened.len(), 1);
        assert_eq!(seqs(&pair.updates), [1]);
        assert_eq!(pair.session.state(), State::Live);
    }
}

#[test]
fn retries_back_off_with_full_jitter() {
    let mut pair = Pair::live();
    pair.closes(1, None);
    let mut waits = Vec::new();
    for socket in 2..40 {
        let before = pair.now;
        let due = pair.session.next_timeout().unwrap();
        waits.push(due.since(before));
        pair.pass(due.since(before));
        pair.closes(socket, None);
    }
    assert!(waits[0] <= Span::millis(500), "{waits:?}");
    assert!(waits.iter().all(|wait| *wait <= Span::secs(10)), "{waits:?}");
    assert!(waits[10..].iter().any(|wait| *wait > Span::secs(5)), "{waits:?}");
    assert!(waits[10..].iter().any(|wait| *wait < Span::secs(5)), "{waits:?}");
    assert_eq!(pair.session.state(), State::Reconnecting);
}

#[test]
fn close_codes_by_class() {
    let mut pair = Pair::live();
    pair.closes(1, Some(4_099));
    assert_eq!(pair.session.state(), State::Reconnecting);

    let mut pair = Pair::live();
    pair.closes(1, Some(4_999));
    let end = End::Closed { code: 4_999, reason: "PLY-0000 test".to_owned() };
    assert_eq!(pair.updates, [Update::State(State::Ended), Update::Ended(end)]);

    // What browsers and proxies read as "left for good" is nothing of the kind.
    let mut pair = Pair::live();
    pair.closes(1, Some(1_001));
    assert_eq!(pair.session.state(), State::Reconnecting);
}

#[test]
fn a_forgotten_session_begins_anew_and_says_what_it_costs() {
    let mut pair = Pair::live();
    pair.send(b"a").unwrap();
    pair.closes(1, Some(Close::UnknownSession.code()));
    assert!(pair.updates.contains(&Update::Lost { inputs: 1 }));
    pair.pass(Span::millis(500));
    pair.open(2);
    assert_eq!(pair.hello(2).token, None);
    pair.says(2, [welcome(Mode::New, 1, 0)]);
    assert_eq!((pair.send(b"b"), pair.inputs(2)), (Ok(1), vec![1]));
}

#[test]
fn starting_afresh_has_an_end() {
    let mut pair = Pair::new(ClientLimits { afresh_max: 2, ..ClientLimits::default() });
    for socket in 1..=3 {
        pair.open(socket);
        pair.closes(socket, Some(Close::RoomFull.code()));
        pair.pass(Span::secs(2));
    }
    assert_eq!(pair.session.state(), State::Ended);
    assert_eq!(pair.opened.len(), 3);
}

#[test]
fn patience_has_an_end_if_the_options_say_so() {
    let give_up = Some(Span::secs(30));
    let mut pair = Pair::new(ClientLimits { give_up, ..ClientLimits::default() });
    pair.pass(Span::secs(120));
    assert!(pair.opened.len() > 1 && pair.session.state() == State::Ended);
    assert_eq!(pair.updates.last(), Some(&Update::Ended(End::GaveUp)));
}

#[test]
fn inputs_are_bounded() {
    let limits = ClientLimits { inputs_max: 2, inputs_bytes_max: 10, ..ClientLimits::default() };
    let mut pair = Pair::new(limits);
    assert_eq!(pair.send(&[0; 11]), Err(SendError::TooLarge { bytes: 11, max: 10 }));
    assert_eq!(pair.send(&[0; 8]), Ok(1));
    assert_eq!(pair.send(&[0; 3]), Err(SendError::Full { inputs: 1, bytes: 8 }));
    assert_eq!(pair.send(&[0; 1]), Ok(2));
    assert_eq!(pair.send(&[]), Err(SendError::Full { inputs: 2, bytes: 9 }));
    pair.open(1);
    pair.says(1, [welcome(Mode::New, 1, 0), ServerFrame::Ack { applied: 1 }]);
    assert_eq!(pair.send(&[]), Ok(3));
}

#[test]
fn leaving_waits_for_the_goodbye() {
    let mut pair = Pair::live();
    pair.session.leave(pair.now);
    pair.drain();
    assert_eq!(pair.written.remove(&1), Some(vec![ClientFrame::Bye]));
    assert_eq!(pair.send(b"a"), Err(SendError::Over));
    pair.closes(1, Some(Close::Left.code()));
    assert_eq!(pair.updates.last(), Some(&Update::Ended(End::Left)));
    let mut pair = Pair::live();
    pair.session.leave(pair.now);
    pair.pass(Span::secs(2));
    assert!(pair.dropped == [SocketId(1)] && pair.updates.is_empty());
    pair.pass(Span::secs(3));
    assert_eq!(pair.updates.last(), Some(&Update::Ended(End::Left)));
}

#[test]
fn nonsense_costs_the_socket_and_not_the_session() {
    let mut pair = Pair::live();
    pair.session.handle_message(pair.now, SocketId(1), Bytes::from_static(&[0x12]));
    pair.drain();
    assert_eq!(pair.session.state(), State::Reconnecting);
    assert_eq!(
        (pair.dropped.clone(), pair.session.counters().sockets_closed),
        (vec![SocketId(1)], 1)
    );
}

#[test]
fn a_socket_that_is_never_welcomed_is_given_up() {
    let mut pair = Pair::new(ClientLimits::default());
    pair.open(1);
    pair.pass(Span::secs(12));
    assert_eq!(pair.dropped, [SocketId(1)]);
    pair.pass(Span::secs(1));
    assert_eq!(pair.opened.len(), 2);
    assert_eq!(pair.session.state(), State::Joining);
}
