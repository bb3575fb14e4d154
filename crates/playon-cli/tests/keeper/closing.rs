//! Rooms that an operator gives up: whole ones, and ones that the disk has damaged.

use std::fs;

use playon_client::{Close, End, JoinError};

use super::player::Player;
use super::rig::Rig;

fn room_of(rig: &Rig, name: &str) -> Option<String> {
    let rooms = rig.json(&["rooms"]);
    let found = rooms.as_array().unwrap().iter().find(|room| room["name"] == name)?;
    Some(found["id"].as_str().unwrap().to_owned())
}

#[tokio::test]
async fn a_closed_room_is_gone_for_good_and_others_do_not_notice() {
    let mut rig = Rig::start();
    let mut player = Player::join(&rig, "closed").await;
    let mut other = Player::join(&rig, "other").await;
    player.play(5).await;
    other.play(5).await;
    let id = room_of(&rig, "closed").unwrap();
    let closed = rig.json(&["close", &id]);
    assert_eq!((&closed["id"], &closed["players"]), (&id.clone().into(), &1.into()));
    assert_eq!(player.until_ended().await.close(), Some(Close::RoomEnded));
    assert_eq!(room_of(&rig, "closed"), None);
    let again = rig.playon(&["close", &id]);
    assert_eq!(again.status.code(), Some(4));
    assert!(String::from_utf8_lossy(&again.stderr).contains("PLY-0514"));
    assert_eq!(rig.playon(&["close", "five"]).status.code(), Some(4));
    // The name is free: another room of it knows nothing of the former one.
    let mut heir = Player::join(&rig, "closed").await;
    heir.play(3).await;
    other.play(5).await;
    assert_eq!(other.sockets_closed(), 0);
    assert_eq!(rig.terminate().code(), Some(0));
    let rig = rig.restart();
    heir.play(3).await;
    other.play(3).await;
    assert_eq!(rig.json(&["rooms"]).as_array().unwrap().len(), 2);
}

/// Changes every place of the stopped keeper's database that has this text.
fn damage(rig: &Rig, text: &str) {
    let path = rig.data().join("playon.db");
    let mut bytes = fs::read(&path).unwrap();
    let hits: Vec<usize> = bytes
        .windows(text.len())
        .enumerate()
        .filter_map(|(at, found)| (found == text.as_bytes()).then_some(at))
        .collect();
    assert!(!hits.is_empty(), "the database says nothing of {text}");
    hits.into_iter().for_each(|at| bytes[at] ^= 1);
    fs::write(path, bytes).unwrap();
}

#[tokio::test]
async fn a_damaged_room_is_halted_until_an_operator_gives_it_up() {
    let mut rig = Rig::start();
    let mut player = Player::join(&rig, "the-wreck").await;
    let mut other = Player::join(&rig, "the-other").await;
    player.play(5).await;
    other.play(5).await;
    let id = room_of(&rig, "the-wreck").unwrap();
    assert_eq!(rig.terminate().code(), Some(0));
    damage(&rig, "the-wreck");
    let mut rig = rig.restart();
    // Who had a seat, and who asks for the room anew, hear the same; nobody gets an empty one.
    assert_eq!(player.until_ended().await.close(), Some(Close::RoomHalted));
    let refused = Player::try_join(&rig, "the-wreck").await;
    assert!(matches!(refused, Err(JoinError::Ended(End::Closed { code: 4908, .. }))));
    other.play(5).await;
    assert_eq!(rig.json(&["room", &id])["live"], false);
    assert!(rig.json(&["room", &id])["halted"].is_string());
    // It is halted in the next keeper, too.
    assert_eq!(rig.terminate().code(), Some(0));
    let rig = rig.restart();
    other.play(5).await;
    assert!(rig.json(&["room", &id])["halted"].is_string());
    let verified = rig.json(&["close", &id]);
    assert!(verified["halted"].is_string());
    let mut heir = Player::join(&rig, "the-wreck").await;
    heir.play(3).await;
    let mut rig = rig;
    assert_eq!(rig.terminate().code(), Some(0));
    assert!(rig.playon(&["store", "verify"]).status.success());
    let rig = rig.restart();
    heir.play(3).await;
    other.play(3).await;
    let rooms = rig.json(&["rooms"]);
    assert!(rooms.as_array().unwrap().iter().all(|room| room["halted"].is_null()));
}
