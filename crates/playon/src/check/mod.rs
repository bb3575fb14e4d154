//! Proves that what was written can be read, and is the same then.
//!
//! Two values are held to be the same if serde sees the same in them: the same bytes, by the same calls of `Serialize`. Bytes alone
//! do not tell a `char` from a text of one letter, calls alone say nothing about what is in them. What serde does not
//! see, such as a field with `#[serde(skip)]`, is not compared.

mod difference;
mod made_up;
mod walk;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::codec::Encoded;
use crate::envelope::{self, OpenedEnvelope, Trouble};
use crate::hidden::Hidden;

pub(crate) use made_up::{MadeUp, make_up};

/// Copies compared with the original where an order may differ by chance. Two entries of a map keep their order in half of
/// all copies, six in one of 720.
pub(crate) const COPIES: usize = 3;

/// Bytes of a state of which a message says where it differs. Looking for the place takes many times as much memory.
const PLACE_BYTES_MAX: usize = 4 << 20;

/// Proves that these bytes, which were written of this state, give it back: as often as it says.
pub(crate) fn prove<T: Serialize + DeserializeOwned>(
    kind: &str,
    version: u32,
    state: &T,
    encoded: &Encoded,
    copies: usize,
) -> Result<(), Trouble> {
    for _ in 0..copies {
        let (copy, again) = read_and_write::<T>(kind, version, &encoded.bytes)?;
        if !same(encoded, &again) {
            let known = encoded.bytes.len() <= PLACE_BYTES_MAX;
            return Err(explain(kind, state, &copy.state, known));
        }
    }
    Ok(())
}

/// Whether these bytes, whose value is gone, can be read and are written the same way then.
pub(crate) fn reads<T: Serialize + DeserializeOwned>(
    kind: &str,
    version: u32,
    bytes: &[u8],
    calls: u64,
) -> bool {
    let again = read_and_write::<T>(kind, version, bytes);
    again.is_ok_and(|(_, again)| again.bytes == bytes && again.calls == calls)
}

/// Encodes a state, and proves that it can be read.
pub(crate) fn encode_and_prove<T: Serialize + DeserializeOwned>(
    kind: &str,
    version: u32,
    hidden: &Hidden,
    state: &T,
) -> Result<Vec<u8>, Trouble> {
    let encoded = envelope::encode(kind, version, hidden, state, 0, None)?;
    prove(kind, version, state, &encoded, 1)?;
    Ok(encoded.bytes)
}

/// What is known about a kind before any room of it exists.
#[derive(Default)]
pub(crate) struct Tried {
    /// What is wrong with its state.
    pub(crate) defect: Option<Trouble>,
    /// What could not be tried, in words.
    pub(crate) untried: Option<String>,
}

/// Tries a type of state with made-up contents.
pub(crate) fn try_out<T: Serialize + DeserializeOwned>(kind: &str, version: u32) -> Tried {
    let MadeUp { values, untried } = make_up::<T>();
    let hidden = Hidden::new(0);
    let defect = values.iter().find_map(|state| {
        let encoded = envelope::encode(kind, version, &hidden, state, 0, None).ok()?;
        prove(kind, version, state, &encoded, COPIES).err()
    });
    Tried { defect, untried }
}

fn same(a: &Encoded, b: &Encoded) -> bool {
    a.calls == b.calls && a.bytes == b.bytes
}

fn read_and_write<T: Serialize + DeserializeOwned>(
    kind: &str,
    version: u32,
    bytes: &[u8],
) -> Result<(OpenedEnvelope<T>, Encoded), Trouble> {
    let kind_of = || kind.to_owned();
    let copy = envelope::decode::<T>(bytes).map_err(|why| match why {
        Trouble::Unreadable(why) => Trouble::NotReadable { kind: kind_of(), why },
        other => other,
    })?;
    let again = envelope::encode(kind, version, &copy.hidden, &copy.state, bytes.len(), None)?;
    Ok((copy, again))
}

/// In what a value and what came back differ.
fn explain<T: Serialize>(kind: &str, written: &T, read: &T, place_known: bool) -> Trouble {
    let kind = kind.to_owned();
    let unordered = walk::digest(written) == walk::digest(read);
    let trees = || Some((walk::tree(written)?, walk::tree(read)?));
    let found = place_known.then(trees).flatten();
    let found = found.and_then(|(written, read)| difference::first(&written, &read));
    match found {
        Some(found) if unordered => Trouble::Unordered { kind, field: found.path },
        Some(found) => Trouble::Changed {
            kind,
            place: match found.path.as_str() {
                "" => "the state".to_owned(),
                path => format!("field `{path}`"),
            },
            written: format!("`{}`", found.written),
            read: format!("`{}`", found.read),
        },
        None if unordered => Trouble::Unordered { kind, field: "?".to_owned() },
        None => Trouble::Changed {
            kind,
            place: "something in the state".to_owned(),
            written: "what was written".to_owned(),
            read: "something else".to_owned(),
        },
    }
}

#[cfg(test)]
mod table;
#[cfg(test)]
mod tests;
