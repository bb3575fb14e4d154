//! Images: whole rooms.

use bytes::Bytes;
use playon_types::ids::{Epoch, History, RoomId, Seq, SessionId};
use playon_types::image::{Image, Loss, Seat};
use playon_types::time::{RoomTime, Time};

use super::{StoredError, decode, encode, generated as wire, release_id, secret_hash};

/// A room as bytes.
pub fn encode_image(image: &Image) -> Bytes {
    encode(&wire::Image {
        room: Bytes::copy_from_slice(&image.room.0),
        kind: image.kind.clone(),
        name: image.name.clone(),
        history: image.history.0,
        release: Bytes::copy_from_slice(&image.release.0),
        epoch: image.epoch.0,
        seq: image.seq.0,
        version: image.version,
        state: image.state.clone(),
        hash: image.hash,
        now_us: image.now.0,
        tick: image.tick,
        wake_at_us: image.wake_at.map(|at| at.0),
        between_rounds: image.between_rounds,
        ended: image.ended,
        clean: image.clean,
        stood_us: image.clock.since(image.now).0,
        seats: image.seats.iter().map(|(session, seat)| seat_to_wire(*session, seat)).collect(),
    })
}

fn seat_to_wire(session: SessionId, seat: &Seat) -> wire::Seat {
    wire::Seat {
        session: session.0,
        secret: Bytes::copy_from_slice(&seat.secret.0),
        applied: seat.applied,
        event_seq: seat.event_seq,
        outbox: seat.outbox.iter().cloned().collect(),
        lost: seat.loss.inputs,
        lost_history: seat.loss.history.0,
        set_aside: seat.set_aside.iter().copied().collect(),
        away_since_us: seat.away_since.map(|since| since.0),
        unheard: seat.unheard,
    }
}

/// Reads what [`encode_image`] wrote, in this or an earlier build. The state is not compared with its hash.
///
/// # Errors
/// When the bytes are of a later format or cannot be an image.
pub fn decode_image(bytes: &[u8]) -> Result<Image, StoredError> {
    let image: wire::Image = decode(bytes)?;
    let room = image.room[..].try_into().map_err(|_| StoredError::Field { field: "the room" })?;
    Ok(Image {
        room: RoomId(room),
        kind: image.kind,
        name: image.name,
        history: History(image.history),
        release: release_id(&image.release)?,
        epoch: Epoch(image.epoch),
        seq: Seq(image.seq),
        version: image.version,
        state: image.state,
        hash: image.hash,
        now: RoomTime(image.now_us),
        clock: RoomTime(image.now_us.saturating_add(image.stood_us)),
        tick: image.tick,
        wake_at: image.wake_at_us.map(RoomTime),
        between_rounds: image.between_rounds,
        ended: image.ended,
        clean: image.clean,
        seats: image.seats.into_iter().map(seat_from_wire).collect::<Result<_, _>>()?,
    })
}

fn seat_from_wire(seat: wire::Seat) -> Result<(SessionId, Seat), StoredError> {
    // The numbers of the events kept end at `event_seq` and begin at 1 or later.
    if seat.outbox.len() as u64 > seat.event_seq || seat.event_seq == u64::MAX {
        return Err(StoredError::Field { field: "the number of a seat's last event" });
    }
    let found = Seat {
        secret: secret_hash(&seat.secret)?,
        applied: seat.applied,
        event_seq: seat.event_seq,
        outbox: seat.outbox.into(),
        loss: Loss { inputs: seat.lost, history: History(seat.lost_history) },
        set_aside: seat.set_aside.into(),
        away_since: seat.away_since_us.map(Time),
        unheard: seat.unheard,
    };
    Ok((SessionId(seat.session), found))
}
