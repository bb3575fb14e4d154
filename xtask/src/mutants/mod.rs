//! `cargo xtask mutants`: the rules broken mechanically, one after the other, by cargo-mutants. The judges are the core's unit
//! tests, its models and a few hundred seeds of the simulator; for the store's ledger, the store's own tests.
//!
//! All of them take hours. The tests take a sample instead, another one with every commit, so that over time all are
//! looked at. What survives and cannot be told from the original is named with its reason in `.cargo/mutants.toml`.
//! What has been found is kept (see [`book`]): a call that is cut off, or asks for more, goes on where the last one was.

mod book;
mod fields;
mod tool;
mod tree;

use std::num::NonZero;
use std::sync::Mutex;

use anyhow::{Context, bail, ensure};

use crate::report;
use crate::sh::Sh;
use book::{Book, open};
use fields::{FIELDS, Field};
use tool::{Mutants, Tool};
use tree::Tree;

/// Mutants of the sample that the tests take.
const SAMPLE: usize = 4;

/// Of the mutants that compile, so many of a hundred have to be noticed.
const SCORE_MIN: f64 = 95.0;

/// So many mutants are shown to one judge, then to the next. A call that is cut off loses what the last judge has found.
const BATCH: usize = 100;

/// Which mutants of each field are tried, and who is asked about them.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Plan {
    /// So many of each field, others with each commit; else all.
    sample: Option<usize>,
    /// Only those that have this in their names, as a part of a path.
    within: String,
    /// Only those judges are asked that take seconds. What they do not notice is open.
    quick: bool,
}

impl Default for Plan {
    fn default() -> Self {
        Self { sample: Some(SAMPLE), within: String::new(), quick: false }
    }
}

impl Plan {
    fn read(args: &[String]) -> anyhow::Result<Self> {
        let mut plan = Self { sample: None, ..Self::default() };
        let mut all = false;
        let mut args = args.iter();
        while let Some(arg) = args.next() {
            match arg.as_str() {
                "--all" => all = true,
                "--quick" => plan.quick = true,
                "--sample" => {
                    let count = args.next().and_then(|count| count.parse().ok());
                    plan.sample = Some(count.context("--sample takes a number")?);
                }
                "--in" => {
                    plan.within.clone_from(args.next().context("--in takes a part of a path")?);
                }
                _ => bail!(
                    "`cargo xtask mutants` takes --all, --sample N, --in TEXT and --quick, not {arg}"
                ),
            }
        }
        if !all && plan.within.is_empty() {
            plan.sample.get_or_insert(SAMPLE);
        }
        Ok(plan)
    }

    fn is_whole(&self) -> bool {
        self.sample.is_none() && self.within.is_empty() && !self.quick
    }

    fn chosen(&self, all: &[String], turn: usize) -> Vec<String> {
        let within: Vec<String> =
            all.iter().filter(|name| name.contains(&self.within)).cloned().collect();
        match self.sample {
            Some(count) => spread(&within, count, turn),
            None => within,
        }
    }
}

pub(crate) fn run(sh: &Sh, args: &[String]) -> anyhow::Result<()> {
    let plan = Plan::read(args)?;
    for (field, book) in hunt(sh, &plan, &FIELDS)? {
        let score = book.score();
        ensure!(
            !plan.is_whole() || score >= SCORE_MIN,
            "{score:.1} % of the {} were noticed, promised are {SCORE_MIN} %",
            field.name
        );
    }
    Ok(())
}

/// A small sample of the core for the tests, which the quick judges are asked about: the simulator takes minutes for each. It fails
/// if none is noticed, or if nothing could be tried; others are named. So few say nothing of the score: that is for `--all`.
pub(crate) fn sample(sh: &Sh) -> anyhow::Result<()> {
    let plan = Plan { quick: true, ..Plan::default() };
    for (_, book) in hunt(sh, &plan, &FIELDS[..1])? {
        ensure!(book.viable() > 0, "no mutant could be tried");
        ensure!(book.noticed() > 0, "all {} survived", book.viable());
    }
    Ok(())
}

/// Tries what is chosen of each field and is not in its book yet. The books that come back hold what was chosen.
fn hunt<'a>(sh: &Sh, plan: &Plan, fields: &'a [Field]) -> anyhow::Result<Vec<(&'a Field, Book)>> {
    let tree = Tree::copy(sh, 0)?;
    let stamps = tree.stamps.clone();
    let mut tools = vec![Tool::new(sh, tree)?];
    let mut books = Vec::new();
    for field in fields {
        report::header(&format!("mutants of the {}", field.name));
        let mutants = tools[0].list(field)?;
        let all = &mutants.names;
        let asked = plan.chosen(all, turn(sh));
        let book = Book::open(sh, field, &stamps)?;
        let left: Vec<String> =
            asked.iter().filter(|name| !book.knows(name, plan.quick)).cloned().collect();
        report::line(&format!(
            "{} of {} mutants, {} of them tried before",
            asked.len(),
            all.len(),
            asked.len() - left.len()
        ));
        let batches = batches(&left);
        while tools.len() < batches.len().min(processors()) {
            let tree = Tree::copy(sh, tools.len())?;
            tools.push(tools[0].beside(tree));
        }
        let book = Mutex::new(book);
        try_all(&mut tools, &mutants, batches, plan.quick, &book, &asked)?;
        let book = open(&book)?.of(&asked);
        book.tell(asked.len() < all.len());
        books.push((field, book));
    }
    Ok(books)
}

/// Each tool takes one batch after the other.
fn try_all(
    tools: &mut [Tool<'_>],
    mutants: &Mutants<'_>,
    batches: Vec<Vec<String>>,
    quick: bool,
    book: &Mutex<Book>,
    asked: &[String],
) -> anyhow::Result<()> {
    let queue = Mutex::new(batches.into_iter());
    let next = || queue.lock().ok()?.next();
    let work = |tool: &mut Tool<'_>| -> anyhow::Result<()> {
        while let Some(batch) = next() {
            try_batch(tool, mutants, batch, quick, book)?;
            open(book)?.of(asked).tell(true);
        }
        Ok(())
    };
    std::thread::scope(|scope| {
        let begun: Vec<_> = tools.iter_mut().map(|tool| scope.spawn(|| work(tool))).collect();
        let ends = begun.into_iter().map(|thread| match thread.join() {
            Ok(ended) => ended,
            Err(_) => bail!("a thread has panicked"),
        });
        ends.collect()
    })
}

/// Shows the mutants to one judge after the other.
fn try_batch(
    tool: &mut Tool<'_>,
    mutants: &Mutants<'_>,
    batch: Vec<String>,
    quick: bool,
    book: &Mutex<Book>,
) -> anyhow::Result<()> {
    let (mut known, mut left) = (Vec::new(), Vec::new());
    for name in batch {
        if open(book)?.knows(&name, true) { known.push(name) } else { left.push(name) }
    }
    let judges = &mutants.field.judges;
    for judge in judges.iter().filter(|judge| !judge.slow) {
        left = tool.show(mutants, judge, &left, book)?;
    }
    open(book)?.opened(&left)?;
    if quick {
        return Ok(());
    }
    left.append(&mut known);
    for judge in judges.iter().filter(|judge| judge.slow) {
        left = tool.show(mutants, judge, &left, book)?;
    }
    open(book)?.survived(&left)
}

/// A mutant is built and tried by hardly more than one processor.
fn processors() -> usize {
    std::thread::available_parallelism().map_or(1, NonZero::get)
}

/// Each is spread over all, so that a call that is cut off has a sample.
fn batches(left: &[String]) -> Vec<Vec<String>> {
    let count = left.len().div_ceil(BATCH);
    (0..count).map(|at| left.iter().skip(at).step_by(count).cloned().collect()).collect()
}

/// So many of them, evenly over all; the turn says at which they begin.
fn spread(all: &[String], count: usize, turn: usize) -> Vec<String> {
    let count = count.min(all.len());
    let shift = turn % (all.len() / count.max(1)).max(1);
    (0..count).map(|i| all[i * all.len() / count + shift].clone()).collect()
}

/// Another one with every commit.
fn turn(sh: &Sh) -> usize {
    let commits = sh.ask("git", &["rev-list", "--count", "HEAD"]);
    commits.and_then(|count| count.trim().parse().ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked_for() {
        let plan =
            |args: &[&str]| Plan::read(&args.iter().map(|a| (*a).to_owned()).collect::<Vec<_>>());
        assert_eq!(plan(&[]).unwrap(), Plan::default());
        assert!(plan(&["--all"]).unwrap().is_whole());
        assert_eq!(plan(&["--sample", "40"]).unwrap().sample, Some(40));
        assert!(!plan(&["--all", "--quick"]).unwrap().is_whole());
        let all = ["src/room/a.rs:1:1: x", "src/b.rs:1:1: x"].map(str::to_owned);
        assert_eq!(plan(&["--in", "room/"]).unwrap().chosen(&all, 3), all[..1]);
        let both = Plan { sample: Some(9), within: "room/".to_owned(), quick: false };
        assert_eq!(plan(&["--in", "room/", "--sample", "9"]).unwrap(), both);
        assert_eq!(plan(&["--sample", "9", "--in", "room/"]).unwrap(), both);
        assert_eq!(plan(&["--quick"]).unwrap(), Plan { quick: true, ..Plan::default() });
        for wrong in [&["--sample"][..], &["--in"], &["--al"]] {
            assert!(plan(wrong).is_err());
        }
    }

    #[test]
    fn batches_are_spread_over_all() {
        let all: Vec<String> = (0..BATCH * 2 + 1).map(|i| i.to_string()).collect();
        let batches = batches(&all);
        assert_eq!(batches[1][..3], ["1", "4", "7"]);
        assert_eq!(batches.iter().map(Vec::len).sum::<usize>(), all.len());
        assert!(batches.iter().all(|batch| batch.len() <= BATCH) && super::batches(&[]).is_empty());
    }

    #[test]
    fn samples_of_all_turns_are_all() {
        let all: Vec<String> = (0..10).map(|i| i.to_string()).collect();
        assert_eq!(spread(&all, 3, 0), ["0", "3", "6"]);
        assert_eq!(spread(&all, 3, 2), ["2", "5", "8"]);
        assert_eq!(spread(&all, 3, 3), spread(&all, 3, 0));
        assert_eq!(spread(&all, 20, 7), all);
        assert!(spread(&[], 5, 1).is_empty());
        let mut seen: Vec<String> = (0..2).flat_map(|turn| spread(&all, 5, turn)).collect();
        seen.sort();
        assert_eq!(seen, all);
    }
}
