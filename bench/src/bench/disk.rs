//! The disk without a store: append, sync, next.

use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};

/// Appends `batch` bytes and syncs them, again and again, in a file of its own that is gone afterwards. Gives batches per second.
pub(super) fn appends_per_second(dir: &Path, batch: &[u8], time: Duration) -> anyhow::Result<f64> {
    let path = dir.join("bare");
    let mut file = File::create(&path)?;
    let begin = Instant::now();
    let mut count = 0_u32;
    while begin.elapsed() < time {
        file.write_all(batch)?;
        file.sync_data()?;
        count += 1;
    }
    let took = begin.elapsed();
    std::fs::remove_file(&path)?;
    Ok(f64::from(count) / took.as_secs_f64())
}
