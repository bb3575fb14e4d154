//! What a key of the configuration is, and how its values are written.

use std::fmt;
use std::time::Duration;

use playon_types::time::Span;

use super::Settings;

/// One key: the only place that knows its name, its bounds and where it goes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Key {
    /// With its section: `gateway.connections_max`.
    pub(super) name: &'static str,
    pub(super) kind: ValueKind,
    /// The least and the most, for numbers: things, bytes or microseconds.
    pub(super) bounds: (u64, u64),
    pub(super) doc: &'static str,
    /// The flag of `playon serve`, if it has one of its own.
    pub(super) flag: Option<&'static str>,
    /// How the default is told where it depends on the machine.
    pub(super) default: Option<&'static str>,
    pub(super) get: fn(&Settings) -> Value,
    pub(super) set: fn(&mut Settings, Value) -> Result<(), String>,
}

/// How a value is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ValueKind {
    /// `1000`
    Count,
    /// `"64 KiB"`, or a number of bytes
    Bytes,
    /// `"250 ms"`, `"5 s"`, `"10 min"`
    Time,
    /// `true` or `false`
    Switch,
    /// `"127.0.0.1:4000"`
    Address,
    /// Any text.
    Text,
    /// One of these.
    Choice(&'static [&'static str]),
    /// `["a", "b"]`; in the environment `a,b`
    List,
}

/// A value on its way between text and the keeper.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Value {
    /// Things, bytes or microseconds; of a switch 1 or 0.
    Number(u64),
    Text(String),
    List(Vec<String>),
}

/// Fields that numbers go into.
pub(super) trait Scalar: Sized {
    fn number(&self) -> u64;
    fn of(number: u64) -> Option<Self>;
}

macro_rules! scalar {
    ($($type:ty),*) => {$(
        impl Scalar for $type {
            fn number(&self) -> u64 {
                u64::try_from(*self).unwrap_or(u64::MAX)
            }

            fn of(number: u64) -> Option<Self> {
                Self::try_from(number).ok()
            }
        }
    )*};
}

scalar!(u8, u16, u32, usize);

impl Scalar for u64 {
    fn number(&self) -> u64 {
        *self
    }

    fn of(number: u64) -> Option<Self> {
        Some(number)
    }
}

impl Scalar for bool {
    fn number(&self) -> u64 {
        u64::from(*self)
    }

    fn of(number: u64) -> Option<Self> {
        (number <= 1).then_some(number == 1)
    }
}

impl Scalar for Duration {
    fn number(&self) -> u64 {
        u64::try_from(self.as_micros()).unwrap_or(u64::MAX)
    }

    fn of(number: u64) -> Option<Self> {
        Some(Self::from_micros(number))
    }
}

impl Scalar for Span {
    fn number(&self) -> u64 {
        self.0
    }

    fn of(number: u64) -> Option<Self> {
        Some(Self(number))
    }
}

/// A key for a field that holds a number or a switch.
macro_rules! number {
    ($name:literal, $kind:ident, $($field:ident).+, $least:expr, $most:expr, $doc:literal $(, $more:ident: $value:expr)* $(,)?) => {
        Key {
            name: $name,
            kind: ValueKind::$kind,
            bounds: ($least, $most),
            doc: $doc,
            $($more: $value,)*
            ..$crate::commands::config::key::Key {
                name: "",
                kind: ValueKind::Count,
                bounds: (0, 0),
                doc: "",
                flag: None,
                default: None,
                get: |settings| {
                    let number = $crate::commands::config::key::Scalar::number(&settings.$($field).+);
                    $crate::commands::config::key::Value::Number(number)
                },
                set: |settings, value| {
                    settings.$($field).+ = value.scalar()?;
                    Ok(())
                },
            }
        }
    };
}

pub(super) use number;

impl Value {
    pub(super) fn scalar<T: Scalar>(self) -> Result<T, String> {
        let Self::Number(number) = self else { return Err("not a number".to_owned()) };
        T::of(number).ok_or_else(|| "too large".to_owned())
    }

    pub(super) fn text(self) -> Result<String, String> {
        let Self::Text(text) = self else { return Err("not a text".to_owned()) };
        Ok(text)
    }

    pub(super) fn list(self) -> Result<Vec<String>, String> {
        let Self::List(list) = self else { return Err("not a list".to_owned()) };
        Ok(list)
    }
}

impl Key {
    /// The section and the name within it.
    pub(super) fn parts(&self) -> (&'static str, &'static str) {
        self.name.split_once('.').unwrap_or(("", self.name))
    }

    /// The environment variable. The level of the log has the one that Rust programs share.
    pub(super) fn env(&self) -> String {
        match self.name {
            "log.level" => "RUST_LOG".to_owned(),
            name => format!("PLAYON_{}", name.replace('.', "_").to_ascii_uppercase()),
        }
    }

    /// Reads a value as people write it in flags, the environment and strings of the file.
    pub(super) fn parse(&self, text: &str) -> Result<Value, String> {
        let value = match self.kind {
            ValueKind::Count => Value::Number(scaled(text, &[("", 1)])?),
            ValueKind::Bytes => Value::Number(scaled(text, BYTES)?),
            ValueKind::Time => Value::Number(scaled(text, TIMES)?),
            ValueKind::Switch => match text {
                "true" => Value::Number(1),
                "false" => Value::Number(0),
                _ => return Err("not true or false".to_owned()),
            },
            ValueKind::Address | ValueKind::Text => Value::Text(text.to_owned()),
            ValueKind::Choice(among) if among.contains(&text) => Value::Text(text.to_owned()),
            ValueKind::Choice(among) => return Err(format!("not one of {}", among.join(", "))),
            ValueKind::List => Value::List(
                text.split(',')
                    .map(str::trim)
                    .filter(|t| !t.is_empty())
                    .map(str::to_owned)
                    .collect(),
            ),
        };
        self.check(value)
    }

    /// Whether a number is within its bounds.
    pub(super) fn check(&self, value: Value) -> Result<Value, String> {
        if let Value::Number(number) = value {
            let (least, most) = self.bounds;
            if !(least..=most).contains(&number) {
                let (least, most) = (self.written(least), self.written(most));
                return Err(format!("not between {least} and {most}"));
            }
        }
        Ok(value)
    }

    /// A number with its unit.
    fn written(&self, number: u64) -> String {
        match self.kind {
            ValueKind::Bytes => unscaled(number, BYTES),
            ValueKind::Time => unscaled(number, TIMES),
            ValueKind::Switch => (number == 1).to_string(),
            _ => grouped(number),
        }
    }

    /// A value for people.
    pub(super) fn shown(&self, value: &Value) -> String {
        match value {
            Value::Number(number) => self.written(*number),
            Value::Text(text) => text.clone(),
            Value::List(list) => list.join(","),
        }
    }

    /// A value as TOML.
    pub(super) fn toml(&self, value: &Value) -> String {
        let quoted = |text: &str| toml::Value::String(text.to_owned()).to_string();
        match value {
            Value::Number(number) if self.kind == ValueKind::Count => number.to_string(),
            Value::Number(number) if self.kind == ValueKind::Switch => self.written(*number),
            Value::Number(number) => quoted(&self.written(*number)),
            Value::Text(text) => quoted(text),
            Value::List(list) => {
                let items: Vec<_> = list.iter().map(|item| quoted(item)).collect();
                format!("[{}]", items.join(", "))
            }
        }
    }

    /// The bounds for people.
    pub(super) fn range(&self) -> String {
        match self.kind {
            ValueKind::Count | ValueKind::Bytes | ValueKind::Time => {
                format!("{} to {}", self.written(self.bounds.0), self.written(self.bounds.1))
            }
            ValueKind::Choice(among) => among.join(", "),
            kind => kind.to_string(),
        }
    }
}

impl fmt::Display for ValueKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Count => "number",
            Self::Bytes => "bytes",
            Self::Time => "time",
            Self::Switch => "true or false",
            Self::Address => "IP address and port",
            Self::Text => "text",
            Self::Choice(_) => "choice",
            Self::List => "list of texts",
        })
    }
}

type Units = &'static [(&'static str, u64)];

const BYTES: Units = &[("B", 1), ("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30)];
const TIMES: Units =
    &[("us", 1), ("ms", 1_000), ("s", 1_000_000), ("min", 60_000_000), ("h", 3_600_000_000)];

/// `64 KiB`, `64KiB`, `65_536`, `65,536`.
fn scaled(text: &str, units: Units) -> Result<u64, String> {
    let text = text.trim();
    let end =
        text.find(|c: char| !c.is_ascii_digit() && c != '_' && c != ',').unwrap_or(text.len());
    let (digits, unit) = (text[..end].replace(['_', ','], ""), text[end..].trim());
    let names: Vec<_> = units.iter().map(|(name, _)| *name).collect();
    // Bytes may go without their unit, times may not: nobody would know which is meant.
    let unit = if unit.is_empty() && names.contains(&"B") { "B" } else { unit };
    let size = units.iter().find(|(name, _)| *name == unit).map(|(_, size)| *size);
    let number = digits.parse::<u64>().ok().zip(size).and_then(|(n, size)| n.checked_mul(size));
    number.ok_or_else(|| match names[..] {
        [""] => "not a whole number".to_owned(),
        _ => format!("not a whole number with a unit ({})", names.join(", ")),
    })
}

/// In the largest unit that leaves a whole number; seconds rather than minutes.
fn unscaled(number: u64, units: Units) -> String {
    let fits = |size: u64, name: &str| {
        number >= size && number.is_multiple_of(size) && !(name == "min" && number < 600_000_000)
    };
    let unit = units.iter().rev().find(|(name, size)| fits(*size, name) && *name != "h");
    let (name, size) = unit.copied().unwrap_or(units[0]);
    format!("{} {name}", grouped(number / size))
}

/// `1,000`
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_as_they_are_written() {
        for (text, number) in [("64 KiB", 64 << 10), ("64KiB", 64 << 10), ("65_536", 65_536)] {
            assert_eq!(scaled(text, BYTES), Ok(number));
        }
        assert_eq!(scaled("10 min", TIMES), Ok(600_000_000));
        for text in ["5", "5 sec", "-1 s", "s", ""] {
            assert!(scaled(text, TIMES).is_err(), "{text}");
        }
        for number in [1, 250_000, 60_000_000, 300_000_000, 3_600_000_000] {
            let text = unscaled(number, TIMES);
            assert_eq!(scaled(&text, TIMES), Ok(number), "{text}");
        }
        assert_eq!(unscaled(300_000_000, TIMES), "300 s");
        assert_eq!(unscaled(1 << 30, BYTES), "1 GiB");
        assert_eq!(grouped(1_234_567), "1,234,567");
    }
}
