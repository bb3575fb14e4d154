//! What a player is told who asks for a room that there will not be.

use playon_wire::player::{ClientFrame, ClientHello};

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
