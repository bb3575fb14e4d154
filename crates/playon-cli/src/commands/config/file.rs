//! Reading a configuration file, with the line of everything.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::path::Path;

use playon_store::open_regular;
use toml::de::{DeTable, DeValue};

use super::key::{Key, Value, ValueKind};
use super::problem::ConfigProblem;
use super::{key, keys};

/// Bytes of a configuration file. A larger one is none.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// A value from the file.
#[derive(Clone, Debug)]
pub(super) struct FileValue {
    pub(super) key: &'static Key,
    pub(super) value: Value,
    /// `playon.toml:12`
    pub(super) place: String,
}

/// All values of a file, and all that is wrong with it.
pub(super) fn read(path: &Path) -> (Vec<FileValue>, Vec<ConfigProblem>) {
    let name = path.display().to_string();
    match open_regular(path).and_then(text) {
        Ok(text) => parse(&name, &text),
        Err(error) => (Vec::new(), vec![ConfigProblem::unreadable(&name, &error)]),
    }
}

fn text(file: File) -> io::Result<String> {
    if file.metadata()?.len() > FILE_BYTES_MAX {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, "it is larger than 1 MiB"));
    }
    io::read_to_string(file)
}

/// As `read`, of a text.
pub(super) fn parse(name: &str, text: &str) -> (Vec<FileValue>, Vec<ConfigProblem>) {
    let mut reader = FileReader { name, text, entries: Vec::new(), problems: Vec::new() };
    match DeTable::parse(text) {
        Ok(table) => reader.table("", table.get_ref()),
        Err(error) => {
            let place = reader.place(&error.span().unwrap_or(0..0));
            reader.problems.push(ConfigProblem::syntax(place, error.message()));
        }
    }
    (reader.entries, reader.problems)
}

struct FileReader<'a> {
    name: &'a str,
    text: &'a str,
    entries: Vec<FileValue>,
    problems: Vec<ConfigProblem>,
}

impl FileReader<'_> {
    fn place(&self, span: &Range<usize>) -> String {
        let before = self.text.get(..span.start).unwrap_or(self.text);
        format!("{}:{}", self.name, before.matches('\n').count() + 1)
    }

    fn table(&mut self, section: &str, table: &DeTable<'_>) {
        for (name, value) in table.iter() {
            let place = self.place(&name.span());
            let name = match section {
                "" => name.get_ref().to_string(),
                section => format!("{section}.{}", name.get_ref()),
            };
            let opens = keys().any(|key| key.parts().0 == name);
            match (value.get_ref(), key(&name)) {
                (DeValue::Table(inner), None) if opens => self.table(&name, inner),
                (value, Some(key)) => match convert(key, value) {
                    Ok(value) => self.entries.push(FileValue { key, value, place }),
                    Err((shown, why)) => {
                        self.problems.push(ConfigProblem::value(place, key, &shown, &why));
                    }
                },
                (_, None) => self.problems.push(ConfigProblem::unknown(place, &name)),
            }
        }
    }
}

/// A value of the file as the key wants it, or how it stands there and what is wrong with it.
fn convert(key: &Key, value: &DeValue<'_>) -> Result<Value, (String, String)> {
    let of = |shown: &str| {
        let shown = shown.to_owned();
        move |why: String| (shown, why)
    };
    match (key.kind, value) {
        (ValueKind::Count | ValueKind::Bytes, DeValue::Integer(number)) => {
            let text = number.to_string();
            key.parse(&text).map_err(of(&text))
        }
        (ValueKind::Switch, DeValue::Boolean(on)) => Ok(Value::Number(u64::from(*on))),
        (ValueKind::List, DeValue::Array(items)) => {
            let texts = items.iter().map(|item| match item.get_ref() {
                DeValue::String(text) => Ok(text.to_string()),
                _ => Err(("[..]".to_owned(), "all items must be texts in quotes".to_owned())),
            });
            texts.collect::<Result<_, _>>().map(Value::List)
        }
        (ValueKind::Time, DeValue::Integer(number)) => {
            let why = "a time needs quotes and a unit, such as \"5 s\"".to_owned();
            Err((number.to_string(), why))
        }
        (ValueKind::List | ValueKind::Count | ValueKind::Switch, DeValue::String(text)) => {
            let wanted = match key.kind {
                ValueKind::List => "a list",
                ValueKind::Switch => "true or false without quotes",
                _ => "a number without quotes",
            };
            Err((format!("{text:?}"), format!("not {wanted}")))
        }
        (_, DeValue::String(text)) => key.parse(text).map_err(of(&format!("{text:?}"))),
        (kind, _) => Err(("..".to_owned(), format!("not a {kind}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems(text: &str) -> Vec<String> {
        parse("a.toml", text).1.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn values_of_all_kinds_are_read() {
        let text = "listen = \"0.0.0.0:1\"\norigins = [\"a\", \"b\"]\nworkers = 2\n\n\
                    [gateway]\nidle_timeout = \"20 s\"\nsend_buffer_bytes = 8192\n";
        let (entries, problems) = parse("a.toml", text);
        assert!(problems.is_empty(), "{problems:?}");
        let found: Vec<_> =
            entries.iter().map(|e| (e.key.name, e.key.shown(&e.value), e.place.as_str())).collect();
        assert!(found.contains(&("origins", "a,b".to_owned(), "a.toml:2")), "{found:?}");
        assert!(found.contains(&("gateway.idle_timeout", "20 s".to_owned(), "a.toml:6")));
        assert!(found.contains(&("gateway.send_buffer_bytes", "8 KiB".to_owned(), "a.toml:7")));
        assert_eq!(found.len(), 5);
    }

    #[test]
    fn every_error_names_line_and_key() {
        for (text, wanted) in [
            ("\nlisten = ", "PLY-0527 a.toml:2: this is not TOML"),
            (
                "\n\nlisen = \"x\"",
                "PLY-0528 a.toml:3: there is no key `lisen`; did you mean `listen`?",
            ),
            ("[gateways]\nx = 1", "PLY-0529 a.toml:1: `gateways` = ..: not a number"),
            ("[gatway]\nx = 1", "PLY-0528 a.toml:1: there is no key `gatway`"),
            ("workers = 17", "PLY-0529 a.toml:1: `workers` = 17: not between 1 and 16"),
            ("workers = -1", "PLY-0529 a.toml:1: `workers` = -1: not a whole number"),
            (
                "workers = \"2\"",
                "PLY-0529 a.toml:1: `workers` = \"2\": not a number without quotes",
            ),
            (
                "gateway.idle_timeout = 5",
                "PLY-0529 a.toml:1: `gateway.idle_timeout` = 5: a time needs quotes",
            ),
            ("origins = [1]", "PLY-0529 a.toml:1: `origins` = [..]: all items must be texts"),
            (
                "[log]\nformat = \"xml\"",
                "PLY-0529 a.toml:2: `log.format` = \"xml\": not one of text, json",
            ),
        ] {
            let problems = problems(text);
            assert!(
                problems.len() == 1 && problems[0].starts_with(wanted),
                "{text:?}: {problems:?}"
            );
        }
        assert_eq!(problems("a = 1\nb = 2\nc = 3").len(), 3, "all of them at once");
    }
}
