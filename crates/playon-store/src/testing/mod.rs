//! The suite that every engine must pass, one contract after the other.
//!
//! An engine's own tests call the function of each contract that it meets with something that makes engines at fresh places. The
//! types say what a contract needs: [`decisions`] can be passed by something that has no log.

mod decisions;
mod ends;
mod releases;
mod resting_rooms;
mod room_log;
mod several;
mod whole;

use std::collections::BTreeMap;
use std::sync::mpsc;
use std::time::Duration;

use bytes::Bytes;
use playon_types::ids::{RoomId, Seq};

use crate::contract::{
    Batch, Decision, Decisions, LogRecord, Releases, RestingRooms, RoomLog, SnapshotRow, Store,
    StoredRoom,
};
use crate::error::StoreError;

/// How long any one answer may take. Seconds are plenty; this only keeps a broken engine from hanging a test.
const ANSWER_WITHIN: Duration = Duration::from_secs(60);

/// A place where a store can be opened, closed and opened again.
pub trait Engine<S: ?Sized> {
    /// Opens the store that lies there. An earlier one was closed or dropped.
    fn open(&self) -> Box<S>;

    /// Hands over the batches, and ends the process that has the store before their fate is known; then the place is opened
    /// again.
    fn kill(&self, store: Box<S>, batches: Vec<Batch>) -> Box<S>;

    /// Another keeper opens the place, although one still has it and does not know.
    fn overtake(&self) -> Box<S>;
}

/// Makes an engine at a fresh place.
pub type Make<'a, S> = &'a dyn Fn() -> Box<dyn Engine<S>>;

type Check<S> = fn(&dyn Engine<S>);

/// [`RoomLog`]: commits and snapshots, what is accepted of them, and what is found again.
///
/// # Panics
/// When the engine breaks the contract; the name of the check is printed before it runs.
pub fn room_log<S: RoomLog + ?Sized>(make: Make<'_, S>) {
    let checks: &[(&str, Check<S>)] = &[
        ("each opening raises the epoch", room_log::each_opening_raises_the_epoch),
        ("what is safe is recovered", room_log::what_is_safe_is_recovered),
        ("answers come in order", room_log::answers_come_in_order),
        ("syncs are counted", room_log::syncs_are_counted),
        ("a snapshot covers what came before it", room_log::a_snapshot_covers_what_came_before_it),
        ("a snapshot may run ahead of records", room_log::a_snapshot_may_run_ahead_of_records),
        ("of several snapshots the last counts", several::of_several_snapshots_the_last_counts),
        ("a gap stops the log", room_log::a_gap_stops_the_log),
        ("a record needs a snapshot", room_log::a_record_needs_a_snapshot),
        ("a snapshot never goes back", room_log::a_snapshot_never_goes_back),
        ("commits have an end", room_log::commits_have_an_end),
        ("new rooms do not disturb recovery", room_log::recovery_is_not_disturbed_by_new_rooms),
        ("many threads share one log", room_log::many_threads_share_one_log),
        ("a closed log refuses", room_log::a_closed_log_refuses),
        ("a dropped log has answered everybody", room_log::a_dropped_log_has_answered_everybody),
    ];
    run("room log", checks, make);
}

/// [`RestingRooms`]: rooms go to rest and wake, and what is known of those that rest.
///
/// # Panics
/// As [`room_log`].
pub fn resting_rooms<S: RoomLog + RestingRooms + ?Sized>(make: Make<'_, S>) {
    let checks: &[(&str, Check<S>)] = &[
        ("a room sleeps and wakes", resting_rooms::a_room_sleeps_and_wakes),
        (
            "a missing room is not an unreadable one",
            resting_rooms::a_missing_room_is_not_an_unreadable_one,
        ),
        ("a deleted room is gone", resting_rooms::a_deleted_room_is_gone),
        ("a room never wakes older", resting_rooms::a_room_never_wakes_older),
        (
            "a room may come and go within a batch",
            resting_rooms::a_room_may_come_and_go_within_a_batch,
        ),
        ("a room at rest keeps its note", resting_rooms::a_room_at_rest_keeps_its_note),
        (
            "rooms at rest are counted and listed",
            resting_rooms::rooms_at_rest_are_counted_and_listed,
        ),
    ];
    run("resting rooms", checks, make);
}

/// [`RoomLog`] at its end: keepers that end before they know, and keepers that do not know that they have ended.
///
/// # Panics
/// As [`room_log`].
pub fn ends<S: RoomLog + RestingRooms + ?Sized>(make: Make<'_, S>) {
    let checks: &[(&str, Check<S>)] = &[
        (
            "of what a killed keeper wrote the first is there, whole",
            ends::the_first_of_what_a_killed_keeper_wrote_is_there,
        ),
        ("an overtaken keeper writes no more", ends::an_overtaken_keeper_writes_no_more),
    ];
    run("ends", checks, make);
}

/// [`Decisions`]: deploys, named values, and that of two that go out from the same one is taken.
///
/// # Panics
/// As [`room_log`].
pub fn decisions<S: Decisions + ?Sized>(make: Make<'_, S>) {
    let checks: &[(&str, Check<S>)] = &[
        ("deploys are kept", decisions::deploys_are_kept),
        ("named values are kept", decisions::named_values_are_kept),
        ("a decision is stored whole or not at all", decisions::whole_or_not_at_all),
        ("of two decisions at once one is taken", decisions::of_two_at_once_one_is_taken),
        ("numbers have an end", decisions::numbers_have_an_end),
        ("an overtaken keeper decides no more", decisions::an_overtaken_keeper_decides_no_more),
    ];
    run("decisions", checks, make);
}

/// [`Releases`].
///
/// # Panics
/// As [`room_log`].
pub fn releases<S: Releases + ?Sized>(make: Make<'_, S>) {
    let checks: &[(&str, Check<S>)] = &[
        ("releases are kept", releases::releases_are_kept),
        ("numbers have an end", releases::numbers_have_an_end),
    ];
    run("releases", checks, make);
}

/// [`Store`]: what the contracts of one engine have to do with each other.
///
/// # Panics
/// As [`room_log`].
pub fn whole<S: Store + ?Sized>(make: Make<'_, S>) {
    let checks: &[(&str, Check<S>)] = &[
        ("what stops the log stops all that is written", whole::a_log_that_stops_stops_all),
        ("a closed engine answers nothing", whole::a_closed_engine_answers_nothing),
    ];
    run("whole", checks, make);
}

fn run<S: ?Sized>(contract: &str, checks: &[(&str, Check<S>)], make: Make<'_, S>) {
    for (name, check) in checks {
        #[expect(clippy::print_stdout, reason = "shown by the test harness when a check fails")]
        {
            println!("conformance: {contract}: {name}");
        }
        check(&*make());
    }
}

/// A room id made of one repeated byte.
pub fn room(n: u8) -> RoomId {
    RoomId([n; 16])
}

/// A record with the given body.
pub fn record(room: RoomId, seq: u64, body: &str) -> LogRecord {
    LogRecord { room, seq: Seq(seq), body: Bytes::copy_from_slice(body.as_bytes()) }
}

/// A snapshot with the given body.
pub fn snapshot(room: RoomId, seq: u64, body: &str) -> SnapshotRow {
    SnapshotRow { room, seq: Seq(seq), body: Bytes::copy_from_slice(body.as_bytes()) }
}

/// Submits a batch and waits for its fate.
///
/// # Panics
/// When there is no answer within a minute.
pub fn submit(log: &(impl RoomLog + ?Sized), batch: Batch) -> Result<(), StoreError> {
    let (tell, told) = mpsc::channel();
    log.submit(batch, Box::new(move |outcome| drop(tell.send(outcome))));
    told.recv_timeout(ANSWER_WITHIN).expect("every batch is answered")
}

/// Decides that a named value is this from now on, whatever it is now.
///
/// # Errors
/// When it cannot be read or written, or somebody else decides at the same time.
pub fn set(
    decisions: &(impl Decisions + ?Sized),
    name: &str,
    value: impl Into<Bytes>,
) -> Result<(), StoreError> {
    let expected = decisions.setting(name)?;
    let (name, value) = (name.to_owned(), Some(value.into()));
    decisions.decide(Decision { deploy: None, name, expected, value })
}

/// Reads all rooms of the hot log.
///
/// # Panics
/// When one of them is damaged, comes twice, or nothing can be read.
pub fn recovered(log: &(impl RoomLog + ?Sized)) -> BTreeMap<RoomId, StoredRoom> {
    let mut rooms = BTreeMap::new();
    let outcome = log.recover(&mut |found| match found {
        Ok(found) => assert!(rooms.insert(found.room, found).is_none(), "a room comes twice"),
        Err(damage) => panic!("an undamaged store reports {damage:?}"),
    });
    outcome.expect("the store can be read");
    rooms
}

fn write(log: &(impl RoomLog + ?Sized), batch: Batch) {
    submit(log, batch).expect("the batch is safe");
}

/// A batch with what a room is created with.
fn born(n: u8) -> Batch {
    Batch { snapshots: vec![snapshot(room(n), 1, "one")], ..Batch::default() }
}

fn seqs(found: &StoredRoom) -> (u64, Vec<u64>) {
    (found.snapshot.seq.0, found.records.iter().map(|(_, record)| record.seq.0).collect())
}
