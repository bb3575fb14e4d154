//! Where to go, as whom, and how patiently.

use bytes::Bytes;
use playon_types::ids::RoomId;
use playon_types::time::Span;
use serde::Serialize;

use crate::error::JoinError;

/// What to join. Built up from [`JoinOptions::new`].
#[derive(Clone, Debug)]
pub struct JoinOptions {
    /// The keeper's player address, `ws://host:port/play`.
    pub url: String,
    /// The kind of room.
    pub kind: String,
    /// The room's name within the kind, created on demand; empty for any open room of the kind. Default: empty.
    pub name: String,
    /// The room itself, when its id is known; then kind and name are not used. Default: none.
    pub room: Option<RoomId>,
    /// What the player says about itself, as JSON. Default: nothing.
    pub profile: Bytes,
    /// How the room is created if it must be, as JSON. Default: nothing.
    pub params: Bytes,
    /// Whether to watch instead of to play. Default: no.
    pub watch: bool,
    /// Whether the keeper may tell views by what differs from the one before, which the client puts together again. Default: yes.
    pub deltas: bool,
    /// Where the random waits begin. Default: drawn from the system.
    pub seed: Option<u64>,
    /// Bounds and waits.
    pub limits: ClientLimits,
}

impl JoinOptions {
    /// Any open room of a kind.
    pub fn new(url: impl Into<String>, kind: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            kind: kind.into(),
            name: String::new(),
            room: None,
            profile: Bytes::new(),
            params: Bytes::new(),
            watch: false,
            deltas: true,
            seed: None,
            limits: ClientLimits::default(),
        }
    }

    /// The room of this name, made if there is none.
    #[must_use]
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// What the player says about itself.
    ///
    /// # Errors
    /// When it cannot be JSON.
    pub fn profile(mut self, profile: &impl Serialize) -> Result<Self, JoinError> {
        self.profile = json("profile", profile)?;
        Ok(self)
    }

    /// How the room is created if it must be.
    ///
    /// # Errors
    /// When it cannot be JSON.
    pub fn params(mut self, params: &impl Serialize) -> Result<Self, JoinError> {
        self.params = json("parameters", params)?;
        Ok(self)
    }

    /// As a spectator.
    #[must_use]
    pub const fn watch(mut self) -> Self {
        self.watch = true;
        self
    }

    /// With all views whole on the wire: more bytes, and no work to put them together.
    #[must_use]
    pub const fn whole_views(mut self) -> Self {
        self.deltas = false;
        self
    }
}

fn json(what: &'static str, value: &impl Serialize) -> Result<Bytes, JoinError> {
    match serde_json::to_vec(value) {
        Ok(bytes) => Ok(bytes.into()),
        Err(why) => Err(JoinError::Json { what, why: why.to_string() }),
    }
}

/// Bounds and waits of a client.
#[derive(Clone, Debug)]
pub struct ClientLimits {
    /// Inputs kept until they are applied; the keeper may ask for less. One more is [`SendError::Full`](crate::SendError::Full). Default: 256.
    pub inputs_max: usize,
    /// Bytes of the inputs kept; as `inputs_max`. Default: 64 KiB.
    pub inputs_bytes_max: usize,
    /// Bytes of a message from the keeper, which puts all that waits into one: views, events and the rest. A larger one costs the
    /// socket. Default: 64 MiB, more than any keeper can be configured to write; with its default bounds it is 2 MiB and 20 KiB.
    pub message_bytes_max: usize,
    /// Updates kept while [`Room::send`](crate::Room::send) waits; then it gives up with [`SendError::Full`](crate::SendError::Full). Default: 1,024.
    pub updates_max: usize,
    /// Events after which the keeper is told that they arrived. Default: 32.
    pub ack_events: u64,
    /// The longest such an event waits for that. Default: 500 ms.
    pub ack_delay: Span,
    /// A socket that says nothing for so long is given up, from when it is begun; once it is welcomed not before the keeper would
    /// have asked for a sign of life, which it names there, and 2 s more. Default: 12 s.
    pub silence: Span,
    /// The first retry comes after a random part of this. Default: 500 ms.
    pub retry_first: Span,
    /// Later ones after a random part of twice as much each time, but at most of this. Default: 10 s.
    pub retry_max: Span,
    /// How often the keeper may say "start afresh" without a welcome in between; once more is the end, with that code. 0: the
    /// first is. Default: 3.
    pub afresh_max: u32,
    /// How long it may take to be let in at first. Default: 15 s.
    pub join_timeout: Span,
    /// How long to look for a keeper after a socket was lost. Default: none, for ever.
    pub give_up: Option<Span>,
    /// How long [`Room::leave`](crate::Room::leave) tries to let the keeper know; a socket over which it was said is given 2 s of
    /// it. Default: 5 s.
    pub leave_timeout: Span,
}

impl Default for ClientLimits {
    fn default() -> Self {
        Self {
            inputs_max: 256,
            inputs_bytes_max: 64 << 10,
            message_bytes_max: 64 << 20,
            updates_max: 1_024,
            ack_events: 32,
            ack_delay: Span::millis(500),
            silence: Span::secs(12),
            retry_first: Span::millis(500),
            retry_max: Span::secs(10),
            afresh_max: 3,
            join_timeout: Span::secs(15),
            give_up: None,
            leave_timeout: Span::secs(5),
        }
    }
}
