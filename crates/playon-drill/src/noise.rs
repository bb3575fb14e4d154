//! What the machine does to everybody on it, so that nobody has to guess whose a long gap was.
//!
//! Two threads that have nothing to do with Playon: one sleeps and notes how late it wakes, one writes a little to
//! the disk the drill uses and notes how long the sync takes. What they feel, players feel as well.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::Context;
use serde::Serialize;

use super::spread::{Figures, Spread};

/// How long the first thread sleeps.
const SLEEP: Duration = Duration::from_millis(5);
/// The time between two syncs; about that between two ticks of a game.
const SYNC_EVERY: Duration = Duration::from_millis(50);
/// Bytes written before each sync, over those of the time before: a page.
const SYNC_BYTES: usize = 4096;

const BASELINE: u8 = 0;
const DISTURBED: u8 = 1;
const OVER: u8 = 2;

/// What was felt in one window.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct MachineNoise {
    /// How late a thread woke that had slept for 5 ms, in milliseconds.
    pub late_ms: Option<Figures>,
    /// How long the sync of one page took, in milliseconds; nothing if the disk let nobody write.
    pub sync_ms: Option<Figures>,
    /// Processor time that went to other machines of the same host, in milliseconds; nothing if nobody says.
    pub stolen_ms: Option<u64>,
}

impl MachineNoise {
    /// How long it held everybody up at most, in milliseconds, by a sync or by waking late.
    pub(super) fn held_up_ms(&self) -> f64 {
        [self.late_ms, self.sync_ms]
            .into_iter()
            .flatten()
            .map(|figures| figures.max)
            .fold(0.0, f64::max)
    }
}

/// What was felt in both windows.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Noise {
    pub(super) baseline: MachineNoise,
    pub(super) disturbed: MachineNoise,
}

/// Feels until it is stopped.
pub(super) struct NoiseMeter {
    window: Arc<AtomicU8>,
    sleeper: JoinHandle<[Spread; 2]>,
    syncer: JoinHandle<[Spread; 2]>,
    /// Stolen since the machine started, at the beginning of each window.
    stolen: [Option<u64>; 2],
}

impl NoiseMeter {
    /// Begins with the undisturbed window. The page it writes lies in `dir`.
    pub(super) fn start(dir: &Path) -> anyhow::Result<Self> {
        let window = Arc::new(AtomicU8::new(BASELINE));
        let file = page_in(dir).context("a file to measure the disk with")?;
        let (seen, seen_too) = (Arc::clone(&window), Arc::clone(&window));
        let thread = |name: &str| std::thread::Builder::new().name(name.to_owned());
        let sleeper = thread("drill-sleeper").spawn(move || {
            measure(&seen, || {
                let begin = Instant::now();
                std::thread::sleep(SLEEP);
                Some(begin.elapsed().saturating_sub(SLEEP))
            })
        })?;
        let syncer = thread("drill-syncer").spawn(move || {
            measure(&seen_too, || {
                std::thread::sleep(SYNC_EVERY);
                let begin = Instant::now();
                file.write_all_at(&[7; SYNC_BYTES], 0).and_then(|()| file.sync_data()).ok()?;
                Some(begin.elapsed())
            })
        })?;
        Ok(Self { window, sleeper, syncer, stolen: [stolen_ms(); 2] })
    }

    /// The window with faults begins.
    pub(super) fn disturb(&mut self) {
        self.stolen[1] = stolen_ms();
        self.window.store(DISTURBED, Ordering::Relaxed);
    }

    /// Ends both threads.
    pub(super) fn stop(self) -> Noise {
        let now = stolen_ms();
        self.window.store(OVER, Ordering::Relaxed);
        let [late, late_too] = self.sleeper.join().unwrap_or_default();
        let [sync, sync_too] = self.syncer.join().unwrap_or_default();
        let since = |from: Option<u64>, to: Option<u64>| Some(to?.saturating_sub(from?));
        let machine = |late: &Spread, sync: &Spread, stolen_ms| MachineNoise {
            late_ms: late.figures(),
            sync_ms: sync.figures(),
            stolen_ms,
        };
        Noise {
            baseline: machine(&late, &sync, since(self.stolen[0], self.stolen[1])),
            disturbed: machine(&late_too, &sync_too, since(self.stolen[1], now)),
        }
    }
}

/// A file of one page, on the disk and with its place there.
fn page_in(dir: &Path) -> std::io::Result<File> {
    let file = tempfile::tempfile_in(dir)?;
    file.write_all_at(&[0; SYNC_BYTES], 0)?;
    file.sync_all()?;
    Ok(file)
}

/// Takes samples until the last window is over; each counts for the window in which it began.
fn measure(window: &AtomicU8, mut sample: impl FnMut() -> Option<Duration>) -> [Spread; 2] {
    let mut spreads = <[Spread; 2]>::default();
    loop {
        let into = match window.load(Ordering::Relaxed) {
            BASELINE => &mut spreads[0],
            DISTURBED => &mut spreads[1],
            _ => return spreads,
        };
        if let Some(took) = sample() {
            into.add(u64::try_from(took.as_micros()).unwrap_or(u64::MAX));
        }
    }
}

/// Processor time that the host gave to others since this machine started: the eighth number of the first line of
/// `/proc/stat` (proc(5)), in clock ticks.
fn stolen_ms() -> Option<u64> {
    let stat = std::fs::read_to_string("/proc/stat").ok()?;
    let ticks: u64 = stat.lines().next()?.split_whitespace().nth(8)?.parse().ok()?;
    Some(ticks * 1_000 / rustix::param::clock_ticks_per_second().max(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_windows_have_samples_of_their_own() {
        let dir = tempfile::tempdir().unwrap();
        let mut meter = NoiseMeter::start(dir.path()).unwrap();
        std::thread::sleep(4 * SYNC_EVERY);
        meter.disturb();
        std::thread::sleep(8 * SYNC_EVERY);
        let Noise { baseline, disturbed } = meter.stop();
        for MachineNoise { late_ms, sync_ms, .. } in [baseline, disturbed] {
            let (late, sync) = (late_ms.unwrap(), sync_ms.unwrap());
            assert!(late.count > sync.count && sync.count > 0, "{late:?} {sync:?}");
        }
        let stolen = std::fs::read_to_string("/proc/stat").is_ok();
        assert_eq!(disturbed.stolen_ms.is_some(), stolen);
    }
}
