//! What players are told once: things to see and hear.

use serde::{Deserialize, Serialize};

use crate::point::Point;

/// Something that happened, in terms a page can draw without knowing the rules.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum Event {
    /// A burst of sparks, with a text floating up from it if there is one.
    Pop {
        /// Where, in units.
        x: i32,
        /// Where, in units.
        y: i32,
        /// The colour as a hue in degrees.
        hue: u16,
        /// What floats up.
        text: String,
    },
    /// Words for everyone.
    Say {
        /// The words.
        text: String,
    },
}

impl Event {
    /// A burst at `at`.
    pub fn pop(at: Point, hue: u16, text: &str) -> Self {
        Self::Pop { x: at.x as i32, y: at.y as i32, hue, text: text.to_owned() }
    }

    /// Words for everyone.
    pub fn say(text: &str) -> Self {
        Self::Say { text: text.to_owned() }
    }
}
