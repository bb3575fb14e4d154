//! The part of sabotage that a game can do. Each happens once in a drill: to one input with a number that comes but once per player.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{LazyLock, Mutex, PoisonError};
use std::time::Duration;

use playon::PlayerId;

use super::Input;
use crate::sabotage::Sabotage;

/// The number of the input that is hit. Every fifth brings an event. Later workers do not see it any more.
const INPUT: u64 = 10;
/// How long a tick takes that takes too long: not so long that the keeper would kill the worker.
const PAUSE: Duration = Duration::from_millis(1_500);

static ASKED: LazyLock<Option<Sabotage>> = LazyLock::new(Sabotage::asked);
static DONE: AtomicBool = AtomicBool::new(false);
static HELD: Mutex<Option<(PlayerId, Input)>> = Mutex::new(None);

/// Whether it is this sabotage's turn. Only once is it.
fn strikes(sabotage: Sabotage) -> bool {
    *ASKED == Some(sabotage) && !DONE.swap(true, Ordering::Relaxed)
}

/// What is applied instead of an input.
pub(super) fn inputs(from: PlayerId, input: Input) -> [Option<Input>; 2] {
    if ASKED.is_none() {
        return [Some(input), None];
    }
    let mut held = HELD.lock().unwrap_or_else(PoisonError::into_inner);
    match *held {
        Some((who, earlier)) if who == from => {
            *held = None;
            [Some(input), Some(earlier)]
        }
        _ if input.n != INPUT => [Some(input), None],
        _ if strikes(Sabotage::DropInput) => [None, None],
        _ if strikes(Sabotage::DoubleInput) => [Some(input), Some(input)],
        _ if strikes(Sabotage::SwapInputs) => {
            *held = Some((from, input));
            [None, None]
        }
        _ => [Some(input), None],
    }
}

/// Whether the event of this input is not sent.
pub(super) fn loses_event(input: Input) -> bool {
    input.n == INPUT && strikes(Sabotage::LoseEvent)
}

/// Whether the state is changed behind its own back.
pub(super) fn corrupts(input: Input) -> bool {
    input.n == INPUT && strikes(Sabotage::CorruptState)
}

/// Takes too long, in the first room that comes to release 2.
pub(super) fn tick(release: u32) {
    if release == 2 && strikes(Sabotage::LongPause) {
        std::thread::sleep(PAUSE);
    }
}
