//! The machine's monotonic clock.

/// Nanoseconds of the monotonic clock, which all processes of a machine share.
///
/// The standard library's clock is the same one but keeps its numbers to itself. It is used to measure and never to decide,
/// so that the game stays reproducible.
pub fn monotonic_ns() -> u64 {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    let seconds = u64::try_from(now.tv_sec).unwrap_or_default();
    seconds * 1_000_000_000 + u64::try_from(now.tv_nsec).unwrap_or_default()
}
