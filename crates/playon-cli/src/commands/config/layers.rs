//! Where values come from: a flag before the environment, that before the file, that before the default.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use clap::Args;

use super::file::{self, FileValue};
use super::key::{Key, Value, ValueKind};
use super::problem::{ConfigProblem, Problems};
use super::together::contradictions;
use super::{Settings, key, keys};

/// Names the file when the flag does not.
const FILE_ENV: &str = "PLAYON_CONFIG";

/// The flags that stand for keys.
#[derive(Clone, Debug, Default, Args)]
pub(in crate::commands) struct Overrides {
    /// The configuration file, see `playon config`; also PLAYON_CONFIG
    #[arg(long, value_name = "FILE")]
    pub(super) config: Option<PathBuf>,
    /// The data directory; made if it is missing [default: playon-data]
    #[arg(long, value_name = "DIR")]
    data: Option<String>,
    /// Where players connect; port 0 takes any free one [default: 127.0.0.1:4000]
    #[arg(long, value_name = "ADDR")]
    listen: Option<String>,
    /// Where the admin API listens [default: 127.0.0.1:4001]
    #[arg(long, value_name = "ADDR")]
    admin: Option<String>,
    /// An executable to add as a release, also as LABEL=PATH; the last becomes current if none is yet
    #[arg(long = "release", value_name = "EXECUTABLE")]
    releases: Vec<String>,
    /// Worker processes per release [default: 1]
    #[arg(long, value_name = "N")]
    workers: Option<String>,
    /// Owner threads; by default half the cores, at most 8
    #[arg(long, value_name = "N")]
    shards: Option<String>,
    /// Gateway threads; by default a quarter of the cores, at most 8
    #[arg(long, value_name = "N")]
    gateways: Option<String>,
    /// Pages of this origin may connect too; `*` for all
    #[arg(long = "origin", value_name = "ORIGIN")]
    origins: Vec<String>,
    /// An environment variable that workers may see
    #[arg(long = "worker-env", value_name = "NAME")]
    worker_env: Vec<String>,
    /// What is logged: error, warn, info, debug, trace, or by part; also RUST_LOG [default: info]
    #[arg(long, value_name = "LEVEL")]
    log_level: Option<String>,
    /// How log lines look: text or json [default: text]
    #[arg(long, value_name = "FORMAT")]
    log_format: Option<String>,
    /// Any other key of the configuration
    #[arg(long = "set", value_name = "KEY=VALUE")]
    set: Vec<String>,
}

/// Where a value comes from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) enum ValueSource {
    #[default]
    Default,
    /// `playon.toml:12`
    File(String),
    /// The variable.
    Env(String),
    /// The flag.
    Flag(String),
}

impl fmt::Display for ValueSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File(place) | Self::Env(place) | Self::Flag(place) => f.write_str(place),
        }
    }
}

/// All values and where they come from.
#[derive(Clone, Debug, Default)]
pub(in crate::commands) struct Resolved {
    pub(in crate::commands) settings: Settings,
    pub(super) sources: BTreeMap<&'static str, ValueSource>,
}

impl Overrides {
    /// One key and nothing else.
    #[cfg(test)]
    pub(super) fn of_set(text: &str) -> Self {
        Self { set: vec![text.to_owned()], ..Self::default() }
    }

    /// A file and nothing else.
    #[cfg(test)]
    pub(super) fn of_file(path: PathBuf) -> Self {
        Self { config: Some(path), ..Self::default() }
    }

    fn flags(&self) -> Result<Vec<(&'static Key, Value, String)>, Vec<ConfigProblem>> {
        let one = |value: &Option<String>| value.iter().cloned().collect::<Vec<_>>();
        let named = [
            ("data", one(&self.data)),
            ("listen", one(&self.listen)),
            ("admin", one(&self.admin)),
            ("releases", self.releases.clone()),
            ("workers", one(&self.workers)),
            ("shards", one(&self.shards)),
            ("gateways", one(&self.gateways)),
            ("origins", self.origins.clone()),
            ("worker_env", self.worker_env.clone()),
            ("log.level", one(&self.log_level)),
            ("log.format", one(&self.log_format)),
        ];
        let (mut found, mut problems) = (Vec::new(), Vec::new());
        for (name, values) in named {
            let Some(key) = key(name).filter(|_| !values.is_empty()) else { continue };
            let flag = key.flag.unwrap_or("--set").to_owned();
            // A repeated flag is a list, and its values may hold commas.
            let value = match key.kind {
                ValueKind::List => Ok(Value::List(values.clone())),
                _ => key.parse(&values[0]),
            };
            match value {
                Ok(value) => found.push((key, value, flag)),
                Err(why) => problems.push(ConfigProblem::value(flag, key, &values.join(","), &why)),
            }
        }
        for text in &self.set {
            let place = format!("--set {text}");
            let (name, value) = match text.split_once('=') {
                Some((name, value)) => (name, Ok(value)),
                None => (text.as_str(), Err(format!("it has no value: write {text}=.."))),
            };
            match key(name) {
                None => problems.push(ConfigProblem::unknown(place, name)),
                Some(key) => match value.clone().and_then(|value| key.parse(value)) {
                    Ok(value) => found.push((key, value, place)),
                    Err(why) => {
                        let shown = value.unwrap_or_default();
                        problems.push(ConfigProblem::value(place, key, shown, &why));
                    }
                },
            }
        }
        if problems.is_empty() { Ok(found) } else { Err(problems) }
    }
}

/// Puts the layers together, or says all that is wrong.
pub(in crate::commands) fn resolve(overrides: &Overrides) -> Result<Resolved, Problems> {
    resolve_in(overrides, |name| std::env::var(name).ok())
}

pub(super) fn resolve_in(
    overrides: &Overrides,
    env: impl Fn(&str) -> Option<String>,
) -> Result<Resolved, Problems> {
    let path = overrides.config.clone().or_else(|| env(FILE_ENV).map(PathBuf::from));
    let (entries, mut problems) = path.as_deref().map_or_else(Default::default, file::read);
    let mut resolved = Resolved::default();
    resolved.take_file(&entries, &mut problems);
    for key in keys() {
        let name = key.env();
        let Some(text) = env(&name).filter(|text| !text.is_empty()) else { continue };
        match key.parse(&text) {
            Ok(value) => resolved.put(key, value, ValueSource::Env(name), &mut problems),
            Err(why) => problems.push(ConfigProblem::value(name, key, &text, &why)),
        }
    }
    match overrides.flags() {
        Ok(flags) => {
            for (key, value, flag) in flags {
                resolved.put(key, value, ValueSource::Flag(flag), &mut problems);
            }
        }
        Err(wrong) => problems.extend(wrong),
    }
    problems.extend(contradictions(&resolved));
    Problems::of(problems).map(|()| resolved)
}

/// All that is wrong with one file, as if it were the only layer.
pub(super) fn check_file(path: &Path) -> (usize, Vec<ConfigProblem>) {
    let (entries, mut problems) = file::read(path);
    let mut resolved = Resolved::default();
    resolved.take_file(&entries, &mut problems);
    problems.extend(contradictions(&resolved));
    (entries.len(), problems)
}

impl Resolved {
    pub(super) fn take_file(&mut self, entries: &[FileValue], problems: &mut Vec<ConfigProblem>) {
        for FileValue { key, value, place } in entries {
            self.put(key, value.clone(), ValueSource::File(place.clone()), problems);
        }
    }

    fn put(
        &mut self,
        key: &'static Key,
        value: Value,
        source: ValueSource,
        problems: &mut Vec<ConfigProblem>,
    ) {
        let shown = key.shown(&value);
        match (key.set)(&mut self.settings, value) {
            Ok(()) => _ = self.sources.insert(key.name, source),
            Err(why) => problems.push(ConfigProblem::value(source.to_string(), key, &shown, &why)),
        }
    }

    /// Where the value of a key comes from.
    pub(super) fn source(&self, name: &str) -> String {
        self.sources.get(name).cloned().unwrap_or_default().to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(file: Option<&Path>, listen: Option<&str>, set: &[&str]) -> Overrides {
        Overrides {
            config: file.map(Path::to_owned),
            listen: listen.map(str::to_owned),
            set: set.iter().map(|&text| text.to_owned()).collect(),
            ..Overrides::default()
        }
    }

    #[test]
    fn a_flag_beats_the_environment_and_that_the_file() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("playon.toml");
        let text = "listen = \"127.0.0.1:1\"\nadmin = \"127.0.0.1:2\"\nworkers = 2\n";
        std::fs::write(&path, text).unwrap();
        let env = |name: &str| match name {
            "PLAYON_ADMIN" => Some("127.0.0.1:3".to_owned()),
            "PLAYON_LISTEN" => Some("127.0.0.1:4".to_owned()),
            "RUST_LOG" => Some("warn".to_owned()),
            _ => None,
        };
        let flags = with(Some(&path), Some("127.0.0.1:5"), &["gateway.connections_max=7"]);
        let resolved = resolve_in(&flags, env).unwrap();
        let settings = &resolved.settings;
        assert_eq!(settings.keeper.listen.port(), 5);
        assert_eq!(settings.keeper.admin.port(), 3);
        assert_eq!(settings.keeper.workers_per_release, 2);
        assert_eq!(settings.keeper.gateway.connections_max, 7);
        assert_eq!(settings.log_level, "warn");
        let sources =
            ["listen", "admin", "workers", "log.level", "shards"].map(|n| resolved.source(n));
        let file = format!("{}:3", path.display());
        assert_eq!(sources, ["--listen", "PLAYON_ADMIN", &file, "RUST_LOG", "default"]);
    }

    #[test]
    fn all_that_is_wrong_is_told_with_its_place() {
        let env = |name: &str| (name == "PLAYON_SHARDS").then(|| "many".to_owned());
        let flags = with(None, Some("here"), &["gatway.sockets_max=1", "keeper.silent_max=1 ms"]);
        let problems = resolve_in(&flags, env).unwrap_err();
        let text = problems.to_string();
        for part in [
            "PLY-0529 PLAYON_SHARDS: `shards` = many: not a whole number",
            "PLY-0528 --set gatway.sockets_max=1: there is no key `gatway.sockets_max`; did you mean `gateway.sockets_max`?",
        ] {
            assert!(text.contains(part), "{text}");
        }
        let flags = with(None, None, &["keeper.silent_max=100 ms", "log.level=no=such=level"]);
        let text = resolve_in(&flags, |_| None).unwrap_err().to_string();
        assert!(
            text.contains("`keeper.ping_every` = 1 s is more than `keeper.silent_max` = 100 ms")
        );
        assert!(text.contains("PLY-0529 --set log.level=no=such=level: `log.level`"), "{text}");
        let set = &["gateway.ping_after=20 s", "gateway.idle_timeout=20 s"];
        let text = resolve_in(&with(None, None, set), |_| None).unwrap_err().to_string();
        let told = "`gateway.ping_after` = 20 s is not less than `gateway.idle_timeout` = 20 s";
        assert!(text.contains(told), "{text}");
    }
}
