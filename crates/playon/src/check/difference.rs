//! Where two MessagePack values differ first.

use std::fmt;

use serde::de::{Deserialize, Deserializer, EnumAccess, MapAccess, SeqAccess, Visitor};

/// A value in the order in which it was written.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Value {
    Leaf(String),
    List(Vec<Value>),
    Map(Vec<(Value, Value)>),
}

/// The path of the first field that differs, as `players[2].scores`; relative to the game's state.
pub(crate) fn first(a: &[u8], b: &[u8]) -> Option<String> {
    let mut path = String::new();
    let (a, b) = (rmp_serde::from_slice(a).ok()?, rmp_serde::from_slice(b).ok()?);
    descend(&a, &b, &mut path).then(|| {
        let path = path.strip_prefix('.').unwrap_or(&path);
        path.strip_prefix("state.").unwrap_or(path).to_owned()
    })
}

/// Walks to the first difference; false if there is none.
fn descend(a: &Value, b: &Value, path: &mut String) -> bool {
    if a == b {
        return false;
    }
    match (a, b) {
        (Value::List(a), Value::List(b)) if a.len() == b.len() && !permuted(a, b) => {
            let at = a.iter().zip(b).position(|(a, b)| a != b);
            at.is_none_or(|at| {
                path.push_str(&format!("[{at}]"));
                descend(&a[at], &b[at], path)
            })
        }
        (Value::Map(a), Value::Map(b)) if same_keys(a, b) => {
            let at = a.iter().zip(b).position(|(a, b)| a != b);
            at.is_none_or(|at| {
                match &a[at].0 {
                    Value::Leaf(name) => path.push_str(&format!(".{name}")),
                    Value::List(_) | Value::Map(_) => path.push_str(&format!("{{{at}}}")),
                }
                descend(&a[at].1, &b[at].1, path)
            })
        }
        _ => true,
    }
}

/// The same items in another order: a set, whose path is wanted rather than that of an item.
fn permuted(a: &[Value], b: &[Value]) -> bool {
    let sorted = |list: &[Value]| {
        let mut list = list.to_vec();
        list.sort();
        list
    };
    sorted(a) == sorted(b)
}

fn same_keys(a: &[(Value, Value)], b: &[(Value, Value)]) -> bool {
    a.iter().map(|(key, _)| key).eq(b.iter().map(|(key, _)| key))
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Reader)
    }
}

struct Reader;

macro_rules! leaves {
    ($($visit:ident($t:ty))*) => { $(
        fn $visit<E>(self, leaf: $t) -> Result<Value, E> {
            Ok(Value::Leaf(format!("{leaf:?}")))
        }
    )* };
}

impl<'de> Visitor<'de> for Reader {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("anything")
    }

    leaves!(visit_bool(bool) visit_i64(i64) visit_u64(u64) visit_f32(f32) visit_f64(f64) visit_bytes(&[u8]));

    fn visit_str<E>(self, text: &str) -> Result<Value, E> {
        Ok(Value::Leaf(text.to_owned()))
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Leaf("nil".to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = seq.next_element()? {
            list.push(item);
        }
        Ok(Value::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = map.next_entry()? {
            entries.push(entry);
        }
        Ok(Value::Map(entries))
    }

    /// MessagePack's extension values.
    fn visit_newtype_struct<D: Deserializer<'de>>(self, inner: D) -> Result<Value, D::Error> {
        inner.deserialize_any(self)
    }

    fn visit_enum<A: EnumAccess<'de>>(self, _: A) -> Result<Value, A::Error> {
        Ok(Value::Leaf("enum".to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(a: &str, b: &str, path: Option<&str>) {
        let bytes = |text| {
            let value: serde_json::Value = serde_json::from_str(text).unwrap();
            rmp_serde::to_vec_named(&value).unwrap()
        };
        assert_eq!(first(&bytes(a), &bytes(b)).as_deref(), path);
    }

    #[test]
    fn the_first_difference_has_a_path() {
        check(r#"{"a":1}"#, r#"{"a":1}"#, None);
        check(
            r#"{"state":{"a":1,"b":[1,{"c":2}]}}"#,
            r#"{"state":{"a":1,"b":[1,{"c":3}]}}"#,
            Some("b[1].c"),
        );
        check(r#"{"state":{"set":[1,2,3]}}"#, r#"{"state":{"set":[2,1,3]}}"#, Some("set"));
        check(r#"{"state":{"m":{"x":1}}}"#, r#"{"state":{"m":{"y":1}}}"#, Some("m"));
    }
}
