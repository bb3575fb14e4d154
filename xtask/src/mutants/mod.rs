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

use anyhow::{Context, bail, ensure};

use crate::report;
use crate::sh::Sh;
use book::Book;
use fields::{FIELDS, Field};
use tool::{Mutants, Tool};
use tree::Tree;

/// Mutants of the sample that the tests take.
const SAMPLE: usize = 4;

/// Of the mutants that compile, so many of a hundred have to be noticed.
const SCORE_MIN: f64 = 95.0;

/// So many mutants are shown to one judge, then to the next. A call that is cut off loses what the last judge has found.
const BATCH: usize = 100;

/// Which mutants of each field are tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Choice {
    All,
    /// So many of each field, others with each commit.
    Sample(usize),
}

pub(crate) fn run(sh: &Sh, args: &[String]) -> anyhow::Result<()> {
    let choice = chosen(args)?;
    let books = hunt(sh, choice, &FIELDS)?;
    for (field, book) in &books {
        let score = book.score();
        ensure!(
            choice != Choice::All || score >= SCORE_MIN,
            "{score:.1} % of the {} were noticed, promised are {SCORE_MIN} %",
            field.name
        );
    }
    Ok(())
}

/// A small sample of the core for the tests. It fails if all of them survive, or if nothing could be tried; others are named. So
/// few say nothing of the score: that is for `--all`.
pub(crate) fn sample(sh: &Sh) -> anyhow::Result<()> {
    for (_, book) in hunt(sh, Choice::Sample(SAMPLE), &FIELDS[..1])? {
        ensure!(book.viable() > 0, "no mutant could be tried");
        ensure!(book.noticed() > 0, "all {} survived", book.viable());
    }
    Ok(())
}

fn chosen(args: &[String]) -> anyhow::Result<Choice> {
    match args {
        [] => Ok(Choice::Sample(SAMPLE)),
        [all] if all == "--all" => Ok(Choice::All),
        [sample, count] if sample == "--sample" => {
            Ok(Choice::Sample(count.parse().context("--sample takes a number")?))
        }
        _ => bail!("`cargo xtask mutants` takes --all, or --sample and a number"),
    }
}

/// Tries what is chosen of each field and is not in its book yet. The books that come back hold what was chosen.
fn hunt<'a>(
    sh: &Sh,
    choice: Choice,
    fields: &'a [Field],
) -> anyhow::Result<Vec<(&'a Field, Book)>> {
    let tree = Tree::copy(sh)?;
    let mut tool = Tool::new(sh, &tree)?;
    let mut books = Vec::new();
    for field in fields {
        report::header(&format!("mutants of the {}", field.name));
        let mutants = tool.list(field)?;
        let all = &mutants.names;
        let asked = match choice {
            Choice::All => all.clone(),
            Choice::Sample(count) => spread(all, count, turn(sh)),
        };
        let mut book = Book::open(sh, field, &tree)?;
        let left: Vec<String> = asked.iter().filter(|name| !book.knows(name)).cloned().collect();
        report::line(&format!(
            "{} of {} mutants, {} of them tried before",
            asked.len(),
            all.len(),
            asked.len() - left.len()
        ));
        for batch in batches(&left) {
            try_batch(&mut tool, &mutants, batch, &mut book)?;
            book.of(&asked).tell(true);
        }
        let book = book.of(&asked);
        book.tell(asked.len() < all.len());
        books.push((field, book));
    }
    Ok(books)
}

/// Shows the mutants to one judge after the other.
fn try_batch(
    tool: &mut Tool<'_>,
    mutants: &Mutants<'_>,
    batch: Vec<String>,
    book: &mut Book,
) -> anyhow::Result<()> {
    let mut left = batch;
    for judge in mutants.field.judges {
        if !left.is_empty() {
            left = tool.show(mutants, judge, &left, book)?;
        }
    }
    book.survived(&left)
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
        let chosen =
            |args: &[&str]| chosen(&args.iter().map(|a| (*a).to_owned()).collect::<Vec<_>>());
        assert_eq!(chosen(&[]).unwrap(), Choice::Sample(SAMPLE));
        assert_eq!(chosen(&["--all"]).unwrap(), Choice::All);
        assert_eq!(chosen(&["--sample", "40"]).unwrap(), Choice::Sample(40));
        assert!(chosen(&["--sample"]).is_err());
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
