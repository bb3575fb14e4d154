//! Who is let in, and how everyone is sent away.

use std::time::Duration;

use playon_keeper::gateway::{HelloRefusal, Origins};
use playon_types::gate::Close;
use playon_wire::player::ClientFrame;
use tokio::task::spawn_blocking;
use tokio::time::Instant;
use tokio_tungstenite::tungstenite::Error as WsError;

use crate::harness::{Client, World, check, events, until, view};

/// The status and the time to retry, in seconds, of a refused upgrade.
async fn refused(world: &World, origin: Option<&str>) -> (u16, Option<u64>) {
    match Client::connect_with(world.address(), origin, 0).await {
        Err(WsError::Http(reply)) => {
            let retry = reply
                .headers()
                .get("retry-after")
                .map(|value| value.to_str().unwrap().parse().unwrap());
            (reply.status().as_u16(), retry)
        }
        Err(other) => panic!("{other}"),
        Ok(_) => panic!("it was let in"),
    }
}

#[tokio::test]
async fn a_page_from_elsewhere_is_kept_out() {
    check(async {
        let world = World::new();
        assert_eq!(refused(&world, Some("https://evil.example")).await, (403, None));
        let own = format!("http://{}", world.address());
        Client::connect_with(world.address(), Some(&own), 0).await.unwrap();
        assert_eq!(world.stats.refused(HelloRefusal::Origin), 1);
        let world = World::with(|config| {
            config.origins = Origins::Listed(vec!["https://play.example".into()])
        });
        Client::connect_with(world.address(), Some("https://play.example"), 0).await.unwrap();
        assert_eq!(refused(&world, Some("https://evil.example")).await, (403, None));
    })
    .await;
}

#[tokio::test]
async fn more_players_than_there_are_places_are_told_to_come_back() {
    check(async {
        let mut world = World::with(|config| config.connections_max = 2);
        let (one, _) = world.seated().await;
        let (_two, _) = world.seated().await;
        assert_eq!(refused(&world, None).await, (503, Some(5)));
        drop(one);
        assert!(matches!(world.told().await, playon_types::gate::ToOwner::Gone { .. }));
        until(|| world.stats.connections.get() < 2).await;
        world.seated().await;
        assert_eq!(world.stats.refused(HelloRefusal::Connections), 1);
    })
    .await;
}

#[tokio::test]
async fn a_storm_is_let_in_at_a_steady_pace() {
    check(async {
        let world = World::with(|config| {
            config.admit_burst = 3;
            config.admit_per_second = 1;
        });
        let mut inside = Vec::new();
        for _ in 0..3 {
            inside.push(Client::connect(world.address()).await);
        }
        assert_eq!(refused(&world, None).await, (503, Some(1)));
        assert_eq!(world.stats.refused(HelloRefusal::Pace), 1);
    })
    .await;
}

#[tokio::test]
async fn a_shutdown_tells_everyone_to_come_back_and_loses_nothing_on_the_way() {
    check(async {
        let mut world = World::new();
        let mut clients = Vec::new();
        for _ in 0..20 {
            let (client, conn) = world.seated().await;
            world.push(conn, events([1], 1_000)).await;
            clients.push(client);
        }
        let (address, gateway) = (world.address(), world.gateway.take().unwrap());
        let down = spawn_blocking(move || gateway.shutdown(Duration::from_secs(10)));
        for client in &mut clients {
            client.frame().await;
            assert_eq!(client.ended().await.code, 4000);
        }
        drop(clients);
        down.await.unwrap();
        assert!(Client::connect_with(address, None, 0).await.is_err());
        assert_eq!(world.stats.closed(Close::Restarting), 20);
        assert_eq!((world.stats.connections.get(), world.stats.sockets.get()), (0, 0));
        assert!(world.quiet(), "an outage that is ours is nobody's absence");
    })
    .await;
}

#[tokio::test]
async fn a_draining_gateway_lets_nobody_in_and_goes_on_with_the_rest() {
    check(async {
        let mut world = World::new();
        let (mut client, conn) = world.seated().await;
        world.gateway.as_ref().unwrap().drain();
        while Client::connect_with(world.address(), None, 0).await.is_ok() {}
        world.push(conn, events([1], 1)).await;
        client.frame().await;
    })
    .await;
}

#[tokio::test]
async fn a_shutdown_waits_for_nobody_who_does_not_answer() {
    check(async {
        let mut world = World::with(|config| {
            config.send_buffer_bytes = 4 << 10;
            config.close_timeout = Duration::from_secs(20);
        });
        let (mut silent, _) = world.seated().await;
        let mut unsaid = Client::connect(world.address()).await;
        // Its close began before the shutdown.
        let (mut closed, conn) = world.seated().await;
        world.close(conn, Close::RoomEnded, "").await;
        until(|| world.stats.closed(Close::RoomEnded) == 1).await;
        // What comes before its close cannot be written.
        let (_full, conn) = world.seated_with(4 << 10).await;
        for seq in 1..=100 {
            world.push(conn, view(seq, 60 << 10)).await;
        }
        silent.send(ClientFrame::Ack { recv: 0 }).await;
        let gateway = world.gateway.take().unwrap();
        let begun = Instant::now();
        spawn_blocking(move || gateway.shutdown(Duration::from_secs(30))).await.unwrap();
        assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
        assert_eq!(silent.ended().await.code, 4000);
        assert_eq!(unsaid.ended().await.code, 4000);
        assert_eq!(closed.ended().await.code, 4903);
    })
    .await;
}
