//! The sources as they are, apart, since they are going to be broken. They are built apart, too: to cargo these crates and the
//! real ones are the same, and each build would undo the other's.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::path::{Path, PathBuf};

use anyhow::Context as _;

use super::book::Stamps;
use super::fields::FIELDS;
use crate::sh::Sh;

/// What the result of a try depends on.
const DECIDES: [&str; 4] = ["crates/", "Cargo.toml", "Cargo.lock", ".cargo/"];

/// Where the tests of a file begin.
const TESTS: &[u8] = b"\n#[cfg(test)]\nmod tests {";

/// A copy of the sources, and where it is built. Several can be worked in at a time.
pub(super) struct Tree {
    pub(super) dir: PathBuf,
    /// What is built of it.
    pub(super) built: PathBuf,
    /// What cargo-mutants leaves.
    pub(super) out: PathBuf,
    pub(super) stamps: Stamps,
}

impl Tree {
    /// Makes the copy of that number like the sources. What is alike already keeps its time, and a mutant that a call which was cut off has
    /// left behind is overwritten and gets a new one: cargo builds what has to be built, and nothing else.
    pub(super) fn copy(sh: &Sh, number: usize) -> anyhow::Result<Self> {
        let own = sh.target().join(format!("mutants/{number}"));
        let dir = own.join("tree");
        let list = sh.ask("git", &["ls-files", "-z", "--cached", "--others", "--exclude-standard"]);
        let list = list.context("listing the sources")?;
        let mut all = DefaultHasher::new();
        FIELDS.hash(&mut all);
        let mut files = BTreeMap::new();
        let mut kept = BTreeSet::new();
        for name in list.split_terminator('\0') {
            let Ok(bytes) = fs::read(sh.root().join(name)) else { continue };
            let to = dir.join(name);
            if fs::read(&to).ok().as_ref() != Some(&bytes) {
                fs::create_dir_all(to.parent().context("a file lies somewhere")?)?;
                fs::write(&to, &bytes)?;
            }
            if DECIDES.iter().any(|start| name.starts_with(start)) {
                (name, &bytes).hash(&mut all);
                files.insert(name.to_owned(), without_tests(&bytes));
            }
            kept.insert(to);
        }
        prune(&dir, &kept)?;
        let (built, out) = (own.join("build"), own.join("out"));
        Ok(Self { dir, built, out, stamps: Stamps { tree: all.finish(), files } })
    }
}

/// The stamp of a file without its tests, which stand at its end.
fn without_tests(bytes: &[u8]) -> u64 {
    let end = bytes.windows(TESTS.len()).position(|at| at == TESTS).unwrap_or(bytes.len());
    let mut hasher = DefaultHasher::new();
    bytes[..end].hash(&mut hasher);
    hasher.finish()
}

/// Removes what is not kept: a test that is gone would still be run.
fn prune(dir: &Path, kept: &BTreeSet<PathBuf>) -> anyhow::Result<()> {
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            prune(&entry.path(), kept)?;
        } else if !kept.contains(&entry.path()) {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}
