//! Every decoder of Playon, each as one function that takes any bytes.
//!
//! A target panics when its decoder does, or when what it read is not what it would write. The same functions run in
//! two ways: `cargo xtask fuzz` mutates with coverage for as long as asked, and the tests of this crate run the
//! committed corpus and random damage to it, and measure what a decode allocates.

mod targets;

/// One decoder.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// What `cargo xtask fuzz` calls it, and the folder of its corpus.
    pub name: &'static str,
    /// Decodes, encodes what was read, and compares.
    pub run: fn(&[u8]),
    /// Decodes and drops the result, to be measured.
    pub decode: fn(&[u8]),
    /// Bytes that a decode may allocate at its peak for each byte of input.
    pub peak_times: usize,
    /// Bytes that it may allocate at its peak beside that.
    pub peak_bytes: usize,
}

/// All of them.
pub use targets::TARGETS;

/// The target of that name.
pub fn find(name: &str) -> Option<Target> {
    TARGETS.iter().find(|target| target.name == name).copied()
}
