//! `playon config`.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde::Serialize;

use super::layers::{Overrides, check_file, resolve};
use super::problem::Problems;
use super::{keys, page};
use crate::commands::exit::Exit;
use crate::commands::talk;

/// Write, check and explain a configuration.
#[derive(Debug, Subcommand)]
#[command(after_help = "Examples:
  playon config default > playon.toml
  playon config check playon.toml
  playon config show --config playon.toml     each value, and where it comes from
  playon serve --config playon.toml

A flag beats the environment, that beats the file, that beats the default.")]
pub(in crate::commands) enum ConfigCommand {
    /// Print a file with every key at its default
    Default,
    /// Check files and tell all that is wrong with them
    Check(Check),
    /// Print every key with its default, its bounds and its meaning, as Markdown
    Doc,
    /// Print what `playon serve` would use with these flags, and where each value comes from
    Show(Box<Show>),
}

/// Check files.
#[derive(Debug, Args)]
pub(in crate::commands) struct Check {
    /// The files
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// A file in which nothing is wrong.
#[derive(Debug, Serialize)]
struct Sound {
    file: String,
    /// Keys that it sets.
    keys: usize,
}

/// Show what would be used.
#[derive(Debug, Args)]
pub(in crate::commands) struct Show {
    /// Print JSON
    #[arg(long)]
    json: bool,
    /// Only what is not at its default
    #[arg(long)]
    changed: bool,
    #[command(flatten)]
    overrides: Overrides,
}

impl ConfigCommand {
    pub(in crate::commands) fn run(&self) -> Result<(), Exit> {
        match self {
            Self::Default => talk::data(page::default_file().trim_end()),
            Self::Check(check) => check.run(),
            Self::Doc => talk::data(&page::page()),
            Self::Show(show) => show.run(),
        }
    }
}

impl Check {
    fn run(&self) -> Result<(), Exit> {
        let (mut sound, mut wrong) = (Vec::new(), Vec::new());
        for file in &self.files {
            let (keys, problems) = check_file(file);
            if problems.is_empty() {
                sound.push(Sound { file: file.display().to_string(), keys });
            }
            wrong.extend(problems);
        }
        match (Problems::of(wrong), self.json) {
            (Ok(()), true) => talk::json(&sound),
            (Err(problems), true) => Err(Exit::Failed(problems.into())),
            (result, false) => {
                for Sound { file, keys } in sound {
                    talk::data(&format!("{file}: {keys} keys are in order"))?;
                }
                result.map_err(|problems| Exit::Failed(problems.into()))
            }
        }
    }
}

impl Show {
    fn run(&self) -> Result<(), Exit> {
        let resolved = resolve(&self.overrides)?;
        let rows = keys().filter_map(|key| {
            let source = resolved.sources.get(key.name);
            let shown = source.is_some() || !self.changed;
            let value = key.shown(&(key.get)(&resolved.settings));
            shown.then(|| (key.name, value, source.cloned().unwrap_or_default().to_string()))
        });
        if self.json {
            let facts = rows.map(|(name, value, source)| {
                (name.to_owned(), serde_json::json!({"value": value, "from": source}))
            });
            return talk::json(&facts.collect::<serde_json::Map<_, _>>());
        }
        let rows: Vec<_> =
            rows.map(|(name, value, source)| vec![name.to_owned(), value, source]).collect();
        talk::table(&["KEY", "VALUE", "FROM"], &rows)
    }
}
