//! Values that are in order by themselves and not together.

use super::key;
use super::key::Value;
use super::layers::Resolved;
use super::problem::ConfigProblem;
use super::texts::collide;

/// Bytes of a frame around the input that it carries, and some to spare.
const INPUT_FRAME_BYTES: u64 = 64;

/// How much of another key a key needs.
#[derive(Clone, Copy, Debug)]
enum Needs {
    /// At least as much.
    AsMuch,
    /// More than it has itself.
    More,
    /// So many times as much.
    Times(u64),
    /// As much and so much more.
    And(u64),
}

/// What must fit into what, and why.
const FITS: &[(&str, Needs, &str)] = &[
    // Who is asked at the moment at which it is given up was never asked.
    ("gateway.ping_after", Needs::More, "gateway.idle_timeout"),
    ("keeper.ping_every", Needs::More, "keeper.silent_max"),
    ("keeper.restart_backoff_min", Needs::AsMuch, "keeper.restart_backoff_max"),
    ("gateway.connections_max", Needs::AsMuch, "gateway.sockets_max"),
    // What a client repeats when it comes back, and the largest that it may send, must pass its pace.
    ("rooms.inputs_pending_max", Needs::More, "gateway.frames_burst"),
    // Clients are told how much a second, and may send that at once.
    ("gateway.frames_per_second", Needs::AsMuch, "gateway.frames_burst"),
    ("gateway.bytes_per_second", Needs::AsMuch, "gateway.bytes_burst"),
    ("rooms.input_bytes_max", Needs::And(INPUT_FRAME_BYTES), "gateway.bytes_burst"),
    // The one holds where nothing was measured, the other bounds what was.
    ("rooms.freeze_timeout", Needs::AsMuch, "rooms.freeze_max"),
    // The keeper would be gone before the workers are killed.
    ("keeper.worker_stop_timeout", Needs::AsMuch, "keeper.stop_timeout"),
    // The connection would end before its first request is late.
    ("gateway.head_timeout", Needs::AsMuch, "gateway.http_lifetime"),
    // A deploy runs the release that rooms leave and the one that they go to.
    ("workers", Needs::Times(2), "keeper.workers_max"),
];

/// All pairs that contradict each other.
pub(super) fn contradictions(resolved: &Resolved) -> Vec<ConfigProblem> {
    let fits = FITS.iter().filter_map(|(less, needs, more)| unfit(resolved, less, *needs, more));
    fits.chain(one_address(resolved)).chain(releases_kept(resolved)).collect()
}

fn unfit(resolved: &Resolved, less: &str, needs: Needs, more: &str) -> Option<ConfigProblem> {
    let (low, high) = key(less).zip(key(more))?;
    let (small, large) = ((low.get)(&resolved.settings), (high.get)(&resolved.settings));
    let (&Value::Number(a), &Value::Number(b)) = (&small, &large) else { return None };
    let (least, is) = match needs {
        Needs::AsMuch => (a, "more than".to_owned()),
        Needs::More => (a.saturating_add(1), "not less than".to_owned()),
        Needs::Times(times) => (a.saturating_mul(times), format!("more than 1/{times} of")),
        Needs::And(some) => {
            let text = low.shown(&Value::Number(some));
            (a.saturating_add(some), format!("with {text} around it more than"))
        }
    };
    let is = if a > b { "more than" } else { is.as_str() };
    (b < least).then(|| {
        let message = format!(
            "`{less}` = {} is {is} `{more}` = {} ({})",
            low.shown(&small),
            high.shown(&large),
            resolved.source(more)
        );
        ConfigProblem::contradiction(resolved.source(less), &message)
    })
}

/// Both ports at one address.
fn one_address(resolved: &Resolved) -> Option<ConfigProblem> {
    let keeper = &resolved.settings.keeper;
    collide(keeper.listen, keeper.admin).then(|| {
        let message = format!(
            "`listen` = {} takes the port of `admin` = {} ({})",
            keeper.listen,
            keeper.admin,
            resolved.source("admin")
        );
        ConfigProblem::contradiction(resolved.source("listen"), &message)
    })
}

/// More releases than are kept.
fn releases_kept(resolved: &Resolved) -> Option<ConfigProblem> {
    let keeper = &resolved.settings.keeper;
    let (listed, kept) = (keeper.releases.len(), keeper.bounds.artifacts_max);
    (listed > kept).then(|| {
        let message = format!(
            "`releases` are {listed}, more than `keeper.artifacts_max` = {kept} ({})",
            resolved.source("keeper.artifacts_max")
        );
        ConfigProblem::contradiction(resolved.source("releases"), &message)
    })
}
