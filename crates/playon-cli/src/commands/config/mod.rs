//! The configuration: one table of keys, from which the page, the default file, the check and the keeper's set-up come.

mod basics;
mod bounds;
mod command;
mod file;
mod key;
mod layers;
mod near;
mod page;
mod problem;
#[cfg(test)]
mod refused;
mod texts;
mod together;

use playon_keeper::KeeperConfig;

use self::key::Key;
use crate::commands::tracing_setup::LogFormat;

pub(super) use command::ConfigCommand;
pub(super) use layers::{Overrides, resolve};

/// What the keys set.
#[derive(Clone, Debug)]
pub(super) struct Settings {
    pub(super) keeper: KeeperConfig,
    pub(super) log_level: String,
    pub(super) log_format: LogFormat,
}

/// All keys, in the order of the page.
fn keys() -> impl Iterator<Item = &'static Key> {
    basics::BASICS.iter().chain(bounds::BOUNDS)
}

fn key(name: &str) -> Option<&'static Key> {
    keys().find(|key| key.name == name)
}
