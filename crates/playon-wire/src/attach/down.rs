//! The keeper's items between their own types and those of the wire.

use playon_types::attach::{Deliver, Item, Noted, ToWorker};
use playon_types::ids::{Attempt, Seq, SessionId, WorkerId};
use playon_types::time::RoomTime;

use super::generated::{self as wire, down, item};
use super::pieces::{Pieces, room_bytes, room_id};
use super::{AttachError, Down, KeeperRefuse, KeeperWelcome};

pub(super) fn to_wire(message: &Down) -> wire::Down {
    let item = match message {
        Down::Welcome(m) => down::Item::Welcome(wire::Welcome {
            protocol: m.protocol,
            worker: m.worker.0,
            heartbeat_ms: m.heartbeat_ms,
            credit_bytes: m.credit_bytes,
            state_bytes_max: m.state_bytes_max,
            view_bytes_max: m.view_bytes_max,
            turns: m.turns.clone(),
        }),
        Down::Refuse(m) => {
            down::Item::Refuse(wire::Refuse { code: m.code.clone(), detail: m.detail.clone() })
        }
        Down::Room(m) => room_to_wire(m),
        Down::Ping { nonce } => down::Item::Ping(wire::Ping { nonce: *nonce }),
        Down::Shutdown => down::Item::Shutdown(wire::Shutdown {}),
    };
    wire::Down { item: Some(item) }
}

fn room_to_wire(message: &ToWorker) -> down::Item {
    match message {
        ToWorker::Create { room, attempt, kind, params, seed } => {
            down::Item::Create(wire::Create {
                room: room_bytes(*room),
                attempt: attempt.0,
                kind: kind.clone(),
                params: params.clone(),
                seed: *seed,
            })
        }
        ToWorker::Open { room, attempt, kind, seq, version, state } => {
            down::Item::Open(wire::Open {
                room: room_bytes(*room),
                attempt: attempt.0,
                kind: kind.clone(),
                seq: seq.0,
                version: *version,
                state: state.clone(),
            })
        }
        ToWorker::Deliver(deliver) => down::Item::Deliver(deliver_to_wire(deliver)),
        ToWorker::Export { room, attempt, kind, seq, version, state } => {
            down::Item::Export(wire::Export {
                room: room_bytes(*room),
                attempt: attempt.0,
                version: *version,
                kind: kind.clone(),
                seq: seq.0,
                state: state.clone(),
            })
        }
        ToWorker::Prewarm { room, attempt, kind, seq, version, state } => {
            down::Item::Prewarm(wire::Open {
                room: room_bytes(*room),
                attempt: attempt.0,
                kind: kind.clone(),
                seq: seq.0,
                version: *version,
                state: state.clone(),
            })
        }
        ToWorker::Tail { room, attempt, seq, hash, deltas } => down::Item::Tail(wire::Tail {
            room: room_bytes(*room),
            attempt: attempt.0,
            seq: seq.0,
            hash: *hash,
            deltas: deltas.clone(),
        }),
        ToWorker::Retire { room, attempt } => {
            down::Item::Retire(wire::Retire { room: room_bytes(*room), attempt: attempt.0 })
        }
    }
}

fn deliver_to_wire(deliver: &Deliver) -> wire::Deliver {
    wire::Deliver {
        room: room_bytes(deliver.room),
        attempt: deliver.attempt.0,
        seq: deliver.seq.0,
        now_us: deliver.now.0,
        items: deliver.items.iter().map(item_to_wire).collect(),
        render: deliver.render.iter().map(|session| session.0).collect(),
        render_watch: deliver.render_watch,
    }
}

fn item_to_wire(happening: &Item) -> wire::Item {
    let item = match happening {
        Item::Join { session, profile } => {
            item::Item::Join(wire::Join { session: session.0, profile: profile.clone() })
        }
        Item::Input { session, seq, payload } => item::Item::Input(wire::Input {
            session: session.0,
            seq: *seq,
            payload: payload.clone(),
        }),
        Item::Away(session) => item::Item::Away(session.0),
        Item::Back { session, lost } => {
            item::Item::Back(wire::Back { session: session.0, lost: *lost })
        }
        Item::Leave(session) => item::Item::Leave(session.0),
        Item::Noted { session, change } => item::Item::Noted(wire::Noted {
            session: session.0,
            change: match change {
                Noted::Away => wire::noted::Change::Away,
                Noted::Back => wire::noted::Change::Back,
                Noted::Leave => wire::noted::Change::Leave,
            }
            .into(),
        }),
        Item::Tick(number) => item::Item::Tick(*number),
        Item::Wake => item::Item::Wake(true),
    };
    wire::Item { item: Some(item) }
}

pub(super) fn from_wire(message: wire::Down, pieces: Pieces) -> Result<Down, AttachError> {
    let item = message.item.ok_or(AttachError::Field { field: "the kind of an item" })?;
    let room = match item {
        down::Item::Welcome(m) => {
            return Ok(Down::Welcome(KeeperWelcome {
                protocol: m.protocol,
                worker: WorkerId(m.worker),
                heartbeat_ms: m.heartbeat_ms,
                credit_bytes: m.credit_bytes,
                state_bytes_max: m.state_bytes_max,
                view_bytes_max: m.view_bytes_max,
                turns: m.turns,
            }));
        }
        down::Item::Refuse(m) => {
            return Ok(Down::Refuse(KeeperRefuse { code: m.code, detail: m.detail }));
        }
        down::Item::Ping(m) => return Ok(Down::Ping { nonce: m.nonce }),
        down::Item::Shutdown(_) => return Ok(Down::Shutdown),
        down::Item::Create(m) => ToWorker::Create {
            room: room_id(&m.room)?,
            attempt: Attempt(m.attempt),
            kind: m.kind,
            params: pieces.keep(m.params),
            seed: m.seed,
        },
        down::Item::Open(m) => ToWorker::Open {
            room: room_id(&m.room)?,
            attempt: Attempt(m.attempt),
            kind: m.kind,
            seq: Seq(m.seq),
            version: m.version,
            state: pieces.keep(m.state),
        },
        down::Item::Prewarm(m) => ToWorker::Prewarm {
            room: room_id(&m.room)?,
            attempt: Attempt(m.attempt),
            kind: m.kind,
            seq: Seq(m.seq),
            version: m.version,
            state: pieces.keep(m.state),
        },
        down::Item::Deliver(m) => ToWorker::Deliver(deliver_from_wire(m, pieces)?),
        down::Item::Export(m) => ToWorker::Export {
            room: room_id(&m.room)?,
            attempt: Attempt(m.attempt),
            kind: m.kind,
            seq: Seq(m.seq),
            version: m.version,
            state: pieces.keep(m.state),
        },
        down::Item::Tail(m) => ToWorker::Tail {
            room: room_id(&m.room)?,
            attempt: Attempt(m.attempt),
            seq: Seq(m.seq),
            hash: m.hash,
            deltas: m.deltas.into_iter().map(|delta| pieces.keep(delta)).collect(),
        },
        down::Item::Retire(m) => {
            ToWorker::Retire { room: room_id(&m.room)?, attempt: Attempt(m.attempt) }
        }
    };
    Ok(Down::Room(room))
}

fn deliver_from_wire(deliver: wire::Deliver, pieces: Pieces) -> Result<Deliver, AttachError> {
    Ok(Deliver {
        room: room_id(&deliver.room)?,
        attempt: Attempt(deliver.attempt),
        seq: Seq(deliver.seq),
        now: RoomTime(deliver.now_us),
        items: deliver
            .items
            .into_iter()
            .map(|item| item_from_wire(item, pieces))
            .collect::<Result<_, _>>()?,
        render: deliver.render.into_iter().map(SessionId).collect(),
        render_watch: deliver.render_watch,
    })
}

fn item_from_wire(happening: wire::Item, pieces: Pieces) -> Result<Item, AttachError> {
    Ok(match happening.item.ok_or(AttachError::Field { field: "an item of a delivery" })? {
        item::Item::Join(m) => {
            Item::Join { session: SessionId(m.session), profile: pieces.keep(m.profile) }
        }
        item::Item::Input(m) => Item::Input {
            session: SessionId(m.session),
            seq: m.seq,
            payload: pieces.keep(m.payload),
        },
        item::Item::Away(session) => Item::Away(SessionId(session)),
        item::Item::Back(m) => Item::Back { session: SessionId(m.session), lost: m.lost },
        item::Item::Leave(session) => Item::Leave(SessionId(session)),
        item::Item::Noted(m) => {
            Item::Noted { session: SessionId(m.session), change: noted_from_wire(m.change())? }
        }
        item::Item::Tick(number) => Item::Tick(number),
        item::Item::Wake(_) => Item::Wake,
    })
}

fn noted_from_wire(change: wire::noted::Change) -> Result<Noted, AttachError> {
    match change {
        wire::noted::Change::Away => Ok(Noted::Away),
        wire::noted::Change::Back => Ok(Noted::Back),
        wire::noted::Change::Leave => Ok(Noted::Leave),
        wire::noted::Change::Unspecified => Err(AttachError::Field { field: "what is noted" }),
    }
}
