//! The drill's account for people.

use std::fmt::{self, Display, Write as _};

use super::outcome::DrillOutcome;
use super::spread::Figures;

/// Processor time taken by others, in milliseconds, that is worth a note: a twentieth of a core for ten seconds.
const STOLEN_MS_NOTED: u64 = 500;

/// A table of an outcome.
pub(super) fn table(outcome: &DrillOutcome) -> String {
    let mut out = String::new();
    // Writing to a string cannot fail.
    let _ = write(outcome, &mut out);
    out
}

fn write(outcome: &DrillOutcome, out: &mut String) -> fmt::Result {
    let DrillOutcome { rooms, players, hz, seconds, seed, .. } = outcome;
    writeln!(
        out,
        "drill {}: {rooms} rooms x {players} players, {hz} Hz, {seconds} s, seed {seed}\n",
        outcome.scenario.name()
    )?;
    counts(outcome, out)?;
    figures(outcome, out)?;
    growth(outcome, out)?;
    if !outcome.ends.is_empty() {
        writeln!(out)?;
    }
    for (end, count) in &outcome.ends {
        writeln!(out, "  {end:<32}{count:>9}")?;
    }
    if !outcome.not_checked.is_empty() {
        writeln!(out, "\n  not checked in this drill: {}", outcome.not_checked.join(", "))?;
    }
    if let Some(stolen) = outcome.machine.stolen_ms.filter(|ms| *ms >= STOLEN_MS_NOTED) {
        writeln!(
            out,
            "  note: other machines of this host took {stolen} ms of processor time meanwhile"
        )?;
    }
    for trouble in &outcome.troubles {
        writeln!(out, "  note: {trouble}")?;
    }
    if outcome.interrupted {
        writeln!(out, "  note: ended by hand")?;
    }
    writeln!(out)?;
    for promise in &outcome.missed {
        writeln!(out, "  MISSED: {promise}")?;
    }
    for promise in &outcome.broken {
        writeln!(out, "  BROKEN: {promise}")?;
    }
    match (outcome.missed.is_empty(), outcome.broken.is_empty()) {
        (true, true) => writeln!(out, "  every promise that was checked was kept"),
        (false, true) => writeln!(out, "  every other promise that was checked was kept"),
        _ => Ok(()),
    }
}

fn growth(outcome: &DrillOutcome, out: &mut String) -> fmt::Result {
    if outcome.growth.is_empty() {
        return Ok(());
    }
    writeln!(
        out,
        "\n  {:<32}{:>9}{:>9}{:>9}{:>10}",
        "growth, at its worst", "before", "after", "allowed", "processes"
    )?;
    outcome.growth.iter().try_for_each(|found| {
        let unit = if found.what == "rss_bytes" { 1 << 20 } else { 1 };
        let what = if unit > 1 { "memory, MiB" } else { found.what };
        let name = format!("{} {what}", found.role.name());
        let [before, after, allowed] = [found.before, found.after, found.allowed].map(|n| n / unit);
        writeln!(out, "  {name:<32}{before:>9}{after:>9}{allowed:>9}{:>10}", found.processes)
    })
}

fn counts(outcome: &DrillOutcome, out: &mut String) -> fmt::Result {
    let mut row = |name: &str, value: &dyn Display| writeln!(out, "  {name:<20}{value:>11}");
    row("deploys", &outcome.deploys)?;
    if outcome.deploys_stopped > 0 {
        row("deploys stopped", &outcome.deploys_stopped)?;
    }
    row("processes killed", &outcome.kills)?;
    for (name, count) in [
        ("keepers stopped", outcome.stops),
        ("deeds of game code", outcome.neighbours.deeds),
        ("reopened for a deed", outcome.neighbours.reopened_max),
        ("workers stopped", outcome.hangs),
        ("all sockets cut", outcome.storms),
        ("network stalled", outcome.network_stalls),
        ("cut by network", outcome.sockets_cut_by_network),
    ] {
        if count > 0 {
            row(name, &count)?;
        }
    }
    row("rooms moved", &outcome.rooms_moved)?;
    row("sockets closed", &outcome.sockets_closed)?;
    row("sessions ended", &outcome.sessions_ended)?;
    row("inputs sent", &outcome.inputs_sent)?;
    if outcome.inputs_blocked > 0 {
        row("inputs held back", &outcome.inputs_blocked)?;
    }
    row("inputs lost", &outcome.inputs_lost)?;
    if outcome.inputs_told_lost > 0 {
        row("  lost, and told so", &outcome.inputs_told_lost)?;
    }
    let checked = |count: Option<u64>| count.map_or("not checked".to_owned(), |n| n.to_string());
    row("inputs duplicated", &checked(outcome.inputs_duplicated))?;
    row("inputs reordered", &checked(outcome.inputs_reordered))?;
    row("events received", &outcome.events)?;
    row("events lost", &outcome.events_lost)?;
    row("state mismatches", &checked(outcome.state_mismatches))?;
    Ok(())
}

fn figures(outcome: &DrillOutcome, out: &mut String) -> fmt::Result {
    writeln!(
        out,
        "\n  {:<32}{:>9}{:>9}{:>9}{:>10}",
        "milliseconds", "p50", "p99", "max", "samples"
    )?;
    let mut figures = |name: &str, figures: Option<Figures>| match figures {
        Some(Figures { p50, p99, max, count }) => {
            writeln!(out, "  {name:<32}{p50:>9.1}{p99:>9.1}{max:>9.1}{count:>10}")
        }
        None => Ok(()),
    };
    figures("pause of a room at a handoff", outcome.pause_ms)?;
    figures("pause at any tick", outcome.tick_pause_ms)?;
    figures("  undisturbed", outcome.baseline.pause_ms)?;
    figures("gap a player saw", outcome.gap_ms)?;
    figures("  undisturbed", outcome.baseline.gap_ms)?;
    figures("longest gap of each player", outcome.longest_gap_ms)?;
    figures("  undisturbed", outcome.baseline.longest_gap_ms)?;
    figures("gap at a handoff", outcome.handoff_gap_ms)?;
    figures("back after a kill", outcome.recovery_ms)?;
    figures("back after a death by code", outcome.neighbours.back_after_death_ms)?;
    figures("back after code that hangs", outcome.neighbours.back_after_hang_ms)?;
    figures("this machine's syncs", outcome.machine.sync_ms)?;
    figures("  undisturbed", outcome.baseline.machine.sync_ms)?;
    figures("this machine's late wake-ups", outcome.machine.late_ms)?;
    figures("  undisturbed", outcome.baseline.machine.late_ms)
}
