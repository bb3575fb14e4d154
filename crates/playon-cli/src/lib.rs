//! The `playon` command, as a library: each command is a module.

pub mod commands;
