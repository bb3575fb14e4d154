//! What a shard wants done, gathered over one drain.

use std::collections::BTreeMap;
use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use playon_core::effect::{Effect, Report, Stored};
use playon_core::fleet::Suspicion;
use playon_store::{Batch, LogRecord, RestNote, RestRow, RoomLog, SnapshotRow};
use playon_types::attach::ToWorker;
use playon_types::gate::ToGateway;
use playon_types::ids::{RoomId, WorkerId};
use playon_types::image::Image;
use playon_types::reason::Reason;
use playon_wire::stored::{encode_image, encode_record};

use super::inbox::Shards;
use super::loader::Loader;
use super::ticks::Ticks;
use crate::gateway::GatewayLink;
use crate::links::Hub;
use crate::messages::{FromShard, ToControl, ToShard};
use crate::metrics::Metrics;
use crate::process::alarm::Alarm;
use crate::time::calendar::Calendar;
use crate::time::clock::Clock;

/// Everything a shard reaches.
#[derive(Clone)]
pub(crate) struct Outside {
    pub(crate) clock: Clock,
    pub(crate) calendar: Calendar,
    pub(crate) shards: Shards,
    pub(crate) hub: Arc<Hub>,
    pub(crate) gates: GatewayLink,
    pub(crate) log: Arc<dyn RoomLog>,
    pub(crate) loader: Loader,
    pub(crate) control: Sender<ToControl>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) storing: Arc<Storing>,
}

/// Whether the store makes progress: it is stuck when it has something to do and nothing of it becomes safe.
pub(crate) struct Storing {
    alarm: Alarm,
    batches: Mutex<u64>,
}

impl Storing {
    pub(crate) fn new(alarm: Alarm) -> Self {
        Self { alarm, batches: Mutex::new(0) }
    }

    fn began(&self) {
        let mut batches = self.batches.lock().unwrap_or_else(PoisonError::into_inner);
        if *batches == 0 {
            self.alarm.busy();
        }
        *batches += 1;
    }

    fn done(&self) {
        let mut batches = self.batches.lock().unwrap_or_else(PoisonError::into_inner);
        *batches = batches.saturating_sub(1);
        match *batches {
            0 => self.alarm.idle(),
            _ => self.alarm.busy(),
        }
    }
}

pub(super) struct ShardOutlet {
    pub(super) outside: Outside,
    pub(super) ticks: Ticks,
    number: u16,
    gates: Vec<Vec<ToGateway>>,
    workers: BTreeMap<WorkerId, Vec<ToWorker>>,
    batch: Batch,
    /// What becomes safe with the batch, in the order of the effects.
    stored: Vec<(RoomId, Stored)>,
    suspects: Vec<(WorkerId, Suspicion, Reason)>,
    reports: Vec<Report>,
}

impl ShardOutlet {
    pub(super) fn new(number: u16, outside: Outside) -> Self {
        let gates = (0..outside.gates.threads()).map(|_| Vec::new()).collect();
        Self {
            ticks: Ticks::new(Arc::clone(&outside.metrics)),
            outside,
            number,
            gates,
            workers: BTreeMap::new(),
            batch: Batch::default(),
            stored: Vec::new(),
            suspects: Vec::new(),
            reports: Vec::new(),
        }
    }

    /// Takes one effect in.
    pub(super) fn put(&mut self, effect: Effect) {
        match effect {
            Effect::Gate(message) => {
                let thread = GatewayLink::thread_of(message.conn());
                if let Some(batch) = self.gates.get_mut(thread) {
                    batch.push(message);
                }
            }
            Effect::Worker(worker, message) => {
                if let ToWorker::Deliver(batch) = &message {
                    self.ticks.delivered(batch.room);
                }
                self.workers.entry(worker).or_default().push(message)
            }
            Effect::Append { room, seq, record } => {
                self.batch.records.push(LogRecord { room, seq, body: encode_record(&record) });
                self.stored.push((room, Stored::Record(seq)));
            }
            Effect::Snapshot(image) => {
                self.stored.push((image.room, Stored::Snapshot(image.seq)));
                self.batch.snapshots.push(row(&image));
            }
            Effect::Sleep(image) => {
                self.stored.push((image.room, Stored::Asleep));
                let since = self.outside.calendar.now().0;
                self.batch.sleeps.push(RestRow { row: row(&image), note: note(&image, since) });
            }
            Effect::Delete(room) => {
                self.stored.push((room, Stored::Deleted));
                self.batch.deletes.push(room);
            }
            Effect::Load(room) => self.outside.loader.ask(room),
            Effect::Suspect { worker, of, why } => self.suspects.push((worker, of, why)),
            Effect::Report(report) => {
                if let Report::Gone { room, .. } = &report {
                    self.ticks.gone(*room);
                }
                self.reports.push(report);
            }
        }
    }

    /// Sends everything on its way: first to those who work on it, last to those who are told.
    pub(super) fn flush(&mut self) {
        for (worker, messages) in std::mem::take(&mut self.workers) {
            self.outside.hub.send(worker, messages);
        }
        if !self.stored.is_empty() {
            self.submit();
        }
        for (thread, batch) in self.gates.iter_mut().enumerate() {
            if !batch.is_empty() {
                self.outside.gates.blocking_send(thread, std::mem::take(batch));
            }
        }
        for (worker, of, why) in std::mem::take(&mut self.suspects) {
            self.tell(FromShard::Suspect(worker, of, why));
        }
        if !self.reports.is_empty() {
            let reports = std::mem::take(&mut self.reports);
            self.tell(FromShard::Reports(reports));
        }
    }

    pub(super) fn tell(&self, news: FromShard) {
        // The control thread ends after the shards; if it has failed there is nobody to tell.
        let _ = self.outside.control.send(ToControl::Shard(self.number, news));
    }

    fn submit(&mut self) {
        let batch = std::mem::take(&mut self.batch);
        let stored = std::mem::take(&mut self.stored);
        let (shards, number) = (self.outside.shards.clone(), self.number);
        let (control, metrics) = (self.outside.control.clone(), Arc::clone(&self.outside.metrics));
        metrics.store_batches.inc();
        metrics.store_records.inc_by(batch.records.len() as u64);
        metrics.store_bytes.inc_by(bytes(&batch));
        metrics.store_pending.inc();
        let storing = Arc::clone(&self.outside.storing);
        storing.began();
        let began = Instant::now();
        let done = move |outcome: Result<(), playon_store::StoreError>| match outcome {
            Ok(()) => {
                metrics.store_pending.dec();
                storing.done();
                metrics.store_seconds.observe(began.elapsed());
                if let Some(inbox) = shards.get(number.into()) {
                    inbox.push(ToShard::Stored(stored));
                }
            }
            Err(error) => {
                // Nothing of the batch is acknowledged to anyone, and nothing more will be.
                let _ = control.send(ToControl::Shard(number, FromShard::StoreFailed(error)));
            }
        };
        self.outside.log.submit(batch, Box::new(done));
    }
}

fn row(image: &Image) -> SnapshotRow {
    SnapshotRow { room: image.room, seq: image.seq, body: encode_image(image) }
}

/// What is known of a room at rest without reading it.
fn note(image: &Image, since_ms: u64) -> RestNote {
    RestNote {
        kind: image.kind.clone(),
        name: image.name.clone(),
        version: image.version,
        release: image.release,
        seats: u32::try_from(image.seats.len()).unwrap_or(u32::MAX),
        since_ms,
    }
}

fn bytes(batch: &Batch) -> u64 {
    let records = batch.records.iter().map(|record| record.body.len());
    let rests = batch.sleeps.iter().map(|rest| &rest.row);
    let rows = batch.snapshots.iter().chain(rests).map(|row| row.body.len());
    records.chain(rows).sum::<usize>() as u64
}
