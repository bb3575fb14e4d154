//! The log: what is written, how it gets out, and text of others in it.

pub mod levels;
pub mod queue;
pub mod text;
