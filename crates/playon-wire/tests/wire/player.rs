//! The player protocol.

use bytes::{Bytes, BytesMut};
use playon_types::gate::Close;
use playon_wire::player::{
    CLIENT_FRAMES_MAX, ClientFrame, DecodeError, PlayerLimits, SERVER_FRAMES_MAX, ServerFrame,
    decode_client, decode_server,
};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::any::{client_frame, server_frame};
use crate::mutate::{damaged, damages};
use crate::unhex;

fn client_bytes(frames: &[ClientFrame]) -> Bytes {
    let mut out = BytesMut::new();
    frames.iter().for_each(|frame| frame.encode(&mut out));
    out.freeze()
}

fn server_bytes(frames: &[ServerFrame]) -> Bytes {
    let mut out = BytesMut::new();
    frames.iter().for_each(|frame| frame.encode(&mut out));
    out.freeze()
}

fn client(bytes: impl Into<Bytes>) -> Result<Vec<ClientFrame>, DecodeError> {
    decode_client(bytes.into(), &PlayerLimits::default())
}

proptest! {
    #[test]
    fn client_frames_read_back(frames in vec(client_frame(), 1..6)) {
        prop_assert_eq!(client(client_bytes(&frames)), Ok(frames));
    }

    #[test]
    fn server_frames_read_back(frames in vec(server_frame(), 1..6)) {
        prop_assert_eq!(decode_server(server_bytes(&frames)), Ok(frames));
    }

    #[test]
    fn any_bytes_are_survived(bytes in vec(any::<u8>(), 0..200)) {
        let _ = client(bytes.clone());
        let _ = decode_server(bytes.into());
    }

    /// What a damaged message is read as, if it is read at all, has one encoding only.
    #[test]
    fn damaged_client_messages_are_survived(
        frames in vec(client_frame(), 1..4), damages in damages(),
    ) {
        if let Ok(read) = client(damaged(&client_bytes(&frames), &damages)) {
            prop_assert_eq!(client(client_bytes(&read)), Ok(read));
        }
    }

    #[test]
    fn damaged_server_messages_are_survived(
        frames in vec(server_frame(), 1..4), damages in damages(),
    ) {
        if let Ok(read) = decode_server(damaged(&server_bytes(&frames), &damages).into())
            && !read.is_empty()
        {
            prop_assert_eq!(decode_server(server_bytes(&read)), Ok(read));
        }
    }
}

#[test]
fn payloads_are_slices_of_the_message() {
    let message =
        client_bytes(&[ClientFrame::Input { seq: 1, recv: 0, payload: vec![7; 1_000].into() }]);
    let inside = message.as_ptr_range();
    let frames = client(message).expect("valid");
    let [ClientFrame::Input { payload, .. }] = &frames[..] else { panic!("{frames:?}") };
    assert!(inside.contains(&payload.as_ptr()));
}

fn check_client(hex: &str, code: &str, close: Close) {
    let error = client(unhex(hex)).expect_err(hex);
    assert!(error.to_string().starts_with(code), "{hex}: {error}");
    assert_eq!(error.close(), close, "{hex}: {error}");
}

#[test]
fn malformed_client_messages_are_refused_with_a_reason() {
    check_client("", "PLY-0187", Close::BadFrame);
    check_client("04", "PLY-0183", Close::BadFrame);
    check_client("0401", "PLY-0183", Close::BadFrame);
    check_client("0400 03", "PLY-0183", Close::BadFrame);
    check_client("040100", "PLY-0184", Close::BadFrame);
    check_client("0300", "PLY-0183", Close::BadFrame);
    check_client("0302 8000", "PLY-0183", Close::BadFrame);
    check_client("03 ffffffffffffffffff01", "PLY-0183", Close::BadFrame);
    check_client("0600", "PLY-0185", Close::BadFrame);
    check_client("8500", "PLY-0185", Close::BadFrame);
    // A kind that claims to be almost 2^64 bytes long.
    check_client("0110 01 01 00 00 00 ffffffffffffffffff01 00", "PLY-0182", Close::TooLarge);
    // A token and no room; half a room.
    check_client(
        &format!("0125 010100 18{} 00 0000 0000 00 00 00 01", "11".repeat(24)),
        "PLY-0186",
        Close::BadFrame,
    );
    check_client(
        &format!("0115 010100 00 08{} 0000 0000 00 00 00 01", "11".repeat(8)),
        "PLY-0186",
        Close::BadFrame,
    );
    // A generation that no socket could follow; the last one there is stands below.
    let hello = |generation: &str| format!("0114 010100 00 00 0000 0000 00 {generation} 00 01");
    check_client(&hello("ffffffffffffff0f"), "PLY-0186", Close::BadFrame);
    assert!(client(unhex(&hello("feffffffffffff0f"))).is_ok());
}

#[test]
fn limits_are_kept() {
    let limits = PlayerLimits {
        message_bytes_max: 50_000,
        input_bytes_max: 1_000,
        ..PlayerLimits::default()
    };
    let input = |bytes: usize| {
        let payload = vec![0; bytes].into();
        client_bytes(&[ClientFrame::Input { seq: 1, recv: 0, payload }])
    };
    assert!(decode_client(input(1_000), &limits).is_ok());
    assert_eq!(decode_client(input(1_001), &limits).map_err(|e| e.close()), Err(Close::TooLarge));
    let large = decode_client(input(50_000), &limits);
    assert!(matches!(large, Err(DecodeError::Message { .. })), "{large:?}");

    let byes = vec![ClientFrame::Bye; CLIENT_FRAMES_MAX + 1];
    assert!(client(client_bytes(&byes[1..])).is_ok());
    assert_eq!(client(client_bytes(&byes)).map_err(|e| e.close()), Err(Close::TooMany));
    let pings = vec![ServerFrame::Ping { nonce: 1 }; SERVER_FRAMES_MAX + 1];
    assert!(decode_server(server_bytes(&pings[1..])).is_ok());
    assert!(matches!(decode_server(server_bytes(&pings)), Err(DecodeError::Frames { .. })));
}

#[test]
fn clients_skip_what_they_are_told_they_may() {
    let frames = decode_server(unhex("9903 010203 150105 8000").into());
    assert_eq!(frames, Ok(vec![ServerFrame::Ack { applied: 5 }]));
    let unknown = decode_server(unhex("1900").into());
    assert_eq!(unknown, Err(DecodeError::Unknown { kind: 0x19 }));
}

#[test]
fn secrets_are_not_printed() {
    let token =
        playon_wire::player::Token { session: playon_types::ids::SessionId(7), secret: [0xab; 16] };
    assert_eq!(format!("{token:?}"), "Token(7, ..)");
}
