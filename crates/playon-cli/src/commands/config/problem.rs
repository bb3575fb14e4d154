//! What is wrong with a configuration, and where.

use std::fmt;

use super::near::nearest;
use super::{Key, keys};
use crate::commands::exit::{Exit, Trouble};
use crate::commands::talk;

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Problem {
    code: &'static str,
    /// `playon.toml:12`, `PLAYON_LISTEN`, `--listen`.
    place: String,
    message: String,
    remedy: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}: {}", self.code, self.place, self.message)
    }
}

impl Problem {
    pub(super) fn unreadable(place: &str, error: &std::io::Error) -> Self {
        Self {
            code: "PLY-0526",
            place: place.to_owned(),
            message: format!("cannot be read: {error}"),
            remedy: "give the path of a file that this user can read".to_owned(),
        }
    }

    pub(super) fn syntax(place: String, message: &str) -> Self {
        Self {
            code: "PLY-0527",
            place,
            message: format!("this is not TOML: {}", message.trim().replace('\n', ", ")),
            remedy: "`playon config default` prints a file to begin with".to_owned(),
        }
    }

    pub(super) fn unknown(place: String, name: &str) -> Self {
        let near = nearest(name, keys().map(|key| key.name));
        let hint = near.map_or(String::new(), |near| format!("; did you mean `{near}`?"));
        Self {
            code: "PLY-0528",
            place,
            message: format!("there is no key `{name}`{hint}"),
            remedy: "`playon config doc` lists all keys".to_owned(),
        }
    }

    pub(super) fn value(place: String, key: &Key, shown: &str, why: &str) -> Self {
        Self {
            code: "PLY-0529",
            place,
            message: format!("`{}` = {shown}: {why}", key.name),
            remedy: format!("it takes: {}", key.range()),
        }
    }

    pub(super) fn contradiction(place: String, message: &str) -> Self {
        Self {
            code: "PLY-0529",
            place,
            message: message.to_owned(),
            remedy: "change one of the two".to_owned(),
        }
    }

    /// Says it, with what to do.
    pub(super) fn say(&self) {
        talk::error(&self.to_string());
        talk::line(&format!("  what to do: {}", self.remedy));
    }

    pub(super) fn into_exit(self) -> Exit {
        let message = format!("{}: {}", self.place, self.message);
        Exit::Usage(Trouble::new(self.code, message, &self.remedy))
    }
}

/// All that is wrong with a configuration; never empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::commands) struct Problems(pub(super) Vec<Problem>);

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines: Vec<_> = self.0.iter().map(ToString::to_string).collect();
        f.write_str(&lines.join("\n"))
    }
}

impl From<Problems> for Exit {
    /// All but the last are said at once; the last ends the command.
    fn from(problems: Problems) -> Self {
        let mut problems = problems.0;
        let last = problems.pop();
        for problem in problems {
            problem.say();
        }
        last.map_or(Self::Told, Problem::into_exit)
    }
}
