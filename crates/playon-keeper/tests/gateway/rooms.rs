//! From HELLO to a seat.

use playon_core::lobby::LobbyOpening;
use playon_keeper::gateway::{Site, named_room, shard_of};
use playon_types::gate::{Close, Mode, Push, ToGateway, ToOwner, Who};
use playon_types::ids::{Generation, ReleaseId, SessionId};
use playon_wire::player::{ClientFrame, ClientHello, ServerFrame, Token};

use crate::harness::{Client, ROOM, World, check, client_hello, events, hello, welcome};

#[tokio::test]
async fn a_new_player_gets_terms_and_a_key_and_then_plays() {
    check(async {
        let mut world = World::new();
        world.assets.set(Site::new([]).unwrap());
        // The room has not moved to the current release yet.
        world.labels.set(ReleaseId([1; 32]), "r1");
        let mut client = Client::connect(world.address()).await;
        client.send(hello("room")).await;
        let (shard, ToOwner::Hello(asked)) = world.told_to().await else { panic!() };
        assert_eq!(asked.room, named_room("duel", "room"));
        assert_eq!(shard, shard_of(asked.room, 3));
        let Who::New { session, .. } = asked.who else { panic!() };
        world.send(welcome(&asked, Mode::New)).await;
        let terms = client.welcome().await;
        assert_eq!((terms.protocol, terms.codec, terms.release.as_str()), (1, 0, "r1"));
        assert_eq!((terms.ttl_ms, terms.ping_ms), (120_000, 5_000));
        assert_eq!((terms.input_bytes_max, terms.inputs_pending_max), (16 << 10, 256));
        assert_eq!(terms.token.unwrap().session, session);

        let payload = bytes::Bytes::from_static(b"{\"move\":1}");
        let input = ClientFrame::Input { seq: 1, recv: 0, payload: payload.clone() };
        client.send_all([input, ClientFrame::Ack { recv: 2 }]).await;
        let conn = asked.conn;
        assert_eq!(
            world.told_to().await,
            (shard, ToOwner::Input { conn, seq: 1, recv: 0, payload })
        );
        assert_eq!(world.told_to().await, (shard, ToOwner::Ack { conn, recv: 2 }));

        let push = Push {
            applied: Some(1),
            view: Some((3, "v".into())),
            now: vec!["n".into()],
            ..events([3], 1)
        };
        world.push(conn, push).await;
        let frames = client.frames().await;
        let expected = [
            ServerFrame::Ack { applied: 1 },
            ServerFrame::Event { seq: 3, payload: "e".into() },
            ServerFrame::View { as_of: 3, base: 0, payload: "v".into() },
            ServerFrame::Now { payload: "n".into() },
        ];
        assert_eq!(frames, expected, "one message for one push");
    })
    .await;
}

#[tokio::test]
async fn a_player_comes_back_with_its_key() {
    check(async {
        let mut world = World::new();
        let token = Token { session: SessionId(42), secret: [1; 16] };
        let known = ClientHello {
            token: Some(token),
            room: Some(ROOM),
            generation: Generation(2),
            recv: 5,
            lo: 3,
            ..client_hello("")
        };
        let mut client = Client::connect(world.address()).await;
        client.send(ClientFrame::Hello(Box::new(known))).await;
        let asked = world.told_hello().await;
        assert_eq!((asked.room, asked.create.is_none()), (ROOM, true));
        assert!(matches!(asked.who, Who::Known { session: SessionId(42), recv: 5, lo: 3, .. }));
        // All in one batch: the terms still come first.
        let conn = asked.conn;
        let push = ToGateway::Push { conn, push: events([6, 7], 1) };
        world
            .link
            .send(
                playon_keeper::gateway::GatewayLink::thread_of(conn),
                vec![welcome(&asked, Mode::Resumed), push],
            )
            .await;
        let terms = client.welcome().await;
        assert_eq!((terms.mode, terms.token), (Mode::Resumed, None));
        assert!(matches!(client.frame().await, ServerFrame::Event { seq: 6, .. }));
        assert!(matches!(client.frame().await, ServerFrame::Event { seq: 7, .. }));
    })
    .await;
}

#[tokio::test]
async fn a_matched_player_never_hears_of_the_full_room() {
    check(async {
        let mut world = World::new();
        let opening = LobbyOpening {
            room: ROOM,
            kind: "duel".into(),
            players: 3,
            players_max: 4,
            open: true,
        };
        world.lobby.lock().unwrap().handle_listing(opening);
        let mut client = Client::connect(world.address()).await;
        client.send(hello("")).await;
        let first = world.told_hello().await;
        assert_eq!((first.room, first.create.is_none()), (ROOM, true));
        world.close(first.conn, Close::RoomFull, "").await;
        let second = world.told_hello().await;
        assert_eq!(second.conn, first.conn);
        assert!(second.room != ROOM && second.create.is_some());
        let Who::New { session, .. } = second.who else { panic!() };
        world.send(welcome(&second, Mode::New)).await;
        assert_eq!(client.welcome().await.token.unwrap().session, session);
        assert_eq!(world.stats.rematched.get(), 1);
    })
    .await;
}

#[tokio::test]
async fn a_player_is_told_when_every_room_it_was_sent_to_is_full() {
    check(async {
        let mut world = World::new();
        let mut client = Client::connect(world.address()).await;
        client.send(hello("")).await;
        for _ in 0..4 {
            let asked = world.told_hello().await;
            world.close(asked.conn, Close::RoomFull, "").await;
        }
        assert_eq!(client.ended().await.code, 4411);
    })
    .await;
}

#[tokio::test]
async fn a_spectator_has_no_key() {
    check(async {
        let mut world = World::new();
        let mut client = Client::connect(world.address()).await;
        let watch = ClientHello { watch: true, ..client_hello("room") };
        client.send(ClientFrame::Hello(Box::new(watch))).await;
        let asked = world.told_hello().await;
        assert_eq!((&asked.who, asked.create.is_none()), (&Who::Watcher, true));
        world.send(welcome(&asked, Mode::Watching)).await;
        let terms = client.welcome().await;
        assert_eq!((terms.mode, terms.token), (Mode::Watching, None));
    })
    .await;
}
