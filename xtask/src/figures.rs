//! Runs the drills behind the published figures and writes them down. No figure about Playon is typed by hand.

use std::fs;

use anyhow::{Context as _, bail};
use serde_json::Value;

use crate::sh::Sh;
use crate::{machine, readme, report};

const PAGE: &str = "docs/figures.md";

/// A drill: its name in the table, its arguments, its length in seconds, and whether its row is in the README too.
struct Drill {
    name: &'static str,
    args: &'static [&'static str],
    seconds: u32,
    in_readme: bool,
}

const DRILLS: [Drill; 5] = [
    Drill {
        name: "deploys, 50 rooms × 4",
        args: &["deploy", "--rooms", "50"],
        seconds: 45,
        in_readme: true,
    },
    Drill {
        name: "deploys, 250 rooms × 4",
        args: &["deploy", "--rooms", "250"],
        seconds: 45,
        in_readme: true,
    },
    Drill {
        name: "deploys, 200 rooms × 4",
        args: &["deploy", "--rooms", "200"],
        seconds: 60,
        in_readme: false,
    },
    Drill {
        name: "workers killed, 50 rooms × 4",
        args: &["crash-worker", "--rooms", "50"],
        seconds: 45,
        in_readme: true,
    },
    Drill {
        name: "keeper killed, 50 rooms × 4",
        args: &["crash-keeper", "--rooms", "50"],
        seconds: 45,
        in_readme: true,
    },
];

/// The numbers that are promised to be 0, by their names in the drill's JSON, several to a cell; sockets only where
/// no keeper is killed.
const COUNTS: [(&str, &[&str]); 3] = [
    ("sockets closed", &["sockets_closed"]),
    (
        "inputs lost / twice / out of order",
        &["inputs_lost", "inputs_duplicated", "inputs_reordered"],
    ),
    ("events lost / wrong states", &["events_lost", "state_mismatches"]),
];

/// Runs all drills and writes the page and the README's rows, or prints them.
pub(crate) fn run(sh: &Sh, args: &[String]) -> anyhow::Result<()> {
    let quick = match args {
        [] => false,
        [flag] if flag == "--quick" => true,
        _ => bail!("`cargo xtask figures` takes only --quick"),
    };
    sh.run("cargo", &["build", "--release", "-p", "playon-cli"])?;
    let mut outcomes = Vec::new();
    for drill in &DRILLS {
        outcomes.push((drill, measure(sh, drill, quick)?));
    }
    let (page, rows) = (page(sh, &outcomes), rows(&outcomes, true));
    report::line(&page);
    // Such figures are not published, they are repaired.
    let broken: Vec<_> =
        outcomes.iter().filter_map(|(drill, outcome)| broken(drill, outcome)).collect();
    if !broken.is_empty() {
        bail!("promises were broken, nothing is written: {}", broken.join("; "));
    }
    if quick {
        return Ok(());
    }
    fs::write(sh.root().join(PAGE), page).with_context(|| format!("{PAGE} cannot be written"))?;
    readme::put(sh, "figures", &rows)?;
    report::line(&format!("{PAGE} and README.md are written"));
    Ok(())
}

/// One drill, whether or not it kept what is promised.
fn measure(sh: &Sh, drill: &Drill, quick: bool) -> anyhow::Result<Value> {
    let seconds = if quick { 12 } else { drill.seconds }.to_string();
    let load = ["--players", "4", "--hz", "20", "--seed", "1", "--json", "--seconds", &seconds];
    let args = [&["drill"], drill.args, &load[..]].concat();
    let said = std::sync::Mutex::new(String::new());
    // It fails if a promise is broken, and says so in its JSON as well.
    let _ = sh.watch(".", &sh.built("release", "playon"), &args, &|line| {
        if let (true, Ok(mut said)) = (line.starts_with('{'), said.lock()) {
            line.clone_into(&mut said);
        }
    });
    let said = said.into_inner().unwrap_or_default();
    serde_json::from_str(&said)
        .with_context(|| format!("the drill \"{}\" printed no JSON", drill.name))
}

fn page(sh: &Sh, outcomes: &[(&Drill, Value)]) -> String {
    let mut page = format!(
        "# Figures\n\nWritten by `cargo xtask figures` on {}, on one machine with {}. Keeper, workers and players shared it; \
         everything ran on loopback. Rooms tick at 20 Hz, players send five inputs a second whether or not anyone answers, \
         and the players count, not the server.\n\n{}\n",
        machine::today(sh),
        machine::describe(sh),
        rows(outcomes, false),
    );
    page += "\"Pause\" is the time between the two ticks round a handoff, less the tick. \"Gap\" is the longest time between two views \
             that each player saw while faults went on, and in the undisturbed first seconds of the same run. \"Back\" is the time \
             from a kill to the first view after it, per player.\n\n## In full\n";
    for (drill, outcome) in outcomes {
        let command = drill.args.join(" ");
        page +=
            &format!("\n### {}\n\n`playon drill {command} --players 4 --hz 20`\n\n", drill.name);
        page += &format!(
            "```json\n{}\n```\n",
            serde_json::to_string_pretty(outcome).unwrap_or_default()
        );
    }
    page
}

fn rows(outcomes: &[(&Drill, Value)], readme: bool) -> String {
    let counts: Vec<_> = COUNTS.iter().map(|(name, _)| *name).collect();
    let mut table = format!(
        "| drill | faults | inputs sent | {} | pause p50 / p99 / max | gap p50 / p99 / max | undisturbed | back p99 |\n",
        counts.join(" | ")
    );
    table += &"|---".repeat(8 + COUNTS.len() - 1);
    table += "|\n";
    for (drill, outcome) in outcomes.iter().filter(|(drill, _)| drill.in_readme || !readme) {
        let (deploys, kills) = (number(outcome, "deploys"), number(outcome, "kills"));
        let faults = if kills == "0" {
            format!("{deploys} deploys, {} moves", number(outcome, "rooms_moved"))
        } else {
            format!("{kills} kills, {deploys} deploys")
        };
        let cell = |keys: &[&str]| {
            keys.iter().map(|key| number(outcome, key)).collect::<Vec<_>>().join(" / ")
        };
        let counts: Vec<_> = COUNTS.iter().map(|(_, keys)| cell(keys)).collect();
        let undisturbed = figures(&outcome["baseline"], "longest_gap_ms");
        let back = outcome["recovery_ms"]["p99"]
            .as_f64()
            .map_or("–".to_owned(), |ms| format!("{ms:.0} ms"));
        table += &format!(
            "| {} | {faults} | {} | {} | {} | {} | {undisturbed} | {back} |\n",
            drill.name,
            number(outcome, "inputs_sent"),
            counts.join(" | "),
            figures(outcome, "pause_ms"),
            figures(outcome, "longest_gap_ms"),
        );
    }
    table
}

/// The promises that a drill did not keep.
fn broken(drill: &Drill, outcome: &Value) -> Option<String> {
    let broken = outcome["broken"].as_array().filter(|broken| !broken.is_empty())?;
    let broken: Vec<_> = broken.iter().filter_map(Value::as_str).collect();
    Some(format!("{}: {}", drill.name, broken.join(", ")))
}

/// `225,007`.
fn number(outcome: &Value, key: &str) -> String {
    outcome[key].as_u64().map_or_else(|| "–".to_owned(), grouped)
}

fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let groups: Vec<_> = digits.as_bytes().rchunks(3).rev().map(String::from_utf8_lossy).collect();
    groups.join(",")
}

/// `0.4 / 20 / 31 ms`.
fn figures(outcome: &Value, key: &str) -> String {
    let part = |name: &str| outcome[key][name].as_f64().map(short);
    match (part("p50"), part("p99"), part("max")) {
        (Some(p50), Some(p99), Some(max)) => format!("{p50} / {p99} / {max} ms"),
        _ => "–".to_owned(),
    }
}

/// A tenth where it says something.
fn short(ms: f64) -> String {
    if ms < 10.0 { format!("{ms:.1}") } else { format!("{ms:.0}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped() {
        assert_eq!([0, 999, 1_000, 1_234_567].map(grouped), ["0", "999", "1,000", "1,234,567"]);
    }

    #[test]
    fn a_row_has_a_cell_for_each_column() {
        let outcome = serde_json::json!({ "deploys": 9, "kills": 0, "pause_ms": { "p50": 1.2, "p99": 9.6, "max": 20.0 } });
        let table = rows(&[(&DRILLS[0], outcome)], true);
        let cells: Vec<_> = table.lines().map(|line| line.matches('|').count()).collect();
        assert_eq!(cells, [11; 3]);
        assert!(table.contains("| 1.2 / 9.6 / 20 ms |"), "{table}");
    }
}
