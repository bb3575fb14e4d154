//! Timers by name, or by any value that stands for one.

use serde::Serialize;
use serde::de::value::{Error, StrDeserializer};
use serde::de::{DeserializeOwned, IntoDeserializer};

/// A timer that is due, as [`Room::timer`](crate::Room::timer) is told.
///
/// A timer is known by what it was set with: a name, or a value of the game's own that `serde` can write.
///
/// ```
/// use playon::{Cx, PlayerId, Room, Timer};
/// use serde::{Deserialize, Serialize};
/// use std::time::Duration;
///
/// #[derive(Serialize, Deserialize)]
/// enum Alarm {
///     Whistle,
///     Respawn(PlayerId),
/// }
///
/// fn hit<R: Room>(who: PlayerId, cx: &mut Cx<R>) {
///     cx.set_timer(&Alarm::Respawn(who), Duration::from_secs(3));
/// }
///
/// fn due(timer: &Timer) -> String {
///     match timer.read() {
///         Some(Alarm::Whistle) => "half time".to_owned(),
///         Some(Alarm::Respawn(who)) => format!("{who} is back"),
///         None => format!("set by another release: {}", timer.name()),
///     }
/// }
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Timer {
    name: String,
}

impl Timer {
    pub(crate) const fn new(name: String) -> Self {
        Self { name }
    }

    /// The name that it was set with. Of any other value, its JSON; of a variant without fields, the variant's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The value that it was set with, if it has this shape.
    pub fn read<T: DeserializeOwned>(&self) -> Option<T> {
        let text: StrDeserializer<'_, Error> = self.name.as_str().into_deserializer();
        T::deserialize(text).ok().or_else(|| serde_json::from_str(&self.name).ok())
    }
}

/// What a timer is known by: a text as it is, anything else by its JSON.
///
/// # Errors
/// When it cannot be JSON.
pub(crate) fn name_of<T: Serialize + ?Sized>(timer: &T) -> serde_json::Result<String> {
    let json = serde_json::to_string(timer)?;
    if json.starts_with('"') { serde_json::from_str(&json) } else { Ok(json) }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;
    use crate::PlayerId;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    enum Alarm {
        Whistle,
        Respawn(PlayerId),
        Round { number: u32 },
    }

    fn due<T: Serialize + ?Sized>(timer: &T) -> Timer {
        Timer::new(name_of(timer).unwrap())
    }

    #[test]
    fn a_timer_is_known_by_what_it_was_set_with() {
        for alarm in [Alarm::Whistle, Alarm::Respawn(PlayerId(7)), Alarm::Round { number: 2 }] {
            assert_eq!(due(&alarm).read(), Some(alarm));
        }
        assert_eq!(due(&Alarm::Whistle).name(), "Whistle");
        assert_eq!(due("with \"quotes\"").name(), "with \"quotes\"");
        assert_eq!(due("{\"Respawn\":7}").read(), Some("{\"Respawn\":7}".to_owned()));
        assert_eq!(due(&7).read(), Some(7));
        assert_eq!(due(&(1, 2)).name(), "[1,2]");
        assert_eq!(due("nobody").read::<Alarm>(), None);
    }

    #[test]
    fn what_cannot_be_json_names_no_timer() {
        let pairs = std::collections::BTreeMap::from([((1, 2), 3)]);
        assert!(name_of(&pairs).is_err());
    }
}
