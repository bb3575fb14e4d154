//! The worker's hello between its own types and those of the wire.

use playon_types::kind::{KindInfo, OnDeploy, Policies, Survives};
use playon_types::time::Span;

use super::generated as wire;
use super::kinds::{self, policies};
use super::pieces::Pieces;
use super::{
    ASSETS_BYTES_MAX, ASSETS_MAX, Asset, AttachError, DEFECTS_MAX, KINDS_MAX, LinkSecret,
    WorkerHello,
};
use crate::range::ProtocolRange;

pub(super) fn to_wire(hello: &WorkerHello) -> wire::Hello {
    wire::Hello {
        protocol_min: hello.protocol.min,
        protocol_max: hello.protocol.max,
        secret: hello.secret.0.to_vec().into(),
        app: hello.app.clone(),
        label: hello.label.clone(),
        pid: hello.pid,
        kinds: hello.kinds.iter().map(kind_to_wire).collect(),
        assets: hello.assets.iter().map(asset_to_wire).collect(),
        defects: hello.defects.clone(),
    }
}

fn asset_to_wire(asset: &Asset) -> wire::Asset {
    wire::Asset { path: asset.path.clone(), mime: asset.mime.clone(), bytes: asset.bytes.clone() }
}

fn kind_to_wire(kind: &KindInfo) -> kinds::Kind {
    kinds::Kind {
        name: kind.name.clone(),
        writes: kind.writes,
        reads_from: kind.reads_from,
        exports_to: kind.exports_to,
        policies: Some(policies_to_wire(&kind.policies)),
    }
}

fn policies_to_wire(policies: &Policies) -> kinds::Policies {
    kinds::Policies {
        survives: Some(match policies.survives {
            Survives::WorkerCrash { checkpoint } => {
                policies::Survives::WorkerCrash(kinds::WorkerCrash { checkpoint_us: checkpoint.0 })
            }
            Survives::KeeperCrash => policies::Survives::KeeperCrash(kinds::KeeperCrash {}),
        }),
        on_deploy: Some(match policies.on_deploy {
            OnDeploy::Finish => policies::OnDeploy::Finish(kinds::Finish {}),
            OnDeploy::BetweenRounds { deadline } => {
                policies::OnDeploy::BetweenRounds(kinds::BetweenRounds { deadline_us: deadline.0 })
            }
            OnDeploy::Now => policies::OnDeploy::Now(kinds::Now {}),
        }),
        pause_budget_us: policies.pause_budget.0,
        seat_hold_us: policies.seat_hold.0,
        idle_hibernate_us: policies.idle_hibernate.0,
        players_max: policies.players_max,
        batch_timeout_us: policies.batch_timeout.0,
        tick_us: policies.tick.map(|tick| tick.0),
        expire_us: Some(policies.expire.0),
        probation_us: policies.probation.map(|span| span.0),
    }
}

pub(super) fn from_wire(hello: wire::Hello, pieces: Pieces) -> Result<WorkerHello, AttachError> {
    check("kinds", hello.kinds.len(), KINDS_MAX)?;
    check("assets", hello.assets.len(), ASSETS_MAX)?;
    check(
        "bytes of assets",
        hello.assets.iter().map(|asset| asset.bytes.len()).sum(),
        ASSETS_BYTES_MAX,
    )?;
    check("defects", hello.defects.len(), DEFECTS_MAX)?;
    let secret = <[u8; 32]>::try_from(&hello.secret[..]);
    Ok(WorkerHello {
        protocol: ProtocolRange { min: hello.protocol_min, max: hello.protocol_max },
        secret: LinkSecret(secret.map_err(|_| AttachError::Field { field: "the secret" })?),
        app: hello.app,
        label: hello.label,
        pid: hello.pid,
        kinds: hello.kinds.into_iter().map(kind_from_wire).collect::<Result<_, _>>()?,
        assets: hello.assets.into_iter().map(|asset| asset_from_wire(asset, pieces)).collect(),
        defects: hello.defects,
    })
}

fn check(what: &'static str, found: usize, max: usize) -> Result<(), AttachError> {
    if found > max { Err(AttachError::Hello { what, found, max }) } else { Ok(()) }
}

fn asset_from_wire(asset: wire::Asset, pieces: Pieces) -> Asset {
    Asset { path: asset.path, mime: asset.mime, bytes: pieces.keep(asset.bytes) }
}

fn kind_from_wire(kind: kinds::Kind) -> Result<KindInfo, AttachError> {
    let policies = kind.policies.ok_or(AttachError::Field { field: "the policies of a kind" })?;
    Ok(KindInfo {
        name: kind.name,
        writes: kind.writes,
        reads_from: kind.reads_from,
        exports_to: kind.exports_to,
        policies: policies_from_wire(policies)?,
    })
}

fn policies_from_wire(policies: kinds::Policies) -> Result<Policies, AttachError> {
    let missing = |field| AttachError::Field { field };
    Ok(Policies {
        survives: match policies.survives.ok_or_else(|| missing("what a kind survives"))? {
            policies::Survives::WorkerCrash(m) => {
                Survives::WorkerCrash { checkpoint: Span(m.checkpoint_us) }
            }
            policies::Survives::KeeperCrash(_) => Survives::KeeperCrash,
        },
        on_deploy: match policies
            .on_deploy
            .ok_or_else(|| missing("what a kind does on a deploy"))?
        {
            policies::OnDeploy::Finish(_) => OnDeploy::Finish,
            policies::OnDeploy::BetweenRounds(m) => {
                OnDeploy::BetweenRounds { deadline: Span(m.deadline_us) }
            }
            policies::OnDeploy::Now(_) => OnDeploy::Now,
        },
        pause_budget: Span(policies.pause_budget_us),
        seat_hold: Span(policies.seat_hold_us),
        idle_hibernate: Span(policies.idle_hibernate_us),
        // A worker that says nothing of it was built when rooms were kept.
        expire: policies.expire_us.map_or(Policies::FOR_EVER, Span),
        players_max: policies.players_max,
        batch_timeout: Span(policies.batch_timeout_us),
        tick: policies.tick_us.map(Span),
        probation: policies.probation_us.map(Span),
    })
}
