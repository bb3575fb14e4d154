//! (a) Durable commits, against appending the same bytes in the same batches to a bare file.

use std::sync::mpsc::{self, Receiver};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use bytes::Bytes;
use playon_store::{Batch, LogRecord, RoomLog, SnapshotRow, SqliteOptions, SqliteStore};
use playon_types::ids::{RoomId, Seq};
use playon_types::rng::mix;

use super::disk::appends_per_second;
use super::rooms::{USUAL_BYTES, inhabited};
use super::{Bench, progress};
use crate::load::{self, Caller, Pace};
use crate::process::Keeper;
use crate::report::{Aim, Row, median, short};

const ROOMS: usize = 10_000;
const ROOMS_QUICK: usize = 200;

/// Commits of a room between two of its snapshots, as in a keeper.
const SNAPSHOT_EVERY: u64 = 64;

/// Commits in one batch; the first is what a busy keeper makes, the second what a store is fastest at.
const BATCHES: [usize; 2] = [64, 512];

/// The store by itself.
pub(super) fn store(bench: &Bench) -> anyhow::Result<Vec<Row>> {
    let data = bench.data()?;
    let rooms = bench.of(ROOMS, ROOMS_QUICK);
    progress(&format!("(a) the store alone, {rooms} rooms"));
    let store = SqliteStore::open(data.path().join("store").as_path(), SqliteOptions::default())?;
    let mut load = Load::new(&store, rooms);
    load.create(&store)?;
    let mut rows = Vec::new();
    for size in BATCHES {
        let (mut ours, mut bare) = (Vec::new(), Vec::new());
        for _ in 0..bench.rounds() {
            let (rate, bytes) = load.run(&store, size, bench.time() / 2)?;
            ours.push(rate);
            let batch = vec![0x5a; bytes];
            let batches = appends_per_second(data.path(), &batch, bench.time() / 2)?;
            bare.push(batches * size as f64);
        }
        let (ours, bare) = (median(ours), median(bare));
        rows.push(
            Row::new(
                "a",
                format!("store alone, batches of {size}: share of a bare append"),
                ours / bare,
            )
            .from(format!("{} of {} commits/s", short(ours), short(bare)))
            .aim(Aim::AtLeast(0.8)),
        );
    }
    store.close()?;
    Ok(rows)
}

struct Load {
    dice: u64,
    seqs: Vec<u64>,
    bytes: Bytes,
    /// Rooms that the store wants snapshots of.
    wanted: Receiver<Vec<RoomId>>,
}

impl Load {
    fn new(store: &SqliteStore, rooms: usize) -> Self {
        let bytes: Vec<u8> = (0..256_u64).flat_map(|n| mix(n).to_le_bytes()).collect();
        let (wish, wanted) = mpsc::channel();
        store.on_snapshots_wanted(Box::new(move |rooms| drop(wish.send(rooms))));
        Self { dice: 1, seqs: vec![1; rooms], bytes: bytes.into(), wanted }
    }

    fn create(&self, store: &SqliteStore) -> anyhow::Result<()> {
        let rooms: Vec<_> = (0..self.seqs.len()).collect();
        for some in rooms.chunks(500) {
            let snapshots = some.iter().map(|n| self.snapshot(*n)).collect();
            submit(store, Batch { snapshots, ..Batch::default() })?;
        }
        Ok(())
    }

    /// Commits per second, and the mean bytes of a batch.
    fn run(
        &mut self,
        store: &SqliteStore,
        size: usize,
        time: Duration,
    ) -> anyhow::Result<(f64, usize)> {
        let begin = Instant::now();
        let (mut batches, mut bytes) = (0_usize, 0_usize);
        while begin.elapsed() < time {
            let batch = self.batch(size);
            bytes += batch.records.iter().map(|record| record.body.len()).sum::<usize>();
            bytes += batch.snapshots.iter().map(|row| row.body.len()).sum::<usize>();
            batches += 1;
            submit(store, batch)?;
        }
        let rate = (batches * size) as f64 / begin.elapsed().as_secs_f64();
        Ok((rate, bytes / batches.max(1)))
    }

    fn dice(&mut self, bound: u64) -> u64 {
        self.dice = self.dice.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mix(self.dice) % bound
    }

    fn snapshot(&self, n: usize) -> SnapshotRow {
        SnapshotRow { room: id(n), seq: Seq(self.seqs[n]), body: self.bytes.slice(..USUAL_BYTES) }
    }

    /// Records of rooms drawn at random, 50 to 350 bytes each, and the snapshots that are due.
    fn batch(&mut self, count: usize) -> Batch {
        let mut batch = Batch::default();
        for _ in 0..count {
            let n = usize::try_from(self.dice(self.seqs.len() as u64)).unwrap_or(0);
            let len = usize::try_from(50 + self.dice(300)).unwrap_or(0);
            self.seqs[n] += 1;
            let (seq, body) = (Seq(self.seqs[n]), self.bytes.slice(..len));
            batch.records.push(LogRecord { room: id(n), seq, body });
            // Rooms are at different points of their cycles.
            if (self.seqs[n] + n as u64).is_multiple_of(SNAPSHOT_EVERY) {
                batch.snapshots.push(self.snapshot(n));
            }
        }
        for room in self.wanted.try_iter().flatten() {
            batch.snapshots.push(self.snapshot(number(room)));
        }
        batch
    }
}

fn id(n: usize) -> RoomId {
    let mut id = [0; 16];
    id[..8].copy_from_slice(&mix(n as u64).to_le_bytes());
    id[8..].copy_from_slice(&(n as u64).to_le_bytes());
    RoomId(id)
}

fn number(room: RoomId) -> usize {
    let mut half = [0; 8];
    half.copy_from_slice(&room.0[8..]);
    usize::try_from(u64::from_le_bytes(half)).unwrap_or(0)
}

fn submit(store: &SqliteStore, batch: Batch) -> anyhow::Result<()> {
    let (tell, told) = mpsc::channel();
    store.submit(batch, Box::new(move |outcome| drop(tell.send(outcome))));
    Ok(told.recv().context("the store said nothing")??)
}

/// From input to stored, acknowledged and back: gateway, shard, worker, store.
pub(super) fn whole_path(bench: &Bench) -> anyhow::Result<Vec<Row>> {
    let data = bench.data()?;
    let count = bench.of(ROOMS, ROOMS_QUICK);
    progress(&format!("(a) the whole path, {count} rooms with a player each"));
    let keeper = Keeper::start(&data.path().join("keeper"))?;
    let players = bench.block_on(inhabited(keeper.players(), count, USUAL_BYTES))?;
    let callers = players.into_iter().map(|player| Caller::Changer { player, next: 0 }).collect();
    let read = |name| keeper.metric(name);
    let names =
        ["playon_store_records_total", "playon_store_batches_total", "playon_store_bytes_total"];
    let before = names.map(read);
    let (calls, _) =
        bench.block_on(load::run(callers, Pace::Full, bench.time() / 2, bench.time()))?;
    let after = names.map(read);
    let mut grown = Vec::new();
    for (before, after) in before.into_iter().zip(after) {
        grown.push(after? - before?);
    }
    let [records, batches, bytes] = grown[..] else { anyhow::bail!("three counters") };
    let per_batch = records / batches;
    let batch = vec![0x5a; (bytes / batches) as usize];
    let bare = appends_per_second(data.path(), &batch, bench.time())? * per_batch;
    keeper.server.stop()?;
    let from = format!(
        "{} of {} commits/s in batches of {} with {} B each",
        short(calls.rate),
        short(bare),
        short(per_batch),
        short(bytes / records)
    );
    Ok(vec![
        Row::new("a", "whole path: share of a bare append", calls.rate / bare)
            .from(from)
            .aim(Aim::AtLeast(0.3)),
    ])
}
