//! A joined room with typed payloads.

use std::fmt;
use std::marker::PhantomData;

use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::counters::Counters;
use crate::error::{JoinError, SendError};
use crate::options::JoinOptions;
use crate::raw::RawRoom;
use crate::update::{End, RawUpdate, State, Update};

/// Takes a seat in a room, or a spectator's place.
///
/// # Errors
/// When the keeper says no, or nobody answers within [`ClientLimits::join_timeout`](crate::ClientLimits::join_timeout).
pub async fn join<I, E, V>(options: JoinOptions) -> Result<Room<I, E, V>, JoinError> {
    Ok(Room { raw: RawRoom::join(options).await?, types: PhantomData })
}

/// A room in which one sends `I`, is told `E` and sees `V`.
pub struct Room<I, E, V> {
    raw: RawRoom,
    types: PhantomData<fn(I) -> (E, V)>,
}

impl<I: Serialize, E: DeserializeOwned, V: DeserializeOwned> Room<I, E, V> {
    /// Sends an input, to be applied exactly once, and returns its number; [`Update::Applied`] tells when it is applied and safe.
    ///
    /// Waits while as many inputs as allowed are on their way. Updates that arrive meanwhile are kept for [`Room::next`].
    ///
    /// # Errors
    /// See [`SendError`]; nothing was sent then.
    pub async fn send(&mut self, input: &I) -> Result<u64, SendError> {
        let payload = json(input)?;
        self.raw.send(payload).await
    }

    /// As [`Room::send`] but never waits: the input leaves with the next call of [`Room::next`].
    ///
    /// # Errors
    /// [`SendError::Full`] where `send` would wait.
    pub fn try_send(&mut self, input: &I) -> Result<u64, SendError> {
        self.raw.try_send(json(input)?)
    }

    /// What happens next. May be cancelled at any time. After [`Update::Ended`] it says that again and again.
    pub async fn next(&mut self) -> Update<E, V> {
        typed(self.raw.next().await)
    }

    /// Gives the seat up and waits for the keeper to know, but not for longer than [`ClientLimits::leave_timeout`]. Without a socket,
    /// or an answer over it, others are opened to say it. If the keeper has not heard it by then, the seat is kept for as long as its
    /// kind holds empty seats. The same if the future is dropped before.
    ///
    /// [`ClientLimits::leave_timeout`]: crate::ClientLimits::leave_timeout
    pub async fn leave(self) -> End {
        self.raw.leave().await
    }

    /// Says that the network is another one; see [`RawRoom::network_changed`].
    pub fn network_changed(&mut self) {
        self.raw.network_changed();
    }

    /// Where the connection stands.
    pub const fn state(&self) -> State {
        self.raw.state()
    }

    /// What has been counted so far.
    pub const fn counters(&self) -> &Counters {
        self.raw.counters()
    }

    /// The same room without the types.
    pub fn into_raw(self) -> RawRoom {
        self.raw
    }

    /// The same room without the types, for what only that one tells.
    pub const fn raw(&self) -> &RawRoom {
        &self.raw
    }
}

impl<I, E, V> fmt::Debug for Room<I, E, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Room")
            .field("room", &self.raw.room())
            .field("state", &self.raw.state())
            .finish()
    }
}

impl fmt::Debug for RawRoom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RawRoom").field("room", &self.room()).field("state", &self.state()).finish()
    }
}

fn json(input: &impl Serialize) -> Result<Bytes, SendError> {
    match serde_json::to_vec(input) {
        Ok(bytes) => Ok(bytes.into()),
        Err(why) => Err(SendError::Json(why.to_string())),
    }
}

fn typed<E: DeserializeOwned, V: DeserializeOwned>(update: RawUpdate) -> Update<E, V> {
    match update {
        Update::Event { seq, event } => read(event, |event| Update::Event { seq, event }),
        Update::View { as_of, view } => read(view, |view| Update::View { as_of, view }),
        Update::Now(event) => read(event, Update::Now),
        Update::Applied(applied) => Update::Applied(applied),
        Update::SetAside { inputs, code } => Update::SetAside { inputs, code },
        Update::Gap { missed } => Update::Gap { missed },
        Update::Lost { inputs } => Update::Lost { inputs },
        Update::State(state) => Update::State(state),
        Update::Unreadable { payload, why } => Update::Unreadable { payload, why },
        Update::Ended(end) => Update::Ended(end),
    }
}

fn read<T: DeserializeOwned, E, V>(
    payload: Bytes,
    wrap: impl FnOnce(T) -> Update<E, V>,
) -> Update<E, V> {
    match serde_json::from_slice(&payload) {
        Ok(value) => wrap(value),
        Err(why) => Update::Unreadable { why: why.to_string(), payload },
    }
}
