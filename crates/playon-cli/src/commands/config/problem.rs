//! What is wrong with a configuration, and where.

use std::fmt;

use super::key::ValueKind;
use super::near::nearest;
use super::{Key, keys};
use crate::commands::exit::{CliError, Exit};
use playon_types::code::Code;
use playon_types::ply;

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ConfigProblem {
    code: Code,
    /// `playon.toml:12`, `PLAYON_LISTEN`, `--listen`.
    place: String,
    message: String,
    remedy: String,
}

impl fmt::Display for ConfigProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}: {}", self.code, self.place, self.message)
    }
}

impl ConfigProblem {
    pub(super) fn unreadable(place: &str, error: &std::io::Error) -> Self {
        Self {
            code: ply!("PLY-0526"),
            place: place.to_owned(),
            message: format!("cannot be read: {error}"),
            remedy: "give the path of a file that this user can read".to_owned(),
        }
    }

    pub(super) fn syntax(place: String, message: &str) -> Self {
        Self {
            code: ply!("PLY-0527"),
            place,
            message: format!("this is not TOML: {}", message.trim().replace('\n', ", ")),
            remedy: "`playon config default` prints a file to begin with".to_owned(),
        }
    }

    pub(super) fn unknown(place: String, name: &str) -> Self {
        let near = nearest(name, keys().map(|key| key.name));
        let hint = near.map_or(String::new(), |near| format!("; did you mean `{near}`?"));
        Self {
            code: ply!("PLY-0528"),
            place,
            message: format!("there is no key `{name}`{hint}"),
            remedy: "`playon config doc` lists all keys".to_owned(),
        }
    }

    pub(super) fn value(place: String, key: &Key, shown: &str, why: &str) -> Self {
        Self {
            code: ply!("PLY-0529"),
            place,
            message: format!("`{}` = {shown}: {why}", key.name),
            // Of what a number takes its bounds say all.
            remedy: match key.kind {
                ValueKind::Text | ValueKind::Address | ValueKind::List => {
                    format!("it takes: {}. {}", key.range(), key.doc)
                }
                _ => format!("it takes: {}", key.range()),
            },
        }
    }

    pub(super) fn contradiction(place: String, message: &str) -> Self {
        Self {
            code: ply!("PLY-0529"),
            place,
            message: message.to_owned(),
            remedy: "change one of the two".to_owned(),
        }
    }
}

impl From<&ConfigProblem> for CliError {
    fn from(ConfigProblem { code, place, message, remedy }: &ConfigProblem) -> Self {
        Self::new(*code, format!("{place}: {message}"), remedy)
    }
}

/// All that is wrong with a configuration: one thing, and what else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::commands) struct Problems {
    first: ConfigProblem,
    more: Vec<ConfigProblem>,
}

impl Problems {
    /// Nothing, or all of these.
    pub(super) fn of(problems: Vec<ConfigProblem>) -> Result<(), Self> {
        let mut problems = problems.into_iter();
        let Some(first) = problems.next() else { return Ok(()) };
        Err(Self { first, more: problems.collect() })
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.first)?;
        self.more.iter().try_for_each(|problem| write!(f, "\n{problem}"))
    }
}

impl From<Problems> for CliError {
    fn from(Problems { first, more }: Problems) -> Self {
        Self { also: more.iter().map(Self::from).collect(), ..Self::from(&first) }
    }
}

impl From<Problems> for Exit {
    fn from(problems: Problems) -> Self {
        Self::Usage(problems.into())
    }
}
