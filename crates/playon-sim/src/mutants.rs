//! The proof that the simulator would notice: the rules of the core are broken one at a time, and each has to be
//! caught within a stated number of seeds.

use std::fmt;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use playon_core::mutant::{Mutant, switch_on};

use crate::options::{Options, SeedMode};
use crate::scenario::Scenario;
use crate::world::World;

/// Within so many seeds each broken rule has to be caught.
pub const SEEDS: u64 = 2_000;

/// What became of one broken rule.
#[derive(Clone, Debug)]
pub struct Verdict {
    /// The rule.
    pub mutant: Mutant,
    /// The hand-written case or the first seed that caught it, and what was wrong; nothing if none did.
    pub caught: Option<(String, String)>,
    /// Seeds that were tried at most.
    pub seeds: u64,
}

impl Verdict {
    /// Whether nobody noticed.
    pub const fn is_missed(&self) -> bool {
        self.caught.is_none()
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.mutant.name();
        match &self.caught {
            Some((by, error)) => write!(f, "{name:<20} {by}  {error}"),
            None => {
                let about = self.mutant.about();
                write!(f, "{name:<20} UNNOTICED in {} seeds: {about}", self.seeds)
            }
        }
    }
}

/// Breaks the rule of that name, or each in turn, telling of each verdict as it falls. Hand-written cases are tried before
/// seeds.
pub fn hunt(
    name: Option<&str>,
    cases: &[(String, Scenario)],
    seeds: u64,
    tell: impl Fn(&Verdict) + Sync,
) -> Vec<Verdict> {
    let chosen: Vec<Mutant> =
        Mutant::ALL.iter().copied().filter(|m| name.is_none_or(|name| m.name() == name)).collect();
    let next = AtomicUsize::new(0);
    let verdicts = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(|| {
                while let Some(mutant) = chosen.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let verdict = judge(*mutant, cases, seeds);
                    tell(&verdict);
                    if let Ok(mut verdicts) = verdicts.lock() {
                        verdicts.push(verdict);
                    }
                }
            });
        }
    });
    verdicts.into_inner().unwrap_or_default()
}

fn judge(mutant: Mutant, cases: &[(String, Scenario)], seeds: u64) -> Verdict {
    switch_on(Some(mutant));
    let run = |seed| World::new(Options::new(SeedMode::Swarm, seed)).run().err();
    let by_case = || {
        cases
            .iter()
            .find_map(|(name, case)| Some((name.clone(), World::perform(case, false).err()?)))
    };
    let by_seed = || (0..seeds).find_map(|seed| Some((format!("seed {seed:>3}"), run(seed)?)));
    let caught = by_case().or_else(by_seed);
    switch_on(None);
    Verdict { mutant, caught, seeds }
}
