//! What a player is told who asks for a room that there will not be.

use playon_types::ids::RoomId;
use playon_wire::player::{ClientFrame, ClientHello, ServerWelcome};

use super::deeds::DEEDS;
use super::rig::Rig;
use super::socket::{Socket, hello};

/// The keeper has tried more than once; whoever asked is told to stop, and others are not kept from asking.
#[tokio::test]
async fn a_room_whose_code_fails_as_it_is_made_is_refused_for_good() {
    let rig = Rig::start_with(&["--release", DEEDS]);
    for (n, deed) in ["panic", "abort"].into_iter().enumerate() {
        let mut socket = Socket::open(&rig).await;
        let params = serde_json::to_vec(deed).unwrap().into();
        let wish = ClientHello { kind: "deeds".into(), params, ..hello(&format!("room-{n}")) };
        socket.send([ClientFrame::Hello(Box::new(wish))]).await;
        assert_eq!(socket.ended().await, (4902, "PLY-0117".to_owned()), "{deed}: {}", rig.log());
    }
    let wish = ClientHello { kind: "deeds".into(), ..hello("another") };
    let _ = Socket::seated(&rig, wish).await;
}

fn any_hall() -> ClientHello {
    ClientHello { kind: "hall".into(), ..hello("") }
}

fn say(seq: u64, word: &str) -> ClientFrame {
    ClientFrame::Input { seq, recv: 0, payload: serde_json::to_vec(word).unwrap().into() }
}

/// Somebody in a room of its own, in which whoever joins has that happen.
async fn behind_a_door(rig: &Rig, door: &str) -> (Socket, ServerWelcome) {
    let (mut socket, welcome) = Socket::seated(rig, any_hall()).await;
    socket.send([say(1, &format!("door:{door}"))]).await;
    socket.applied(1).await;
    (socket, welcome)
}

/// Whoever asked for no room in particular does not stop because one room wants nobody.
async fn strangers_are_taken_elsewhere(door: &str) {
    let rig = Rig::start_with(&["--release", DEEDS]);
    let (_inside, closed) = behind_a_door(&rig, door).await;
    let mut strangers = Vec::new();
    for _ in 0..6 {
        strangers.push(Socket::seated(&rig, any_hall()).await);
    }
    let rooms: Vec<RoomId> = strangers.iter().map(|(_, welcome)| welcome.room).collect();
    assert!(!rooms.contains(&closed.room), "{}", rig.log());
    // They meet each other: a refusal is no reason for a room each.
    assert!(rooms.iter().all(|room| *room == rooms[0]), "{rooms:?}");
    // Whoever asks for that room hears what it says.
    let mut friend = Socket::open(&rig).await;
    friend.greet(ClientHello { room: Some(closed.room), ..hello("") }).await;
    let code = if door == "closed" { "PLY-0106" } else { "PLY-0107" };
    assert_eq!(friend.ended().await, (4902, code.to_owned()));
}

#[tokio::test]
async fn a_room_that_refuses_is_no_refusal_of_its_kind() {
    strangers_are_taken_elsewhere("closed").await;
}

#[tokio::test]
async fn a_room_whose_join_panics_is_no_refusal_of_its_kind() {
    strangers_are_taken_elsewhere("panic").await;
}

#[tokio::test]
async fn a_room_whose_join_ends_the_process_is_no_refusal_of_its_kind() {
    strangers_are_taken_elsewhere("abort").await;
}

/// However many rooms there are that want nobody, and however many come at once.
#[tokio::test]
async fn a_crowd_before_many_closed_rooms_is_taken() {
    let rig = Rig::start_with(&["--release", DEEDS]);
    let mut inside = Vec::new();
    for _ in 0..6 {
        // Each finds those before closed.
        inside.push(behind_a_door(&rig, "closed").await);
    }
    assert_eq!(rig.json(&["rooms"]).as_array().unwrap().len(), 6);
    let crowd = (0..30).map(|_| Socket::seated(&rig, any_hall()));
    let crowd = futures_util::future::join_all(crowd).await;
    let closed = |room| inside.iter().any(|(_, welcome)| welcome.room == room);
    assert!(crowd.iter().all(|(_, welcome)| !closed(welcome.room)));
}
