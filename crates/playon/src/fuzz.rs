//! What the fuzz targets need of the envelope around a state.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::envelope::{OpenedEnvelope, Trouble, decode, encode, header};

/// A state of every shape: lists, maps, texts, bytes, choices, and itself again.
#[derive(Serialize, Deserialize)]
struct State {
    list: Vec<u64>,
    map: BTreeMap<String, Vec<u8>>,
    choice: Choice,
    inner: Option<Box<State>>,
}

#[derive(Serialize, Deserialize)]
enum Choice {
    Nothing,
    Text(String),
    Fields { flag: bool, number: f64 },
}

const KIND: &str = "fuzz";

/// Reads an envelope. What is read is written, and the same bytes come out from then on.
///
/// # Panics
/// When they do not.
pub fn envelope(bytes: &[u8]) {
    let version = header(KIND, bytes);
    let Ok(opened) = decode::<State>(bytes) else { return };
    let version = version.unwrap_or(1);
    let Ok(first) = written(version, &opened) else { return };
    assert_eq!(header(KIND, &first), Ok(version));
    let again = decode::<State>(&first).ok().map(|opened| written(version, &opened));
    assert_eq!(again, Some(Ok(first)), "what was read and written is not what is read again");
}

/// An envelope to begin with.
pub fn sample() -> Vec<u8> {
    let inner = State { list: vec![], map: BTreeMap::new(), choice: Choice::Nothing, inner: None };
    let state = State {
        list: vec![1, 200, 70_000],
        map: BTreeMap::from([("a".to_owned(), vec![1, 2])]),
        choice: Choice::Fields { flag: true, number: 0.5 },
        inner: Some(Box::new(State { choice: Choice::Text("x".to_owned()), ..inner })),
    };
    let hidden = crate::hidden::Hidden::new(7);
    written(3, &OpenedEnvelope { hidden, state }).unwrap_or_default()
}

fn written(version: u32, opened: &OpenedEnvelope<State>) -> Result<Vec<u8>, Trouble> {
    let encoded = encode(KIND, version, &opened.hidden, &opened.state, 0, None)?;
    Ok(encoded.bytes)
}
