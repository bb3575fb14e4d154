//! What a game is made of.

use std::fmt;
use std::sync::Arc;

use crate::Room;
use crate::kind::{Kind, TypedKind};

/// A static file that a release brings along for its page.
///
/// The keeper serves it over HTTP on the players' port; `/` is `/index.html`. All of a release's together are at most 16 MiB.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
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
    kinds: Vec<Arc<dyn Kind>>,
    threads: Option<usize>,
    own_arguments: bool,
}

impl fmt::Debug for App {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kinds: Vec<_> = self.kinds.iter().map(|kind| kind.info().name).collect();
        let mut shown = f.debug_struct("App");
        shown.field("name", &self.name).field("label", &self.label).field("kinds", &kinds);
        shown.finish_non_exhaustive()
    }
}

/// A game by name. See [`App`].
pub fn app(name: impl Into<String>) -> App {
    App {
        name: name.into(),
        label: "dev".to_owned(),
        assets: Vec::new(),
        kinds: Vec::new(),
        threads: None,
        own_arguments: false,
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
    pub fn room<R: Room>(mut self) -> Self {
        self.kinds.push(Arc::new(TypedKind::<R>::new()));
        self
    }

    /// Threads that rooms are spread over, 1 to 64; each room stays on one. Default: as many as there are cores, 4 at most.
    ///
    /// The variable `PLAYON_THREADS` overrides it.
    pub const fn threads(mut self, threads: usize) -> Self {
        self.threads = Some(threads);
        self
    }

    /// The game reads the arguments of its command line itself, `--help` too. Without this they are none of the game's: `--help`
    /// says how to run it, and others are refused.
    pub const fn own_arguments(mut self) -> Self {
        self.own_arguments = true;
        self
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn name_of_release(&self) -> &str {
        &self.label
    }

    pub(crate) const fn reads_arguments(&self) -> bool {
        self.own_arguments
    }

    pub(crate) fn files(&self) -> &[Asset] {
        &self.assets
    }

    pub(crate) const fn wanted_threads(&self) -> Option<usize> {
        self.threads
    }

    pub(crate) fn kinds(&self) -> &[Arc<dyn Kind>] {
        &self.kinds
    }
}
