//! The executable of a game.

use std::process::ExitCode;

use crate::Room;

/// A static file that a release brings along for its page.
///
/// The keeper serves it over HTTP on the players' port; `/` is `/index.html`. All of a release's together are at most 16 MiB.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Asset {
    /// Where it is served, with a leading slash.
    pub path: &'static str,
    /// Its media type, for example `text/html; charset=utf-8`.
    pub mime: &'static str,
    /// What it contains; usually `include_bytes!`.
    pub bytes: &'static [u8],
}

impl Asset {
    /// A file at a path.
    pub const fn new(path: &'static str, mime: &'static str, bytes: &'static [u8]) -> Self {
        Self { path, mime, bytes }
    }
}

/// A game: its kinds of rooms and what else its executable brings along.
#[must_use = "an app does nothing until `run`"]
pub struct App {
    name: String,
    label: String,
    assets: Vec<Asset>,
}

/// A game by name. See [`App`].
pub fn app(name: impl Into<String>) -> App {
    App {
        name: name.into(),
        label: "dev".to_owned(),
        assets: Vec::new(),
    }
}

impl App {
    /// The name of this release for people, at most 64 bytes. Default: `dev`. What tells releases apart is the content of the executable.
    pub fn label(mut self, label: impl Into<String>) -> Self {
        self.label = label.into();
        self
    }

    /// Files for the game's page.
    pub fn assets(mut self, assets: &[Asset]) -> Self {
        self.assets.extend_from_slice(assets);
        self
    }

    /// A kind of room.
    pub fn room<R: Room>(self) -> Self {
        self
    }

    /// Serves the game: as a worker when a keeper started this process, else as a complete server (with the feature `embedded`).
    ///
    /// The exit code is 0 when the keeper said to stop, 1 when the link to it failed, 2 when there is no keeper to serve, 3 when this release cannot be served as it is.
    pub fn run(self) -> ExitCode {
        eprintln!(
            "{} {} ({} assets)",
            self.name,
            self.label,
            self.assets.len()
        );
        ExitCode::from(2)
    }
}
