//! Reading frames. Nothing here trusts a length or panics on one, and payloads are slices of the message.

use bytes::{Buf, Bytes};
use playon_types::gate::Mode;
use playon_types::ids::{GENERATION_MAX, Generation, History, NUMBER_MAX, RoomId};

use super::{
    ClientFrame, ClientHello, DecodeError, FLAG_DELTAS, FLAG_WATCH, FLAG_WHOLE, MoveTo,
    PlayerLimits, SERVER_FRAMES_MAX, SKIPPABLE, ServerFrame, ServerWelcome, Token, kind,
};
use crate::range::ProtocolRange;
use crate::varint;

/// Reads a message of a client.
///
/// # Errors
/// When the message is not made of whole, known frames within the limits. Then none of it counts.
pub fn decode_client(
    mut message: Bytes,
    limits: &PlayerLimits,
) -> Result<Vec<ClientFrame>, DecodeError> {
    check_message(&message, limits.message_bytes_max)?;
    let mut frames = Vec::new();
    while message.has_remaining() {
        if frames.len() == limits.frames_max {
            return Err(DecodeError::Frames { max: limits.frames_max });
        }
        let mut fields = Fields::split_off(&mut message)?;
        let frame = client_frame(&mut fields, limits)?;
        fields.finish()?;
        frames.push(frame);
    }
    Ok(frames)
}

/// Reads a message of the keeper, skipping frames that a later version may have marked as such. The
/// length of the message is the caller's to bound.
///
/// # Errors
/// When the message is not made of whole, known frames. Then none of it counts.
pub fn decode_server(mut message: Bytes) -> Result<Vec<ServerFrame>, DecodeError> {
    check_message(&message, usize::MAX)?;
    let mut frames = Vec::new();
    for count in 0.. {
        if !message.has_remaining() {
            break;
        }
        if count == SERVER_FRAMES_MAX {
            return Err(DecodeError::Frames { max: SERVER_FRAMES_MAX });
        }
        let mut fields = Fields::split_off(&mut message)?;
        if fields.kind & SKIPPABLE != 0 {
            continue;
        }
        let frame = server_frame(&mut fields)?;
        fields.finish()?;
        frames.push(frame);
    }
    Ok(frames)
}

fn check_message(message: &Bytes, max: usize) -> Result<(), DecodeError> {
    match message.len() {
        0 => Err(DecodeError::Empty),
        bytes if bytes > max => Err(DecodeError::Message { bytes, max }),
        _ => Ok(()),
    }
}

fn client_frame(fields: &mut Fields, limits: &PlayerLimits) -> Result<ClientFrame, DecodeError> {
    Ok(match fields.kind {
        kind::HELLO => ClientFrame::Hello(Box::new(client_hello(fields, limits)?)),
        kind::IN => ClientFrame::Input {
            seq: fields.int("the input's number")?,
            recv: fields.int("recv")?,
            payload: fields.rest("the input", limits.input_bytes_max)?,
        },
        kind::CLIENT_ACK => ClientFrame::Ack { recv: fields.int("recv")? },
        kind::BYE => ClientFrame::Bye,
        kind::PONG => ClientFrame::Pong { nonce: fields.int("the nonce")? },
        kind => return Err(DecodeError::Unknown { kind }),
    })
}

fn client_hello(fields: &mut Fields, limits: &PlayerLimits) -> Result<ClientHello, DecodeError> {
    let protocol = ProtocolRange {
        min: fields.small("the oldest protocol version")?,
        max: fields.small("the newest protocol version")?,
    };
    // Flags that are not known yet are for versions that are not spoken yet.
    let flags = fields.int("the flags")?;
    let token = fields.token()?;
    let room = fields.bytes("the room", 16)?;
    let room = if room.is_empty() { None } else { Some(room_id(&room)?) };
    if token.is_some() && room.is_none() {
        return Err(DecodeError::Value { field: "a token without a room" });
    }
    Ok(ClientHello {
        protocol,
        watch: flags & FLAG_WATCH != 0,
        whole: flags & FLAG_WHOLE != 0,
        deltas: flags & FLAG_DELTAS != 0,
        token,
        room,
        kind: fields.text("the kind", limits.kind_bytes_max)?,
        name: fields.text("the name", limits.name_bytes_max)?,
        profile: fields.bytes("the profile", limits.profile_bytes_max)?,
        params: fields.bytes("the parameters", limits.params_bytes_max)?,
        history: History(fields.int("the history")?),
        generation: fields.generation()?,
        recv: fields.int("recv")?,
        lo: fields.int("lo")?,
    })
}

fn server_frame(fields: &mut Fields) -> Result<ServerFrame, DecodeError> {
    Ok(match fields.kind {
        kind::WELCOME => ServerFrame::Welcome(Box::new(server_welcome(fields)?)),
        kind::EVT => ServerFrame::Event {
            seq: fields.int("the event's number")?,
            payload: fields.rest("the event", usize::MAX)?,
        },
        kind::VIEW => ServerFrame::View {
            as_of: fields.int("as_of")?,
            base: fields.int("base")?,
            payload: fields.rest("the view", usize::MAX)?,
        },
        kind::NOW => ServerFrame::Now { payload: fields.rest("the message", usize::MAX)? },
        kind::SERVER_ACK => ServerFrame::Ack { applied: fields.int("applied")? },
        kind::PING => ServerFrame::Ping { nonce: fields.int("the nonce")? },
        kind::MOVE => ServerFrame::Move(Box::new(MoveTo {
            url: fields.text("the address", usize::MAX)?,
            ticket: fields.bytes("the ticket", usize::MAX)?,
            window_ms: fields.limit("the window")?,
            deadline_ms: fields.limit("the deadline")?,
        })),
        kind::SET_ASIDE => {
            let code = fields.small("the code")?;
            ServerFrame::SetAside { code, inputs: fields.ints("the input's number")? }
        }
        kind => return Err(DecodeError::Unknown { kind }),
    })
}

fn server_welcome(fields: &mut Fields) -> Result<ServerWelcome, DecodeError> {
    Ok(ServerWelcome {
        protocol: fields.small("the protocol version")?,
        mode: match fields.int("the mode")? {
            0 => Mode::New,
            1 => Mode::Resumed,
            2 => Mode::Fresh,
            3 => Mode::Watching,
            _ => return Err(DecodeError::Value { field: "the mode" }),
        },
        codec: fields.small("the codec")?,
        token: fields.token()?,
        room: room_id(&fields.bytes("the room", 16)?)?,
        history: History(fields.int("the history")?),
        generation: fields.generation()?,
        in_next: fields.int("in_next")?,
        event_seq: fields.int("event_seq")?,
        lost: fields.int("lost")?,
        ttl_ms: fields.limit("the seat's hold")?,
        ping_ms: fields.limit("the ping interval")?,
        input_bytes_max: fields.limit("the input limit")?,
        inputs_pending_max: fields.limit("the pending limit")?,
        frames_per_second: fields.limit("the frame rate")?,
        bytes_per_second: fields.limit("the byte rate")?,
        release: fields.text("the release", usize::MAX)?,
    })
}

fn room_id(bytes: &[u8]) -> Result<RoomId, DecodeError> {
    let bytes = bytes.try_into().map_err(|_| DecodeError::Value { field: "the room" })?;
    Ok(RoomId(bytes))
}

/// One frame's fields, taken off one after the other.
struct Fields {
    kind: u8,
    rest: Bytes,
}

impl Fields {
    /// Takes the next frame off a message that has bytes left.
    fn split_off(message: &mut Bytes) -> Result<Self, DecodeError> {
        const FIELD: &str = "a frame's length";
        let kind = message.get_u8();
        let length = varint::take(message).ok_or(DecodeError::Malformed { field: FIELD })?;
        match usize::try_from(length) {
            Ok(length) if length <= message.len() => {
                Ok(Self { kind, rest: message.split_to(length) })
            }
            _ => Err(DecodeError::Malformed { field: FIELD }),
        }
    }

    /// A number that something is counted by: both sides add to it, and a browser must hold it.
    fn int(&mut self, field: &'static str) -> Result<u64, DecodeError> {
        let value = self.limit(field)?;
        if value > NUMBER_MAX { Err(DecodeError::Value { field }) } else { Ok(value) }
    }

    /// The next socket has to name a higher one, or the same: the last number would lock the player out of its seat.
    fn generation(&mut self) -> Result<Generation, DecodeError> {
        const FIELD: &str = "the generation";
        let value = Generation(self.int(FIELD)?);
        if value > GENERATION_MAX { Err(DecodeError::Value { field: FIELD }) } else { Ok(value) }
    }

    /// Numbers up to the end of the frame.
    fn ints(&mut self, field: &'static str) -> Result<Vec<u64>, DecodeError> {
        let mut ints = Vec::new();
        while self.rest.has_remaining() {
            ints.push(self.int(field)?);
        }
        Ok(ints)
    }

    /// A length, a limit or a duration: whoever uses it compares it with a bound of its own.
    fn limit(&mut self, field: &'static str) -> Result<u64, DecodeError> {
        varint::take(&mut self.rest).ok_or(DecodeError::Malformed { field })
    }

    fn small<T: TryFrom<u64>>(&mut self, field: &'static str) -> Result<T, DecodeError> {
        T::try_from(self.int(field)?).map_err(|_| DecodeError::Value { field })
    }

    fn bytes(&mut self, field: &'static str, max: usize) -> Result<Bytes, DecodeError> {
        let length = usize::try_from(self.limit(field)?).unwrap_or(usize::MAX);
        if length > max {
            return Err(DecodeError::Field { field, bytes: length, max });
        }
        if length > self.rest.len() {
            return Err(DecodeError::Malformed { field });
        }
        Ok(self.rest.split_to(length))
    }

    fn text(&mut self, field: &'static str, max: usize) -> Result<String, DecodeError> {
        let bytes = self.bytes(field, max)?;
        let text = std::str::from_utf8(&bytes).map_err(|_| DecodeError::Value { field })?;
        Ok(text.to_owned())
    }

    fn token(&mut self) -> Result<Option<Token>, DecodeError> {
        const FIELD: &str = "the token";
        let bytes = self.bytes(FIELD, Token::BYTES)?;
        if bytes.is_empty() {
            return Ok(None);
        }
        Token::from_bytes(&bytes).map(Some).ok_or(DecodeError::Value { field: FIELD })
    }

    fn rest(&mut self, field: &'static str, max: usize) -> Result<Bytes, DecodeError> {
        let bytes = self.rest.len();
        if bytes > max {
            return Err(DecodeError::Field { field, bytes, max });
        }
        Ok(self.rest.split_to(bytes))
    }

    fn finish(self) -> Result<(), DecodeError> {
        match self.rest.len() {
            0 => Ok(()),
            bytes => Err(DecodeError::Trailing { kind: self.kind, bytes }),
        }
    }
}
