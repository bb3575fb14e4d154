//! The driver against a pretended keeper on real sockets.

#![allow(clippy::unwrap_used, reason = "a test may fail where it stands")]

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures_util::{SinkExt, StreamExt};
use playon_client::{End, JoinError, JoinOptions, RawRoom, Room, SendError, State, Update, join};
use playon_types::gate::Mode;
use playon_types::ids::{Generation, History, RoomId, SessionId};
use playon_wire::player::{
    ClientFrame, ClientHello, PlayerLimits, ServerFrame, ServerWelcome, Token, decode_client,
};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::{WebSocketStream, accept_async};

type Test = Result<(), Box<dyn std::error::Error>>;

struct Keeper(TcpListener);

impl Keeper {
    async fn new() -> Self {
        Self(TcpListener::bind("127.0.0.1:0").await.unwrap())
    }

    fn options(&self) -> JoinOptions {
        JoinOptions::new(format!("ws://{}/play", self.0.local_addr().unwrap()), "echo")
    }

    /// Lets the next socket in; inputs up to `received` are taken to be here already.
    async fn admit(&self, mode: Mode, received: u64) -> (Conn, ClientHello) {
        let (mut conn, hello) = self.hears().await;
        conn.welcome(mode, received).await;
        (conn, hello)
    }

    /// The next socket says who it is.
    async fn hears(&self) -> (Conn, ClientHello) {
        let (stream, _) = self.0.accept().await.unwrap();
        let mut conn = Conn(accept_async(stream).await.unwrap());
        let ClientFrame::Hello(hello) = conn.read().await.remove(0) else { panic!("no hello") };
        (conn, *hello)
    }
}

struct Conn(WebSocketStream<TcpStream>);

impl Conn {
    async fn welcome(&mut self, mode: Mode, received: u64) {
        let token = Token { session: SessionId(4), secret: [1; 16] };
        self.say(ServerFrame::Welcome(Box::new(ServerWelcome {
            protocol: 1,
            mode,
            codec: 0,
            token: (mode == Mode::New).then_some(token),
            room: RoomId([2; 16]),
            history: History(1),
            generation: Generation(1),
            in_next: received + 1,
            event_seq: 0,
            lost: 0,
            ttl_ms: 120_000,
            ping_ms: 5_000,
            input_bytes_max: 1_000,
            inputs_pending_max: 4,
            frames_per_second: 0,
            bytes_per_second: 0,
            release: "one".to_owned(),
        })))
        .await;
    }

    async fn say(&mut self, frame: ServerFrame) {
        let mut message = BytesMut::new();
        frame.encode(&mut message);
        self.0.send(Message::Binary(message.freeze())).await.unwrap();
    }

    async fn read(&mut self) -> Vec<ClientFrame> {
        match self.0.next().await.unwrap().unwrap() {
            Message::Binary(message) => decode_client(message, &PlayerLimits::default()).unwrap(),
            other => panic!("{other:?}"),
        }
    }

    async fn input(&mut self) -> u64 {
        match self.read().await.remove(0) {
            ClientFrame::Input { seq, .. } => seq,
            other => panic!("{other:?}"),
        }
    }

    async fn close(mut self, code: u16) {
        let frame = CloseFrame { code: code.into(), reason: "PLY-0000 test".into() };
        self.0.close(Some(frame)).await.unwrap();
    }
}

async fn joined(keeper: &Keeper) -> (Room<u32, String, u32>, Conn) {
    let (room, (mut conn, hello)) =
        tokio::join!(join(keeper.options()), keeper.admit(Mode::New, 0));
    assert_eq!(hello.kind, "echo");
    assert_eq!(conn.read().await, [ClientFrame::Ack { recv: 0 }]);
    (room.unwrap(), conn)
}

async fn within<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(10), future).await.unwrap()
}

#[tokio::test]
async fn typed_payloads_go_both_ways() -> Test {
    let keeper = Keeper::new().await;
    let (mut room, mut conn) = within(joined(&keeper)).await;
    assert_eq!(within(room.next()).await, Update::State(State::Live));
    assert_eq!(room.send(&7).await, Ok(1));
    let payload = Bytes::from_static(b"7");
    assert_eq!(conn.read().await, [ClientFrame::Input { seq: 1, recv: 0, payload }]);
    conn.say(ServerFrame::Ack { applied: 1 }).await;
    conn.say(ServerFrame::Event { seq: 1, payload: Bytes::from_static(b"\"hi\"") }).await;
    conn.say(ServerFrame::View { as_of: 1, base: 0, payload: Bytes::from_static(b"12") }).await;
    conn.say(ServerFrame::Now { payload: Bytes::from_static(b"3") }).await;
    assert_eq!(within(room.next()).await, Update::Applied(1));
    assert_eq!(within(room.next()).await, Update::Event { seq: 1, event: "hi".to_owned() });
    assert_eq!(within(room.next()).await, Update::View { as_of: 1, view: 12 });
    assert!(matches!(within(room.next()).await, Update::Unreadable { .. }));
    Ok(())
}

#[tokio::test]
async fn a_cut_socket_is_replaced_and_inputs_are_said_again() -> Test {
    let keeper = Keeper::new().await;
    let (mut room, mut conn) = within(joined(&keeper)).await;
    room.send(&1).await?;
    room.send(&2).await?;
    assert_eq!((conn.input().await, conn.input().await), (1, 2));
    drop(conn);
    let again = async {
        let (mut conn, hello) = keeper.admit(Mode::Resumed, 1).await;
        assert_eq!((hello.generation, hello.lo), (Generation(2), 1));
        assert_eq!(conn.input().await, 2);
        conn.say(ServerFrame::Ack { applied: 2 }).await;
        conn
    };
    let applied = async { while room.next().await != Update::Applied(2) {} };
    let _conn = within(async { tokio::join!(again, applied) }).await;
    let counters = room.counters();
    assert_eq!((counters.sockets_opened, counters.sockets_closed, counters.reconnects), (2, 1, 1));
    Ok(())
}

#[tokio::test]
async fn the_largest_message_that_a_keeper_can_be_configured_to_write_is_read() -> Test {
    let keeper = Keeper::new().await;
    let (mut room, mut conn) = within(joined(&keeper)).await;
    assert_eq!(within(room.next()).await, Update::State(State::Live));
    // Events, a view and unnumbered messages of 16 MiB each, and small change.
    let payload = Bytes::from(vec![b'1'; 16 << 20]);
    let mut message = BytesMut::with_capacity((48 << 20) + (4 << 10));
    for frame in [
        ServerFrame::Event { seq: 1, payload: payload.clone() },
        ServerFrame::View { as_of: 1, base: 0, payload: payload.clone() },
        ServerFrame::Now { payload },
    ] {
        frame.encode(&mut message);
    }
    let said = conn.0.send(Message::Binary(message.freeze()));
    let heard = async {
        // None of them is what was agreed on, which is another matter.
        for _ in 0..3 {
            assert!(matches!(room.next().await, Update::Unreadable { .. }));
        }
    };
    let (said, ()) = within(async { tokio::join!(said, heard) }).await;
    said?;
    assert_eq!(room.counters().sockets_closed, 0);
    Ok(())
}

#[tokio::test]
async fn a_text_costs_the_socket() -> Test {
    let keeper = Keeper::new().await;
    let (mut room, mut conn) = within(joined(&keeper)).await;
    assert_eq!(within(room.next()).await, Update::State(State::Live));
    conn.0.send(Message::Text("hello".into())).await?;
    assert_eq!(within(room.next()).await, Update::State(State::Reconnecting));
    Ok(())
}

#[tokio::test]
async fn sending_waits_while_too_many_inputs_are_on_their_way() -> Test {
    let keeper = Keeper::new().await;
    let (mut room, mut conn) = within(joined(&keeper)).await;
    for n in 0..4 {
        room.try_send(&n)?;
    }
    assert!(matches!(room.try_send(&4), Err(SendError::Full { inputs: 4, .. })));
    let answer = async {
        assert_eq!(conn.read().await.len(), 4);
        conn.say(ServerFrame::Ack { applied: 2 }).await;
    };
    let (sent, ()) = within(async { tokio::join!(room.send(&4), answer) }).await;
    assert_eq!(sent, Ok(5));
    assert_eq!(within(conn.input()).await, 5);
    Ok(())
}

#[tokio::test]
async fn a_no_is_an_error_of_joining() {
    let keeper = Keeper::new().await;
    let refuse = async {
        let (stream, _) = keeper.0.accept().await.unwrap();
        let mut conn = Conn(accept_async(stream).await.unwrap());
        conn.read().await;
        conn.close(4902).await;
    };
    let (room, ()) =
        within(async { tokio::join!(join::<u32, u32, u32>(keeper.options()), refuse) }).await;
    match room {
        Err(JoinError::Ended(end)) => assert_eq!(end.to_string(), "closed with 4902 PLY-0000 test"),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn leaving_says_goodbye() {
    let keeper = Keeper::new().await;
    let (room, mut conn) = within(joined(&keeper)).await;
    let bye = async {
        assert_eq!(conn.read().await, [ClientFrame::Bye]);
        conn.close(4904).await;
    };
    let parting = Box::pin(async { tokio::join!(room.leave(), bye) });
    let (end, ()) = within(parting).await;
    assert_eq!(end, End::Left);
}

/// The keeper is met again only for that: HELLO and BYE, whether the end of the socket was noticed before or not.
#[tokio::test]
async fn leaving_without_a_socket_opens_one_to_say_goodbye() {
    for noticed in [false, true] {
        let keeper = Keeper::new().await;
        let (mut room, conn) = within(joined(&keeper)).await;
        drop(conn);
        while noticed && room.state() == State::Live {
            within(room.next()).await;
        }
        let bye = async {
            let (mut conn, hello) = keeper.hears().await;
            assert_eq!(hello.token.map(|token| token.session), Some(SessionId(4)));
            assert_eq!(conn.read().await, [ClientFrame::Bye]);
            conn.close(4904).await;
        };
        let (end, ()) = Box::pin(within(async { tokio::join!(room.leave(), bye) })).await;
        assert_eq!(end, End::Left, "noticed: {noticed}");
    }
}

/// Drives the room until something else has happened.
async fn meanwhile<T>(room: &mut RawRoom, other: impl Future<Output = T>) -> T {
    let driven = async {
        loop {
            room.next().await;
        }
    };
    tokio::select! {
        () = driven => unreachable!("it never ends"),
        happened = other => happened,
    }
}

/// Two sockets have asked for a seat, as the first was silent when the network changed: the other seat is given up at once.
#[tokio::test]
async fn a_seat_that_was_asked_for_twice_is_given_up_once() -> Test {
    let keeper = Keeper::new().await;
    let mut room = RawRoom::begin(keeper.options())?;
    let mut first = within(meanwhile(&mut room, keeper.hears())).await.0;
    room.network_changed();
    let mut second = within(meanwhile(&mut room, keeper.hears())).await.0;
    second.welcome(Mode::New, 0).await;
    while room.state() != State::Live {
        within(room.next()).await;
    }
    assert_eq!(within(first.read()).await, [ClientFrame::Bye]);
    Ok(())
}

/// What no keeper at that address, of that origin or version will ever answer otherwise is not asked for again.
#[tokio::test]
async fn a_refusal_that_does_not_pass_ends_the_try_with_what_it_says() -> Test {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    for (status, said) in
        [(403, "PLY-0154 pages of that origin may not connect"), (404, ""), (426, "\u{1b}[2J")]
    {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let options = JoinOptions::new(format!("ws://{}/play", listener.local_addr()?), "echo");
        let refuse = async {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut head = [0; 4 << 10];
            let _ = stream.read(&mut head).await.unwrap();
            let length = said.len();
            let answer = format!("HTTP/1.1 {status} No\r\ncontent-length: {length}\r\n\r\n{said}");
            stream.write_all(answer.as_bytes()).await.unwrap();
        };
        let (joined, ()) = tokio::join!(join::<u64, u64, u64>(options), refuse);
        let Err(JoinError::Ended(End::Refused { status: found, reason })) = joined else {
            panic!("{status}: it is tried again")
        };
        assert_eq!(found, status);
        assert!(!reason.is_empty() && !reason.contains(char::is_control), "{reason:?}");
        assert!(!said.starts_with("PLY-") || reason == said, "{reason}");
    }
    Ok(())
}

#[tokio::test]
async fn after_news_of_the_network_a_second_socket_takes_over_from_a_silent_one() -> Test {
    let keeper = Keeper::new().await;
    let (room, admitted) =
        tokio::join!(join::<u64, u64, u64>(keeper.options()), keeper.admit(Mode::New, 0));
    let (mut room, (_silent, _)) = (room?, admitted);
    room.network_changed();
    let next = async {
        loop {
            room.next().await;
        }
    };
    let hello = tokio::select! {
        () = next => unreachable!("it never ends"),
        (_second, hello) = keeper.admit(Mode::Resumed, 0) => hello,
    };
    assert_eq!(hello.token.map(|token| token.session), Some(SessionId(4)));
    assert_eq!((room.state(), room.counters().sockets_closed), (State::Live, 0));
    Ok(())
}
