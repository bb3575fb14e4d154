//! The attach protocol.

use std::io::Cursor;

use bytes::Bytes;
use playon_types::attach::{Deliver, FromWorker, Item, Output, ToWorker};
use playon_types::ids::{Attempt, RoomId, Seq, SessionId};
use playon_types::time::RoomTime;
use playon_wire::attach::{
    ASSETS_BYTES_MAX, ATTACH_PROTOCOL, Asset, AttachError, BATCH_ITEMS_MAX, Down, FRAME_BYTES_MAX,
    FRAME_ENTRIES_MAX, FrameDecoder, ITEM_COST, LinkSecret, PINNED_TIMES_MAX, Up, WorkerHello,
    cost, decode_down, decode_up, encode_down, encode_up, read_down, read_frame, read_up,
    write_down, write_frame, write_up,
};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::any::{down, up};
use crate::mutate::{damaged, damages};

/// All frames of a stream, which must end after one.
fn frames(stream: &[u8]) -> Vec<Bytes> {
    let mut decoder = FrameDecoder::new();
    decoder.push(stream);
    let frames = std::iter::from_fn(|| decoder.next_frame().expect("valid lengths")).collect();
    assert!(decoder.is_between_frames());
    frames
}

proptest! {
    #[test]
    fn what_the_keeper_says_reads_back(items in vec(down(), 0..8)) {
        let stream = encode_down(&items).expect("small");
        let mut read = Vec::new();
        for frame in frames(&stream) {
            read.extend(decode_down(frame).expect("just written"));
        }
        prop_assert_eq!(read, items);
    }

    #[test]
    fn what_the_worker_says_reads_back(items in vec(up(), 0..8)) {
        let stream = encode_up(&items).expect("small");
        let mut read = Vec::new();
        for frame in frames(&stream) {
            read.extend(decode_up(frame).expect("just written"));
        }
        prop_assert_eq!(read, items);
    }

    #[test]
    fn any_bytes_are_survived(bytes in vec(any::<u8>(), 0..200)) {
        let bytes = Bytes::from(bytes);
        let _ = decode_down(bytes.clone());
        let _ = decode_up(bytes.clone());
        let _ = read_frame(&mut Cursor::new(&bytes));
    }

    #[test]
    fn damaged_frames_are_survived(
        downs in vec(down(), 1..4), ups in vec(up(), 1..4), damages in damages(),
    ) {
        let stream = encode_down(&downs).expect("small");
        if let Ok(items) = decode_down(damaged(&stream[4..], &damages).into()) {
            prop_assert!(encode_down(&items).is_ok());
        }
        let stream = encode_up(&ups).expect("small");
        if let Ok(items) = decode_up(damaged(&stream[4..], &damages).into()) {
            prop_assert!(encode_up(&items).is_ok());
        }
    }

    #[test]
    fn frames_are_found_however_the_bytes_arrive(
        bodies in vec(vec(any::<u8>(), 0..50), 0..6), pieces in vec(1..30_usize, 1..20),
    ) {
        let mut stream = Vec::new();
        bodies.iter().for_each(|body| write_frame(&mut stream, body).expect("a Vec"));
        let (mut decoder, mut read, mut rest) = (FrameDecoder::new(), Vec::new(), &stream[..]);
        for piece in pieces.iter().cycle() {
            if rest.is_empty() {
                break;
            }
            let (now, later) = rest.split_at(rest.len().min(*piece));
            rest = later;
            decoder.push(now);
            while let Some(frame) = decoder.next_frame().expect("valid lengths") {
                read.push(frame.to_vec());
            }
        }
        prop_assert_eq!(read, bodies);
        prop_assert!(decoder.is_between_frames());
    }
}

#[test]
fn readers_and_writers_meet() {
    let downs = [Down::Ping { nonce: 7 }, Down::Shutdown];
    let ups = [Up::Pong { nonce: 7 }, Up::Credit { bytes: 1 }];
    let mut stream = Vec::new();
    write_down(&mut stream, &downs).expect("a Vec");
    write_up(&mut stream, &ups).expect("a Vec");
    let mut reader = Cursor::new(stream);
    assert_eq!(read_down(&mut reader).expect("written"), Some(downs.to_vec()));
    assert_eq!(read_up(&mut reader).expect("written"), Some(ups.to_vec()));
    assert!(matches!(read_up(&mut reader), Ok(None)));
}

#[test]
fn a_stream_may_end_only_between_frames() {
    let mut stream = Vec::new();
    write_frame(&mut stream, b"abc").expect("a Vec");
    assert!(matches!(read_frame(&mut Cursor::new(&[])), Ok(None)));
    for cut in 1..stream.len() {
        let read = read_frame(&mut Cursor::new(&stream[..cut]));
        assert!(matches!(read, Err(AttachError::Cut)), "cut at {cut}: {read:?}");
    }
}

#[test]
fn too_long_a_frame_is_refused_by_its_length() {
    let length = (FRAME_BYTES_MAX as u32 + 1).to_be_bytes();
    assert!(matches!(read_frame(&mut Cursor::new(length)), Err(AttachError::Frame { .. })));
    let mut decoder = FrameDecoder::new();
    decoder.push(&length);
    assert!(matches!(decoder.next_frame(), Err(AttachError::Frame { .. })));

    // A length within the limit reserves little until the bytes come.
    let mut decoder = FrameDecoder::new();
    decoder.push(&(FRAME_BYTES_MAX as u32).to_be_bytes());
    assert!(matches!(decoder.next_frame(), Ok(None)));
    assert!(decoder.buffer().capacity() < 1 << 20);
}

#[test]
fn batches_are_split_by_items_and_by_bytes() {
    let pings: Vec<_> = (0..600).map(|nonce| Down::Ping { nonce }).collect();
    let split = frames(&encode_down(&pings).expect("small"));
    assert_eq!(split.len(), 3);
    let read: Vec<_> =
        split.into_iter().flat_map(|frame| decode_down(frame).expect("valid")).collect();
    assert_eq!(read, pings);

    let open = |state: Bytes| {
        Down::Room(ToWorker::Open {
            room: RoomId([1; 16]),
            attempt: Attempt(1),
            kind: "arena".to_owned(),
            seq: Seq(1),
            version: 1,
            state,
        })
    };
    let state = Bytes::from(vec![0; 16 << 20]);
    let split = frames(&encode_down(&[open(state.clone()), open(state)]).expect("each fits"));
    assert_eq!(split.len(), 2);
    let error = encode_down(&[open(vec![0; FRAME_BYTES_MAX].into())]).expect_err("fits no frame");
    assert!(matches!(error, AttachError::Frame { .. }), "{error}");
}

#[test]
fn a_batch_with_too_many_items_is_refused() {
    let item = [0x0a, 0x02, 0x22, 0x00];
    assert_eq!(
        decode_down(item.repeat(BATCH_ITEMS_MAX).into()).expect("allowed").len(),
        BATCH_ITEMS_MAX
    );
    let error = decode_down(item.repeat(BATCH_ITEMS_MAX + 1).into()).expect_err("one too many");
    assert!(matches!(error, AttachError::Items { .. }), "{error}");
}

/// A delivery that renders for so many.
fn rendering(count: usize) -> Down {
    Down::Room(ToWorker::Deliver(Deliver {
        room: RoomId([1; 16]),
        attempt: Attempt(1),
        seq: Seq(1),
        now: RoomTime(1),
        items: vec![Item::Wake; count.min(2)],
        render: vec![SessionId(300); count - count.min(2)],
        render_watch: false,
    }))
}

#[test]
fn batches_are_split_by_entries_and_one_item_too_large_is_refused() {
    let items = [rendering(FRAME_ENTRIES_MAX - 2), rendering(2), rendering(1)];
    let split = frames(&encode_down(&items).expect("each fits"));
    let read: Vec<_> =
        split.into_iter().map(|frame| decode_down(frame).expect("valid").len()).collect();
    assert_eq!(read, [2, 1]);
    let error = encode_down(&[rendering(FRAME_ENTRIES_MAX + 1)]).expect_err("fits no frame");
    assert!(matches!(error, AttachError::Items { max: FRAME_ENTRIES_MAX, .. }), "{error}");
}

#[test]
fn a_frame_with_too_many_entries_is_refused() {
    // Two whole frames: what is allowed in each is too much in one.
    let stream = encode_down(&[rendering(FRAME_ENTRIES_MAX), rendering(1)]).expect("each fits");
    let split = frames(&stream);
    assert_eq!(split.len(), 2);
    let error = decode_down(split.concat().into()).expect_err("one too many");
    assert!(matches!(error, AttachError::Items { max: FRAME_ENTRIES_MAX, .. }), "{error}");
}

#[test]
fn unknown_items_are_not_passed_over() {
    // Item 99, which no version of this build knows.
    let error = decode_up(vec![0x0a, 0x03, 0x9a, 0x06, 0x00].into()).expect_err("unknown");
    assert!(matches!(error, AttachError::Field { .. }), "{error}");
}

#[test]
fn small_pieces_do_not_pin_large_frames() {
    let event = |bytes: usize| Output {
        session: SessionId(1),
        payload: vec![9; bytes].into(),
        reliable: true,
    };
    let commit = playon_types::attach::Commit {
        room: RoomId([1; 16]),
        attempt: Attempt(1),
        seq: Seq(2),
        parent_hash: 1,
        hash: 2,
        version: 1,
        body: playon_types::attach::Body::Same,
        refused: vec![],
        dismissed: vec![],
        outputs: vec![event(10), event(100_000)],
        inputs: 0,
        views: vec![],
        left_out: Vec::new(),
        watch_view: None,
        wake_at: None,
        between_rounds: false,
        ended: false,
        cost_us: 0,
    };
    let stream = encode_up(&[Up::Room(FromWorker::Commit(commit))]).expect("small");
    let frame = stream.slice(4..);
    let inside = frame.as_ptr_range();
    let items = decode_up(frame).expect("valid");
    let [Up::Room(FromWorker::Commit(commit))] = &items[..] else { panic!("{items:?}") };
    let is_slice: Vec<_> =
        commit.outputs.iter().map(|output| inside.contains(&output.payload.as_ptr())).collect();
    assert_eq!(
        is_slice,
        [false, true],
        "pieces under 1/{PINNED_TIMES_MAX} of the frame are copied"
    );
}

#[test]
fn a_hello_may_bring_so_much_and_no_more() {
    let hello = |bytes: usize| {
        let asset = Asset {
            path: "index.html".to_owned(),
            mime: "text/html".to_owned(),
            bytes: vec![0; bytes].into(),
        };
        let hello = WorkerHello {
            protocol: ATTACH_PROTOCOL,
            secret: LinkSecret([3; 32]),
            app: "arena".to_owned(),
            label: String::new(),
            pid: 1,
            kinds: vec![],
            assets: vec![asset],
            defects: vec![],
        };
        decode_up(encode_up(&[Up::Hello(Box::new(hello))]).expect("fits a frame").slice(4..))
    };
    assert!(hello(ASSETS_BYTES_MAX).is_ok());
    assert!(matches!(hello(ASSETS_BYTES_MAX + 1), Err(AttachError::Hello { .. })));
}

#[test]
fn items_cost_what_they_make_the_worker_hold() {
    let deliver = ToWorker::Deliver(Deliver {
        room: RoomId([1; 16]),
        attempt: Attempt(1),
        seq: Seq(1),
        now: RoomTime(0),
        items: vec![
            Item::Tick(1),
            Item::Input { session: SessionId(1), seq: 1, payload: vec![0; 100].into() },
            Item::Join { session: SessionId(2), profile: vec![0; 20].into() },
        ],
        render: vec![],
        render_watch: false,
    });
    assert_eq!(cost(&deliver), ITEM_COST + 120);
    assert_eq!(cost(&ToWorker::Retire { room: RoomId([1; 16]), attempt: Attempt(1) }), ITEM_COST);
}
