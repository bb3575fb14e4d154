//! The hand-written cases hold, and a case that expects what does not happen fails.

use std::path::Path;

use playon_sim::scenario::read_all;
use playon_sim::world::World;

#[test]
fn every_case_holds() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios");
    let cases = read_all(&folder).unwrap();
    for (name, case) in &cases {
        World::perform(case, false).unwrap_or_else(|e| panic!("{name}: {e}"));
    }
    assert!(cases.len() >= 10, "only {} cases were found", cases.len());
}

#[test]
fn an_expectation_that_is_not_met_fails_with_its_line() {
    let case = "room r0 players 1\nplay 1s\nexpect moved 1".parse().unwrap();
    assert_eq!(World::perform(&case, false).unwrap_err(), "line 3: 0, not 1");
    let case = "room r0 players 1\nuntil r0 Switching".parse().unwrap();
    assert!(World::perform(&case, false).unwrap_err().starts_with("line 2: it did not happen"));
}
