//! The store as a keeper's threads use it: the model of the engine, what is inside its rows, and books of what was promised.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use playon_core::deploy::{DueAtRest, Resting, RestingGroup};
use playon_core::effect::{Loaded, Stored};
use playon_store::{
    Batch, LogRecord, RestGroup, RestNote, RestRow, RoomDamage, SnapshotRow, StoredRoom,
};
use playon_types::ids::{DeployId, Epoch, ReleaseId, RoomId, Seq};
use playon_types::image::{ApplyBounds, Image};
use playon_types::kind::KindInfo;
use playon_types::record::DeployRecord;
use playon_types::time::WallTime;
use playon_wire::state::ZstdXxh3;
use playon_wire::stored::{decode_image, recover};

use crate::decisions::DecisionsModel;
use crate::disk::{Asleep, BatchFate, Disk, DiskCopy, Ticket};

/// One write, as bytes.
#[derive(Clone, Debug)]
pub enum Write {
    /// A record appended to the log.
    Append(RoomId, Seq, Bytes),
    /// A snapshot put in place.
    Snapshot(RoomId, Seq, Bytes),
    /// A room put to rest.
    Sleep(RestRow),
    /// A room deleted.
    Delete(RoomId),
}

impl Write {
    /// What the shard is told once it is safe.
    pub const fn outcome(&self) -> (RoomId, Stored) {
        match self {
            Self::Append(room, seq, _) => (*room, Stored::Record(*seq)),
            Self::Snapshot(room, seq, _) => (*room, Stored::Snapshot(*seq)),
            Self::Sleep(rest) => (rest.row.room, Stored::Asleep),
            Self::Delete(room) => (*room, Stored::Deleted),
        }
    }

    /// The room goes to rest at that time.
    pub fn sleep(image: &Image, body: Bytes, since: WallTime) -> Self {
        let Image { room, seq, kind, name, version, release, seats, .. } = image;
        let note = RestNote {
            kind: kind.clone(),
            name: name.clone(),
            version: *version,
            release: *release,
            seats: u32::try_from(seats.len()).unwrap_or(u32::MAX),
            since_ms: since.0,
        };
        Self::Sleep(RestRow { row: SnapshotRow { room: *room, seq: *seq, body }, note })
    }
}

/// As the keeper's threads put them together: whatever one of them wrote at once, by what it is and not by when it was written.
fn batch(writes: &[Write]) -> Batch {
    let mut batch = Batch::default();
    for write in writes.iter().cloned() {
        match write {
            Write::Append(room, seq, body) => batch.records.push(LogRecord { room, seq, body }),
            Write::Snapshot(room, seq, body) => {
                batch.snapshots.push(SnapshotRow { room, seq, body });
            }
            Write::Sleep(rest) => batch.sleeps.push(rest),
            Write::Delete(room) => batch.deletes.push(room),
        }
    }
    batch
}

/// A copy of everything that is safe.
#[derive(Clone, Debug)]
pub struct Backup {
    disk: DiskCopy,
    ledger: BTreeMap<(RoomId, Seq), u64>,
    decisions: DecisionsModel<DeployRecord, ReleaseId>,
}

/// Snapshots of one room that may be with the store at a time: a checkpoint, and the one that carries a handoff.
const SNAPSHOTS_MAX: usize = 2;

/// The value that says which release is current.
const CURRENT: &str = "current_release";

/// One room of the hot log, as recovery finds it.
#[derive(Debug)]
pub enum RecoveredRoom {
    /// As it was committed.
    Whole(Box<Image>),
    /// The disk has changed what was stored.
    Damaged(RoomId),
}

impl RecoveredRoom {
    /// Which room.
    pub fn room(&self) -> RoomId {
        match self {
            Self::Whole(image) => image.room,
            Self::Damaged(room) => *room,
        }
    }
}

/// Where a room stands after some of the writes.
#[derive(Clone, Debug)]
struct Stand {
    last: Option<Seq>,
    asleep: bool,
    /// Its snapshot, with the epoch that wrote it.
    whole: Option<(Epoch, Bytes)>,
}

/// The store.
#[derive(Debug)]
pub struct StoreModel {
    disk: Disk,
    decisions: DecisionsModel<DeployRecord, ReleaseId>,
    /// What each batch on its way is made of, in the order in which the owner wrote it.
    writes: BTreeMap<Ticket, Vec<Write>>,
    /// Hashes of all states written since the rooms began; what is written again replaces what was lost.
    ledger: BTreeMap<(RoomId, Seq), u64>,
    /// The last commit of each room that a keeper was told is safe.
    promised: BTreeMap<RoomId, Seq>,
    /// Rooms that the disk has ever damaged since it was last put back to a copy.
    once_damaged: BTreeSet<RoomId>,
    /// What releases have said about their kinds.
    pub declared: BTreeMap<ReleaseId, Vec<KindInfo>>,
}

impl StoreModel {
    /// An empty disk, and the release that was shipped first.
    pub fn new(current: ReleaseId) -> Self {
        Self {
            disk: Disk::default(),
            decisions: DecisionsModel::of(CURRENT, current),
            writes: BTreeMap::new(),
            ledger: BTreeMap::new(),
            promised: BTreeMap::new(),
            once_damaged: BTreeSet::new(),
            declared: BTreeMap::new(),
        }
    }

    /// A keeper opens it, in an epoch of its own, and recovers what it finds in the hot log.
    ///
    /// # Errors
    /// When what is stored cannot be read back, or is not what was promised.
    pub fn open(&mut self, bounds: &ApplyBounds) -> Result<(Epoch, Vec<RecoveredRoom>), String> {
        let (epoch, rooms) = self.disk.open();
        let find = |found| match found {
            Err(RoomDamage { room, .. }) => Ok(RecoveredRoom::Damaged(room)),
            Ok(stored) => {
                let image = read_back(&stored, bounds)?;
                self.check_recovered(&image)?;
                Ok(RecoveredRoom::Whole(Box::new(image)))
            }
        };
        Ok((epoch, rooms.into_iter().map(find).collect::<Result<_, String>>()?))
    }

    /// The epoch of the last opening.
    pub const fn epoch(&self) -> Epoch {
        self.disk.epoch()
    }

    /// The stored deploys, newest first.
    pub fn deploys(&self) -> impl DoubleEndedIterator<Item = &DeployRecord> {
        self.decisions.newest_first().map(|(_, record)| record)
    }

    /// The last deploy.
    pub fn deploy(&self) -> Option<&DeployRecord> {
        self.deploys().next()
    }

    /// The stored decision which release is current.
    pub fn current(&self) -> Option<ReleaseId> {
        self.decisions.value(CURRENT).copied()
    }

    /// A decision over a deploy, by a keeper that takes `known` for the current release.
    ///
    /// # Errors
    /// When it is not.
    pub fn decide(
        &mut self,
        record: DeployRecord,
        known: Option<ReleaseId>,
        current: Option<ReleaseId>,
    ) -> Result<(), String> {
        let id: DeployId = record.id;
        let deploy = Some((id, record));
        let decided = self.decisions.decide(deploy, CURRENT, known.as_ref(), current);
        decided.map_err(|why| format!("I18: {id} is decided: {why:?}"))
    }

    /// Takes what the keeper of that epoch has written at once.
    ///
    /// # Errors
    /// When more snapshots of a room are under way than may be.
    pub fn submit(&mut self, epoch: Epoch, writes: Vec<Write>) -> Result<(), String> {
        let rooms: BTreeSet<RoomId> = writes.iter().map(|write| write.outcome().0).collect();
        let ticket = self.disk.submit(epoch, batch(&writes));
        self.writes.insert(ticket, writes);
        for room in rooms {
            let found = self.disk.snapshots_under_way(room);
            if found > SNAPSHOTS_MAX {
                return Err(format!("I16: {found} snapshots of {room} wait for the disk"));
            }
        }
        Ok(())
    }

    /// How many batches are not safe yet.
    pub fn pending(&self) -> usize {
        self.disk.pending()
    }

    /// What is not safe yet is lost.
    pub fn lose_pending(&mut self) {
        self.disk.lose_pending();
        self.writes.clear();
    }

    /// The oldest batch becomes safe, of the keeper that has the store.
    ///
    /// # Errors
    /// When the owner wrote something it must not.
    pub fn make_safe(&mut self) -> Result<Vec<(RoomId, Stored)>, String> {
        let epoch = self.epoch();
        loop {
            let before = self.stands();
            let Some((ticket, fate)) = self.disk.make_safe() else { return Ok(Vec::new()) };
            let writes = self.writes.remove(&ticket).unwrap_or_default();
            // What a keeper wrote that has been replaced is refused by the fence.
            if fate == BatchFate::Fenced {
                continue;
            }
            let mut stands = before;
            for write in &writes {
                self.judge(&mut stands, write, epoch)?;
            }
            match fate {
                BatchFate::Safe => {}
                BatchFate::Misused(why) => {
                    return Err(format!("I11: the store has stopped: {why}"));
                }
                BatchFate::Fenced | BatchFate::Stopped => {
                    return Err(format!("I11: a batch is {fate:?}"));
                }
            }
            self.check_order(&stands)?;
            for write in &writes {
                if let Write::Delete(room) = write {
                    // Whether or not its keeper lives to be told.
                    self.promised.remove(room);
                }
            }
            return Ok(writes.iter().map(Write::outcome).collect());
        }
    }

    fn stands(&self) -> BTreeMap<RoomId, Stand> {
        let front = self.writes.values().next();
        let rooms = front.into_iter().flatten().map(|write| write.outcome().0);
        let stand = |room| Stand {
            last: self.disk.last(room),
            asleep: self.disk.is_resting(room),
            whole: self.disk.snapshot(room),
        };
        rooms.map(|room| (room, stand(room))).collect()
    }

    /// The owner writes what may follow what it wrote before.
    fn judge(
        &self,
        stands: &mut BTreeMap<RoomId, Stand>,
        write: &Write,
        epoch: Epoch,
    ) -> Result<(), String> {
        let (room, outcome) = write.outcome();
        if self.disk.is_damaged(room) && outcome != Stored::Deleted {
            return Err(format!("I22: {room} is damaged, and was written to: {outcome:?}"));
        }
        let Some(stand) = stands.get_mut(&room) else { return Err(format!("{room} is unknown")) };
        let last = stand.last;
        match write {
            Write::Append(_, seq, _) => {
                if stand.asleep {
                    return Err(format!("I11: {room} was appended to while asleep"));
                }
                if last.map(Seq::next) != Some(*seq) {
                    return Err(format!("I1/I14: {room} appended commit {seq} after {last:?}"));
                }
                stand.last = Some(*seq);
            }
            Write::Snapshot(_, seq, body) => {
                if *seq == Seq(1) && last.is_some_and(|last| last > *seq) {
                    return Err(format!("I22: an empty twin of {room} was created"));
                }
                if last.is_some_and(|last| last > *seq) {
                    return Err(format!(
                        "I14: {room} got a snapshot of {seq} after commit {last:?}"
                    ));
                }
                let whole = Some((epoch, body.clone()));
                if stand.whole == whole {
                    return Err(format!("I27: {room} is stored whole twice at {seq}, alike"));
                }
                *stand = Stand { last: Some(*seq), asleep: false, whole };
            }
            Write::Sleep(RestRow { row, .. }) => {
                let held = decode_image(&row.body).map_err(|e| format!("I10: {room}: {e}"))?.seq;
                if last.is_some_and(|last| last > row.seq) || held != row.seq {
                    return Err(format!(
                        "I14: {room} goes to rest at {}, as of {held}, after commit {last:?}",
                        row.seq
                    ));
                }
                *stand = Stand { last: Some(row.seq), asleep: true, whole: None };
            }
            Write::Delete(_) => *stand = Stand { last: None, asleep: false, whole: None },
        }
        Ok(())
    }

    /// Writes of one batch are not applied in the order in which they were written; what is left must be the same.
    fn check_order(&self, stands: &BTreeMap<RoomId, Stand>) -> Result<(), String> {
        for (room, stand) in stands {
            let found = (self.disk.last(*room), self.disk.is_resting(*room));
            if found != (stand.last, stand.asleep) {
                return Err(format!("I11: {room} is stored as {found:?}, written was {stand:?}"));
            }
        }
        Ok(())
    }

    /// Rooms whose snapshots are needed soon, so that the log can be cut.
    pub fn wanted(&mut self) -> Vec<RoomId> {
        self.disk.wanted()
    }

    /// A copy of what is safe.
    pub fn back_up(&self) -> Backup {
        Backup {
            disk: self.disk.back_up(),
            ledger: self.ledger.clone(),
            decisions: self.decisions.clone(),
        }
    }

    /// Goes on from a copy, in an epoch that has never been.
    pub fn restore(&mut self, backup: Backup, epoch: Epoch) {
        let Backup { disk, ledger, decisions } = backup;
        self.promised = disk.lasts().collect();
        self.disk.restore(disk, epoch);
        self.writes.clear();
        self.once_damaged.clear();
        (self.ledger, self.decisions) = (ledger, decisions);
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
        self.disk.damage(room);
        self.once_damaged.extend(Some(room).filter(|room| self.disk.is_damaged(*room)));
    }

    /// Whether what is stored about a room is damaged.
    pub fn is_damaged(&self, room: RoomId) -> bool {
        self.disk.is_damaged(room)
    }

    /// Whether it is, or was before it was deleted.
    pub fn was_damaged(&self, room: RoomId) -> bool {
        self.once_damaged.contains(&room)
    }

    /// The last safe commit of a room.
    pub fn last(&self, room: RoomId) -> Option<Seq> {
        self.disk.last(room)
    }

    /// What rooms at rest need of releases.
    pub fn rests(&self) -> Vec<Resting> {
        let groups = self.disk.rest_groups().into_iter();
        groups
            .map(|group| Resting {
                kind: group.kind,
                version: group.version,
                release: group.release,
            })
            .collect()
    }

    /// The same, with since when the first of each is at rest.
    pub fn resting(&self) -> Vec<RestingGroup> {
        let groups = self.disk.rest_groups().into_iter();
        groups
            .map(|group| RestingGroup {
                oldest: WallTime(group.oldest_ms),
                need: Resting { kind: group.kind, version: group.version, release: group.release },
            })
            .collect()
    }

    /// Rooms at rest that are past their age, the one first that was put to rest first.
    pub fn due(&self, due: &DueAtRest) -> Vec<(WallTime, RoomId)> {
        let DueAtRest { need, slept_by, after, limit } = due;
        let group = RestGroup {
            kind: need.kind.clone(),
            version: need.version,
            release: need.release,
            rooms: 0,
            oldest_ms: 0,
        };
        let after = after.map(|(since, room)| (since.0, room));
        let found = self.disk.rests_of(&group, after, slept_by.0, *limit).into_iter();
        found.map(|rest| (WallTime(rest.note.since_ms), rest.room)).collect()
    }

    /// All rooms at rest, with what they need.
    pub fn at_rest(&self) -> Vec<(RoomId, Resting)> {
        let need = |note: RestNote| Resting {
            kind: note.kind,
            version: note.version,
            release: note.release,
        };
        let rests = self.disk.rests(None, usize::MAX).into_iter();
        rests.map(|rest| (rest.room, need(rest.note))).collect()
    }

    /// Since when a room is at rest.
    pub fn at_rest_since(&self, room: RoomId) -> Option<WallTime> {
        self.disk.rest(room).map(|rest| since(&rest.note))
    }

    /// What a keeper finds that looks for a room which it does not have.
    ///
    /// # Errors
    /// When what is stored cannot be read back.
    pub fn load(&self, room: RoomId, bounds: &ApplyBounds) -> Result<Loaded, String> {
        Ok(match self.disk.load_sleeping(room) {
            Asleep::Missing => Loaded::Missing,
            Asleep::Damaged(damage) => Loaded::Damaged(damage.place),
            Asleep::Resting(stored) => {
                let since = stored.rest.as_ref().map_or(WallTime(u64::MAX), since);
                Loaded::Asleep { image: Box::new(read_back(&stored, bounds)?), since }
            }
        })
    }

    /// One room as it is stored.
    ///
    /// # Errors
    /// When that cannot be read back.
    pub fn read(&self, room: RoomId, bounds: &ApplyBounds) -> Result<Option<Image>, String> {
        self.disk.read(room).map(|stored| read_back(&stored, bounds)).transpose()
    }
}

/// Since when a room is at rest. One of which that is not known is never past its age.
fn since(note: &RestNote) -> WallTime {
    WallTime(if note.since_ms > 0 { note.since_ms } else { u64::MAX })
}

fn read_back(stored: &StoredRoom, bounds: &ApplyBounds) -> Result<Image, String> {
    let records = stored.records.iter().map(|(epoch, record)| (*epoch, &record.body[..]));
    let mut image = recover(&stored.snapshot.body, records, &ZstdXxh3, bounds)
        .map_err(|e| format!("I10: {}: {e}", stored.room))?;
    // What players know beyond it is gone, until the room is stored whole again.
    image.clean &= !stored.rewound;
    Ok(image)
}
