//! Players that do not read.

use std::time::Duration;

use playon_types::gate::{Close, Push, ToOwner};
use playon_types::ids::ConnId;
use playon_wire::player::ServerFrame;
use tokio::time::{Instant, timeout};

use crate::harness::{Client, World, check, events, until, view};

/// Sockets with room for little, so that a player who does not read is noticed soon.
fn world() -> World {
    World::with(|config| {
        config.threads = 1;
        config.send_buffer_bytes = 4 << 10;
        config.close_timeout = Duration::from_millis(300);
    })
}

async fn slow_client(world: &mut World) -> (Client, ConnId) {
    world.seated_with(4 << 10).await
}

/// Bytes of memory this process has in use.
fn resident() -> usize {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
    statm.split(' ').nth(1).unwrap().parse::<usize>().unwrap() * 4096
}

#[tokio::test]
async fn a_player_that_does_not_read_costs_little_and_holds_nobody_up() {
    check(async {
        let mut world = world();
        let (mut slow, slow_conn) = slow_client(&mut world).await;
        let (mut quick, quick_conn) = world.seated().await;
        let before = resident();
        let mut worst = Duration::ZERO;
        // 256 MiB for the one, a small event for the other every now and then.
        for round in 0..256 {
            for part in 0..16 {
                let seq = round * 16 + part + 1;
                let push = Push { view: view(seq, 60 << 10).view, ..events([seq], 4 << 10) };
                world.push(slow_conn, push).await;
            }
            let asked = Instant::now();
            world.push(quick_conn, events([round + 1], 10)).await;
            assert!(matches!(quick.frame().await, ServerFrame::Event { .. }));
            worst = worst.max(asked.elapsed());
        }
        assert!(worst < Duration::from_secs(3), "{worst:?}");
        let grown = resident().saturating_sub(before);
        // Other tests run in this process, so this is no more than a fraction of what was sent.
        assert!(grown < 96 << 20, "{grown} bytes more");
        assert!(
            world.stats.events_dropped.get() > 1_000 && world.stats.views_replaced.get() > 1_000
        );

        // It reads again: all that waited arrives, the rest is asked for, and no event is missing or repeated.
        let mut recv = 0;
        let sent = loop {
            tokio::select! {
                frame = slow.frame() => take(frame, &mut recv),
                told = world.told() => match told {
                    ToOwner::Drained { conn, sent } => break (conn, sent),
                    other => panic!("{other:?}"),
                },
            }
        };
        assert_eq!(sent.0, slow_conn);
        while recv < sent.1 {
            take(slow.frame().await, &mut recv);
        }
        let last = sent.1 + 8;
        world
            .push(slow_conn, Push { view: view(last, 10).view, ..events(sent.1 + 1..=last, 100) })
            .await;
        while recv < last {
            take(slow.frame().await, &mut recv);
        }
    })
    .await;
}

/// As a client does: events in order and complete, views only of what it has.
fn take(frame: ServerFrame, recv: &mut u64) {
    match frame {
        ServerFrame::Event { seq, .. } => {
            assert_eq!(seq, *recv + 1);
            *recv = seq;
        }
        ServerFrame::View { as_of, .. } => {
            assert!(as_of <= *recv, "a view of {as_of} skips events after {recv}")
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_player_that_lost_its_events_for_good_gets_the_view() {
    check(async {
        let mut world = world();
        let (mut slow, conn) = slow_client(&mut world).await;
        world.push(conn, events(1..=200, 4 << 10)).await;
        let mut recv = 0;
        while recv < 15 {
            take(slow.frame().await, &mut recv);
        }
        let ToOwner::Drained { sent, .. } = world.told().await else { panic!() };
        // The owner has dropped them too, and owes a view instead.
        world.push(conn, view(200, 10)).await;
        loop {
            match slow.frame().await {
                ServerFrame::View { as_of: 200, .. } => break,
                frame => take(frame, &mut recv),
            }
        }
        assert_eq!(recv, sent);
        world.push(conn, events([201], 1)).await;
        assert!(matches!(slow.frame().await, ServerFrame::Event { seq: 201, .. }));
    })
    .await;
}

#[tokio::test]
async fn a_close_does_not_wait_for_a_player_that_does_not_read() {
    check(async {
        let mut world = world();
        let (slow, conn) = slow_client(&mut world).await;
        for seq in 1..=100 {
            world.push(conn, Push { view: view(seq, 60 << 10).view, ..Push::default() }).await;
        }
        world.close(conn, Close::RoomEnded, "").await;
        let gone = async {
            until(|| world.stats.connections.get() == 0).await;
        };
        timeout(Duration::from_secs(10), gone).await.unwrap();
        assert_eq!(world.stats.closed(Close::RoomEnded), 1);
        drop(slow);
    })
    .await;
}
