//! The keys for people: the table of `docs/configuration.md` and the file to begin with.

use std::fmt::Write;

use super::key::{Key, Value};
use super::{Settings, keys};

/// What stands above the keys of a section.
fn about(section: &str) -> &'static str {
    match section {
        "" => "What most keepers set.",
        "log" => "What is logged to stderr.",
        "rooms" => "Bounds that hold for every room.",
        "gateway" => "Bounds of player sockets.",
        _ => "Bounds of the keeper and its workers.",
    }
}

/// The keys of each section, in order.
fn sections() -> Vec<(&'static str, Vec<&'static Key>)> {
    let mut sections: Vec<(&str, Vec<&Key>)> = Vec::new();
    for key in keys() {
        let section = key.parts().0;
        match sections.last_mut() {
            Some((last, keys)) if *last == section => keys.push(key),
            _ => sections.push((section, vec![key])),
        }
    }
    sections
}

fn default_of(key: &Key, settings: &Settings) -> String {
    match (key.default, (key.get)(settings)) {
        (Some(told), _) => told.to_owned(),
        (None, Value::List(list)) if list.is_empty() => "none".to_owned(),
        (None, value) => format!("`{}`", key.shown(&value)),
    }
}

/// One table per section, in Markdown.
pub(super) fn page() -> String {
    let settings = Settings::default();
    let mut page = String::new();
    for (section, keys) in sections() {
        let title = if section.is_empty() { "At the top" } else { &format!("`[{section}]`") };
        // Writing into a string cannot fail.
        let _ = write!(
            page,
            "#### {title}\n\n{}\n\n| key | default | takes | flag, environment | meaning |\n|---|---|---|---|---|\n",
            about(section)
        );
        for key in keys {
            let flag = key.flag.map_or(String::new(), |flag| format!("`{flag}`, "));
            let _ = writeln!(
                page,
                "| `{}` | {} | {} | {flag}`{}` | {} |",
                key.parts().1,
                default_of(key, &settings),
                key.range(),
                key.env(),
                key.doc
            );
        }
        page.push('\n');
    }
    page.trim_end().to_owned()
}

/// A file with every key at its default.
pub(super) fn default_file() -> String {
    let settings = Settings::default();
    let mut file = String::from(
        "# A keeper's configuration with every key at its default. Keep what you change.\n\
         # A flag beats the environment, that beats this file. `playon config check FILE` checks it.\n",
    );
    for (section, keys) in sections() {
        let _ = write!(file, "\n# {}\n", about(section));
        if !section.is_empty() {
            let _ = writeln!(file, "[{section}]");
        }
        for key in keys {
            let _ = write!(file, "\n# {}\n# It takes: {}.\n", key.doc, key.range());
            let value = key.toml(&(key.get)(&settings));
            // What depends on the machine is left to the keeper.
            match key.default {
                Some(told) => {
                    _ = writeln!(file, "# By default {told}.\n# {} = {value}", key.parts().1)
                }
                None => _ = writeln!(file, "{} = {value}", key.parts().1),
            }
        }
    }
    file
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::config::file;
    use crate::commands::config::layers::Resolved;

    #[test]
    fn the_default_file_holds_every_key_and_changes_nothing() {
        let (entries, problems) = file::parse("default", &default_file());
        assert!(problems.is_empty(), "{problems:?}");
        let named: Vec<_> = entries.iter().map(|entry| entry.key.name).collect();
        for key in keys().filter(|key| key.default.is_none()) {
            assert!(named.contains(&key.name), "{} is missing", key.name);
        }
        let (mut resolved, mut problems) = (Resolved::default(), Vec::new());
        resolved.take_file(&entries, &mut problems);
        assert!(problems.is_empty(), "{problems:?}");
        let usual = Settings::default();
        assert_eq!(format!("{:?}", resolved.settings), format!("{usual:?}"));
    }

    #[test]
    fn every_default_is_within_its_bounds_and_every_name_is_there_once() {
        let usual = Settings::default();
        let mut names = std::collections::BTreeSet::new();
        for key in keys() {
            assert!(names.insert(key.name) && names.insert(Box::leak(key.env().into_boxed_str())));
            assert!(key.check((key.get)(&usual)).is_ok(), "{}", key.name);
            assert!(!key.doc.is_empty() && key.doc.ends_with('.'), "{}", key.name);
        }
    }

    #[test]
    fn both_ends_of_every_number_can_be_set_and_are_kept() {
        for key in keys().filter(|key| key.bounds != (0, 0)) {
            for number in [key.bounds.0, key.bounds.1] {
                let mut settings = Settings::default();
                (key.set)(&mut settings, Value::Number(number)).unwrap();
                assert_eq!((key.get)(&settings), Value::Number(number), "{}", key.name);
                let text = key.shown(&Value::Number(number));
                assert_eq!(key.parse(&text), Ok(Value::Number(number)), "{}", key.name);
            }
        }
    }
}
