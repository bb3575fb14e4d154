//! A keeper that stood still has heard from nobody, and holds it against nobody.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use rustix::process::Signal;

use super::interface::get;
use super::rig::{PATIENCE, Rig};
use super::socket::{Socket, hello};

/// Sockets of players who answer when they are asked, and say nothing else.
const PLAYERS: usize = 150;

/// Sockets that say their hello while the keeper stands still.
const NEW: usize = 30;

/// Longer than any of the keeper's timeouts.
const STANDSTILL: Duration = Duration::from_secs(6);

#[tokio::test]
async fn no_socket_is_closed_as_silent_by_a_keeper_that_stood_still_itself() {
    let bounds = ["gateway.ping_after=1s", "gateway.idle_timeout=2s", "gateway.hello_timeout=2s"];
    let set = bounds.iter().flat_map(|bound| ["--set", bound]);
    let args: Vec<_> = ["--release", super::rig::FIRST].into_iter().chain(set).collect();
    let rig = Rig::start_with(&args);
    let answered: Arc<Vec<AtomicU64>> = Arc::new((0..PLAYERS).map(|_| AtomicU64::new(0)).collect());
    let mut closed = tokio::task::JoinSet::new();
    for n in 0..PLAYERS {
        let mut hello = hello(&format!("table-{}", n / 10));
        hello.kind = "drill-turns".into();
        let (socket, _) = Socket::seated(&rig, hello).await;
        let answered = Arc::clone(&answered);
        closed.spawn(async move { socket.answer_until_closed(&answered[n]).await });
    }
    let mut new = Vec::new();
    for _ in 0..NEW {
        new.push(Socket::open(&rig).await);
    }
    // Some have been asked by now and some not.
    let asked = |least: u64| {
        let answered = Arc::clone(&answered);
        async move {
            let until = Instant::now() + PATIENCE;
            while answered.iter().any(|answers| answers.load(Relaxed) < least) {
                assert!(Instant::now() < until, "{answered:?}");
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
    };
    rig.signal(Signal::STOP);
    let mut hellos = Vec::new();
    for (n, socket) in new.iter_mut().enumerate() {
        let mut hello = hello(&format!("table-{}", 100 + n));
        hello.kind = "drill-turns".into();
        hellos.push(socket.greet(hello));
    }
    futures_util::future::join_all(hellos).await;
    tokio::time::sleep(STANDSTILL).await;
    rig.signal(Signal::CONT);
    let mut welcomes = tokio::task::JoinSet::new();
    for mut socket in new {
        welcomes.spawn(async move {
            socket.welcomed().await;
            socket
        });
    }
    while let Some(socket) = welcomes.join_next().await {
        let socket = socket.unwrap();
        closed.spawn(async move { socket.answer_until_closed(&AtomicU64::new(0)).await });
    }
    // Everybody is asked afterwards, more than once.
    let most = answered.iter().map(|answers| answers.load(Relaxed)).max().unwrap();
    tokio::select! {
        () = asked(most + 3) => {}
        Some(ended) = closed.join_next() => panic!("closed: {ended:?}\n{}", rig.log()),
    }
    let metrics = get(&rig, "/metrics", "");
    let silent = metrics.lines().find(|line| line.contains("gateway_closed_total{code=\"4008\"}"));
    assert!(silent.unwrap().ends_with(" 0"), "{silent:?}");
}
