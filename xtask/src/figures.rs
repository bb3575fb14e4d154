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

const DRILLS: [Drill; 6] = [
    Drill {
        name: "nothing, 200 rooms × 4",
        args: &["calm", "--rooms", "200"],
        seconds: 60,
        in_readme: true,
    },
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

/// Times that each drill is run, unless told.
const RUNS: usize = 3;

/// All runs of one drill.
struct Measured {
    drill: &'static Drill,
    /// By the gap that 99 of 100 players did not see exceeded, least first.
    runs: Vec<Value>,
}

impl Measured {
    fn new(drill: &'static Drill, mut runs: Vec<Value>) -> Self {
        runs.sort_by(|a, b| gap(a).total_cmp(&gap(b)));
        Self { drill, runs }
    }

    /// The run in the middle.
    fn median(&self) -> &Value {
        &self.runs[(self.runs.len() - 1) / 2]
    }

    /// A count over all runs.
    fn sum(&self, key: &str) -> String {
        let counts: Option<Vec<_>> = self.runs.iter().map(|run| run[key].as_u64()).collect();
        counts.map_or_else(|| "–".to_owned(), |counts| grouped(counts.iter().sum()))
    }

    /// The promises that runs did not keep.
    fn broken(&self) -> Vec<String> {
        // What was missed on a machine that was slow itself is longer than promised all the same.
        let of = |run: &Value, list: &str| run[list].as_array().cloned().unwrap_or_default();
        let broken =
            self.runs.iter().flat_map(|run| [of(run, "broken"), of(run, "missed")].concat());
        broken.filter_map(|broken| broken.as_str().map(str::to_owned)).collect()
    }

    /// `58, 59, 66 ms`: one for each run.
    fn spread(&self) -> String {
        let gaps: Vec<_> = self.runs.iter().map(|run| short(gap(run))).collect();
        format!("{} ms", gaps.join(", "))
    }
}

/// The longest gap of a player, p99, in milliseconds.
fn gap(run: &Value) -> f64 {
    run["longest_gap_ms"]["p99"].as_f64().unwrap_or(f64::INFINITY)
}

/// Runs all drills and writes the page and the README's rows, or prints them.
pub(crate) fn run(sh: &Sh, args: &[String]) -> anyhow::Result<()> {
    let Chosen { quick, runs, from } = chosen(args)?;
    let taken = match &from {
        Some(file) => said_before(&fs::read_to_string(file).with_context(|| file.clone())?)?,
        None => measure_all(sh, quick, runs)?,
    };
    let outcomes: Vec<_> =
        DRILLS.iter().zip(taken).map(|(drill, runs)| Measured::new(drill, runs)).collect();
    let (page, rows) = (page(sh, &outcomes), rows(&outcomes, true));
    report::line(&page);
    let broken = broken(&outcomes);
    if quick {
        return Ok(());
    }
    fs::write(sh.root().join(PAGE), page).with_context(|| format!("{PAGE} cannot be written"))?;
    readme::put(sh, "figures", &rows)?;
    report::line(&format!("{PAGE} and README.md are written"));
    // What was measured is published as it was; whoever ran this is not to overlook it.
    if !broken.is_empty() {
        bail!("written, with promises broken: {}", broken.join("; "));
    }
    Ok(())
}

/// The counts that were promised to be 0 and were not, with their drills. Long pauses are named in the table alone.
fn broken(outcomes: &[Measured]) -> Vec<String> {
    let of = |outcome: &Measured| {
        let mut all = outcome.broken();
        all.retain(|broken| !broken.contains("_ms"));
        let named = all.into_iter().map(|broken| format!("{}: {broken}", outcome.drill.name));
        named.collect::<Vec<_>>()
    };
    outcomes.iter().flat_map(of).collect()
}

/// The mark in front of figures of which a count is broken.
fn mark(outcomes: &[Measured]) -> String {
    let broken = broken(outcomes);
    if broken.is_empty() {
        return String::new();
    }
    format!("**A promise was broken in these runs:** {}.\n\n", broken.join("; "))
}

/// What the arguments say.
#[derive(Debug, PartialEq)]
struct Chosen {
    /// A look will do.
    quick: bool,
    runs: usize,
    /// What an earlier run of this command printed, to be written down now.
    from: Option<String>,
}

fn chosen(args: &[String]) -> anyhow::Result<Chosen> {
    let (mut quick, mut runs, mut from) = (false, None, None);
    let mut args = args.iter();
    while let Some(arg) = args.next() {
        match arg.as_str() {
            "--quick" => quick = true,
            "--runs" => {
                let number = args.next().and_then(|text| text.parse().ok());
                runs = Some(number.filter(|runs| *runs > 0).context("--runs takes a number")?);
            }
            "--from" => from = Some(args.next().context("--from takes a file")?.clone()),
            _ => bail!("`cargo xtask figures` takes --runs N, --quick and --from FILE, not {arg}"),
        }
    }
    Ok(Chosen { quick, runs: runs.unwrap_or(if quick { 1 } else { RUNS }), from })
}

fn measure_all(sh: &Sh, quick: bool, runs: usize) -> anyhow::Result<Vec<Vec<Value>>> {
    sh.run("cargo", &["build", "--release", "-p", "playon-cli"])?;
    let mut taken: Vec<Vec<Value>> = DRILLS.iter().map(|_| Vec::new()).collect();
    // Round after round, so that a busy minute of the machine does not hit all runs of one drill.
    for round in 1..=runs {
        report::header(&format!("round {round} of {runs}"));
        for (drill, taken) in DRILLS.iter().zip(&mut taken) {
            taken.push(measure(sh, drill, quick)?);
        }
    }
    Ok(taken)
}

/// The outcomes in what was printed: one line of JSON each, round after round.
fn said_before(text: &str) -> anyhow::Result<Vec<Vec<Value>>> {
    let mut taken: Vec<Vec<Value>> = DRILLS.iter().map(|_| Vec::new()).collect();
    let lines = text.lines().filter(|line| line.starts_with("{\""));
    for (line, place) in lines.zip((0..DRILLS.len()).cycle()) {
        let outcome: Value = serde_json::from_str(line)?;
        let args = DRILLS[place].args;
        if outcome["scenario"] != args[0] || outcome["rooms"].as_u64() != args[2].parse().ok() {
            bail!("these are not the outcomes of whole rounds: {} is out of place", args[0]);
        }
        taken[place].push(outcome);
    }
    if taken[DRILLS.len() - 1].is_empty() || taken.iter().any(|runs| runs.len() != taken[0].len()) {
        bail!("these are not the outcomes of whole rounds");
    }
    Ok(taken)
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

fn page(sh: &Sh, outcomes: &[Measured]) -> String {
    let mut page = format!(
        "# Figures\n\nWritten by `cargo xtask figures` on {}, on one machine with {}. Keeper, workers and players shared it; \
         everything ran on loopback. Rooms tick at 20 Hz, players send five inputs a second whether or not anyone answers, \
         and the players count, not the server.\n\nEach drill was run {} times. Faults, inputs and what must be 0 are sums of all runs, \
         the times are those of the run in the middle, by the gap's p99, of which the last column has every run's.\n\n{}\n",
        machine::today(sh),
        machine::describe(sh),
        outcomes.first().map_or(0, |outcome| outcome.runs.len()),
        rows(outcomes, false),
    );
    page += "\"Pause\" is the time between the two ticks round a handoff, less the tick. \"Gap at a handoff\" is the time between the last \
             view of one release and the first of the next, per player and handoff; one tick is 50 ms. \"Longest gap\" is the longest \
             time between two views that each player saw while faults went on, whatever its cause, and in the undisturbed first \
             seconds of the same run. \"Machine\" is what two threads felt meanwhile that have nothing to do with Playon: how long the \
             sync of one page took, on the disk that the keeper uses too, and the processor time that the host gave to others. The first row \
             is players on the same machine with nothing done to them: what longer gaps it has are not Playon's handoffs. \
             Views of these rooms wait until their commit is on disk, so a slow sync is a gap for everybody. \"Back\" is the time from \
             a kill to the first view after it, per player.\n\n## The runs in the middle, in full\n";
    for outcome in outcomes {
        let Drill { name, args, .. } = outcome.drill;
        let command = args.join(" ");
        page += &format!("\n### {name}\n\n`playon drill {command} --players 4 --hz 20`\n\n");
        page += &format!(
            "```json\n{}\n```\n",
            serde_json::to_string_pretty(outcome.median()).unwrap_or_default()
        );
    }
    page
}

fn rows(outcomes: &[Measured], readme: bool) -> String {
    let counts: Vec<_> = COUNTS.iter().map(|(name, _)| *name).collect();
    let mut table = mark(outcomes);
    table += &format!(
        "| drill | faults | inputs sent | {} | pause p50 / p99 / max | gap at a handoff p50 / p99 / max | longest gap p50 / p99 / max | undisturbed | machine: sync p99 / max, stolen | back p99 | gap p99 of each run | promises broken |\n",
        counts.join(" | ")
    );
    table += &"|---".repeat(12 + COUNTS.len() - 1);
    table += "|\n";
    for outcome in outcomes.iter().filter(|outcome| outcome.drill.in_readme || !readme) {
        let (deploys, kills) = (outcome.sum("deploys"), outcome.sum("kills"));
        let faults = if outcome.drill.args[0] == "calm" {
            "none".to_owned()
        } else if kills == "0" {
            format!("{deploys} deploys, {} moves", outcome.sum("rooms_moved"))
        } else {
            format!("{kills} kills, {deploys} deploys")
        };
        let cell =
            |keys: &[&str]| keys.iter().map(|key| outcome.sum(key)).collect::<Vec<_>>().join(" / ");
        let counts: Vec<_> = COUNTS.iter().map(|(_, keys)| cell(keys)).collect();
        let median = outcome.median();
        let back = median["recovery_ms"]["p99"]
            .as_f64()
            .map_or("–".to_owned(), |ms| format!("{ms:.0} ms"));
        table += &format!(
            "| {} | {faults} | {} | {} | {} | {} | {} | {} | {} | {back} | {} | {} |\n",
            outcome.drill.name,
            outcome.sum("inputs_sent"),
            counts.join(" | "),
            figures(median, "pause_ms"),
            figures(median, "handoff_gap_ms"),
            figures(median, "longest_gap_ms"),
            figures(&median["baseline"], "longest_gap_ms"),
            machine_of(median),
            outcome.spread(),
            if outcome.broken().is_empty() {
                "none".to_owned()
            } else {
                outcome.broken().join("; ")
            },
        );
    }
    table
}

/// `225,007`.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let groups: Vec<_> = digits.as_bytes().rchunks(3).rev().map(String::from_utf8_lossy).collect();
    groups.join(",")
}

/// `2.1 / 48 ms, 0.3 s`: what the machine did by itself while the drill went on.
fn machine_of(outcome: &Value) -> String {
    let machine = &outcome["machine"];
    let sync = |name: &str| machine["sync_ms"][name].as_f64().map(short);
    let stolen = machine["stolen_ms"].as_f64().map(|ms| ms / 1_000.0);
    match (sync("p99"), sync("max"), stolen) {
        (Some(p99), Some(max), Some(stolen)) => format!("{p99} / {max} ms, {stolen:.1} s"),
        _ => "–".to_owned(),
    }
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
    fn a_row_has_a_cell_for_each_column_and_tells_the_run_in_the_middle() {
        let run = |gap: f64| {
            serde_json::json!({
                "deploys": 9, "kills": 0, "inputs_sent": 1_000,
                "pause_ms": { "p50": 1.2, "p99": 9.6, "max": 20.0 },
                "longest_gap_ms": { "p50": 51.0, "p99": gap, "max": gap },
                "machine": { "sync_ms": { "p99": 2.1, "max": 48.0 }, "stolen_ms": 300 },
            })
        };
        let outcome = Measured::new(&DRILLS[1], vec![run(66.0), run(58.0), run(59.0)]);
        let table = rows(&[outcome], true);
        let cells: Vec<_> = table.lines().map(|line| line.matches('|').count()).collect();
        assert_eq!(cells, [15; 3]);
        assert!(
            table.contains("| 1.2 / 9.6 / 20 ms | – | 51 / 59 / 59 ms | – | 2.1 / 48 ms, 0.3 s |"),
            "{table}"
        );
        assert!(table.contains("27 deploys") && table.contains("| 3,000 |"), "{table}");
        assert!(table.ends_with("| 58, 59, 66 ms | none |\n"), "{table}");
    }

    #[test]
    fn a_broken_count_is_published_with_a_mark_in_front() {
        let run = |broken: &[&str]| serde_json::json!({ "inputs_lost": 3, "broken": broken });
        let outcome = |broken: &[&str]| vec![Measured::new(&DRILLS[1], vec![run(broken)])];
        let table = rows(&outcome(&["inputs_lost is 3, promised is 0"]), true);
        assert!(
            table.starts_with("**A promise was broken in these runs:** deploys, 50 rooms"),
            "{table}"
        );
        assert!(table.contains("| inputs_lost is 3, promised is 0 |\n"), "{table}");
        let late = rows(&outcome(&["pause_ms.p99 is 60 ms, promised is 50 ms"]), true);
        assert!(late.starts_with("| drill |"), "a long pause is named in its row: {late}");
    }

    #[test]
    fn runs_can_be_given() {
        let of = |args: &[&str]| chosen(&args.iter().map(|a| (*a).to_owned()).collect::<Vec<_>>());
        assert_eq!(of(&[]).unwrap(), Chosen { quick: false, runs: RUNS, from: None });
        assert_eq!(of(&["--quick"]).unwrap().runs, 1);
        assert_eq!(of(&["--runs", "5"]).unwrap().runs, 5);
        assert!(of(&["--runs", "0"]).is_err() && of(&["--rans"]).is_err());
    }
}
