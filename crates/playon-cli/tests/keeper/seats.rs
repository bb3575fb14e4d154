//! Empty seats, with real processes: what their hold counts.

use std::time::{Duration, Instant};

use playon_client::{JoinError, JoinOptions, Room, Update, join};
use rustix::process::Signal;
use tokio::time::timeout;

use super::deeds::DEEDS;
use super::rig::{PATIENCE, Rig};
use super::socket::{Socket, hello};

type Booth = Room<String, u64, (u64, String)>;

/// The hold of a seat in a booth.
const HOLD: Duration = Duration::from_secs(8);

/// How late a seat may be found free: a wake of the room between two questions, and the second that a killed keeper forgets.
const LATE: Duration = Duration::from_millis(2_500);

async fn ask(rig: &Rig) -> Result<Booth, JoinError> {
    timeout(PATIENCE, join(JoinOptions::new(rig.url(), "booth").name("corner"))).await.unwrap()
}

/// Two players who have taken both seats, have shown that they know of it, and are cut off.
async fn vanish(rig: &Rig) -> Instant {
    let mut both = Vec::new();
    for _ in 0..2 {
        let mut player = ask(rig).await.unwrap();
        let number = player.send(&"count".to_owned()).await.unwrap();
        let acknowledged =
            async { while !matches!(player.next().await, Update::Applied(n) if n >= number) {} };
        timeout(PATIENCE, acknowledged).await.expect("the input is applied");
        both.push(player);
    }
    drop(both);
    Instant::now()
}

/// A third player asks again and again until that moment, or until there is a seat. Gives the moment of the seat.
async fn asks_until(rig: &Rig, until: Instant) -> Option<Instant> {
    while Instant::now() < until {
        if ask(rig).await.is_ok() {
            return Some(Instant::now());
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    None
}

/// The keeper ends twice during the hold, and in between the room sleeps and is woken: the seat is free after the hold, of
/// which outages are no part.
async fn the_seat_is_free_after_the_hold(signal: Signal) {
    let mut rig = Rig::start_with(&["--release", DEEDS]);
    let vanished = vanish(&rig).await;
    let mut outage = Duration::ZERO;
    for part in 1..=2 {
        let early = asks_until(&rig, vanished + outage + HOLD * part / 3).await;
        assert!(early.is_none(), "the seat was not kept: {}", rig.log());
        let down = Instant::now();
        rig.signal(signal);
        rig.wait();
        rig = rig.restart();
        rig.until_ready();
        outage += down.elapsed();
    }
    let free = asks_until(&rig, vanished + outage + HOLD + LATE).await;
    let free = free.unwrap_or_else(|| panic!("the hold began anew: {}", rig.log()));
    // An outage is counted from before the signal until after the start, so it is longer than what did not count.
    assert!(free > vanished + HOLD, "{:?} {}", free - vanished, rig.log());
}

#[tokio::test]
async fn an_empty_seat_is_free_after_its_hold_although_keepers_are_killed() {
    the_seat_is_free_after_the_hold(Signal::KILL).await;
}

#[tokio::test]
async fn an_empty_seat_is_free_after_its_hold_although_keepers_are_stopped() {
    the_seat_is_free_after_the_hold(Signal::TERM).await;
}

/// One after the other is welcomed and goes before it has said a word: the seat that nobody can know of is given to the next one
/// who asks for any room of the kind.
#[tokio::test]
async fn seats_that_nobody_can_know_of_fill_no_rooms() {
    let rig = Rig::start_with(&["--release", DEEDS]);
    for _ in 0..6 {
        let anywhere = playon_wire::player::ClientHello { kind: "hall".into(), ..hello("") };
        let (socket, welcome) = Socket::seated(&rig, anywhere).await;
        assert!(welcome.token.is_some());
        drop(socket);
        rig.until("the seat is free", |status| {
            status["sockets"] == 0 && status["players"] == 0 && status["rooms"] == 1
        });
    }
    let options = || JoinOptions::new(rig.url(), "hall");
    let first: Booth = timeout(PATIENCE, join(options())).await.unwrap().unwrap();
    let second: Booth = timeout(PATIENCE, join(options())).await.unwrap().unwrap();
    rig.until("both are here", |status| status["players"] == 2);
    assert_eq!(rig.status()["rooms"], 1, "they meet");
    drop((first, second));
}
