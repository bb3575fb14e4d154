//! What the store keeps.

use playon_types::attach::Body;
use playon_types::ids::{DeployId, Epoch, History, ReleaseId, RoomId, SecretHash, Seq, SessionId};
use playon_types::image::{ApplyBounds, Image, Loss, Misfit, Record, Seat, SeatChange, StateCodec};
use playon_types::time::{RoomTime, Time};
use playon_wire::state::{ZstdXxh3, diff};
use playon_wire::stored::{
    FORMAT, RecoverError, StoredError, decode_image, decode_record, encode_image, encode_record,
    recover,
};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::any::{image, record};
use crate::mutate::{damaged, damages};
use crate::{hex, unhex};

proptest! {
    #[test]
    fn images_read_back(image in image()) {
        prop_assert_eq!(decode_image(&encode_image(&image)), Ok(image));
    }

    #[test]
    fn records_read_back(record in record()) {
        prop_assert_eq!(decode_record(&encode_record(&record)), Ok(record));
    }

    #[test]
    fn any_bytes_are_survived(mut bytes in vec(any::<u8>(), 1..200)) {
        bytes[0] = FORMAT;
        let _ = decode_image(&bytes);
        let _ = decode_record(&bytes);
    }

    #[test]
    fn damaged_bytes_are_survived(image in image(), record in record(), damages in damages()) {
        if let Ok(read) = decode_image(&damaged(&encode_image(&image), &damages)) {
            // Whatever was read can be worked with.
            read.seats.values().for_each(|seat| assert!(seat.outbox_first() >= 1));
        }
        let _ = decode_record(&damaged(&encode_record(&record), &damages));
    }
}

#[test]
fn later_formats_are_left_alone() {
    let mut bytes = encode_record(&first_record()).to_vec();
    bytes[0] = FORMAT + 1;
    assert_eq!(decode_record(&bytes), Err(StoredError::Newer { found: FORMAT + 1 }));
    assert_eq!(decode_image(&bytes), Err(StoredError::Newer { found: FORMAT + 1 }));
    assert!(matches!(decode_image(&[]), Err(StoredError::Malformed(_))));
    assert!(matches!(decode_image(&[0]), Err(StoredError::Malformed(_))));
}

fn first_image() -> Image {
    let state = b"one room, and in it a number: 1".to_vec();
    Image {
        room: RoomId([5; 16]),
        kind: "arena".to_owned(),
        name: String::new(),
        history: History(1),
        release: ReleaseId([6; 32]),
        epoch: Epoch(1),
        seq: Seq(1),
        version: 1,
        hash: ZstdXxh3.hash(&state),
        state: state.into(),
        now: RoomTime(0),
        clock: RoomTime(0),
        tick: 0,
        wake_at: None,
        between_rounds: false,
        ended: false,
        clean: false,
        seats: Default::default(),
    }
}

fn first_record() -> Record {
    next_record(&first_image(), b"one room, and in it a number: 2")
}

fn next_record(image: &Image, state: &[u8]) -> Record {
    Record {
        seq: image.seq.next(),
        parent_hash: image.hash,
        hash: ZstdXxh3.hash(state),
        version: 1,
        body: diff(&image.state, state),
        release: image.release,
        now: RoomTime(image.now.0 + 50_000),
        tick: image.tick + 1,
        wake_at: None,
        between_rounds: false,
        ended: false,
        migrate: None,
        seats: vec![SeatChange::Joined {
            session: SessionId(image.seq.0),
            secret: SecretHash([1; 16]),
        }],
    }
}

fn bounds() -> ApplyBounds {
    ApplyBounds { state_bytes_max: 16 << 20, outbox_events_max: 1_024, outbox_bytes_max: 64 << 10 }
}

#[test]
fn a_room_is_recovered_as_it_was_held() {
    let mut held = first_image();
    let snapshot = encode_image(&held);
    let mut stored = Vec::new();
    for step in 2..20 {
        let record = next_record(&held, format!("one room, and in it a number: {step}").as_bytes());
        held.apply(Epoch(2), &record, &ZstdXxh3, &bounds()).expect("follows");
        stored.push(encode_record(&record));
    }
    let records = stored.iter().map(|bytes| (Epoch(2), &bytes[..]));
    assert_eq!(recover(&snapshot, records, &ZstdXxh3, &bounds()), Ok(held));
}

#[test]
fn a_damaged_room_is_not_recovered_as_an_older_one() {
    let image = first_image();
    let records = [first_record()].map(|record| encode_record(&record));
    let with = |image: &Image, record: &[u8]| {
        recover(&encode_image(image), [(Epoch(1), record)], &ZstdXxh3, &bounds())
    };
    assert!(with(&image, &records[0]).is_ok());

    let found = with(&image, &records[0][..3]);
    assert!(matches!(found, Err(RecoverError::Record { after: Seq(1), .. })), "{found:?}");
    let gap = Record { seq: Seq(3), ..first_record() };
    let found = with(&image, &encode_record(&gap));
    assert!(
        matches!(found, Err(RecoverError::Misfit { source: Misfit::Sequence { .. }, .. })),
        "{found:?}"
    );
    let other = Record { body: Body::Full(b"else".to_vec().into()), ..first_record() };
    let found = with(&image, &encode_record(&other));
    assert!(
        matches!(found, Err(RecoverError::Misfit { source: Misfit::Hash { .. }, .. })),
        "{found:?}"
    );
    let changed = Image { state: b"changed".to_vec().into(), ..image };
    let found = with(&changed, &records[0]);
    assert!(matches!(found, Err(RecoverError::Hash { .. })), "{found:?}");
}

/// An image in which no field has the value that protobuf leaves out.
fn kept_image() -> Image {
    let seat = Seat {
        secret: SecretHash(*b"half of a sha256"),
        applied: 12,
        event_seq: 40,
        outbox: [&b"first"[..], b"second"].map(bytes::Bytes::from_static).into(),
        loss: Loss::default(),
        set_aside: Default::default(),
        away_since: None,
        unheard: false,
    };
    Image {
        name: "kitchen".to_owned(),
        history: History(2),
        epoch: Epoch(3),
        seq: Seq(77),
        version: 4,
        now: RoomTime(3_850_000),
        clock: RoomTime(3_850_000),
        tick: 76,
        wake_at: Some(RoomTime(3_900_000)),
        between_rounds: true,
        ended: true,
        clean: true,
        seats: [(SessionId(1 << 40), seat)].into(),
        ..first_image()
    }
}

fn kept_record() -> Record {
    let session = SessionId(1 << 40);
    let events = [&b"first"[..], b"second"].map(bytes::Bytes::from_static).into();
    Record {
        seq: Seq(78),
        parent_hash: 1,
        hash: 2,
        version: 4,
        body: Body::Delta(b"a delta".to_vec().into()),
        release: ReleaseId([6; 32]),
        now: RoomTime(3_900_000),
        tick: 77,
        wake_at: Some(RoomTime(4_000_000)),
        between_rounds: true,
        ended: true,
        migrate: Some(DeployId(9)),
        seats: vec![
            SeatChange::Joined { session, secret: SecretHash(*b"half of a sha256") },
            SeatChange::Progress { session, applied: 13, events, lost: 0, kept_from: 0 },
            SeatChange::Left { session },
        ],
    }
}

/// The same with the fields that were added without a new version: an earlier build passes over them, and knows no better.
fn kept_later() -> (Image, Record) {
    let image = Image { clock: RoomTime(3_860_000), ..kept_image() };
    let mut record = kept_record();
    for change in &mut record.seats {
        if let SeatChange::Progress { kept_from, .. } = change {
            *kept_from = 40;
        }
    }
    (image, record)
}

/// The same with what an empty seat says of how long it has been so.
fn kept_away() -> (Image, Record) {
    let (mut image, mut record) = kept_later();
    image.seats.values_mut().for_each(|seat| seat.away_since = Some(Time(86_400_000_000)));
    let session = SessionId(1 << 40);
    record.seats = [Some(Time(86_400_000_000)), None]
        .map(|away_since| SeatChange::Presence { session, away_since })
        .into();
    (image, record)
}

/// The same with what is noted of whether a new player was heard.
fn kept_heard() -> (Image, Record) {
    let (mut image, mut record) = kept_away();
    image.seats.values_mut().for_each(|seat| seat.unheard = true);
    record.seats = vec![SeatChange::Heard { session: SessionId(1 << 40) }];
    (image, record)
}

/// Files written by each version of the format. They are never changed; a new version adds new ones.
#[test]
fn what_earlier_builds_wrote_is_still_read() {
    let file = |name: &str| {
        let path = format!("{}/vectors/{name}.hex", env!("CARGO_MANIFEST_DIR"));
        unhex(&std::fs::read_to_string(&path).expect(&path))
    };
    assert_eq!(decode_image(&file("image-1")), Ok(kept_image()));
    assert_eq!(decode_record(&file("record-1")), Ok(kept_record()));
    assert_eq!(hex(&encode_image(&kept_image())), hex(&file(&format!("image-{FORMAT}"))));
    assert_eq!(hex(&encode_record(&kept_record())), hex(&file(&format!("record-{FORMAT}"))));
    let (image, record) = kept_later();
    assert_eq!(decode_image(&file("image-1-stood")), Ok(image.clone()));
    assert_eq!(decode_record(&file("record-1-kept-from")), Ok(record.clone()));
    assert_eq!(hex(&encode_image(&image)), hex(&file("image-1-stood")));
    assert_eq!(hex(&encode_record(&record)), hex(&file("record-1-kept-from")));
    let (image, record) = kept_away();
    assert_eq!(hex(&encode_image(&image)), hex(&file("image-1-away")));
    assert_eq!(hex(&encode_record(&record)), hex(&file("record-1-presence")));
    assert_eq!(decode_image(&file("image-1-away")), Ok(image));
    assert_eq!(decode_record(&file("record-1-presence")), Ok(record));
    let (image, record) = kept_heard();
    assert_eq!(hex(&encode_image(&image)), hex(&file("image-1-unheard")));
    assert_eq!(hex(&encode_record(&record)), hex(&file("record-1-heard")));
    assert_eq!(decode_image(&file("image-1-unheard")), Ok(image));
    assert_eq!(decode_record(&file("record-1-heard")), Ok(record));
}
