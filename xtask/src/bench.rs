//! Takes the ratios of `bench/` and writes them down. No ratio is typed by hand.

use std::fs;
use std::sync::Mutex;

use anyhow::{Context as _, bail};
use serde_json::Value;

use crate::sh::Sh;
use crate::{machine, needs, readme, report};

const PAGE: &str = "docs/bench.md";
const NODE_DIR: &str = "bench/node";
const SCRIPT: &str = "bench/node/echo.mjs";

/// The parts by their letters: what they are compared with, and how.
const PARTS: [(&str, &str); 8] = [
    (
        "a",
        "Durable commits of about 200 bytes in 10,000 rooms, against appending the same bytes in the same batches to a growing file and \
         calling `fdatasync`. The store alone has one batch in flight, as the bare file has. On the whole path every room has a player who \
         sends the next input when the last one is stored and acknowledged; the batches are those that come of it.",
    ),
    (
        "b",
        "A message of 64 bytes goes to a room and comes back as an event, 100 players with one message in flight, each in a room of its own. \
         The peer is the keeper's own gateway with an owner that answers on the spot, on the gateway's thread, with the same frames. \
         The kind is one whose outputs need not be on disk first.",
    ),
    (
        "c",
        "Deploys that move all rooms at once, with the pace (`moves_per_second`, 100 unless raised) out of the way; the time is from the end of \
         the checks to the end of the deploy. A pause is as the keeper measures it: from the last batch on the old worker to the \
         moment in which the new one may go on.",
    ),
    (
        "d",
        "Growth of the keeper's anonymous memory, divided by what was opened; buffers of the first tenth do not count, the store's \
         cache of pages does.",
    ),
    (
        "e",
        "The keeper is killed with SIGKILL and started again at once; 64 players at a time come back. A room serves when its player's next input \
         has been answered, so players' reconnects are part of it.",
    ),
    (
        "f",
        "As (b), against a plain echo server of Node's `ws`, with the same client in the same run. Node has no rooms, no second process \
         and nothing to number or acknowledge.",
    ),
    (
        "g",
        "Rooms of 4 that tick 20 times a second; each player is shown every tick and sends 5 inputs a second, and what it sent has to be \
         applied in the end. A frame is a message with a view. Its cost is the processor time of all threads of all the server's processes, \
         the load client's not included, divided by the frames that arrived. The floor is one thread with `epoll` that sends as many bytes \
         to as many sockets as often, reads the inputs and throws them away: no rooms, no rules, nothing stored. Sizes end where the load \
         client's one thread is busy 90 % of the time, or fewer than 97 % of the frames arrive.",
    ),
    (
        "h",
        "Full rooms of the arena, one of the games here, release 2; each of the 8 ships is flown by the game's own autopilot from what \
         it is shown, 20 times a second. Bytes are those of messages as the client reads them, without the heads of WebSocket and TCP; \
         with whole views they are the same game with a client that does not ask for deltas. Processor time is that of the keeper's \
         threads, without the worker, for each view that was written.",
    ),
];

/// What may be asked for.
#[derive(Debug, Default, PartialEq)]
struct Asked {
    only: Vec<String>,
    quick: bool,
    json: bool,
}

fn asked(args: &[String]) -> anyhow::Result<Asked> {
    let mut asked = Asked::default();
    let mut args = args.iter();
    while let Some(arg) = args.next() {
        match arg.as_str() {
            "--quick" => asked.quick = true,
            "--json" => asked.json = true,
            "--only" => {
                let part = args.next().map_or("", String::as_str);
                if !PARTS.iter().any(|(letter, _)| *letter == part) {
                    bail!("--only takes a letter from a to h, not {part:?}");
                }
                asked.only.push(part.to_owned());
            }
            _ => bail!("`cargo xtask bench` takes --only PART, --quick and --json, not {arg}"),
        }
    }
    Ok(asked)
}

/// Measures; writes the page and the README's table if everything was measured in earnest.
pub(crate) fn run(sh: &Sh, args: &[String]) -> anyhow::Result<()> {
    let asked = asked(args)?;
    sh.run("cargo", &["build", "--release", "-p", "playon-bench"])?;
    let rows = measure(sh, &asked)?;
    if asked.json {
        report::line(&Value::from(rows.clone()).to_string());
    }
    let table = table(&rows);
    report::line(&table);
    if asked.quick || !asked.only.is_empty() {
        return Ok(());
    }
    fs::write(sh.root().join(PAGE), page(sh, &table))
        .with_context(|| format!("{PAGE} cannot be written"))?;
    readme::put(sh, "bench", &table)?;
    report::line(&format!("{PAGE} and README.md are written"));
    Ok(())
}

/// Fails if something could not be measured or an input was lost, not if an aim was missed.
pub(crate) fn check(sh: &Sh) -> anyhow::Result<()> {
    let rows = measure(sh, &Asked { quick: true, ..Asked::default() })?;
    match PARTS.iter().find(|(letter, _)| !rows.iter().any(|row| row["part"] == *letter)) {
        Some((letter, _)) => bail!("({letter}) measured nothing"),
        None => Ok(()),
    }
}

fn measure(sh: &Sh, asked: &Asked) -> anyhow::Result<Vec<Value>> {
    needs::node(sh)?;
    sh.run_in(NODE_DIR, "npm", &["ci", "--no-audit", "--no-fund"])?;
    let mut args = vec!["--json", "--node", SCRIPT];
    args.extend(asked.only.iter().flat_map(|part| ["--only", part]));
    args.extend(asked.quick.then_some("--quick"));
    let said = Mutex::new(String::new());
    sh.watch(".", &sh.built("release", "playon-bench"), &args, &|line| {
        if let (true, Ok(mut said)) = (line.starts_with('{'), said.lock()) {
            line.clone_into(&mut said);
        }
    })?;
    let said = said.into_inner().unwrap_or_default();
    let said: Value = serde_json::from_str(&said).context("the measurements printed no JSON")?;
    said["rows"].as_array().cloned().context("the measurements printed no rows")
}

fn page(sh: &Sh, table: &str) -> String {
    let commit = sh.ask("git", &["rev-parse", "--short=10", "HEAD"]).unwrap_or_default();
    let changed = sh.ask("git", &["status", "--porcelain"]).is_some_and(|text| !text.is_empty());
    let changed = if changed { ", with changes that are not committed" } else { "" };
    let mut page = format!(
        "# Ratios\n\nWritten by `cargo xtask bench` at commit `{}`{changed}, on one machine with {}. Everything ran on it: keeper, \
         workers, players and peers, over loopback. Where two sides are compared they took turns in the same run, and the middle \
         of three turns counts. Ratios carry over to other machines better than rates do.\n\n{table}\n",
        commit.trim(),
        machine::describe(sh),
    );
    page += "An aim is what the project wants of itself. Where it is missed, the factor says by how much; where the time goes is in \
             [profile.md](profile.md).\n\n## What is measured\n\n";
    for (letter, text) in PARTS {
        page += &format!("- **({letter})** {text}\n");
    }
    page += "\nThe keeper under load is the one of `playon serve`, with the bounds raised that would otherwise be what is measured: how fast players may \
             come and talk, how many sockets there may be, and how many rooms a deploy moves per second. A lost, doubled or reordered \
             answer ends the run without a table.\n";
    page
}

fn table(rows: &[Value]) -> String {
    let mut table =
        String::from("| | what | measured | from | aim | |\n|---|---|---|---|---|---|\n");
    for row in rows {
        let text = |key: &str| row[key].as_str().unwrap_or_default();
        let (aim, verdict) = judged(row);
        table += &format!(
            "| {} | {} | {} | {} | {aim} | {verdict} |\n",
            text("part"),
            text("what"),
            with_unit(row["value"].as_f64(), text("unit")),
            text("from"),
        );
    }
    table
}

fn judged(row: &Value) -> (String, String) {
    let (sign, bound) = match (row["aim"]["at_least"].as_f64(), row["aim"]["at_most"].as_f64()) {
        (Some(least), _) => ("≥", least),
        (_, Some(most)) => ("≤", most),
        _ => return ("–".to_owned(), String::new()),
    };
    let unit = row["unit"].as_str().unwrap_or_default();
    let aim = format!("{sign} {}", with_unit(Some(bound), unit));
    let missed_by = row["missed_by"].as_f64().unwrap_or(f64::NAN);
    let verdict =
        if missed_by <= 1.0 { "met".to_owned() } else { format!("missed, × {missed_by:.1}") };
    (aim, verdict)
}

/// Two digits behind the point where they say something.
fn with_unit(value: Option<f64>, unit: &str) -> String {
    let Some(value) = value else { return "–".to_owned() };
    let value = if value.abs() < 10.0 { format!("{value:.2}") } else { format!("{value:.0}") };
    format!("{value} {unit}").trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_row_says_its_aim_and_how_far_it_is() {
        let row = |value: f64, missed_by: f64| json!({ "part": "b", "what": "echo", "value": value, "unit": "µs", "from": "x", "aim": { "at_most": 100.0 }, "missed_by": missed_by });
        let table = table(&[row(250.0, 2.5), row(50.0, 0.5)]);
        assert!(table.contains("| b | echo | 250 µs | x | ≤ 100 µs | missed, × 2.5 |"), "{table}");
        assert!(table.contains("| b | echo | 50 µs | x | ≤ 100 µs | met |"), "{table}");
        let plain = json!({ "part": "b", "what": "echo", "value": 0.5, "unit": "", "from": "x", "aim": null });
        assert!(super::table(&[plain]).contains("| 0.50 | x | – |  |"));
    }

    #[test]
    fn arguments_are_read() {
        let of = |args: &[&str]| asked(&args.iter().map(|&arg| arg.to_owned()).collect::<Vec<_>>());
        let wanted = Asked { only: vec!["a".into(), "f".into()], quick: true, json: false };
        assert_eq!(of(&["--only", "a", "--quick", "--only", "f"]).unwrap(), wanted);
        assert!(of(&["--only", "i"]).is_err());
        assert!(of(&["--fast"]).is_err());
    }
}
