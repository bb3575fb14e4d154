//! The keys that most keepers set.

use playon_keeper::{KeeperConfig, ReleaseFile};

use super::key::{Key, Value, ValueKind, number};
use super::texts;
use crate::commands::tracing_setup::{FORMATS, LogFormat, check_levels};

fn release_text(file: &ReleaseFile) -> String {
    let path = file.path.to_string_lossy();
    file.label.as_ref().map_or_else(|| path.to_string(), |label| format!("{label}={path}"))
}

const fn plain(
    name: &'static str,
    kind: ValueKind,
    doc: &'static str,
    flag: Option<&'static str>,
) -> Key {
    Key {
        name,
        kind,
        bounds: (0, 0),
        doc,
        flag,
        default: None,
        get: |_| Value::Text(String::new()),
        set: |_, _| Ok(()),
    }
}

/// In the order of the page.
pub(super) const BASICS: &[Key] = &[
    Key {
        get: |s| Value::Text(s.keeper.data.to_string_lossy().into_owned()),
        set: |s, value| {
            let path = value.text()?;
            texts::folder(&path)?;
            s.keeper.data = path.into();
            Ok(())
        },
        ..plain(
            "data",
            ValueKind::Text,
            "The data directory; made if it is missing. One keeper at a time uses it.",
            Some("--data"),
        )
    },
    Key {
        get: |s| Value::Text(s.keeper.listen.to_string()),
        set: |s, value| {
            s.keeper.listen = texts::address(&value.text()?)?;
            Ok(())
        },
        ..plain(
            "listen",
            ValueKind::Address,
            "Where players connect: the WebSocket at `/play`, and the release's own page. Port 0 takes any free one.",
            Some("--listen"),
        )
    },
    Key {
        get: |s| Value::Text(s.keeper.admin.to_string()),
        set: |s, value| {
            s.keeper.admin = texts::address(&value.text()?)?;
            Ok(())
        },
        ..plain(
            "admin",
            ValueKind::Address,
            "Where the admin API, `/healthz`, `/readyz` and `/metrics` are. Whoever reaches it and has the token can run executables.",
            Some("--admin"),
        )
    },
    Key {
        get: |s| Value::List(s.keeper.releases.iter().map(release_text).collect()),
        set: |s, value| {
            s.keeper.releases = texts::release_files(&value.list()?)?;
            Ok(())
        },
        ..plain(
            "releases",
            ValueKind::List,
            "Executables to add as releases, also as `LABEL=PATH`; the last becomes current if none is yet. A keeper keeps no more of them than `keeper.artifacts_max`.",
            Some("--release"),
        )
    },
    number!("workers", Count, keeper.workers_per_release, 1, 16,
        "Worker processes per release. A deploy runs two releases, so `keeper.workers_max` is at least twice as many.", flag: Some("--workers")),
    number!("shards", Count, keeper.shards, 1, 64,
        "Owner threads.", flag: Some("--shards"), default: Some("half the cores, at most 8")),
    number!("gateways", Count, keeper.gateway_threads, 1, 64,
        "Gateway threads.", flag: Some("--gateways"), default: Some("a quarter of the cores, at most 8")),
    Key {
        get: |s| Value::List(s.keeper.origins.clone()),
        set: |s, value| {
            s.keeper.origins = texts::origins(value.list()?)?;
            Ok(())
        },
        ..plain(
            "origins",
            ValueKind::List,
            "Pages of these origins may connect beside the page's own host: `scheme://host`, with the port if it is not the usual one, and nothing after it, as `https://play.example`; `*`, alone, for all.",
            Some("--origin"),
        )
    },
    Key {
        get: |s| Value::List(s.keeper.worker_env.clone()),
        set: |s, value| {
            s.keeper.worker_env = texts::list(&value.list()?, texts::variable)?;
            Ok(())
        },
        ..plain(
            "worker_env",
            ValueKind::List,
            "Names of more environment variables that workers may see, without values: these are the keeper's own.",
            Some("--worker-env"),
        )
    },
    Key {
        get: |s| Value::Text(s.log_level.clone()),
        set: |s, value| {
            let level = value.text()?;
            check_levels(&level)?;
            s.log_level = level;
            Ok(())
        },
        ..plain(
            "log.level",
            ValueKind::Text,
            "What is logged: `error`, `warn`, `info`, `debug`, `trace`, `off`, or by part as in `info,playon_keeper::gateway=debug`; a part always with its level. `playon log` changes it while the keeper runs.",
            Some("--log-level"),
        )
    },
    Key {
        get: |s| Value::Text(s.log_format.name().to_owned()),
        set: |s, value| {
            s.log_format = LogFormat::of(&value.text()?)?;
            Ok(())
        },
        ..plain(
            "log.format",
            ValueKind::Choice(&FORMATS),
            "How log lines on stderr look: for people, or one JSON object a line.",
            Some("--log-format"),
        )
    },
];

impl Default for super::Settings {
    fn default() -> Self {
        Self {
            keeper: KeeperConfig::new("playon-data"),
            log_level: "info".to_owned(),
            log_format: LogFormat::Text,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::texts::release_file;
    use super::*;
    use std::path::PathBuf;

    #[test]
    fn a_release_may_bring_its_label() {
        let read = |text| release_file(text).map(|file| (file.label, file.path));
        assert_eq!(read("./game").unwrap(), (None, PathBuf::from("./game")));
        assert_eq!(read("v1=./game").unwrap(), (Some("v1".into()), PathBuf::from("./game")));
        assert_eq!(read("/a=b/game").unwrap(), (None, PathBuf::from("/a=b/game")));
        assert!(read("v1=").is_err());
        for text in ["./game", "v1=./game"] {
            assert_eq!(release_text(&release_file(text).unwrap()), text);
        }
    }
}
