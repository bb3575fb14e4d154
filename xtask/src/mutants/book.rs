//! What became of the mutants of a field, one line each.
//!
//! What was noticed stays so for as long as the file that it lies in is the same but for its tests. What survived is shown again
//! as soon as anything is another: a new test may notice it.

use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard};

use anyhow::Context as _;

use super::fields::Field;
use crate::report;
use crate::sh::Sh;

/// Of a normal distribution, 95 % lie within so many standard deviations.
const Z: f64 = 1.96;

const SURVIVED: &str = "survived";
const OPEN: &str = "not noticed by the quick ones";
const ALIVE: [&str; 2] = [SURVIVED, OPEN];
const UNVIABLE: &str = "does not compile";
const HUNG: &str = "does not end";

/// What became of a mutant at one judge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Noticed,
    /// Its tests did not come back, which is noticed, too.
    Hung,
    Unviable,
    Missed,
}

/// What became of mutants, by name.
#[derive(Debug, Default)]
pub(super) struct Book {
    file: Option<PathBuf>,
    stamps: Stamps,
    /// What the lines say: by whom it was noticed, or one of the words above.
    lines: BTreeMap<String, String>,
}

impl Book {
    /// The book of a field in a tree of these stamps, with what earlier calls have found.
    pub(super) fn open(sh: &Sh, field: &Field, stamps: &Stamps) -> anyhow::Result<Self> {
        let dir = sh.target().join("mutants/found");
        fs::create_dir_all(&dir)?;
        let file = dir.join(field.name);
        let text = if file.exists() { fs::read_to_string(&file)? } else { String::new() };
        let lines = read(&text, stamps);
        Ok(Self { file: Some(file), stamps: stamps.clone(), lines })
    }

    /// The part of it that concerns these.
    pub(super) fn of(&self, names: &[String]) -> Self {
        let part = names.iter().filter_map(|name| self.lines.get_key_value(name));
        let lines = part.map(|(name, what)| (name.clone(), what.clone())).collect();
        Self { lines, ..Self::default() }
    }

    /// Whether nothing more is to be found out about it, by the quick judges or by all.
    pub(super) fn knows(&self, name: &str, quick: bool) -> bool {
        self.lines.get(name).is_some_and(|what| quick || what != OPEN)
    }

    /// Takes down what one judge has found. Of those missed nothing is known before all have been asked.
    pub(super) fn judged(
        &mut self,
        judge: &str,
        found: &[(String, Verdict)],
    ) -> anyhow::Result<()> {
        let lines = found.iter().filter_map(|(name, verdict)| match verdict {
            Verdict::Noticed => Some((name.clone(), judge.to_owned())),
            Verdict::Hung => Some((name.clone(), HUNG.to_owned())),
            Verdict::Unviable => Some((name.clone(), UNVIABLE.to_owned())),
            Verdict::Missed => None,
        });
        self.write(lines.collect())
    }

    /// Takes down that no judge has noticed these.
    pub(super) fn survived(&mut self, names: &[String]) -> anyhow::Result<()> {
        self.write(names.iter().map(|name| (name.clone(), SURVIVED.to_owned())).collect())
    }

    /// Takes down that the quick judges have not noticed these.
    pub(super) fn opened(&mut self, names: &[String]) -> anyhow::Result<()> {
        self.write(names.iter().map(|name| (name.clone(), OPEN.to_owned())).collect())
    }

    fn write(&mut self, lines: Vec<(String, String)>) -> anyhow::Result<()> {
        if let Some(file) = &self.file {
            let text = lines.iter().map(|(name, what)| {
                format!("{what}\t{:016x}\t{name}\n", self.stamps.of(name, what))
            });
            let text: String = text.collect();
            let mut open = OpenOptions::new().append(true).create(true).open(file)?;
            open.write_all(text.as_bytes()).context("what was found")?;
        }
        self.lines.extend(lines);
        Ok(())
    }

    fn count(&self, what: &str) -> usize {
        self.lines.values().filter(|line| *line == what).count()
    }

    pub(super) fn viable(&self) -> usize {
        self.lines.len() - self.count(UNVIABLE)
    }

    pub(super) fn noticed(&self) -> usize {
        self.viable() - self.count(SURVIVED) - self.count(OPEN)
    }

    /// Of a hundred that compile, so many were noticed.
    pub(super) fn score(&self) -> f64 {
        100.0 * self.noticed() as f64 / self.viable().max(1) as f64
    }

    /// Says what it holds. What is a sample says how much that may be off.
    pub(super) fn tell(&self, sample: bool) {
        for (name, what) in self.lines.iter().filter(|(_, what)| ALIVE.contains(&what.as_str())) {
            report::line(&format!("{what}: {name}"));
        }
        let mut by: BTreeMap<&str, usize> = BTreeMap::new();
        for what in
            self.lines.values().filter(|what| ![SURVIVED, OPEN, UNVIABLE].contains(&what.as_str()))
        {
            *by.entry(what).or_default() += 1;
        }
        let by: Vec<String> = by.iter().map(|(what, count)| format!("{what} {count}")).collect();
        let (noticed, viable, score) = (self.noticed(), self.viable(), self.score());
        let interval = if sample {
            let (low, high) = interval(noticed, viable);
            format!(" (of all, with 95 % certainty, {low:.1} to {high:.1} %)")
        } else {
            String::new()
        };
        report::line(&format!(
            "{noticed} of {viable} mutants noticed, {score:.1} %{interval}; by: {}; {} did not compile",
            by.join(", "),
            self.count(UNVIABLE)
        ));
    }
}

/// The book that several write into.
pub(super) fn open(book: &Mutex<Book>) -> anyhow::Result<MutexGuard<'_, Book>> {
    book.lock().map_err(|_| anyhow::anyhow!("who wrote into the book has panicked"))
}

/// Wilson's interval, in percent.
fn interval(noticed: usize, viable: usize) -> (f64, f64) {
    let n = viable.max(1) as f64;
    let share = noticed as f64 / n;
    let middle = share + Z * Z / (2.0 * n);
    let half = Z * (share * (1.0 - share) / n + Z * Z / (4.0 * n * n)).sqrt();
    let whole = 1.0 + Z * Z / n;
    (100.0 * (middle - half) / whole, 100.0 * (middle + half) / whole)
}

/// What the sources are, that something was found in.
#[derive(Clone, Debug, Default)]
pub(super) struct Stamps {
    /// Of all that decides what is found.
    pub(super) tree: u64,
    /// Of each file by itself, without the tests in it.
    pub(super) files: BTreeMap<String, u64>,
}

impl Stamps {
    /// For as long as this is the same, what became of the mutant holds.
    fn of(&self, name: &str, what: &str) -> u64 {
        let file = name.split_once(':').map_or(name, |(file, _)| file);
        let file = self.files.get(file).copied().unwrap_or_default();
        if ALIVE.contains(&what) { self.tree } else { file }
    }
}

/// What still holds. A last line that was cut off is as if it had not been written.
fn read(text: &str, stamps: &Stamps) -> BTreeMap<String, String> {
    let whole = text.rfind('\n').map_or("", |end| &text[..end]);
    let lines = whole.lines().filter_map(|line| {
        let mut parts = line.splitn(3, '\t');
        let (what, stamp, name) = (parts.next()?, parts.next()?, parts.next()?);
        let stamp = u64::from_str_radix(stamp, 16).ok()?;
        (stamp == stamps.of(name, what)).then(|| (name.to_owned(), what.to_owned()))
    });
    lines.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(verdicts: &[(&str, Verdict)]) -> Vec<(String, Verdict)> {
        verdicts.iter().map(|(name, verdict)| ((*name).to_owned(), *verdict)).collect()
    }

    #[test]
    fn what_is_known_of_each_is_counted() {
        let mut book = Book::default();
        let first = [("a", Verdict::Noticed), ("b", Verdict::Missed), ("c", Verdict::Unviable)];
        book.judged("unit tests", &found(&first)).unwrap();
        assert!(
            book.knows("a", false) && !book.knows("b", true),
            "another judge may still notice it"
        );
        book.judged("simulator", &found(&[("b", Verdict::Hung), ("d", Verdict::Missed)])).unwrap();
        book.survived(&["d".to_owned()]).unwrap();
        assert_eq!((book.noticed(), book.viable()), (2, 3));
        assert!((book.score() - 66.7).abs() < 0.1);
        book.opened(&["f".to_owned()]).unwrap();
        assert!(book.knows("f", true) && !book.knows("f", false));
        assert_eq!((book.noticed(), book.viable()), (2, 4));
        let part = book.of(&["a".to_owned(), "c".to_owned(), "e".to_owned()]);
        assert_eq!((part.noticed(), part.viable()), (1, 1));
    }

    fn stamps(tree: u64, file: u64) -> Stamps {
        Stamps { tree, files: [("a.rs".to_owned(), file)].into() }
    }

    #[test]
    fn a_book_that_was_cut_off_holds_what_was_whole() {
        let stamps = stamps(2, 10);
        let lines = read("unit tests\ta\ta.rs:1:2: x with ()\nsurvived\t2\tb\nsurvi", &stamps);
        assert_eq!(lines.len(), 2);
        assert_eq!(lines["a.rs:1:2: x with ()"], "unit tests");
        assert!(read("unit te", &stamps).is_empty() && read("", &stamps).is_empty());
    }

    #[test]
    fn what_was_noticed_holds_while_its_file_is_the_same_and_what_survived_while_all_is() {
        let text = "models\ta\ta.rs:1:2: x\nsurvived\t2\ta.rs:3:4: y\n";
        let names = |stamps| read(text, &stamps).into_keys().collect::<Vec<_>>();
        assert_eq!(names(stamps(2, 10)), ["a.rs:1:2: x", "a.rs:3:4: y"]);
        assert_eq!(names(stamps(3, 10)), ["a.rs:1:2: x"]);
        assert_eq!(names(stamps(2, 11)), ["a.rs:3:4: y"]);
    }

    #[test]
    fn samples_say_how_much_they_may_be_off() {
        let (low, high) = interval(475, 500);
        assert!((low - 92.7).abs() < 0.1 && (high - 96.6).abs() < 0.1, "{low} {high}");
        let (low, high) = interval(10, 10);
        assert!((low - 72.2).abs() < 0.1 && high <= 100.0, "{low} {high}");
    }
}
