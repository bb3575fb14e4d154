//! Records: what one commit changed.

use bytes::Bytes;
use playon_types::attach::Body;
use playon_types::ids::{DeployId, Seq, SessionId};
use playon_types::image::{Record, SeatChange};
use playon_types::time::{RoomTime, Time};

use super::generated::{self as wire, record, seat_change};
use super::{StoredError, decode, encode, release_id, secret_hash};

/// A record as bytes.
pub fn encode_record(record: &Record) -> Bytes {
    encode(&wire::Record {
        seq: record.seq.0,
        parent_hash: record.parent_hash,
        hash: record.hash,
        version: record.version,
        body: Some(match &record.body {
            Body::Same => record::Body::Same(true),
            Body::Delta(bytes) => record::Body::Delta(bytes.clone()),
            Body::Full(bytes) => record::Body::Full(bytes.clone()),
        }),
        release: Bytes::copy_from_slice(&record.release.0),
        now_us: record.now.0,
        tick: record.tick,
        wake_at_us: record.wake_at.map(|at| at.0),
        between_rounds: record.between_rounds,
        ended: record.ended,
        migrate: record.migrate.map(|deploy| deploy.0),
        seats: record.seats.iter().map(change_to_wire).collect(),
    })
}

fn change_to_wire(change: &SeatChange) -> wire::SeatChange {
    let change = match change {
        SeatChange::Joined { session, secret } => seat_change::Change::Joined(wire::Joined {
            session: session.0,
            secret: Bytes::copy_from_slice(&secret.0),
        }),
        SeatChange::Left { session } => seat_change::Change::Left(session.0),
        SeatChange::SetAside { session, input } => {
            seat_change::Change::SetAside(wire::SetAside { session: session.0, input: *input })
        }
        SeatChange::Presence { session, away_since } => {
            seat_change::Change::Presence(wire::Presence {
                session: session.0,
                away_since_us: away_since.map(|since| since.0),
            })
        }
        SeatChange::Heard { session } => seat_change::Change::Heard(session.0),
        SeatChange::Progress { session, applied, events, lost, kept_from } => {
            seat_change::Change::Progress(wire::Progress {
                session: session.0,
                applied: *applied,
                events: events.clone(),
                lost: *lost,
                kept_from: *kept_from,
            })
        }
    };
    wire::SeatChange { change: Some(change) }
}

/// Reads what [`encode_record`] wrote, in this or an earlier build.
///
/// # Errors
/// When the bytes are of a later format or cannot be a record.
pub fn decode_record(bytes: &[u8]) -> Result<Record, StoredError> {
    let record: wire::Record = decode(bytes)?;
    Ok(Record {
        seq: Seq(record.seq),
        parent_hash: record.parent_hash,
        hash: record.hash,
        version: record.version,
        body: match record.body.ok_or(StoredError::Field { field: "the state" })? {
            record::Body::Same(_) => Body::Same,
            record::Body::Delta(bytes) => Body::Delta(bytes),
            record::Body::Full(bytes) => Body::Full(bytes),
        },
        release: release_id(&record.release)?,
        now: RoomTime(record.now_us),
        tick: record.tick,
        wake_at: record.wake_at_us.map(RoomTime),
        between_rounds: record.between_rounds,
        ended: record.ended,
        migrate: record.migrate.map(DeployId),
        seats: record.seats.into_iter().map(change_from_wire).collect::<Result<_, _>>()?,
    })
}

fn change_from_wire(change: wire::SeatChange) -> Result<SeatChange, StoredError> {
    Ok(match change.change.ok_or(StoredError::Field { field: "what became of a seat" })? {
        seat_change::Change::Joined(m) => {
            SeatChange::Joined { session: SessionId(m.session), secret: secret_hash(&m.secret)? }
        }
        seat_change::Change::Left(session) => SeatChange::Left { session: SessionId(session) },
        seat_change::Change::SetAside(m) => {
            SeatChange::SetAside { session: SessionId(m.session), input: m.input }
        }
        seat_change::Change::Presence(m) => SeatChange::Presence {
            session: SessionId(m.session),
            away_since: m.away_since_us.map(Time),
        },
        seat_change::Change::Heard(session) => SeatChange::Heard { session: SessionId(session) },
        seat_change::Change::Progress(m) => SeatChange::Progress {
            session: SessionId(m.session),
            applied: m.applied,
            events: m.events,
            lost: m.lost,
            kept_from: m.kept_from,
        },
    })
}
