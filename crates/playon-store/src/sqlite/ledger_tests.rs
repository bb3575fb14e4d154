use super::*;
use crate::contract::LogRecord;
use bytes::Bytes;

const fn room(n: u8) -> RoomId {
    RoomId([n; 16])
}

fn record(n: u8, seq: u64) -> LogRecord {
    LogRecord { room: room(n), seq: Seq(seq), body: Bytes::new() }
}

fn row(n: u8, seq: u64) -> SnapshotRow {
    SnapshotRow { room: room(n), seq: Seq(seq), body: Bytes::new() }
}

fn records(rows: &[(u8, u64)]) -> Batch {
    let records = rows.iter().map(|(n, seq)| record(*n, *seq)).collect();
    Batch { records, ..Batch::default() }
}

fn snapshots(rows: &[(u8, u64)]) -> Batch {
    let snapshots = rows.iter().map(|(n, seq)| row(*n, *seq)).collect();
    Batch { snapshots, ..Batch::default() }
}

/// What the batch does to the tables, in a few letters; or that it breaks a rule.
fn admit(ledger: &mut Ledger, id: u64, batch: Batch) -> Result<Vec<String>, String> {
    let (mut entries, mut ops) = (Vec::new(), Vec::new());
    ledger.admit(batch, id, &mut entries, &mut ops)?;
    let told = |op| match op {
        Op::Snapshot { row, replaces } => {
            format!("snapshot {} for {:?}", row.seq.0, replaces.map(|seq| seq.0))
        }
        Op::Superseded { seq, .. } => format!("superseded {}", seq.0),
        Op::Sleep { rest, hot, carried } => format!("sleep {} {hot} {carried}", rest.row.seq.0),
        Op::Delete { .. } => "delete".to_owned(),
    };
    Ok(ops.into_iter().map(told).collect())
}

fn found(last: u64, snapshot: u64) -> FoundRoom {
    FoundRoom { last: Seq(last), snapshot: Seq(snapshot), ..FoundRoom::default() }
}

/// Of ten batches of ten bytes, from the fifth on. The first room has its snapshot of commit 3, and needs what follows from
/// the seventh batch on; all of it may be cut.
fn ledger() -> Ledger {
    let mut ledger = Ledger::new(5, VecDeque::from(vec![10; 10]));
    ledger.found(room(1), found(6, 3), Some(7));
    ledger
}

#[test]
fn a_log_is_cut_up_to_what_rooms_need_a_portion_at_a_time() {
    let mut ledger = ledger();
    assert_eq!((ledger.first(), ledger.bytes(), ledger.floor), (5, 100, 15));
    assert_eq!((ledger.cut(), ledger.forced_cut()), (7, 15));
    ledger.wal_restarted(6);
    assert_eq!((ledger.cut(), ledger.forced_cut()), (6, 6), "what follows may be lost");
    ledger.wal_restarted(2);
    assert_eq!((ledger.cut(), ledger.forced_cut()), (5, 5), "never back");
    ledger.wal_restarted(99);
    assert_eq!((ledger.cut(), ledger.forced_cut()), (7, 5 + CUT_ROWS_MAX));
    ledger.set_needs(room(1), None);
    assert_eq!(ledger.cut(), 5 + CUT_ROWS_MAX, "nobody needs anything");
    ledger.written(7, 8);
    assert_eq!((ledger.first(), ledger.bytes(), ledger.sizes.len()), (8, 77, 8));
    ledger.written(1, 8);
    assert_eq!((ledger.first(), ledger.bytes(), ledger.sizes.len()), (8, 78, 9));
}

#[test]
fn a_record_follows_the_one_before_it() {
    for (seq, follows) in [(6, false), (7, true), (8, false)] {
        assert_eq!(admit(&mut ledger(), 15, records(&[(1, seq)])).is_ok(), follows, "{seq}");
    }
    assert!(admit(&mut ledger(), 15, records(&[(1, 7), (1, 8)])).is_ok());
    assert!(admit(&mut ledger(), 15, records(&[(2, 1)])).is_err(), "nobody knows that room");
    let mut damaged = ledger();
    damaged.found(room(1), FoundRoom { damaged: true, ..found(6, 3) }, None);
    assert!(admit(&mut damaged, 15, records(&[(1, 7)])).is_err());
    assert!(admit(&mut damaged, 15, snapshots(&[(1, 7)])).is_err());
}

#[test]
fn a_snapshot_is_of_no_earlier_commit_than_the_one_before_it() {
    for (seq, good) in [(2, false), (3, true), (9, true)] {
        let ops = admit(&mut ledger(), 15, snapshots(&[(1, seq)]));
        let wanted = good.then(|| vec![format!("snapshot {seq} for Some(3)")]);
        assert_eq!(ops.ok(), wanted, "{seq}");
    }
    let ops = admit(&mut ledger(), 15, snapshots(&[(2, 4)]));
    assert_eq!(ops, Ok(vec!["snapshot 4 for None".to_owned()]), "of a room that was not there");
}

#[test]
fn of_several_snapshots_of_a_room_the_newest_counts_and_of_those_the_last() {
    let mut ledger = ledger();
    let ops = admit(&mut ledger, 15, snapshots(&[(1, 8), (1, 9), (1, 7), (1, 9)]));
    assert_eq!(ops, Ok(vec!["snapshot 9 for Some(3)".to_owned()]));
    let given = ledger.given(&snapshots(&[(1, 8), (1, 9), (1, 7), (1, 9)]).snapshots);
    assert_eq!((given[&room(1)].row, given[&room(1)].newest), (3, Seq(9)));
    assert_eq!(given[&room(1)].before, Seq(9));
}

#[test]
fn a_snapshot_lets_go_of_the_batches_before_it_unless_later_commits_came_in_those() {
    for (seq, cut) in [(6, 15), (5, 7), (9, 15)] {
        let mut ledger = ledger();
        admit(&mut ledger, 15, snapshots(&[(1, seq)])).unwrap();
        assert_eq!(ledger.cut(), cut, "of commit {seq}");
    }
    // A commit after it in the same batch is needed from that batch on.
    let mut ledger = ledger();
    let batch = Batch { records: vec![record(1, 7)], ..snapshots(&[(1, 6)]) };
    admit(&mut ledger, 12, batch).unwrap();
    assert_eq!(ledger.cut(), 12);
    let batch = Batch { records: vec![record(1, 8)], ..snapshots(&[(1, 8)]) };
    admit(&mut ledger, 13, batch).unwrap();
    assert_eq!(ledger.cut(), 15, "that holds it");
    admit(&mut ledger, 14, records(&[(1, 9), (1, 10)])).unwrap();
    assert_eq!(ledger.cut(), 14, "the first of them");
}

/// Its first commits were carried over, so it needs nothing of the log any more, until the next one comes.
#[test]
fn a_record_beside_a_snapshot_of_an_earlier_commit_is_needed() {
    let mut ledger = ledger();
    ledger.carried_over(8, &HashMap::from([(room(1), Seq(6))]), 20);
    assert_eq!(ledger.rooms[&room(1)].needs, None);
    let batch = Batch { records: vec![record(1, 7)], ..snapshots(&[(1, 5)]) };
    admit(&mut ledger, 15, batch).unwrap();
    assert_eq!(ledger.rooms[&room(1)].needs, Some(15));
}

#[test]
fn what_breaks_a_rule_is_told_with_what_is_known_of_the_room() {
    let told = |ledger: &mut Ledger, batch| admit(ledger, 15, batch).unwrap_err();
    let of = |n, what: &str| format!("room {} {what}", room(n));
    let as_of = "has a record of commit 8, but its last commit is 6 and its snapshot is of 3";
    assert_eq!(told(&mut ledger(), records(&[(1, 8)])), of(1, as_of));
    let new = Batch { records: vec![record(2, 4)], ..snapshots(&[(2, 2)]) };
    let as_of = "has a record of commit 4, but its last commit is 2 and its snapshot is of 2";
    assert_eq!(told(&mut ledger(), new), of(2, as_of));
    let as_of = "has a snapshot of commit 2, but its last commit is 6 and its snapshot is of 3";
    assert_eq!(told(&mut ledger(), snapshots(&[(1, 2)])), of(1, as_of));
    let mut damaged = ledger();
    damaged.found(room(1), FoundRoom { damaged: true, ..found(6, 3) }, None);
    let as_of = "has a record of commit 7, but what is stored of it is damaged";
    assert_eq!(told(&mut damaged, records(&[(1, 7)])), of(1, as_of));
}

/// A room that comes back from rest may be far ahead.
#[test]
fn a_record_may_follow_a_snapshot_in_the_same_batch() {
    let after = |snapshot: u64, seq: u64| {
        let batch = Batch { records: vec![record(1, seq)], ..snapshots(&[(1, snapshot)]) };
        admit(&mut ledger(), 15, batch).is_ok()
    };
    assert!(after(9, 10) && !after(9, 11) && !after(9, 9) && after(9, 7));
    assert!(after(6, 7) && !after(5, 6), "that was there");
    // Commits that led to the first snapshot of a room come along with it, and nothing needs them.
    let mut ledger = ledger();
    let batch =
        Batch { records: vec![record(2, 1), record(2, 2), record(2, 3)], ..snapshots(&[(2, 2)]) };
    admit(&mut ledger, 14, batch).unwrap();
    assert_eq!((ledger.rooms[&room(2)].last, ledger.rooms[&room(2)].needs), (Seq(3), Some(14)));
}

#[test]
fn a_room_rests_or_is_deleted_as_of_its_last_commit_and_needs_nothing_then() {
    let rests = |seq: u64| Batch { sleeps: vec![row(1, seq).into()], ..Batch::default() };
    assert!(admit(&mut ledger(), 15, rests(5)).is_err(), "a later one is known");
    let mut at_rest = ledger();
    assert_eq!(admit(&mut at_rest, 15, rests(6)), Ok(vec!["sleep 6 true false".to_owned()]));
    assert_eq!((at_rest.cut(), at_rest.rooms.len()), (15, 0));
    assert_eq!(admit(&mut at_rest, 15, rests(2)), Ok(vec!["sleep 2 false false".to_owned()]));
    let mut damaged = ledger();
    let carried = FoundRoom { carried: true, ..found(6, 3) };
    damaged.found(room(1), FoundRoom { damaged: true, ..carried }, Some(7));
    assert!(admit(&mut damaged, 15, rests(9)).is_err());
    let mut other = ledger();
    other.found(room(1), carried, Some(7));
    assert_eq!(admit(&mut other, 15, rests(7)), Ok(vec!["sleep 7 true true".to_owned()]));
    let delete = Batch { deletes: vec![room(1)], ..Batch::default() };
    let mut deleted = ledger();
    assert_eq!(admit(&mut deleted, 15, delete), Ok(vec!["delete".to_owned()]));
    assert_eq!((deleted.cut(), deleted.rooms.len()), (15, 0));
}

#[test]
fn numbers_that_a_column_cannot_hold_are_refused_wherever_they_stand() {
    let beyond = SEQ_MAX.0 + 1;
    let mut last = Ledger::default();
    last.found(room(1), found(SEQ_MAX.0 - 1, 0), None);
    assert!(admit(&mut last, 1, records(&[(1, SEQ_MAX.0)])).is_ok());
    assert!(admit(&mut last, 1, records(&[(1, beyond)])).is_err());
    assert!(admit(&mut ledger(), 1, snapshots(&[(1, SEQ_MAX.0)])).is_ok());
    assert!(admit(&mut ledger(), 1, snapshots(&[(1, beyond)])).is_err());
    let rests = Batch { sleeps: vec![row(1, beyond).into()], ..Batch::default() };
    assert!(admit(&mut ledger(), 1, rests).is_err());
}

#[test]
fn what_is_after_a_rooms_snapshot_and_in_a_batch_from_which_on_it_needs_them_is_needed() {
    let mut ledger = ledger();
    let needs =
        |ledger: &Ledger, seq, batch, former| ledger.still_needs(room(1), Seq(seq), batch, former);
    assert!(needs(&ledger, 4, 7, false) && needs(&ledger, 4, 9, false));
    assert!(!needs(&ledger, 3, 7, false), "its snapshot holds it");
    assert!(!needs(&ledger, 4, 6, false) && !needs(&ledger, 4, 7, true));
    assert!(!ledger.still_needs(room(2), Seq(4), 7, false));
    ledger.set_needs(room(1), None);
    assert!(!needs(&ledger, 4, 7, false));
    ledger.found(room(1), FoundRoom { damaged: true, ..found(6, 3) }, None);
    assert!(needs(&ledger, 1, 1, true), "nothing of a damaged room is let go of");
}

#[test]
fn what_was_carried_over_is_needed_there_and_no_more_before() {
    let damaged = FoundRoom { damaged: true, ..found(6, 3) };
    let ledger = || {
        let mut ledger = ledger();
        ledger.found(room(2), found(6, 3), Some(6));
        ledger.found(room(3), damaged, Some(6));
        ledger.found(room(4), found(6, 3), Some(9));
        ledger
    };
    let needs = |ledger: &Ledger| [1, 2, 3, 4].map(|n| ledger.rooms[&room(n)].needs);
    let all = HashMap::from([(room(1), Seq(6)), (room(2), Seq(5)), (room(3), Seq(6))]);
    let mut over = ledger();
    over.carried_over(8, &all, 20);
    assert_eq!(needs(&over), [None, Some(8), Some(8), Some(9)], "the second one has more");
    assert!([1, 2, 3].iter().all(|n| over.rooms[&room(*n)].carried));
    assert!(!over.rooms[&room(4)].carried);
    // Nothing new comes of a damaged room: past what was found nothing of it can stand.
    for (last_found, at) in [(8, Some(8)), (7, None)] {
        let mut over = ledger();
        over.carried_over(8, &all, last_found);
        assert_eq!(needs(&over)[2], at);
    }
    let mut none = ledger();
    none.carried_over(7, &HashMap::new(), 20);
    assert_eq!(needs(&none), [Some(7), Some(7), Some(7), Some(9)]);
    assert!(!none.rooms[&room(2)].carried);
    // Who was asked for a snapshot is asked again if it was behind, and not if it needs nothing before.
    assert_eq!(none.wanted(0), [room(1), room(2), room(4)], "nobody was asked before");
    none.carried_over(7, &HashMap::new(), 20);
    assert_eq!(none.wanted(0), []);
    none.carried_over(8, &HashMap::new(), 20);
    assert_eq!(none.wanted(0), [room(1), room(2)]);
    // Its next snapshot replaces what was carried.
    let ops = admit(&mut over, 15, snapshots(&[(2, 6)]));
    assert_eq!(ops, Ok(vec!["superseded 6".to_owned(), "snapshot 6 for Some(3)".to_owned()]));
    assert!(!over.rooms[&room(2)].carried && over.rooms[&room(2)].needs.is_none());
}

#[test]
fn rooms_are_asked_for_snapshots_that_let_the_log_shrink_to_three_quarters() {
    // A hundred bytes in batches of ten, from the fifth on.
    let wanted = |bytes_max: u64| {
        let mut ledger = ledger();
        (2..=4).for_each(|n| ledger.found(room(n), found(6, 3), Some(u64::from(n) + 6)));
        ledger.found(room(5), FoundRoom { damaged: true, ..found(6, 3) }, Some(7));
        let wanted = ledger.wanted(bytes_max);
        assert!(ledger.wanted(bytes_max).is_empty(), "each is named once");
        wanted.into_iter().map(|room| room.0[0]).collect::<Vec<_>>()
    };
    assert_eq!(wanted(136), [0_u8; 0], "a hundred is below three quarters of it");
    assert_eq!(wanted(132), [0_u8; 0], "one byte too many: the fifth batch, which nobody needs");
    assert_eq!(wanted(104), [1], "22 too many: up to the seventh");
    assert_eq!(wanted(92), [1, 2], "31: up to the eighth");
    assert_eq!(wanted(0), [1, 2, 3, 4]);
    let mut ledger = ledger();
    assert_eq!(ledger.wanted(0), [room(1)]);
    admit(&mut ledger, 15, snapshots(&[(1, 4)])).unwrap();
    assert_eq!(ledger.wanted(0), [room(1)], "that one was too old");
}

#[test]
fn so_many_rooms_are_asked_at_a_time() {
    let mut ledger = Ledger::new(0, VecDeque::from([10]));
    for n in 0..=WANTED_ROOMS_MAX as u128 {
        ledger.found(RoomId(n.to_be_bytes()), found(2, 1), Some(0));
    }
    assert_eq!((ledger.wanted(0).len(), ledger.wanted(0).len()), (WANTED_ROOMS_MAX, 1));
}
