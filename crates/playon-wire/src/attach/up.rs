//! The worker's items between their own types and those of the wire.

use bytes::Bytes;
use playon_types::attach::{
    Body, Commit, Exported, Fault, FromWorker, LeftOut, Output, Prewarmed, Ready, Stage,
};
use playon_types::ids::{Attempt, Seq, SessionId};
use playon_types::time::RoomTime;

use super::generated::{self as wire, body, up};
use super::pieces::{Pieces, room_bytes, room_id};
use super::{AttachError, LogLevel, LogLine, Up, hello};

pub(super) fn to_wire(message: &Up) -> wire::Up {
    let item = match message {
        Up::Hello(m) => up::Item::Hello(hello::to_wire(m)),
        Up::Pong { nonce } => up::Item::Pong(wire::Pong { nonce: *nonce }),
        Up::Credit { bytes } => up::Item::Credit(wire::Credit { bytes: *bytes }),
        Up::Log(m) => up::Item::Log(wire::Log {
            level: level_to_wire(m.level).into(),
            room: m.room.map(room_bytes),
            text: m.text.clone(),
        }),
        Up::Room(m) => room_to_wire(m),
    };
    wire::Up { item: Some(item) }
}

fn room_to_wire(message: &FromWorker) -> up::Item {
    match message {
        FromWorker::Commit(m) => up::Item::Commit(commit_to_wire(m)),
        FromWorker::Ready(m) => up::Item::Ready(wire::Ready {
            room: room_bytes(m.room),
            attempt: m.attempt.0,
            seq: m.seq.0,
            version: m.version,
            body: Some(body_to_wire(&m.body)),
            hash: m.hash,
            wake_at_us: m.wake_at.map(|at| at.0),
            cost_us: m.cost_us,
        }),
        FromWorker::Exported(m) => up::Item::Exported(wire::Exported {
            room: room_bytes(m.room),
            attempt: m.attempt.0,
            seq: m.seq.0,
            version: m.version,
            state: m.state.clone(),
            cost_us: m.cost_us,
        }),
        FromWorker::Prewarmed(m) => up::Item::Prewarmed(wire::Prewarmed {
            room: room_bytes(m.room),
            attempt: m.attempt.0,
            seq: m.seq.0,
            size: m.size,
            cost_us: m.cost_us,
        }),
        FromWorker::Fault(m) => up::Item::Fault(wire::Fault {
            room: room_bytes(m.room),
            attempt: m.attempt.0,
            stage: stage_to_wire(m.stage).into(),
            message: m.message.clone(),
            refusal: m.refusal,
        }),
    }
}

fn commit_to_wire(commit: &Commit) -> wire::Commit {
    wire::Commit {
        room: room_bytes(commit.room),
        attempt: commit.attempt.0,
        seq: commit.seq.0,
        parent_hash: commit.parent_hash,
        hash: commit.hash,
        version: commit.version,
        body: Some(body_to_wire(&commit.body)),
        refused: commit.refused.iter().map(sentence_to_wire).collect(),
        dismissed: commit.dismissed.iter().map(sentence_to_wire).collect(),
        outputs: commit.outputs.iter().map(output_to_wire).collect(),
        inputs: commit.inputs,
        views: views_to_wire(commit),
        watch_view: commit.watch_view.clone(),
        wake_at_us: commit.wake_at.map(|at| at.0),
        between_rounds: commit.between_rounds,
        ended: commit.ended,
        cost_us: commit.cost_us,
    }
}

fn sentence_to_wire((session, reason): &(SessionId, String)) -> wire::Sentence {
    wire::Sentence { session: session.0, reason: reason.clone() }
}

fn output_to_wire(output: &Output) -> wire::Output {
    wire::Output {
        session: output.session.0,
        payload: output.payload.clone(),
        reliable: output.reliable,
    }
}

fn views_to_wire(commit: &Commit) -> Vec<wire::View> {
    let shown = commit.views.iter().map(|(session, payload)| wire::View {
        session: session.0,
        payload: payload.clone(),
        left_out: wire::LeftOut::Unspecified.into(),
    });
    let left_out = commit.left_out.iter().map(|left| wire::View {
        session: left.session.0,
        payload: Bytes::new(),
        left_out: if left.again { wire::LeftOut::Again } else { wire::LeftOut::TooLarge }.into(),
    });
    shown.chain(left_out).collect()
}

fn body_to_wire(body: &Body) -> wire::Body {
    let body = match body {
        Body::Same => body::Body::Same(true),
        Body::Delta(bytes) => body::Body::Delta(bytes.clone()),
        Body::Full(bytes) => body::Body::Full(bytes.clone()),
    };
    wire::Body { body: Some(body) }
}

const fn level_to_wire(level: LogLevel) -> wire::Level {
    match level {
        LogLevel::Error => wire::Level::Error,
        LogLevel::Warn => wire::Level::Warn,
        LogLevel::Info => wire::Level::Info,
        LogLevel::Debug => wire::Level::Debug,
        LogLevel::Trace => wire::Level::Trace,
    }
}

const fn stage_to_wire(stage: Stage) -> wire::Stage {
    match stage {
        Stage::Create => wire::Stage::Create,
        Stage::Open => wire::Stage::Open,
        Stage::Deliver => wire::Stage::Deliver,
        Stage::Export => wire::Stage::Export,
        Stage::Prewarm => wire::Stage::Prewarm,
    }
}

pub(super) fn from_wire(message: wire::Up, pieces: Pieces) -> Result<Up, AttachError> {
    let item = message.item.ok_or(AttachError::Field { field: "the kind of an item" })?;
    Ok(match item {
        up::Item::Hello(m) => Up::Hello(Box::new(hello::from_wire(m, pieces)?)),
        up::Item::Pong(m) => Up::Pong { nonce: m.nonce },
        up::Item::Credit(m) => Up::Credit { bytes: m.bytes },
        up::Item::Log(m) => Up::Log(LogLine {
            level: level_from_wire(m.level())?,
            room: m.room.as_deref().map(room_id).transpose()?,
            text: m.text,
        }),
        up::Item::Commit(m) => Up::Room(FromWorker::Commit(commit_from_wire(m, pieces)?)),
        up::Item::Ready(m) => Up::Room(FromWorker::Ready(ready_from_wire(m, pieces)?)),
        up::Item::Exported(m) => Up::Room(FromWorker::Exported(Exported {
            room: room_id(&m.room)?,
            attempt: Attempt(m.attempt),
            seq: Seq(m.seq),
            version: m.version,
            state: pieces.keep(m.state),
            cost_us: m.cost_us,
        })),
        up::Item::Prewarmed(m) => Up::Room(FromWorker::Prewarmed(Prewarmed {
            room: room_id(&m.room)?,
            attempt: Attempt(m.attempt),
            seq: Seq(m.seq),
            size: m.size,
            cost_us: m.cost_us,
        })),
        up::Item::Fault(m) => Up::Room(FromWorker::Fault(Fault {
            room: room_id(&m.room)?,
            attempt: Attempt(m.attempt),
            stage: stage_from_wire(m.stage())?,
            message: m.message,
            refusal: m.refusal,
        })),
    })
}

fn commit_from_wire(commit: wire::Commit, pieces: Pieces) -> Result<Commit, AttachError> {
    let (shown, left_out): (Vec<_>, Vec<_>) =
        commit.views.into_iter().partition(|view| view.left_out == 0);
    Ok(Commit {
        room: room_id(&commit.room)?,
        attempt: Attempt(commit.attempt),
        seq: Seq(commit.seq),
        parent_hash: commit.parent_hash,
        hash: commit.hash,
        version: commit.version,
        body: body_from_wire(commit.body, pieces)?,
        refused: commit.refused.into_iter().map(sentence_from_wire).collect(),
        dismissed: commit.dismissed.into_iter().map(sentence_from_wire).collect(),
        outputs: commit
            .outputs
            .into_iter()
            .map(|output| output_from_wire(output, pieces))
            .collect(),
        inputs: commit.inputs,
        views: shown.into_iter().map(|m| (SessionId(m.session), pieces.keep(m.payload))).collect(),
        left_out: left_out
            .into_iter()
            .map(|m| LeftOut {
                session: SessionId(m.session),
                again: m.left_out() == wire::LeftOut::Again,
            })
            .collect(),
        watch_view: commit.watch_view.map(|view| pieces.keep(view)),
        wake_at: commit.wake_at_us.map(RoomTime),
        between_rounds: commit.between_rounds,
        ended: commit.ended,
        cost_us: commit.cost_us,
    })
}

fn ready_from_wire(ready: wire::Ready, pieces: Pieces) -> Result<Ready, AttachError> {
    Ok(Ready {
        room: room_id(&ready.room)?,
        attempt: Attempt(ready.attempt),
        seq: Seq(ready.seq),
        version: ready.version,
        body: body_from_wire(ready.body, pieces)?,
        hash: ready.hash,
        wake_at: ready.wake_at_us.map(RoomTime),
        cost_us: ready.cost_us,
    })
}

fn sentence_from_wire(sentence: wire::Sentence) -> (SessionId, String) {
    (SessionId(sentence.session), sentence.reason)
}

fn output_from_wire(output: wire::Output, pieces: Pieces) -> Output {
    Output {
        session: SessionId(output.session),
        payload: pieces.keep(output.payload),
        reliable: output.reliable,
    }
}

fn body_from_wire(body: Option<wire::Body>, pieces: Pieces) -> Result<Body, AttachError> {
    Ok(match body.and_then(|body| body.body).ok_or(AttachError::Field { field: "the state" })? {
        body::Body::Same(_) => Body::Same,
        body::Body::Delta(bytes) => Body::Delta(pieces.keep(bytes)),
        body::Body::Full(bytes) => Body::Full(pieces.keep(bytes)),
    })
}

const fn level_from_wire(level: wire::Level) -> Result<LogLevel, AttachError> {
    Ok(match level {
        wire::Level::Unspecified => {
            return Err(AttachError::Field { field: "the level of a line" });
        }
        wire::Level::Error => LogLevel::Error,
        wire::Level::Warn => LogLevel::Warn,
        wire::Level::Info => LogLevel::Info,
        wire::Level::Debug => LogLevel::Debug,
        wire::Level::Trace => LogLevel::Trace,
    })
}

const fn stage_from_wire(stage: wire::Stage) -> Result<Stage, AttachError> {
    Ok(match stage {
        wire::Stage::Unspecified => {
            return Err(AttachError::Field { field: "the stage of a fault" });
        }
        wire::Stage::Create => Stage::Create,
        wire::Stage::Open => Stage::Open,
        wire::Stage::Deliver => Stage::Deliver,
        wire::Stage::Export => Stage::Export,
        wire::Stage::Prewarm => Stage::Prewarm,
    })
}
