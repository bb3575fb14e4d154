//! Why a value cannot be written or read, and where in it.

use std::fmt::{self, Display};

use serde::{de, ser};

/// One step from a value into it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum PathStep {
    /// A field, or the value of a key that is text.
    Field(String),
    /// An item of a list.
    Item(usize),
    /// The value of another key.
    Key(String),
}

impl Display for PathStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Field(name) => write!(f, ".{name}"),
            Self::Item(at) => write!(f, "[{at}]"),
            Self::Key(key) => write!(f, "{{{key}}}"),
        }
    }
}

/// Why a value cannot be written.
#[derive(Debug)]
pub(crate) enum WriteError {
    /// Deeper than [`super::DEPTH_MAX`].
    TooDeep,
    /// The type says so itself, or does not keep to serde's rules.
    Other(String),
}

impl std::error::Error for WriteError {}

impl Display for WriteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooDeep => f.write_str("too deep"),
            Self::Other(what) => f.write_str(what),
        }
    }
}

impl ser::Error for WriteError {
    fn custom<T: Display>(what: T) -> Self {
        Self::Other(what.to_string())
    }
}

/// Why bytes cannot be read as a value.
#[derive(Debug)]
pub(crate) struct ReadError {
    what: String,
    /// From the inside outwards.
    path: Vec<PathStep>,
}

impl ReadError {
    pub(super) fn new(what: impl Into<String>) -> Self {
        Self { what: what.into(), path: Vec::new() }
    }

    /// The error as the value around sees it.
    pub(super) fn within(mut self, step: PathStep) -> Self {
        self.path.push(step);
        self
    }
}

impl std::error::Error for ReadError {}

impl Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path: String = self.path.iter().rev().map(PathStep::to_string).collect();
        match path.trim_start_matches('.') {
            "" => f.write_str(&self.what),
            path => write!(f, "`{}`: {}", path.strip_prefix("state.").unwrap_or(path), self.what),
        }
    }
}

impl de::Error for ReadError {
    fn custom<T: Display>(what: T) -> Self {
        Self::new(what.to_string())
    }
}
