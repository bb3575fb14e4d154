use super::*;

const WHO: SessionId = SessionId(7);
const BOUNDS: ApplyBounds =
    ApplyBounds { state_bytes_max: 4, outbox_events_max: 3, outbox_bytes_max: 10 };

/// Deltas are appended, hashes are lengths.
struct Lengths;

impl StateCodec for Lengths {
    fn apply(&self, base: &[u8], delta: &[u8], max: usize) -> Option<Bytes> {
        (base.len() + delta.len() <= max).then(|| [base, delta].concat().into())
    }

    fn hash(&self, state: &[u8]) -> u64 {
        state.len() as u64
    }
}

fn image() -> Image {
    Image {
        room: RoomId([1; 16]),
        kind: "duel".into(),
        name: String::new(),
        history: History(3),
        release: ReleaseId([1; 32]),
        epoch: Epoch(3),
        seq: Seq(5),
        version: 1,
        state: Bytes::from_static(b"ab"),
        hash: 2,
        now: RoomTime(50),
        clock: RoomTime(60),
        tick: 9,
        wake_at: None,
        between_rounds: false,
        ended: false,
        clean: true,
        seats: BTreeMap::from([(WHO, Seat::default())]),
    }
}

fn record(seats: Vec<SeatChange>) -> Record {
    Record {
        seq: Seq(6),
        parent_hash: 2,
        hash: 3,
        version: 2,
        body: Body::Delta(Bytes::from_static(b"c")),
        release: ReleaseId([2; 32]),
        now: RoomTime(50),
        tick: 9,
        wake_at: Some(RoomTime(99)),
        between_rounds: true,
        ended: true,
        migrate: None,
        seats,
    }
}

fn apply(image: &mut Image, record: &Record) -> Result<(), Misfit> {
    image.apply(Epoch(4), record, &Lengths, &BOUNDS)
}

/// The image with one more commit.
fn with(mut image: Image, changes: Vec<SeatChange>) -> Image {
    let hash = image.hash;
    let record = Record {
        seq: image.seq.next(),
        parent_hash: hash,
        hash,
        body: Body::Same,
        ..record(changes)
    };
    assert_eq!(apply(&mut image, &record), Ok(()));
    image
}

fn progress(applied: u64, events: &[&'static str], lost: u64, kept_from: u64) -> SeatChange {
    let events = events.iter().map(|event| Bytes::from_static(event.as_bytes())).collect();
    SeatChange::Progress { session: WHO, applied, events, lost, kept_from }
}

#[test]
fn a_record_is_applied_to_the_image_before_it_and_to_no_other() {
    let mut next = image();
    apply(&mut next, &record(Vec::new())).unwrap();
    let wanted = Image {
        release: ReleaseId([2; 32]),
        epoch: Epoch(4),
        seq: Seq(6),
        version: 2,
        state: Bytes::from_static(b"abc"),
        hash: 3,
        clock: RoomTime(50),
        wake_at: Some(RoomTime(99)),
        between_rounds: true,
        ended: true,
        ..image()
    };
    assert_eq!(next, wanted);
    let good = record(Vec::new());
    let misfits = [
        Record { seq: Seq(5), ..good.clone() },
        Record { seq: Seq(7), ..good.clone() },
        Record { parent_hash: 1, ..good.clone() },
        Record { now: RoomTime(49), ..good.clone() },
        Record { tick: 8, ..good.clone() },
        Record { hash: 4, ..good.clone() },
        Record { body: Body::Delta(Bytes::from_static(b"cde")), hash: 5, ..good.clone() },
        Record { body: Body::Full(Bytes::from_static(b"abcde")), hash: 5, ..good.clone() },
    ];
    for misfit in misfits {
        let mut same = image();
        assert!(apply(&mut same, &misfit).is_err(), "{misfit:?}");
        assert_eq!(same, image());
    }
    let full = Record { body: Body::Full(Bytes::from_static(b"wxyz")), hash: 4, ..good };
    let later = Record { now: RoomTime(51), tick: 10, ..full };
    let mut whole = image();
    assert_eq!((apply(&mut whole, &later), &whole.state[..]), (Ok(()), &b"wxyz"[..]));
    assert_eq!((whole.now, whole.tick), (RoomTime(51), 10));
    let mut last = Image { seq: Seq(u64::MAX), ..image() };
    assert!(apply(&mut last, &Record { seq: Seq(u64::MAX), ..record(Vec::new()) }).is_err());
}

#[test]
fn no_room_time_passes_by_a_handoff() {
    let mut moved = image();
    let migrate = Some(DeployId(1));
    apply(&mut moved, &Record { migrate, ..record(Vec::new()) }).unwrap();
    assert_eq!((moved.now, moved.clock), (RoomTime(50), RoomTime(60)));
}

#[test]
fn seats_are_taken_and_given_up_with_their_secret() {
    let other = SessionId(8);
    let secret = SecretHash([5; 16]);
    let away = SeatChange::Presence { session: WHO, away_since: Some(Time(4)) };
    let image = with(image(), vec![SeatChange::Joined { session: other, secret }, away]);
    assert_eq!(image.seats[&other], Seat { secret, unheard: true, ..Seat::default() });
    assert_eq!(image.seats[&WHO].away_since, Some(Time(4)));
    let image = with(image, vec![SeatChange::Heard { session: other }]);
    assert_eq!(image.seats[&other], Seat { secret, ..Seat::default() });
    let image = with(image, vec![SeatChange::Left { session: other }]);
    assert_eq!(image.seats.keys().collect::<Vec<_>>(), [&WHO]);
}

#[test]
fn the_last_inputs_that_were_set_aside_are_kept() {
    let most = SET_ASIDE_KEPT_MAX as u64;
    let aside = |numbers: std::ops::RangeInclusive<u64>| {
        numbers.map(|input| SeatChange::SetAside { session: WHO, input }).collect()
    };
    let full = with(image(), aside(1..=most));
    assert!(full.seats[&WHO].set_aside.iter().copied().eq(1..=most));
    let more = with(full, aside(most + 1..=most + 1));
    assert!(more.seats[&WHO].set_aside.iter().copied().eq(2..=most + 1));
}

#[test]
fn events_are_numbered_and_kept_until_acknowledged_or_past_a_bound() {
    let image = with(image(), vec![progress(4, &["one", "two", "six"], 0, 0)]);
    let seat = &image.seats[&WHO];
    assert_eq!((seat.applied, seat.event_seq, seat.loss), (4, 3, Loss::default()));
    assert_eq!((seat.outbox_first(), seat.outbox_bytes(), image.bytes()), (1, 9, 11));
    // What is acknowledged makes room first.
    let kept = with(image.clone(), vec![progress(2, &["four"], 0, 2)]);
    let seat = &kept.seats[&WHO];
    assert_eq!((seat.applied, seat.event_seq, seat.outbox_first()), (4, 4, 2));
    assert_eq!(seat.outbox_bytes(), 10, "as many as may be");
    let events = with(kept.clone(), vec![progress(5, &[""], 0, 2)]);
    assert_eq!((events.seats[&WHO].outbox_first(), events.bytes()), (6, 2), "a fourth event");
    let bytes = with(image, vec![progress(5, &["fours"], 0, 2)]);
    assert_eq!((bytes.seats[&WHO].outbox_first(), bytes.bytes()), (5, 2), "an eleventh byte");
}

#[test]
fn nothing_is_acknowledged_that_has_not_been() {
    let events = VecDeque::from(["a", "b"].map(|event| Bytes::from_static(event.as_bytes())));
    let mut seat = Seat { event_seq: 5, outbox: events, ..Seat::default() };
    seat.acknowledge(3);
    assert_eq!(seat.outbox_first(), 4);
    seat.acknowledge(4);
    assert_eq!(seat.outbox_first(), 5);
    seat.acknowledge(99);
    assert_eq!((seat.outbox_first(), seat.outbox.len()), (6, 0));
}

#[test]
fn a_loss_is_told_to_whoever_knows_only_of_earlier_histories() {
    let image = with(image(), vec![progress(9, &[], 2, 0)]);
    let loss = image.seats[&WHO].loss;
    assert_eq!(loss, Loss { inputs: 2, history: History(3) });
    assert_eq!([2, 3, 4].map(|history| loss.untold(History(history))), [2, 0, 0]);
    let image = with(image, vec![progress(10, &[], 0, 0)]);
    assert_eq!(image.seats[&WHO].loss, loss, "and not forgotten with the next commit");
}

#[test]
fn a_room_above_a_lowered_bound_has_a_sixteenth_more() {
    assert_eq!([0, 999, 1_000].map(|held| state_bound(1_000, held)), [1_000; 3]);
    assert_eq!(state_bound(1_000, 1_600), 1_700);
    let most = STATE_BYTES_FORMAT_MAX;
    assert_eq!(most, 16 * 1_024 * 1_024);
    assert_eq!(state_bound(1_000, most - 1), most);
}
