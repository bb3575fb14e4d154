//! Reports of shards, for the log and the counters. Every line about a room names room, epoch and release.

use std::sync::atomic::Ordering::Relaxed;

use playon_core::effect::{Cost, Report};
use playon_types::ids::{DeployId, Epoch, RoomId};
use playon_types::reason::Reason;
use prometheus_client::metrics::counter::Counter;

use crate::control::catalog::Catalog;
use crate::metrics::{Metrics, MetricsOutcome};

/// Writes down one report, before the catalog takes it in.
pub(crate) fn log_report(catalog: &Catalog, metrics: &Metrics, epoch: Epoch, report: &Report) {
    let epoch = epoch.0;
    let on = |room: &RoomId| match catalog.rooms.get(room) {
        Some(entry) => catalog.label(entry.listing.release),
        None => "unknown".to_owned(),
    };
    match report {
        Report::Listing(listing) => {
            let release = catalog.label(listing.release);
            let (room, kind, players, live) =
                (&listing.room, &listing.kind, listing.players, listing.live);
            match &listing.halted {
                Some(why) => tracing::error!(%room, epoch, release, why, "room is halted"),
                None => tracing::debug!(%room, epoch, release, kind, players, live, "room changed"),
            }
        }
        Report::Gone { room, asleep } => {
            tracing::info!(%room, epoch, release = on(room), asleep, "room left memory");
        }
        Report::Expired { room } => {
            // One line for all of them is written when they are through.
            metrics.rooms_expired.inc();
            tracing::debug!(%room, epoch, "room at rest is deleted for its age");
        }
        Report::Checked { deploy, room, result } => {
            note_check(result, *deploy, *room, epoch, &on(room));
        }
        Report::NotProbed { .. }
        | Report::Moved { .. }
        | Report::Thawed { .. }
        | Report::MoveFailed { .. }
        | Report::Staying { .. }
        | Report::Waiting { .. } => note_move(metrics, epoch, report, on),
        Report::Fault { .. }
        | Report::SetAside { .. }
        | Report::Appealed { .. }
        | Report::Halted { .. } => note_fault(metrics, epoch, report, catalog),
        Report::Berths(needed) => tracing::info!(?needed, "workers for rooms apart"),
        Report::Refused { room, reason } => {
            metrics.commits_refused.inc();
            tracing::error!(%room, epoch, release = on(room), reason = reason.to_string(), "commit was refused");
        }
        Report::Unsound { room, what } => {
            tracing::error!(code = "PLY-0128", %room, epoch, what, "a rule of the keeper does not hold: the room is halted");
        }
        Report::Recovered { room, outage } => {
            metrics.rooms_recovered.inc();
            metrics.outage_seconds.observe(seconds(outage.0));
            tracing::info!(%room, epoch, release = on(room), ?outage, "room is live again");
        }
        Report::Lied { release, reason } => {
            let release = catalog.label(*release);
            tracing::error!(release, why = reason.to_string(), "a worker lies");
        }
        Report::InputsLost { .. } | Report::Miscounted { .. } => {
            note_books(metrics, epoch, report, on);
        }
        Report::UnknownKind { detail, times } => {
            tracing::warn!(epoch, times, "{detail}");
        }
        // What follows from them says so.
        Report::NotClosed { .. }
        | Report::Stranded { .. }
        | Report::Stopped
        | Report::Acquitted { .. } => {}
    }
}

/// What a room fails on, and what becomes of that.
fn note_fault(metrics: &Metrics, epoch: u64, report: &Report, catalog: &Catalog) {
    match report {
        Report::Fault { room, release, reason, count, .. } => {
            metrics.room_faults.inc();
            let release = catalog.label(*release);
            tracing::warn!(%room, epoch, release, why = reason.to_string(), count, "room failed");
        }
        Report::SetAside { room, release, session, what, .. } => {
            metrics.set_aside.inc();
            let release = catalog.label(*release);
            tracing::error!(%room, epoch, release, %session, ?what, "the game fails on it: set aside");
        }
        Report::Appealed { room, release, too, .. } => {
            let release = catalog.label(*release);
            tracing::info!(%room, epoch, release, too, "what it fails on is tried on the release before");
        }
        Report::Halted { room, release, reason } => {
            let release = catalog.label(*release);
            tracing::error!(%room, epoch, release, reason = reason.to_string(), "room is not run any more");
        }
        _ => {}
    }
}

/// What came of telling a room to move.
fn note_move(metrics: &Metrics, epoch: u64, report: &Report, on: impl Fn(&RoomId) -> String) {
    let outcome = |outcome| metrics.moves.get_or_create(&MetricsOutcome { outcome }).inc();
    match report {
        Report::Moved { deploy, room, pause, late } => {
            outcome("moved");
            metrics.pause_seconds.observe(seconds(pause.0));
            tracing::info!(%room, epoch, release = on(room), %deploy, ?pause, late, "room moved");
        }
        Report::Thawed { deploy, room, pause, late } => {
            metrics.pause_seconds.observe(seconds(pause.0));
            tracing::info!(%room, epoch, release = on(room), %deploy, ?pause, late, "room goes on where it was");
        }
        Report::MoveFailed { deploy, room, reason, blame } => {
            outcome("failed");
            tracing::warn!(%room, epoch, release = on(room), %deploy, reason = reason.to_string(), ?blame, "room was not moved");
        }
        Report::Staying { deploy, room } => {
            outcome("stayed");
            tracing::debug!(%room, epoch, release = on(room), %deploy, "room stays where it is");
        }
        Report::NotProbed { deploy, room, why } => {
            tracing::warn!(%room, epoch, release = on(room), %deploy, ?why, "no copy is opened of a room that nobody runs");
        }
        Report::Waiting { deploy, room, until } => {
            tracing::debug!(%room, epoch, release = on(room), %deploy, ?until, "room waits for the end of its round");
        }
        _ => {}
    }
}

/// Inputs that are not applied once.
fn note_books(metrics: &Metrics, epoch: u64, report: &Report, on: impl Fn(&RoomId) -> String) {
    match report {
        Report::InputsLost { room, inputs } => {
            add(&metrics.inputs_lost, *inputs);
            tracing::error!(%room, epoch, release = on(room), inputs, "acknowledged inputs are lost");
        }
        Report::Miscounted { room, twice, missing } => {
            metrics.inputs_twice.inc_by(*twice);
            add(&metrics.inputs_lost, *missing);
            tracing::error!(%room, epoch, release = on(room), twice, missing, "a commit does not follow from the one before");
        }
        _ => {}
    }
}

fn note_check(
    result: &Result<Cost, Reason>,
    deploy: DeployId,
    room: RoomId,
    epoch: u64,
    release: &str,
) {
    match result {
        Ok(cost) => {
            tracing::info!(%room, epoch, release, %deploy, took = ?cost.took, bytes = cost.bytes, "copy opens");
        }
        Err(why) => {
            tracing::warn!(%room, epoch, release, %deploy, why = why.to_string(), "copy does not open")
        }
    }
}

/// Adds to a counter what a client has said; it stays at its end rather than begin anew.
fn add(counter: &Counter, more: u64) {
    let sum = |n: u64| Some(n.saturating_add(more));
    // The closure always has an answer.
    let _ = counter.inner().fetch_update(Relaxed, Relaxed, sum);
}

#[expect(clippy::cast_precision_loss, reason = "microseconds of a pause are far below 2^52")]
fn seconds(us: u64) -> f64 {
    us as f64 / 1e6
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_counter_stays_at_its_end() {
        let counter = Counter::default();
        for (more, sum) in [(5, 5), (u64::MAX - 7, u64::MAX - 2), (9, u64::MAX), (1, u64::MAX)] {
            add(&counter, more);
            assert_eq!(counter.get(), sum);
        }
    }
}
