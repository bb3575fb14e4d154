//! Timeouts. They are real here, and short.

use std::time::Duration;

use playon_types::gate::ToOwner;
use playon_wire::player::{ClientFrame, ServerFrame};
use tokio::time::Instant;

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
        let mut every = tokio::time::interval(Duration::from_millis(50));
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
        let mut every = tokio::time::interval(Duration::from_millis(50));
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
