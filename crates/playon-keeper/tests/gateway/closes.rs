//! How sockets end, and what the other side learns of it.

use std::sync::atomic::Ordering;

use playon_types::gate::{Close, Push, ToOwner};
use playon_wire::player::{ClientFrame, ServerFrame};
use playon_wire::range::ProtocolRange;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_tungstenite::tungstenite::protocol::Message;

use crate::harness::{Client, Ended, World, check, client_hello, events, hello};

fn input(bytes: usize) -> ClientFrame {
    ClientFrame::Input { seq: 1, recv: 0, payload: vec![b'i'; bytes].into() }
}

#[tokio::test]
async fn every_reason_of_the_owner_reaches_the_player_after_all_that_came_before() {
    check(async {
        let mut world = World::new();
        for why in Close::ALL {
            let (mut client, conn) = world.seated().await;
            world.push(conn, events([1], 10)).await;
            world.close(conn, why, "because").await;
            world.push(conn, events([2], 10)).await;
            assert!(matches!(client.frame().await, ServerFrame::Event { seq: 1, .. }));
            let ended = client.ended().await;
            assert_eq!(ended.code, why.code());
            assert!(
                ended.text.starts_with("PLY-01") && ended.text.ends_with(" because"),
                "{}",
                ended.text
            );
            assert_eq!(world.stats.closed(why), 1);
        }
        assert!(world.quiet(), "the owner knows already");
    })
    .await;
}

#[tokio::test]
async fn a_player_that_hangs_up_is_gone() {
    check(async {
        let mut world = World::new();
        let (mut client, conn) = world.seated().await;
        client.send_raw(Message::Close(None)).await;
        assert_eq!(world.told().await, ToOwner::Gone { conn });
        let (client, conn) = world.seated().await;
        drop(client);
        assert_eq!(world.told().await, ToOwner::Gone { conn });
    })
    .await;
}

#[tokio::test]
async fn goodbye_is_the_owners_to_answer() {
    check(async {
        let mut world = World::new();
        let (mut client, conn) = world.seated().await;
        client.send(ClientFrame::Bye).await;
        assert_eq!(world.told().await, ToOwner::Bye { conn });
        world.close(conn, Close::Left, "").await;
        assert_eq!(client.ended().await, Ended { code: 4904, text: "PLY-0109".into() });
    })
    .await;
}

/// Sends one message on a fresh or a seated socket and returns how it ends.
async fn ends(world: &mut World, seated: bool, message: Message) -> (u16, String) {
    let mut client = match seated {
        true => world.seated().await.0,
        false => Client::connect(world.address()).await,
    };
    client.send_raw(message).await;
    let Ended { code, text } = client.ended().await;
    if seated {
        assert!(matches!(world.told().await, ToOwner::Gone { .. }), "after {text}");
    }
    assert!(world.quiet(), "nothing of a bad message counts: {text}");
    (code, text[..8].to_owned())
}

fn encoded(frames: &[ClientFrame]) -> Vec<u8> {
    let mut bytes = bytes::BytesMut::new();
    frames.iter().for_each(|frame| frame.encode(&mut bytes));
    bytes.to_vec()
}

#[tokio::test]
async fn messages_that_make_no_sense() {
    check(async {
        let mut world = World::new();
        let binary = |bytes: &[u8]| Message::Binary(bytes.to_vec().into());
        let truncated = encoded(&[input(100)]);
        let future = client_hello("room");
        let future = ClientFrame::Hello(Box::new(playon_wire::player::ClientHello {
            protocol: ProtocolRange { min: 7, max: 9 },
            ..future
        }));
        let cases = [
            (true, Message::Text("hi".into()), 4905, "PLY-0148"),
            (true, binary(&[]), 4905, "PLY-0187"),
            (true, binary(&[0x7f, 0]), 4905, "PLY-0185"),
            (true, binary(&truncated[..50]), 4905, "PLY-0183"),
            (
                true,
                binary(&encoded(&[ClientFrame::Ack { recv: 0 }, hello("room")])[..9]),
                4905,
                "PLY-0183",
            ),
            (true, binary(&encoded(&[hello("room")])), 4905, "PLY-0145"),
            (true, binary(&encoded(&[input((16 << 10) + 1)])), 4906, "PLY-0182"),
            (true, binary(&vec![0; (64 << 10) + 1]), 4906, "PLY-0180"),
            (true, binary(&encoded(&vec![ClientFrame::Pong { nonce: 0 }; 65])), 4907, "PLY-0181"),
            (false, binary(&encoded(&[input(1)])), 4905, "PLY-0144"),
            (false, binary(&encoded(&[future])), 4900, "PLY-0141"),
        ];
        for (seated, message, code, text) in cases {
            assert_eq!(ends(&mut world, seated, message).await, (code, text.to_owned()));
        }
    })
    .await;
}

#[tokio::test]
async fn nothing_is_taken_before_the_welcome() {
    check(async {
        let mut world = World::new();
        let mut client = Client::connect(world.address()).await;
        client.send_all([hello("room"), input(1)]).await;
        assert_eq!(client.ended().await.text[..8], *"PLY-0146");
        let asked = world.told_hello().await;
        assert_eq!(world.told().await, ToOwner::Gone { conn: asked.conn });
        let mut client = Client::connect(world.address()).await;
        client.send_all([hello("room"), ClientFrame::Bye]).await;
        assert_eq!(client.ended().await.code, 4904);
        let conn = world.told_hello().await.conn;
        assert_eq!(world.told().await, ToOwner::Bye { conn }, "a seat may be ready, or kept");
        assert_eq!(world.told().await, ToOwner::Gone { conn });
    })
    .await;
}

#[tokio::test]
async fn a_flood_is_cut_off() {
    check(async {
        let mut world = World::with(|config| {
            config.rate.frames_burst = 100;
            config.rate.frames_per_second = 1;
        });
        let (mut client, _) = world.seated().await;
        // The answer may come while the flood still runs.
        for seq in 0..50 {
            client.send_all((0..4).map(|n| ClientFrame::Ack { recv: seq * 4 + n })).await;
        }
        let ended = client.ended().await;
        assert_eq!((ended.code, &ended.text[..8]), (4010, "PLY-0149"));
        let mut taken = 0;
        while let ToOwner::Ack { .. } = world.told().await {
            taken += 1;
        }
        assert!((95..=101).contains(&taken), "{taken}");
    })
    .await;
}

#[tokio::test]
async fn too_many_bytes_are_cut_off_and_so_are_pings() {
    check(async {
        let mut world = World::with(|config| {
            config.rate.bytes_burst = 20_000;
            config.rate.bytes_per_second = 1;
        });
        let (mut client, _) = world.seated().await;
        client.send(input(15_000)).await;
        client.send(input(15_000)).await;
        assert_eq!(client.ended().await.text[..8], *"PLY-0150");
        let mut world = World::with(|config| {
            config.rate.frames_burst = 100;
            config.rate.frames_per_second = 1;
        });
        let (mut client, _) = world.seated().await;
        for _ in 0..200 {
            client.send_raw(Message::Ping(Default::default())).await;
        }
        assert_eq!(client.ended().await.text[..8], *"PLY-0149");
    })
    .await;
}

#[tokio::test]
async fn a_full_shard_costs_only_the_socket_that_meets_it() {
    check(async {
        let mut world = World::new();
        let (mut one, conn) = world.seated().await;
        let (mut other, other_conn) = world.seated().await;
        world.full.store(true, Ordering::Relaxed);
        one.send(input(1)).await;
        assert_eq!(one.ended().await.code, 4003);
        world.full.store(false, Ordering::Relaxed);
        assert_eq!(world.told().await, ToOwner::Gone { conn }, "told as soon as there is room");
        world.push(other_conn, Push { applied: Some(1), ..Push::default() }).await;
        assert_eq!(other.frame().await, ServerFrame::Ack { applied: 1 });
    })
    .await;
}

#[tokio::test]
async fn what_is_not_a_websocket_frame_ends_the_socket() {
    check(async {
        let world = World::new();
        let client = Client::connect(world.address()).await;
        let mut stream = client.ws.into_inner();
        // Not masked, as a client's must be.
        stream.write_all(&[0x82, 1, 0]).await.unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.unwrap();
        assert_eq!(answer[2..4], 4905_u16.to_be_bytes());
        assert_eq!(world.stats.closed(Close::BadFrame), 1);
    })
    .await;
}

#[tokio::test]
async fn a_view_too_large_to_be_sent_is_left_out() {
    check(async {
        let mut world = World::new();
        let (mut client, conn) = world.seated().await;
        world.push(conn, crate::harness::view(1, (1 << 20) + 1)).await;
        world.push(conn, crate::harness::view(2, 10)).await;
        assert!(matches!(client.frame().await, ServerFrame::View { as_of: 2, .. }));
        assert_eq!(world.stats.views_too_large.get(), 1);
    })
    .await;
}

/// It is owed, so it cannot be left out; the player keeps the seat.
#[tokio::test]
async fn an_event_too_large_to_be_sent_closes_only_that_socket() {
    check(async {
        let mut world = World::new();
        let (mut client, conn) = world.seated().await;
        let payload = bytes::Bytes::from(vec![b'e'; (1 << 20) + 1]);
        let push = Push { events: vec![(1, payload)], ..Push::default() };
        world.push(conn, push).await;
        let ended = client.ended().await;
        assert_eq!((ended.code, &ended.text[..8]), (4009, "PLY-0152"));
    })
    .await;
}

#[tokio::test]
async fn a_message_in_pieces_is_refused_at_its_first_piece() {
    check(async {
        let mut world = World::new();
        let (client, _) = world.seated().await;
        let mut stream = client.ws.into_inner();
        // A binary frame that is not the last, and masked with nothing: its payload never comes.
        stream.write_all(&[0x02, 0x80 | 100, 0, 0, 0, 0]).await.unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.unwrap();
        assert_eq!(answer[2..4], 4905_u16.to_be_bytes());
        assert!(String::from_utf8_lossy(&answer).contains("PLY-0167"));
    })
    .await;
}

#[tokio::test]
async fn a_first_message_that_is_too_long_is_refused_at_its_head() {
    check(async {
        let world = World::new();
        let client = Client::connect(world.address()).await;
        let mut stream = client.ws.into_inner();
        let [high, low] = (8_u16 << 10 | 1).to_be_bytes();
        stream.write_all(&[0x82, 0x80 | 126, high, low, 0, 0, 0, 0]).await.unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.unwrap();
        assert_eq!(answer[2..4], 4906_u16.to_be_bytes());
        assert!(String::from_utf8_lossy(&answer).contains("PLY-0168"));
    })
    .await;
}

#[tokio::test]
async fn bytes_count_when_they_are_read_whether_a_message_is_finished_or_not() {
    check(async {
        let mut world = World::with(|config| {
            config.rate.bytes_burst = 20_000;
            config.rate.bytes_per_second = 1;
        });
        let (client, _) = world.seated().await;
        let mut stream = client.ws.into_inner();
        let [high, low] = 60_000_u16.to_be_bytes();
        stream.write_all(&[0x82, 0x80 | 126, high, low, 0, 0, 0, 0]).await.unwrap();
        stream.write_all(&[0; 30_000]).await.unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.unwrap();
        assert!(String::from_utf8_lossy(&answer).contains("PLY-0150"));
    })
    .await;
}
