//! Who is let in.

use playon_core::fleet::{Berth, WorkerInfo};
use playon_types::ids::{ReleaseId, WorkerId};
use playon_types::kind::Policies;
use playon_types::ply;
use playon_types::time::Span;
use playon_wire::attach::{ATTACH_PROTOCOL, WorkerHello};
use sha2::{Digest, Sha256};

use super::hub::Hub;
use crate::error::Coded;
use crate::log::text::is_plain;
use crate::messages::Attached;
use crate::workers::WorkerPass;

/// The shortest step of a kind; `playon` offers none below it.
const TICK_MIN: Span = Span::millis(1);

const REMEDY_SECRET: &str = "start the worker through the keeper, or give it the secret in `worker.secret` of the data directory";
const REMEDY_VERSION: &str = "build the game with a `playon` crate that fits this keeper";
const REMEDY_DEFECT: &str = "fix what is named and build again";

/// Who was not let in, if that is known, and why.
pub(super) type Refused = (Option<WorkerPass>, Coded);

/// Checks a hello.
///
/// # Errors
/// When the worker is not to be let in; the pass it used comes along if it had one.
pub(super) fn check(hub: &Hub, hello: WorkerHello) -> Result<(Attached, u32), Box<Refused>> {
    let pass = hub.passes.present(hello.secret);
    let Some(pass) = pass else {
        let error = Coded::new(
            ply!("PLY-0401"),
            "a process showed a secret that is not known",
            REMEDY_SECRET,
        );
        return Err(Box::new((None, error)));
    };
    match check_hello(hub, &hello) {
        Ok((worker, protocol)) => Ok((attached(worker, &pass, hello), protocol)),
        Err(error) => Err(Box::new((Some(pass), error))),
    }
}

fn check_hello(hub: &Hub, hello: &WorkerHello) -> Result<(WorkerId, u32), Coded> {
    let Some(protocol) = ATTACH_PROTOCOL.common(hello.protocol) else {
        let message = format!(
            "the worker speaks attach protocol {}, this keeper {ATTACH_PROTOCOL}",
            hello.protocol
        );
        return Err(Coded::new(ply!("PLY-0411"), message, REMEDY_VERSION));
    };
    if !hello.defects.is_empty() {
        return Err(Coded::new(ply!("PLY-0410"), hello.defects.join("; "), REMEDY_DEFECT));
    }
    if hello.kinds.is_empty() {
        return Err(Coded::new(
            ply!("PLY-0410"),
            "the worker serves no kind of room",
            REMEDY_DEFECT,
        ));
    }
    if let Some(kind) = hello.kinds.iter().find(|kind| kind.policies.tick.is_some_and(too_fast)) {
        let message = format!("the kind `{}` wants a step under {TICK_MIN:?}", kind.name);
        return Err(Coded::new(ply!("PLY-0410"), message, REMEDY_DEFECT));
    }
    if let Some(kind) = hello.kinds.iter().find(|kind| !kind.policies.times_out_sensibly()) {
        let (min, max) = (Policies::BATCH_TIMEOUT_MIN, Policies::BATCH_TIMEOUT_MAX);
        let message =
            format!("the kind `{}` wants a batch timeout beyond {min:?} to {max:?}", kind.name);
        return Err(Coded::new(ply!("PLY-0410"), message, REMEDY_DEFECT));
    }
    let names = hello.kinds.iter().map(|kind| kind.name.as_str());
    if let Some(name) = names.chain([&*hello.app, &*hello.label]).find(|name| !is_plain(name)) {
        let message = format!("the name {} has control characters", name.escape_debug());
        return Err(Coded::new(ply!("PLY-0410"), message, REMEDY_DEFECT));
    }
    match hub.admit() {
        Some(worker) => Ok((worker, protocol)),
        None => {
            let message = format!("{} workers are attached already", hub.bounds.workers_max);
            Err(Coded::new(
                ply!("PLY-0408"),
                message,
                "end workers that are not needed or raise `workers_max`",
            ))
        }
    }
}

/// A room with such a step would do nothing but tick, and cost the others of its shard their turn.
fn too_fast(step: Span) -> bool {
    step < TICK_MIN
}

fn attached(worker: WorkerId, pass: &WorkerPass, hello: WorkerHello) -> Attached {
    let (release, label, process, berth) = match pass {
        WorkerPass::Spawned { spawn, release, label, berth, fate } => {
            (*release, label.clone(), Some((*spawn, fate.clone())), *berth)
        }
        WorkerPass::External => {
            (external_release(&hello.app, &hello.label), hello.label, None, Berth::Common)
        }
    };
    let info = WorkerInfo { id: worker, berth, release, kinds: hello.kinds };
    Attached { info, label, app: hello.app, pid: hello.pid, process, assets: hello.assets }
}

/// The identity of a release whose executable the keeper has never seen: whoever runs it vouches for the label.
pub(crate) fn external_release(app: &str, label: &str) -> ReleaseId {
    let mut hash = Sha256::new();
    hash.update(b"playon external release\0");
    hash.update(app.as_bytes());
    hash.update([0]);
    hash.update(label.as_bytes());
    let mut id = ReleaseId::default();
    id.0.copy_from_slice(&hash.finalize());
    id
}
