//! Keeps a panic of the game to the room it happened in, and remembers where it came from.

use std::backtrace::Backtrace;
use std::cell::{Cell, RefCell};
use std::panic::{self, AssertUnwindSafe, PanicHookInfo};
use std::sync::Once;

/// Bytes of a backtrace that are reported.
const BACKTRACE_BYTES_MAX: usize = 16 << 10;

/// Bytes of a panic's message that are reported.
const MESSAGE_BYTES_MAX: usize = 1 << 10;

/// What a panic said and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Panicked {
    /// One line: the message and the place.
    pub(super) message: String,
    /// The game's part of the stack.
    pub(super) backtrace: String,
}

thread_local! {
    static GUARDED: Cell<bool> = const { Cell::new(false) };
    static CAUGHT: RefCell<Option<Panicked>> = const { RefCell::new(None) };
}

/// Has panics under [`guard`] remembered instead of printed. Those of other threads are treated as before.
pub(super) fn install() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let before = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if GUARDED.get() {
                CAUGHT.set(Some(describe(info)));
            } else {
                before(info);
            }
        }));
    });
}

/// Runs the game's code.
///
/// What it was working on may be half changed after a panic and must be thrown away.
pub(super) fn guard<T>(game: impl FnOnce() -> T) -> Result<T, Panicked> {
    GUARDED.set(true);
    let result = panic::catch_unwind(AssertUnwindSafe(game));
    GUARDED.set(false);
    result.map_err(|payload| {
        // Dropping what was thrown may panic as well.
        let _ = panic::catch_unwind(AssertUnwindSafe(|| drop(payload)));
        CAUGHT.take().unwrap_or_else(|| Panicked {
            message: "nothing is known about it".to_owned(),
            backtrace: String::new(),
        })
    })
}

fn describe(info: &PanicHookInfo<'_>) -> Panicked {
    let said = info.payload_as_str().unwrap_or("a value that is not text");
    let place = info.location().map(|at| format!(" at {}:{}", at.file(), at.line()));
    let line = said.replace('\n', " ");
    let message = format!("{}{}", cut(&line, MESSAGE_BYTES_MAX), place.unwrap_or_default());
    Panicked { message, backtrace: game_part(&Backtrace::force_capture().to_string()) }
}

/// The frames between the machinery of panics and that of the worker.
fn game_part(trace: &str) -> String {
    let from = ["rust_begin_unwind", "panicking::panic_fmt"].iter().find_map(|marker| {
        trace.find(marker).and_then(|at| Some(at + trace[at..].find('\n')? + 1))
    });
    let inner = &trace[from.unwrap_or(0)..];
    let until = inner.find("playon::live::").or_else(|| inner.find("playon::worker::"));
    let inner = match until {
        Some(at) => inner[..at].rsplit_once('\n').map_or("", |(frames, _)| frames),
        None => inner,
    };
    cut(inner, BACKTRACE_BYTES_MAX).to_owned()
}

fn cut(text: &str, max: usize) -> &str {
    let end = (0..=max.min(text.len())).rev().find(|at| text.is_char_boundary(*at));
    &text[..end.unwrap_or(0)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_described_and_the_next_call_is_clean() {
        install();
        let panicked = guard(|| panic!("first\nsecond {}", 2)).unwrap_err();
        assert!(panicked.message.starts_with("first second 2 at "), "{}", panicked.message);
        assert!(panicked.message.contains("guard.rs:"), "{}", panicked.message);
        assert_eq!(guard(|| 5), Ok(5));
    }

    #[test]
    fn what_is_thrown_may_panic_when_dropped() {
        struct Bomb;
        impl Drop for Bomb {
            fn drop(&mut self) {
                panic!("and another");
            }
        }
        install();
        let panicked = guard(|| panic::panic_any(Bomb)).unwrap_err();
        assert!(panicked.message.starts_with("a value that is not text"));
    }
}
