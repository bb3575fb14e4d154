//! Timeouts. They are real here, and short.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use playon_types::gate::ToOwner;
use playon_types::ids::ConnId;
use playon_wire::player::{ClientFrame, ServerFrame};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{Instant, interval};

use crate::harness::{Client, World, check, events};

fn impatient() -> World {
    World::with(|config| {
        config.hello_timeout = Duration::from_millis(200);
        config.ping_after = Duration::from_millis(150);
        config.idle_timeout = Duration::from_millis(600);
    })
}

#[tokio::test]
async fn a_socket_that_never_says_hello_is_closed() {
    check(async {
        let mut world = impatient();
        let begun = Instant::now();
        let mut client = Client::connect(world.address()).await;
        let ended = client.ended().await;
        assert_eq!((ended.code, &ended.text[..8]), (4008, "PLY-0143"));
        assert!(begun.elapsed() >= Duration::from_millis(200));
        assert!(world.quiet());
    })
    .await;
}

#[tokio::test]
async fn a_silent_player_is_pinged_and_stays_as_long_as_it_answers() {
    check(async {
        let mut world = impatient();
        let (mut client, conn) = world.seated().await;
        let begun = Instant::now();
        // Longer than the idle timeout in all.
        for _ in 0..6 {
            let ServerFrame::Ping { nonce } = client.frame().await else { panic!() };
            client.send(ClientFrame::Pong { nonce }).await;
        }
        assert!(begun.elapsed() > Duration::from_millis(700));
        assert!(matches!(client.frame().await, ServerFrame::Ping { .. }));
        let ended = client.ended().await;
        assert_eq!((ended.code, &ended.text[..8]), (4008, "PLY-0140"));
        // The first sign of life tells the owner that the player knows its key.
        assert_eq!(world.told().await, ToOwner::Ack { conn, recv: 0 });
        assert_eq!(world.told().await, ToOwner::Gone { conn });
    })
    .await;
}

#[tokio::test]
async fn a_player_that_speaks_and_is_told_something_is_not_pinged() {
    check(async {
        let mut world = impatient();
        let (mut client, conn) = world.seated().await;
        let mut every = interval(Duration::from_millis(50));
        for recv in 0..10 {
            every.tick().await;
            client.send(ClientFrame::Ack { recv }).await;
            assert!(matches!(world.told().await, ToOwner::Ack { .. }));
            world.push(conn, events([recv + 1], 4)).await;
            assert!(matches!(client.frame().await, ServerFrame::Event { .. }));
        }
    })
    .await;
}

/// Its room may stand still: it would take the keeper for dead.
#[tokio::test]
async fn a_player_that_speaks_and_is_told_nothing_hears_that_the_keeper_lives() {
    check(async {
        let mut world = impatient();
        let (mut client, _) = world.seated().await;
        let mut every = interval(Duration::from_millis(50));
        for recv in 0..14 {
            every.tick().await;
            client.send(ClientFrame::Ack { recv }).await;
            assert!(matches!(world.told().await, ToOwner::Ack { .. }));
        }
        let told = world.stats.messages_out.get();
        assert!(
            (4..=6).contains(&told),
            "a ping every 150 ms behind the welcome, not {told} messages"
        );
        for _ in 1..told {
            assert!(matches!(client.frame().await, ServerFrame::Ping { .. }));
        }
    })
    .await;
}

/// Between two bits of what a slow line carries.
const STEP: Duration = Duration::from_millis(20);

/// With little room in the kernel, so that what is written stays here for long.
fn narrow() -> World {
    World::with(|config| {
        config.send_buffer_bytes = 16 << 10;
        config.ping_after = Duration::from_millis(200);
        config.idle_timeout = Duration::from_secs(1);
    })
}

/// A player for whom 60,000 bytes wait, and who has heard nothing of them.
async fn behind(world: &mut World) -> (Client, ConnId) {
    let (client, conn) = world.seated_with(4 << 10).await;
    world.push(conn, events([1, 2, 3], 20_000)).await;
    (client, conn)
}

/// Reads so many bytes, 20,000 a second.
async fn read_slowly(client: &mut Client, bytes: usize) {
    let (mut read, mut steps) = (0, interval(STEP));
    while read < bytes {
        steps.tick().await;
        let count = client.ws.get_mut().read(&mut [0; 400]).await.unwrap();
        assert!(count > 0, "it was closed after {read} bytes");
        read += count;
    }
}

#[tokio::test]
async fn a_player_that_reads_slowly_is_there() {
    check(async {
        let mut world = narrow();
        let (mut client, conn) = behind(&mut world).await;
        let begun = Instant::now();
        read_slowly(&mut client, 60_000).await;
        assert!(begun.elapsed() > Duration::from_secs(2), "it was not slow");
        client.send(ClientFrame::Ack { recv: 3 }).await;
        assert_eq!(world.told().await, ToOwner::Ack { conn, recv: 3 });
    })
    .await;
}

#[tokio::test]
async fn a_slow_player_that_reads_no_more_is_gone_in_time() {
    check(async {
        let mut world = narrow();
        let (mut client, conn) = behind(&mut world).await;
        read_slowly(&mut client, 30_000).await;
        let stopped = Instant::now();
        assert_eq!(world.told().await, ToOwner::Gone { conn });
        let took = stopped.elapsed();
        // Its kernel may take some more of it, and it is looked at eight times in the time to answer.
        assert!((500..3_000).contains(&took.as_millis()), "{took:?}");
    })
    .await;
}

#[tokio::test]
async fn a_message_that_comes_slowly_is_a_sign_of_life() {
    check(async {
        let mut world = impatient();
        let (mut client, conn) = world.seated().await;
        let payload = Bytes::from(vec![b'x'; 16_000]);
        let mut message = BytesMut::new();
        ClientFrame::Input { seq: 1, recv: 0, payload: payload.clone() }.encode(&mut message);
        let length = u16::try_from(message.len()).unwrap().to_be_bytes();
        let frame = [&[0x82, 0x80 | 126][..], &length, &[0; 4], &message].concat();
        let (begun, mut steps) = (Instant::now(), interval(STEP));
        for bit in frame.chunks(200) {
            steps.tick().await;
            client.ws.get_mut().write_all(bit).await.unwrap();
        }
        assert!(begun.elapsed() > Duration::from_millis(1_200), "it was not slow");
        assert_eq!(world.told().await, ToOwner::Input { conn, seq: 1, recv: 0, payload });
    })
    .await;
}

#[tokio::test]
async fn a_message_that_never_ends_is_silence() {
    check(async {
        let mut world = impatient();
        let (mut client, conn) = world.seated().await;
        let stopped = Instant::now();
        client.ws.get_mut().write_all(&[0x82, 0x80 | 126, 0x10]).await.unwrap();
        assert_eq!(client.ended().await.code, 4008);
        assert_eq!(world.told().await, ToOwner::Gone { conn });
        assert!(stopped.elapsed() < Duration::from_secs(3));
    })
    .await;
}
