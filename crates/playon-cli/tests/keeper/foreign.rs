//! A worker of another make: one thread for all its rooms, which says nothing of what it is at.

use std::time::Duration;

use playon_keeper::gateway::named_room;

use super::deeds::{Culprit, enter_kind};
use super::rig::Rig;

const FOREIGN: &str = env!("CARGO_BIN_EXE_playon-foreign");

async fn enter(rig: &Rig, name: &str) -> Culprit {
    let mut player = enter_kind(rig, "words", name, None).await.unwrap();
    player.play().await;
    player
}

/// Nobody says what it hangs at. All that waited for it is suspect, is tried apart, and what hangs alone is set aside.
#[tokio::test]
async fn a_word_from_which_it_does_not_come_back_is_found_and_set_aside() {
    let rig = Rig::start_with(&["--release", FOREIGN]);
    let mut guilty = enter(&rig, "guilty").await;
    let mut others = Vec::new();
    for n in 0..3 {
        others.push(enter(&rig, &format!("other-{n}")).await);
    }
    let hang = guilty.say("hang").await;
    // Behind it in the same thread.
    for other in &mut others {
        other.play().await;
        other.play().await;
    }
    guilty.until_applied(hang).await;
    assert_eq!(guilty.set_aside, [hang], "{}", rig.log());
    guilty.play().await;
    for other in &mut others {
        other.play().await;
        assert_eq!((other.set_aside.len(), other.sockets_closed()), (0, 0), "{}", rig.log());
    }
    assert_eq!(guilty.sockets_closed(), 0);
    let log = rig.log();
    assert!(log.contains("PLY-0404") && !log.contains("not run any more"), "{log}");
    // Among others, and twice alone.
    let ended = log
        .lines()
        .filter(|line| line.contains("worker ended:") || line.contains(": worker ended release"));
    assert!(ended.clone().count() >= 3, "{log}");
}

/// A room of one shard waits behind those of another for longer than a batch may take. The links tell its shard that the worker
/// answers, so nobody takes it for hung.
#[tokio::test]
async fn a_room_that_waits_behind_those_of_another_shard_takes_nobody_for_hung() {
    let rig = Rig::start_with(&["--release", FOREIGN, "--shards", "2"]);
    let names = (0..).map(|n| format!("table-{n}"));
    let on = |shard| {
        let names = names.clone();
        names.filter(move |name| named_room("words", name).shard(2) == shard)
    };
    let mut slow = Vec::new();
    for name in on(0).take(4) {
        slow.push(enter(&rig, &name).await);
    }
    let behind = on(1).next().unwrap();
    let mut behind = enter(&rig, &behind).await;
    let worker = rig.worker();
    for _ in 0..3 {
        let mut last = Vec::new();
        for player in &mut slow {
            last.push(player.say("slow").await);
        }
        // They are with the worker, or about to be.
        let begun = std::time::Instant::now();
        behind.listen(Duration::from_millis(100)).await;
        behind.play().await;
        assert!(begun.elapsed() > Duration::from_millis(1_200), "it did not wait");
        for (player, number) in slow.iter_mut().zip(last) {
            player.until_applied(number).await;
        }
    }
    assert_eq!(rig.worker(), worker, "{}", rig.log());
    assert!(!rig.log().contains("worker is suspect"), "{}", rig.log());
}
