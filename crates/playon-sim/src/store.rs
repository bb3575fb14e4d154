//! The model of the store: batches become safe after a while, all of a batch or nothing.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use bytes::Bytes;
use playon_core::deploy::{DeployRecord, Resting};
use playon_core::effect::Stored;
use playon_core::ids::{DeployId, Epoch, ReleaseId, RoomId, Seq};
use playon_core::image::{ApplyBounds, Image};
use playon_core::kind::Declared;
use playon_core::time::WallTime;
use playon_wire::state::ZstdXxh3;
use playon_wire::stored::{decode_image, decode_record};

/// One write of a batch, as bytes.
#[derive(Clone, Debug)]
pub enum Write {
    /// A record appended to the log.
    Append(RoomId, Seq, Bytes),
    /// A snapshot put in place.
    Snapshot(RoomId, Seq, Bytes),
    /// A room put to rest.
    Sleep(RoomId, Bytes, WallTime),
    /// A room deleted.
    Delete(RoomId),
}

impl Write {
    /// What the shard is told once it is safe.
    pub const fn outcome(&self) -> (RoomId, Stored) {
        match self {
            Self::Append(room, seq, _) => (*room, Stored::Record(*seq)),
            Self::Snapshot(room, seq, _) => (*room, Stored::Snapshot(*seq)),
            Self::Sleep(room, ..) => (*room, Stored::Asleep),
            Self::Delete(room) => (*room, Stored::Deleted),
        }
    }
}

/// A whole room as it was stored.
#[derive(Clone, Debug)]
struct Row {
    epoch: Epoch,
    seq: Seq,
    body: Bytes,
}

/// What is safe of one room.
#[derive(Clone, Debug, Default)]
pub struct Rows {
    snapshot: Option<Row>,
    log: BTreeMap<Seq, (Epoch, Bytes)>,
    asleep: Option<Row>,
    /// Since when it is at rest.
    since: WallTime,
}

/// A copy of everything that is safe.
#[derive(Clone, Debug)]
pub struct Backup {
    rooms: BTreeMap<RoomId, Rows>,
    ledger: BTreeMap<(RoomId, Seq), u64>,
    deploys: BTreeMap<DeployId, DeployRecord>,
    current: Option<ReleaseId>,
}

/// Snapshots of one room that may be with the store at a time: a checkpoint, and the one that carries a handoff.
const SNAPSHOTS_MAX: usize = 2;

/// One room of the hot log, as recovery finds it.
#[derive(Debug)]
pub enum Found {
    /// As it was committed.
    Whole(Box<Image>),
    /// The disk has changed what was stored.
    Damaged(RoomId),
}

/// The disk: what is safe, and the batches on their way.
#[derive(Debug, Default)]
pub struct Store {
    /// The epoch of the last opening.
    pub epoch: Epoch,
    /// Safe rooms.
    pub rooms: BTreeMap<RoomId, Rows>,
    /// Batches handed over and not yet safe, oldest first, with the epoch of the keeper that wrote them.
    pub pending: VecDeque<(Epoch, Vec<Write>)>,
    /// Hashes of all states written since the rooms began; what is written again replaces what was lost.
    ledger: BTreeMap<(RoomId, Seq), u64>,
    /// The last commit of each room that a keeper was told is safe.
    promised: BTreeMap<RoomId, Seq>,
    /// Rooms that the disk has damaged; `true` until what is left of them is deleted.
    damaged: BTreeMap<RoomId, bool>,
    /// The stored deploys.
    pub deploys: BTreeMap<DeployId, DeployRecord>,
    /// What releases have said about their kinds.
    pub declared: BTreeMap<ReleaseId, Vec<Declared>>,
    /// The stored decision which release is current.
    pub current: Option<ReleaseId>,
    /// The epoch before which it was last put back to a copy.
    rewound: Epoch,
}

impl Store {
    /// An empty disk, and the release that was shipped first.
    pub fn new(current: ReleaseId) -> Self {
        Self { current: Some(current), ..Self::default() }
    }

    /// The last deploy.
    pub fn deploy(&self) -> Option<&DeployRecord> {
        self.deploys.values().next_back()
    }

    /// The oldest batch becomes safe.
    ///
    /// # Errors
    /// When the owner wrote something it must not.
    pub fn make_safe(&mut self) -> Result<Vec<(RoomId, Stored)>, String> {
        // What a keeper wrote that has been replaced is refused by the fence.
        while self.pending.front().is_some_and(|(epoch, _)| *epoch < self.epoch) {
            self.pending.pop_front();
        }
        let mut outcomes = Vec::new();
        let Some((_, batch)) = self.pending.pop_front() else { return Ok(outcomes) };
        for write in batch {
            outcomes.push(write.outcome());
            self.apply(write)?;
        }
        Ok(outcomes)
    }

    /// Snapshots of a room on their way to the disk.
    ///
    /// # Errors
    /// When there are more than may be.
    pub fn check_under_way(&self, room: RoomId, handed: &[Write]) -> Result<(), String> {
        let pending = self.pending.iter().filter(|(epoch, _)| *epoch == self.epoch);
        let writes = pending.flat_map(|(_, batch)| batch).chain(handed);
        let of_room = |write: &&Write| matches!(write, Write::Snapshot(of, ..) if *of == room);
        let found = writes.filter(of_room).count();
        if found > SNAPSHOTS_MAX {
            return Err(format!("I16: {found} snapshots of {room} wait for the disk"));
        }
        Ok(())
    }

    /// A copy of what is safe.
    pub fn back_up(&self) -> Backup {
        Backup {
            rooms: self.rooms.clone(),
            ledger: self.ledger.clone(),
            deploys: self.deploys.clone(),
            current: self.current,
        }
    }

    /// Goes on from a copy, in an epoch that has never been.
    pub fn restore(&mut self, backup: Backup, epoch: Epoch) {
        let Backup { rooms, ledger, deploys, current } = backup;
        let promised = rooms.keys().filter_map(|room| Some((*room, rooms.get(room)?.last()?)));
        self.promised = promised.collect();
        self.pending.clear();
        self.damaged.clear();
        (self.rooms, self.ledger, self.deploys, self.current) = (rooms, ledger, deploys, current);
        (self.epoch, self.rewound) = (epoch, epoch);
    }

    /// Notes the state that a commit left, when it is handed over.
    pub fn note(&mut self, room: RoomId, seq: Seq, hash: u64) {
        self.ledger.insert((room, seq), hash);
    }

    /// The keeper has been told what is safe now.
    pub fn promise(&mut self, outcomes: &[(RoomId, Stored)]) {
        for (room, stored) in outcomes {
            match stored {
                Stored::Record(seq) | Stored::Snapshot(seq) => {
                    self.promised.insert(*room, *seq);
                }
                Stored::Asleep => {}
                Stored::Deleted => {
                    self.promised.remove(room);
                }
            }
        }
    }

    /// What was promised is there, and what is there was written.
    ///
    /// # Errors
    /// When it is not.
    fn check_recovered(&self, image: &Image) -> Result<(), String> {
        let (room, seq) = (image.room, image.seq);
        let promised = self.promised.get(&room).copied().unwrap_or_default();
        if seq < promised {
            return Err(format!("I11: {room} came back at {seq}, {promised} was promised"));
        }
        if self.ledger.get(&(room, seq)).is_some_and(|hash| *hash != image.hash) {
            return Err(format!("I11: {room} came back with another commit {seq}"));
        }
        Ok(())
    }

    /// The disk damages what is stored about a room.
    pub fn damage(&mut self, room: RoomId) {
        if self.rooms.contains_key(&room) {
            self.damaged.insert(room, true);
        }
    }

    /// Whether what is stored about a room is damaged.
    pub fn is_damaged(&self, room: RoomId) -> bool {
        self.damaged.get(&room).copied().unwrap_or(false)
    }

    /// Whether it is, or was before it was deleted.
    pub fn was_damaged(&self, room: RoomId) -> bool {
        self.damaged.contains_key(&room)
    }

    fn apply(&mut self, write: Write) -> Result<(), String> {
        let (room, outcome) = write.outcome();
        if self.is_damaged(room) && outcome != Stored::Deleted {
            return Err(format!("I22: {room} is damaged, and was written to: {outcome:?}"));
        }
        match write {
            Write::Append(room, seq, body) => {
                let last = self.last(room);
                let epoch = self.epoch;
                let rows = self.rooms.entry(room).or_default();
                if rows.asleep.is_some() {
                    return Err(format!("I11: {room} was appended to while asleep"));
                }
                if last != Some(Seq(seq.0 - 1)) {
                    return Err(format!("I1/I14: {room} appended commit {seq} after {last:?}"));
                }
                rows.log.insert(seq, (epoch, body));
            }
            Write::Snapshot(room, seq, body) => {
                let last = self.last(room);
                if seq == Seq(1) && last.is_some_and(|last| last > seq) {
                    return Err(format!("I22: an empty twin of {room} was created"));
                }
                if last.is_some_and(|last| last > seq) {
                    return Err(format!(
                        "I14: {room} got a snapshot of {seq} after commit {last:?}"
                    ));
                }
                let epoch = self.epoch;
                let rows = self.rooms.entry(room).or_default();
                if rows.snapshot.as_ref().is_some_and(|row| row.epoch == epoch && row.body == body)
                {
                    return Err(format!("I27: {room} is stored whole twice at {seq}, alike"));
                }
                rows.asleep = None;
                rows.log.retain(|at, _| *at > seq);
                rows.snapshot = Some(Row { epoch, seq, body });
            }
            Write::Sleep(room, body, since) => {
                let (last, epoch) = (self.last(room), self.epoch);
                let seq = decode_image(&body).map_err(|e| format!("I10: {room}: {e}"))?.seq;
                if last.is_some_and(|last| last > seq) {
                    return Err(format!("I14: {room} goes to rest at {seq} after commit {last:?}"));
                }
                let asleep = Some(Row { epoch, seq, body });
                self.rooms.insert(room, Rows { asleep, since, ..Rows::default() });
            }
            Write::Delete(room) => {
                self.rooms.remove(&room);
                self.damaged.entry(room).and_modify(|still| *still = false);
            }
        }
        Ok(())
    }

    /// The last safe commit of a room.
    pub fn last(&self, room: RoomId) -> Option<Seq> {
        self.rooms.get(&room)?.last()
    }

    /// All rooms in the hot log, as recovery finds them.
    ///
    /// # Errors
    /// When what is stored cannot be read back.
    pub fn recover(&self, bounds: &ApplyBounds) -> Result<Vec<Found>, String> {
        let hot = self.rooms.iter().filter(|(_, rows)| rows.asleep.is_none());
        let find = |(room, rows): (&RoomId, &Rows)| {
            if self.is_damaged(*room) {
                return Ok(Found::Damaged(*room));
            }
            let image = self.image(*room, rows, bounds)?;
            self.check_recovered(&image)?;
            Ok(Found::Whole(Box::new(image)))
        };
        hot.map(find).collect()
    }

    /// What rooms at rest need of releases.
    pub fn rests(&self) -> Vec<Resting> {
        let need = |image: Image| Resting {
            kind: image.kind,
            version: image.version,
            release: image.release,
        };
        let rests: BTreeSet<Resting> =
            self.rooms.keys().filter_map(|room| self.asleep(*room).map(need)).collect();
        rests.into_iter().collect()
    }

    /// Since when a room is at rest.
    pub fn at_rest_since(&self, room: RoomId) -> Option<WallTime> {
        self.rooms.get(&room).filter(|rows| rows.asleep.is_some()).map(|rows| rows.since)
    }

    /// A room at rest.
    pub fn asleep(&self, room: RoomId) -> Option<Image> {
        let row = self.rooms.get(&room)?.asleep.as_ref()?;
        let mut image = decode_image(&row.body).ok()?;
        image.clean &= row.epoch >= self.rewound;
        Some(image)
    }

    /// One room as recovery would find it.
    ///
    /// # Errors
    /// As `recover`.
    pub fn read(&self, room: RoomId, bounds: &ApplyBounds) -> Result<Option<Image>, String> {
        self.rooms.get(&room).map(|rows| self.image(room, rows, bounds)).transpose()
    }

    fn image(&self, room: RoomId, rows: &Rows, bounds: &ApplyBounds) -> Result<Image, String> {
        if let Some(row) = &rows.asleep {
            return decode_image(&row.body).map_err(|e| format!("I10: {room}: {e}"));
        }
        let Some(row) = &rows.snapshot else {
            return Err(format!("I11: {room} has no snapshot"));
        };
        let mut image = decode_image(&row.body).map_err(|e| format!("I10: {room}: {e}"))?;
        for (seq, (epoch, body)) in rows.log.range(Seq(image.seq.0 + 1)..) {
            let record = decode_record(body).map_err(|e| format!("I10: {room}/{seq}: {e}"))?;
            image
                .apply(*epoch, &record, &ZstdXxh3, bounds)
                .map_err(|e| format!("I10: {room}/{seq}: {e}"))?;
        }
        // What players know beyond it is gone, until the room is stored whole again.
        image.clean &= row.epoch >= self.rewound;
        Ok(image)
    }
}

impl Rows {
    /// The last commit.
    fn last(&self) -> Option<Seq> {
        let row = |row: &Option<Row>| row.as_ref().map(|row| row.seq);
        let record = self.log.keys().next_back().copied();
        record.or(row(&self.snapshot)).or(row(&self.asleep))
    }
}
