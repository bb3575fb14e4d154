//! Players who send what they should not, beside one who plays.

use playon_types::ids::{GENERATION_MAX, Generation, NUMBER_MAX, RoomId};
use playon_wire::player::{ClientFrame, ClientHello, Token};
use playon_wire::range::ProtocolRange;
use tokio_tungstenite::tungstenite::protocol::Message;

use super::player::Player;
use super::rig::Rig;
use super::socket::{Socket, again, encoded, hello, input};

fn binary(bytes: &[u8]) -> Message {
    Message::Binary(bytes.to_vec().into())
}

fn large_input(bytes: usize) -> ClientFrame {
    ClientFrame::Input { seq: 1, recv: 0, payload: vec![b'1'; bytes].into() }
}

#[tokio::test]
async fn bad_frames_close_the_socket_they_came_on() {
    let rig = Rig::start();
    let mut player = Player::join(&rig, "table").await;
    let cut_off = encoded([input(1)]);
    let hello_again = encoded([ClientFrame::Hello(Box::new(hello("table")))]);
    let cases = [
        (Message::Text("hi".into()), 4905, "PLY-0148"),
        (binary(&[]), 4905, "PLY-0187"),
        (binary(&[0x7f, 0]), 4905, "PLY-0185"),
        (binary(&cut_off[..cut_off.len() - 1]), 4905, "PLY-0183"),
        (binary(&hello_again), 4905, "PLY-0145"),
        (binary(&encoded([large_input((16 << 10) + 1)])), 4906, "PLY-0182"),
        (binary(&vec![0; (64 << 10) + 1]), 4906, "PLY-0180"),
        (binary(&encoded(vec![ClientFrame::Pong { nonce: 0 }; 65])), 4907, "PLY-0181"),
        (binary(&encoded([input(2)])), 4410, "PLY-0113"),
        (binary(&encoded([input(NUMBER_MAX)])), 4410, "PLY-0113"),
        (binary(&encoded([input(NUMBER_MAX + 1)])), 4905, "PLY-0186"),
        (binary(&encoded([input(u64::MAX)])), 4905, "PLY-0186"),
    ];
    for (message, code, text) in cases {
        let (mut socket, _) = Socket::seated(&rig, hello("table")).await;
        socket.send_raw(message).await;
        assert_eq!(socket.ended().await, (code, text.to_owned()));
        player.play(2).await;
    }
    assert_eq!(player.sockets_closed(), 0);
}

/// A client that has counted its sockets as far as that goes, or says so.
#[tokio::test]
async fn no_generation_locks_a_player_out_of_its_seat() {
    let rig = Rig::start();
    let (mut first, welcome) = Socket::seated(&rig, hello("table")).await;
    first.send([input(1)]).await;
    first.applied(1).await;
    let mut refused = Socket::open(&rig).await;
    refused.greet(again(&welcome, welcome.room, NUMBER_MAX)).await;
    assert_eq!(refused.ended().await, (4905, "PLY-0186".to_owned()));
    for seq in 2..5 {
        let (mut socket, terms) =
            Socket::seated(&rig, again(&welcome, welcome.room, GENERATION_MAX.0)).await;
        assert!(terms.generation <= GENERATION_MAX);
        socket.send([input(seq)]).await;
        socket.applied(seq).await;
        socket.hang_up().await;
    }
}

#[tokio::test]
async fn bad_hellos_are_turned_away() {
    let rig = Rig::start();
    let mut player = Player::join(&rig, "table").await;
    let future = ClientHello { protocol: ProtocolRange { min: 7, max: 9 }, ..hello("table") };
    let nowhere = ClientHello { room: Some(RoomId([9; 16])), ..hello("") };
    let token = Token { session: playon_types::ids::SessionId(7), secret: [1; 16] };
    let last = ClientHello { generation: Generation(NUMBER_MAX), ..hello("table") };
    let roomless = ClientHello { token: Some(token), ..hello("") };
    let cases = [
        (ClientFrame::Hello(Box::new(future)), 4900, "PLY-0141"),
        (ClientFrame::Hello(Box::new(nowhere)), 4404, "PLY-0121"),
        (ClientFrame::Hello(Box::new(roomless)), 4905, "PLY-0186"),
        (ClientFrame::Hello(Box::new(last)), 4905, "PLY-0186"),
        (input(1), 4905, "PLY-0144"),
    ];
    for (frame, code, text) in cases {
        let mut socket = Socket::open(&rig).await;
        socket.send([frame]).await;
        assert_eq!(socket.ended().await, (code, text.to_owned()));
        player.play(2).await;
    }
    assert_eq!(player.sockets_closed(), 0);
}

#[tokio::test]
async fn a_token_opens_its_own_seat_and_only_while_there_is_one() {
    let rig = Rig::start();
    let mut player = Player::join(&rig, "table").await;
    let (mut socket, welcome) = Socket::seated(&rig, hello("table")).await;
    let room = welcome.room;
    let token = welcome.token.unwrap();
    // Somebody else's secret, somebody who never was, and the right key at the wrong door.
    let guesses = [
        (Token { secret: [0; 16], ..token }, room, 4401),
        (Token { session: playon_types::ids::SessionId(1), ..token }, room, 4401),
        (token, RoomId([9; 16]), 4404),
    ];
    for (token, room, code) in guesses {
        let mut thief = Socket::open(&rig).await;
        let hello = ClientHello { token: Some(token), ..again(&welcome, room, 2) };
        thief.send([ClientFrame::Hello(Box::new(hello))]).await;
        assert_eq!(thief.ended().await.0, code);
    }
    // The owner of the seat was not disturbed.
    socket.send([input(1)]).await;
    socket.applied(1).await;
    // With the seat the token ends.
    socket.send([ClientFrame::Bye]).await;
    assert_eq!(socket.ended().await.0, 4904);
    let mut late = Socket::open(&rig).await;
    late.send([ClientFrame::Hello(Box::new(again(&welcome, room, 3)))]).await;
    assert_eq!(late.ended().await.0, 4401);
    player.play(3).await;
    assert_eq!(player.sockets_closed(), 0);
}

#[tokio::test]
async fn a_stolen_token_never_gives_two_sockets_to_one_seat() {
    let rig = Rig::start();
    let mut player = Player::join(&rig, "table").await;
    let (first, welcome) = Socket::seated(&rig, hello("table")).await;
    drop(first);
    let (mut owner, _) = Socket::seated(&rig, again(&welcome, welcome.room, 5)).await;
    owner.send([input(1)]).await;
    owner.applied(1).await;
    // A copy of the token with an old generation does not get in, and the owner notices nothing.
    for stale in [4, 5] {
        let mut thief = Socket::open(&rig).await;
        let hello = again(&welcome, welcome.room, stale);
        thief.send([ClientFrame::Hello(Box::new(hello))]).await;
        assert_eq!(thief.ended().await.0, 4901);
    }
    owner.send([input(2)]).await;
    owner.applied(2).await;
    // With a newer one it does, and the owner learns at once that it is out.
    let (mut thief, resumed) = Socket::seated(&rig, again(&welcome, welcome.room, 6)).await;
    assert_eq!(resumed.in_next, 3);
    assert_eq!(owner.ended().await.0, 4901);
    thief.send([input(3)]).await;
    thief.applied(3).await;
    player.play(3).await;
    assert_eq!(player.sockets_closed(), 0);
}

#[tokio::test]
async fn a_flood_of_inputs_closes_the_socket_it_came_on() {
    let rig = Rig::start();
    let mut player = Player::join(&rig, "table").await;
    let (mut socket, _) = Socket::seated(&rig, hello("table")).await;
    for round in 0..100 {
        socket.send((0..50).map(|n| input(round * 50 + n + 1))).await;
    }
    assert_eq!(socket.ended().await.0, 4010);
    player.play(5).await;
    assert_eq!(player.sockets_closed(), 0);
}

#[tokio::test]
async fn a_room_with_a_name_is_for_those_who_name_it() {
    let rig = Rig::start();
    let mut player = Player::join(&rig, "table").await;
    player.play(1).await;
    let (_one, first) = Socket::seated(&rig, hello("")).await;
    let (_two, second) = Socket::seated(&rig, hello("")).await;
    let (_three, third) = Socket::seated(&rig, hello("table")).await;
    assert_eq!(first.room, second.room);
    assert_ne!(first.room, third.room);
    assert_eq!(first.release, "playon-drill-r1");
    player.play(1).await;
}

/// A typo in a page: told at once, with what there is, and in the log.
#[tokio::test]
async fn a_kind_that_is_not_there_is_refused_at_once_with_those_there_are() {
    let rig = Rig::start();
    for name in ["", "table"] {
        let mut hello = hello(name);
        hello.kind = "dril-20".into();
        let mut socket = Socket::open(&rig).await;
        let began = std::time::Instant::now();
        socket.greet(hello).await;
        let (code, reason) = socket.ended_with().await;
        assert_eq!(code, 4902, "{reason}");
        assert!(reason.starts_with("PLY-0137 there is no kind dril-20, but drill-"), "{reason}");
        assert!(began.elapsed() < std::time::Duration::from_secs(3), "{:?}", began.elapsed());
    }
    rig.until_log("PLY-0137");
    assert_eq!(rig.log().matches("PLY-0137").count(), 1, "once a minute: {}", rig.log());
    let mut player = Player::join(&rig, "table").await;
    player.play(2).await;
}
