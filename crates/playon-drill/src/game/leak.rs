//! A leak on purpose, so that a soak can be seen to notice one.

use std::sync::LazyLock;

use crate::LEAK;

/// Bytes lost for ever with each tick of a room.
const LEAK_BYTES: usize = 64 << 10;

static LEAKS: LazyLock<bool> = LazyLock::new(|| std::env::var_os(LEAK).is_some());

/// Loses memory, if the drill wants that.
pub(super) fn tick() {
    if *LEAKS {
        // Written to, or the kernel would never have to find any memory for it; and hidden from the compiler, which
        // leaves out what nobody reads.
        std::mem::forget(std::hint::black_box(vec![1_u8; LEAK_BYTES]));
    }
}
