//! The decoders.

use bytes::{Bytes, BytesMut};
use playon_types::ids::{ReleaseId, RoomId};
use playon_types::image::StateCodec;
use playon_wire::attach::{
    AttachError, Down, FrameDecoder, LinkSecret, Up, decode_down, decode_up, encode_down,
    encode_up, read_frame,
};
use playon_wire::player::{
    ClientFrame, DELTA_VIEW_BYTES_MAX, PlayerLimits, ServerFrame, Token, apply_delta,
    decode_client, decode_server, put_delta,
};
use playon_wire::state::ZstdXxh3;
use playon_wire::stored::{decode_image, decode_record, encode_image, encode_record};

use crate::Target;

/// Bytes of state that the target for deltas allows.
const STATE_BYTES_MAX: usize = 1 << 20;

/// A message of a few bytes can hold many empty items, each of which takes its full size once decoded, twice while a
/// list grows and once more as the core's own type.
const PROTOBUF_TIMES: usize = 256;

/// All decoders.
pub const TARGETS: &[Target] = &[
    Target {
        name: "player-client",
        run: |bytes| player_client(bytes),
        decode: |bytes| drop(decode_client(copy(bytes), &PlayerLimits::default())),
        peak_times: 16,
        peak_bytes: 16 << 10,
    },
    Target {
        name: "player-server",
        run: |bytes| player_server(bytes),
        decode: |bytes| drop(decode_server(copy(bytes))),
        peak_times: 128,
        peak_bytes: 16 << 10,
    },
    Target {
        name: "attach-down",
        run: |bytes| attach_down(bytes),
        decode: |bytes| drop(decode_down(copy(bytes))),
        peak_times: PROTOBUF_TIMES,
        peak_bytes: 64 << 10,
    },
    Target {
        name: "attach-up",
        run: |bytes| attach_up(bytes),
        decode: |bytes| drop(decode_up(copy(bytes))),
        peak_times: PROTOBUF_TIMES,
        peak_bytes: 64 << 10,
    },
    Target {
        name: "attach-stream",
        run: |bytes| attach_stream(bytes),
        decode: |bytes| drop(pieces(bytes)),
        peak_times: 8,
        // Room for a frame is made as it arrives, 256 KiB at a time.
        peak_bytes: 1 << 20,
    },
    Target {
        name: "stored-image",
        run: |bytes| stored_image(bytes),
        decode: |bytes| drop(decode_image(bytes)),
        peak_times: PROTOBUF_TIMES,
        peak_bytes: 16 << 10,
    },
    Target {
        name: "stored-record",
        run: |bytes| stored_record(bytes),
        decode: |bytes| drop(decode_record(bytes)),
        peak_times: PROTOBUF_TIMES,
        peak_bytes: 16 << 10,
    },
    Target {
        name: "batch-row",
        run: playon_store::fuzz::batch_row,
        decode: playon_store::fuzz::batch_row,
        peak_times: 32,
        peak_bytes: 16 << 10,
    },
    Target {
        name: "envelope",
        run: playon::fuzz::envelope,
        decode: playon::fuzz::envelope,
        peak_times: 64,
        // A list says its length before its items; no more than 1 MiB is believed at a time, once a list.
        peak_bytes: 4 << 20,
    },
    Target {
        name: "delta",
        run: |bytes| delta(bytes),
        decode: |bytes| delta(bytes),
        peak_times: 8,
        peak_bytes: STATE_BYTES_MAX + (64 << 10),
    },
    Target {
        name: "view-delta",
        run: |bytes| view_delta(bytes),
        decode: |bytes| drop(apply(bytes)),
        peak_times: 2,
        peak_bytes: DELTA_VIEW_BYTES_MAX,
    },
    Target {
        name: "names",
        run: |bytes| names(bytes),
        decode: |bytes| names(bytes),
        peak_times: 16,
        peak_bytes: 16 << 10,
    },
];

fn copy(bytes: &[u8]) -> Bytes {
    Bytes::copy_from_slice(bytes)
}

fn player_client(bytes: &[u8]) {
    let limits = PlayerLimits::default();
    let Ok(frames) = decode_client(copy(bytes), &limits) else { return };
    let mut out = BytesMut::new();
    frames.iter().for_each(|frame| frame.encode(&mut out));
    // Flags of later versions are dropped; all else has one encoding.
    let flags = frames.iter().any(|frame| matches!(frame, ClientFrame::Hello(_)));
    assert!(flags || out == bytes, "{frames:?} has another encoding");
    assert_eq!(decode_client(out.freeze(), &limits), Ok(frames));
}

fn player_server(bytes: &[u8]) {
    let Ok(frames) = decode_server(copy(bytes)) else { return };
    let encode = |frames: &[ServerFrame]| {
        let mut out = BytesMut::new();
        frames.iter().for_each(|frame| frame.encode(&mut out));
        out.freeze()
    };
    let out = encode(&frames);
    // Shorter only by frames that may be skipped.
    assert!(out.len() <= bytes.len());
    assert!(out.len() < bytes.len() || out == bytes, "{frames:?} has another encoding");
    if !frames.is_empty() {
        assert_eq!(decode_server(out), Ok(frames));
    }
}

/// Encodes, takes the frames off the stream again and decodes them.
fn again<T>(
    encoded: Result<Bytes, AttachError>,
    decode: impl Fn(Bytes) -> Result<Vec<T>, AttachError>,
) -> Vec<T> {
    let stream = encoded.expect("what was read fits a frame");
    let mut decoder = FrameDecoder::new();
    decoder.push(&stream);
    let mut items = Vec::new();
    while let Some(frame) = decoder.next_frame().expect("own frames") {
        items.extend(decode(frame).expect("own items"));
    }
    assert!(decoder.is_between_frames());
    items
}

fn attach_down(bytes: &[u8]) {
    let Ok(items): Result<Vec<Down>, _> = decode_down(copy(bytes)) else { return };
    assert_eq!(again(encode_down(&items), decode_down), items);
}

fn attach_up(bytes: &[u8]) {
    let Ok(items): Result<Vec<Up>, _> = decode_up(copy(bytes)) else { return };
    assert_eq!(again(encode_up(&items), decode_up), items);
}

/// The frames of a stream that comes in pieces, whose size is its first byte; and whether it ends well.
fn pieces(bytes: &[u8]) -> (Vec<Bytes>, bool) {
    let Some((size, stream)) = bytes.split_first() else { return (Vec::new(), true) };
    let mut decoder = FrameDecoder::new();
    let mut frames = Vec::new();
    for piece in stream.chunks(usize::from(*size).max(1)) {
        decoder.push(piece);
        loop {
            match decoder.next_frame() {
                Ok(Some(frame)) => frames.push(frame),
                Ok(None) => break,
                Err(_) => return (frames, false),
            }
        }
    }
    (frames, decoder.is_between_frames())
}

fn attach_stream(bytes: &[u8]) {
    let mut stream = bytes.get(1..).unwrap_or_default();
    let mut frames = Vec::new();
    let whole = loop {
        match read_frame(&mut stream) {
            Ok(Some(frame)) => frames.push(frame),
            Ok(None) => break true,
            Err(_) => break false,
        }
    };
    assert_eq!(pieces(bytes), (frames, whole), "in pieces and at once");
}

fn stored_image(bytes: &[u8]) {
    let Ok(image) = decode_image(bytes) else { return };
    // What follows from the cursors must not overflow.
    assert!(image.seats.values().all(|seat| seat.outbox_first() >= 1));
    assert_eq!(decode_image(&encode_image(&image)), Ok(image));
}

fn stored_record(bytes: &[u8]) {
    let Ok(record) = decode_record(bytes) else { return };
    assert_eq!(decode_record(&encode_record(&record)), Ok(record));
}

/// The first byte says how much of the rest is the base.
fn delta(bytes: &[u8]) {
    let Some((size, rest)) = bytes.split_first() else { return };
    let (base, delta) = rest.split_at(usize::from(*size).min(rest.len()));
    let made = ZstdXxh3.apply(base, delta, STATE_BYTES_MAX);
    assert!(made.is_none_or(|state| state.len() <= STATE_BYTES_MAX));
}

/// The first byte says how much of the rest is the base.
fn apply(bytes: &[u8]) -> Option<(&[u8], Bytes)> {
    let (size, rest) = bytes.split_first()?;
    let (base, delta) = rest.split_at(usize::from(*size).min(rest.len()));
    Some((base, apply_delta(base, copy(delta), DELTA_VIEW_BYTES_MAX).ok()?))
}

/// What a delta makes, this side tells as well if it is shorter so, and makes the same of it.
fn view_delta(bytes: &[u8]) {
    let Some((base, view)) = apply(bytes) else { return };
    let mut delta = BytesMut::new();
    if put_delta(base, &view, &mut delta) {
        assert!(delta.len() < view.len());
        assert_eq!(apply_delta(base, delta.freeze(), view.len()), Ok(view));
    }
}

/// What is read from a text is written as that text.
fn names(bytes: &[u8]) {
    if let Some(token) = Token::from_bytes(bytes) {
        assert_eq!(token.to_bytes(), bytes);
    }
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let lower = text.to_ascii_lowercase();
    if let Some(id) = RoomId::parse(text) {
        let written = id.to_string();
        assert!(lower == written || lower == written.replace('-', ""), "{text:?} is not {id}");
    }
    if let Some(id) = ReleaseId::parse(text) {
        assert_eq!(id.to_string(), lower);
    }
    if let Some(secret) = LinkSecret::parse(text) {
        assert_eq!(secret.to_hex(), lower);
    }
}
