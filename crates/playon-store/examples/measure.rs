//! Measures the embedded store on this machine: `cargo run --release --example measure -p playon-store -- [dir] [rooms] [seconds]`.
//!
//! Rooms commit records of 50 to 350 bytes, with a snapshot of 2 KiB at every 64th commit. A batch is
//! submitted when the one before it is safe, so the batch size is what one group commit holds.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a measurement for people")]

use std::path::Path;
use std::sync::mpsc::{self, Receiver};
use std::time::{Duration, Instant};

use bytes::Bytes;
use playon_core::ids::{RoomId, Seq};
use playon_core::rng::mix;
use playon_store::{Batch, LogRecord, SnapshotRow, SqliteOptions, SqliteStore, Store};

const SNAPSHOT_EVERY: u64 = 64;

struct Load {
    dice: u64,
    seqs: Vec<u64>,
    bytes: Bytes,
    /// Rooms that the store wants snapshots of.
    wanted: Receiver<Vec<RoomId>>,
}

impl Load {
    fn dice(&mut self, bound: u64) -> u64 {
        self.dice = self.dice.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mix(self.dice) % bound
    }

    fn snapshot(&self, n: usize) -> SnapshotRow {
        SnapshotRow { room: id(n), seq: Seq(self.seqs[n]), body: self.bytes.slice(..2_048) }
    }

    /// Records of `count` rooms drawn at random.
    fn batch(&mut self, count: usize) -> Batch {
        let mut batch = Batch::default();
        for _ in 0..count {
            let n = usize::try_from(self.dice(self.seqs.len() as u64)).unwrap();
            self.seqs[n] += 1;
            let len = usize::try_from(50 + self.dice(300)).unwrap();
            batch.records.push(LogRecord {
                room: id(n),
                seq: Seq(self.seqs[n]),
                body: self.bytes.slice(..len),
            });
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
    usize::try_from(u64::from_le_bytes(half)).unwrap()
}

fn submit(store: &SqliteStore, batch: Batch) -> Duration {
    let (tell, told) = mpsc::channel();
    let begin = Instant::now();
    store.submit(batch, Box::new(move |outcome| tell.send(outcome).unwrap()));
    told.recv().unwrap().unwrap();
    begin.elapsed()
}

fn report(name: &str, mut times: Vec<Duration>, commits: usize, took: Duration) {
    times.sort();
    let at = |share: f64| times[((times.len() - 1) as f64 * share) as usize].as_secs_f64() * 1e3;
    let rate = commits as f64 / took.as_secs_f64();
    println!(
        "{name}: {rate:.0} commits/s, p50 {:.2} ms, p99 {:.2} ms, worst {:.1} ms",
        at(0.5),
        at(0.99),
        at(1.0)
    );
}

fn run(store: &SqliteStore, load: &mut Load, count: usize, rate: Option<u32>, seconds: u64) {
    let begin = Instant::now();
    let (mut times, mut commits) = (Vec::new(), 0);
    while begin.elapsed() < Duration::from_secs(seconds) {
        if let Some(rate) = rate {
            let due = begin + Duration::from_secs(1) * u32::try_from(commits).unwrap() / rate;
            std::thread::sleep(due.saturating_duration_since(Instant::now()));
        }
        times.push(submit(store, load.batch(count)));
        commits += count;
    }
    let name = rate.map_or("saturated".to_owned(), |rate| format!("at {rate}/s"));
    report(&format!("batches of {count}, {name}"), times, commits, begin.elapsed());
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap().map(Result::unwrap) {
        std::fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
    }
}

fn main() {
    let mut args = std::env::args().skip(1);
    let place = args.next().map_or_else(std::env::temp_dir, Into::into);
    let rooms: usize = args.next().map_or(10_000, |text| text.parse().unwrap());
    let seconds: u64 = args.next().map_or(5, |text| text.parse().unwrap());
    let dir = place.join(format!("playon-measure-{}", std::process::id()));
    let store = SqliteStore::open(&dir, SqliteOptions::default()).unwrap();
    let bytes: Vec<u8> = (0..2_048_u64).map(|n| u8::try_from(mix(n) & 0xff).unwrap()).collect();
    let (wish, wanted) = mpsc::channel();
    store.on_snapshots_wanted(Box::new(move |rooms| drop(wish.send(rooms))));
    let mut load = Load { dice: 1, seqs: vec![1; rooms], bytes: bytes.into(), wanted };
    let begin = Instant::now();
    for some in (0..rooms).collect::<Vec<_>>().chunks(500) {
        let snapshots = some.iter().map(|n| load.snapshot(*n)).collect();
        submit(&store, Batch { snapshots, ..Batch::default() });
    }
    println!("{rooms} rooms created in {:.2?}", begin.elapsed());
    run(&store, &mut load, 16, Some(4_000), seconds);
    run(&store, &mut load, 64, Some(20_000), seconds);
    run(&store, &mut load, 64, None, seconds);
    run(&store, &mut load, 512, None, seconds);

    // As a crash would leave it: everything acknowledged, nothing closed.
    let crashed = place.join(format!("playon-measure-{}-crashed", std::process::id()));
    copy(&dir, &crashed);
    drop(store);
    let size = |dir: &Path| {
        std::fs::read_dir(dir)
            .unwrap()
            .map(|entry| entry.unwrap().metadata().unwrap().len())
            .sum::<u64>()
            >> 20
    };
    println!("files: {} MiB", size(&crashed));
    for quick_check in [true, false] {
        let begin = Instant::now();
        let store =
            SqliteStore::open(&crashed, SqliteOptions { quick_check, ..SqliteOptions::default() })
                .unwrap();
        let opened = begin.elapsed();
        let (mut found, mut records) = (0, 0);
        let outcome = store.recover(&mut |room| {
            found += 1;
            records += room.unwrap().records.len();
        });
        outcome.unwrap();
        let all = begin.elapsed();
        println!(
            "recovered {found} rooms, {records} records: open {opened:.2?}, all {all:.2?}, structure checked: {quick_check}"
        );
        drop(store);
    }
    std::fs::remove_dir_all(&dir).unwrap();
    std::fs::remove_dir_all(&crashed).unwrap();
}
