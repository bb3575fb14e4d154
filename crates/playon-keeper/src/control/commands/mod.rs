//! What operators ask of the control thread, command by command.

mod asleep;
mod close;
mod deploy;
mod release;

pub(crate) use close::{Closings, unknown};
pub use release::check_label;
