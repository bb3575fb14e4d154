//! A thousand players on one thread.

use std::collections::HashMap;
use std::time::Duration;

use playon_types::gate::{Mode, Push, ToGateway};
use playon_types::ids::ConnId;
use playon_wire::player::ServerFrame;
use tokio::time::{Instant, interval};

use crate::harness::{Client, World, check, hello, welcome};

const PLAYERS: usize = 1_000;
const ROUNDS: u64 = 20;

#[tokio::test]
async fn a_thousand_players_get_every_event_and_the_last_view() {
    check(async {
        let mut world = World::with(|config| config.threads = 1);
        let address = world.address();
        let mut clients = tokio::task::JoinSet::new();
        let mut conns = Vec::new();
        for _ in 0..PLAYERS {
            clients.spawn(async move {
                let mut client = Client::connect(address).await;
                client.send(hello("room")).await;
                client.welcome().await;
                (watch(&mut client).await, client)
            });
            let asked = world.told_hello().await;
            conns.push(asked.conn);
            world.send(welcome(&asked, Mode::New)).await;
        }
        assert_eq!(world.stats.connections.get(), PLAYERS as u64);
        let mut ticks = interval(Duration::from_millis(50));
        for seq in 1..=ROUNDS {
            ticks.tick().await;
            let batch = conns.iter().map(|conn| push(*conn, seq)).collect();
            world.link.send(0, batch).await;
        }
        let sent = Instant::now();
        let mut messages = HashMap::<usize, u32>::new();
        let mut done = Vec::new();
        while let Some(client) = clients.join_next().await {
            let (count, client) = client.unwrap();
            *messages.entry(count).or_default() += 1;
            done.push(client);
        }
        assert_eq!(messages.values().sum::<u32>(), PLAYERS as u32);
        println!("the last arrived {:?} after it was sent; messages: {messages:?}", sent.elapsed());
        assert_eq!(world.stats.events_dropped.get(), 0);
        drop(done);
        for _ in 0..PLAYERS {
            world.told().await;
        }
    })
    .await;
}

fn push(conn: ConnId, seq: u64) -> ToGateway {
    let view = Some((seq, vec![b'v'; 1_000].into()));
    ToGateway::Push {
        conn,
        push: Push { events: vec![(seq, "event".into())], view, ..Push::default() },
    }
}

/// Reads to the last round; how many messages that took.
async fn watch(client: &mut Client) -> usize {
    let (mut recv, mut messages) = (0, 0);
    while recv < ROUNDS {
        let frames = client.frames().await;
        for frame in frames {
            match frame {
                ServerFrame::Event { seq, .. } => {
                    assert_eq!(seq, recv + 1);
                    recv = seq;
                }
                ServerFrame::View { as_of, .. } => assert_eq!(as_of, recv),
                other => panic!("{other:?}"),
            }
        }
        messages += 1;
    }
    messages
}
