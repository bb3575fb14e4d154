//! Every broken rule is noticed. Needs the feature `mutants`; `cargo xtask test --only sim` runs it.

use std::path::Path;

use playon_sim::mutants::{SEEDS, hunt};
use playon_sim::scenario::read_all;

#[test]
fn every_broken_rule_is_caught_within_the_stated_number_of_seeds() {
    let cases = read_all(&Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios"));
    let cases = cases.expect("the cases of this crate");
    let verdicts = hunt(None, &cases, SEEDS, |verdict| println!("{verdict}"));
    assert!(verdicts.len() >= 20, "only {} rules can be broken", verdicts.len());
    let missed: Vec<_> = verdicts.iter().filter(|verdict| verdict.is_missed()).collect();
    assert!(missed.is_empty(), "unnoticed: {missed:?}");
}
