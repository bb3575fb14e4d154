//! Where two values differ first, and how.

use std::fmt::{self, Display};

use super::walk::{Node, TEXT, UNIT};

/// Characters of a value that a message shows.
const SHOWN_MAX: usize = 80;

/// Two values that should be the same.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Difference {
    /// The path of the first field that differs, as `players[2].scores`; empty for the whole.
    pub(super) path: String,
    pub(super) written: String,
    pub(super) read: String,
}

/// The first difference, if there is one.
pub(super) fn first(written: &Node, read: &Node) -> Option<Difference> {
    if written == read {
        return None;
    }
    let mut path = String::new();
    let (a, b) = descend(written, read, &mut path);
    let (mut written, mut read) = (show(a), show(b));
    if let (Node::Leaf(_, a), Node::Leaf(_, b)) = (a, b)
        && written == read
    {
        written.push_str(&format!(" ({a})"));
        read.push_str(&format!(" ({b})"));
    }
    let path = path.strip_prefix('.').unwrap_or(&path).to_owned();
    Some(Difference { path, written, read })
}

/// Walks to the first difference.
fn descend<'n>(a: &'n Node, b: &'n Node, path: &mut String) -> (&'n Node, &'n Node) {
    match (a, b) {
        (Node::Some(a), Node::Some(b)) => return descend(a, b, path),
        (Node::Variant(name, a), Node::Variant(other, b)) if name == other => {
            path.push_str(&format!(".{name}"));
            return descend(a, b, path);
        }
        (Node::List(left), Node::List(right))
            if left.len() == right.len() && !permuted(left, right) =>
        {
            if let Some(at) = left.iter().zip(right).position(|(a, b)| a != b) {
                path.push_str(&format!("[{at}]"));
                return descend(&left[at], &right[at], path);
            }
        }
        (Node::Fields(left), Node::Fields(right)) if same_keys(left, right) => {
            if let Some(at) = left.iter().zip(right).position(|(a, b)| a != b) {
                path.push_str(&format!(".{}", left[at].0));
                return descend(&left[at].1, &right[at].1, path);
            }
        }
        (Node::Map(left), Node::Map(right)) if same_keys(left, right) => {
            if let Some(at) = left.iter().zip(right).position(|(a, b)| a != b) {
                match &left[at].0 {
                    Node::Leaf(text, TEXT) => {
                        path.push_str(&format!(".{}", text.trim_matches('"')))
                    }
                    key => path.push_str(&format!("{{{}}}", show(key))),
                }
                return descend(&left[at].1, &right[at].1, path);
            }
        }
        _ => {}
    }
    (a, b)
}

/// The same items in another order: a set, whose path is wanted rather than that of an item.
fn permuted(a: &[Node], b: &[Node]) -> bool {
    let sorted = |list: &[Node]| {
        let mut list = list.to_vec();
        list.sort();
        list
    };
    sorted(a) == sorted(b)
}

fn same_keys<K: PartialEq>(a: &[(K, Node)], b: &[(K, Node)]) -> bool {
    a.iter().map(|(key, _)| key).eq(b.iter().map(|(key, _)| key))
}

fn show(node: &Node) -> String {
    let text = node.to_string();
    match text.char_indices().nth(SHOWN_MAX) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

impl Display for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Leaf(text, _) => f.write_str(text),
            Self::Some(inner) => write!(f, "Some({inner})"),
            Self::Variant(name, inner) => match &**inner {
                Self::Leaf(_, UNIT) => f.write_str(name),
                inner => write!(f, "{name}({inner})"),
            },
            Self::List(items) => {
                f.write_str("[")?;
                joined(f, items, |f, item| item.fmt(f))?;
                f.write_str("]")
            }
            Self::Map(entries) => {
                f.write_str("{")?;
                joined(f, entries, |f, (key, value)| write!(f, "{key}: {value}"))?;
                f.write_str("}")
            }
            Self::Fields(fields) => {
                f.write_str("{ ")?;
                joined(f, fields, |f, (name, value)| write!(f, "{name}: {value}"))?;
                f.write_str(" }")
            }
        }
    }
}

/// More than are ever shown are left out.
fn joined<T>(
    f: &mut fmt::Formatter<'_>,
    items: &[T],
    each: impl Fn(&mut fmt::Formatter<'_>, &T) -> fmt::Result,
) -> fmt::Result {
    for (at, item) in items.iter().take(SHOWN_MAX).enumerate() {
        if at > 0 {
            f.write_str(", ")?;
        }
        each(f, item)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::walk::tree;
    use super::*;

    fn check(a: &str, b: &str, expected: Option<[&str; 3]>) {
        let node = |text| tree(&serde_json::from_str::<serde_json::Value>(text).unwrap()).unwrap();
        let found = first(&node(a), &node(b));
        let found = found.map(|found| [found.path, found.written, found.read]);
        assert_eq!(found, expected.map(|expected| expected.map(str::to_owned)));
    }

    #[test]
    fn the_first_difference_has_a_path() {
        check(r#"{"a":1}"#, r#"{"a":1}"#, None);
        check(
            r#"{"a":1,"b":[1,{"c":2}]}"#,
            r#"{"a":1,"b":[1,{"c":3}]}"#,
            Some(["b[1].c", "2", "3"]),
        );
        check(r#"{"s":[1,2,3]}"#, r#"{"s":[2,1,3]}"#, Some(["s", "[1, 2, 3]", "[2, 1, 3]"]));
        check("1", "\"1\"", Some(["", "1", "\"1\""]));
    }

    #[test]
    fn what_looks_the_same_is_told_by_its_type() {
        let found = first(&tree(&1_u8).unwrap(), &tree(&1_u64).unwrap()).unwrap();
        assert_eq!((found.written.as_str(), found.read.as_str()), ("1 (u8)", "1 (u64)"));
        let found = first(&tree(&Some(None::<u8>)).unwrap(), &tree(&None::<u8>).unwrap()).unwrap();
        assert_eq!((found.written.as_str(), found.read.as_str()), ("Some(None)", "None"));
        let long = first(&tree(&"x".repeat(200)).unwrap(), &tree(&1_u8).unwrap()).unwrap();
        assert_eq!(long.written.chars().count(), SHOWN_MAX + 1);
    }
}
