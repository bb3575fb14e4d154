//! What is broken, and who has to notice it.

/// Whose tests have to notice a mutant.
#[derive(Debug, Hash)]
pub(super) struct Judge {
    pub(super) name: &'static str,
    pub(super) packages: &'static [&'static str],
    /// What `cargo test` builds of the broken package with each mutant: nothing more than is run.
    pub(super) built: &'static [&'static str],
    /// Which tests are run, if these are not all that is built: those of another package are built as they are run.
    pub(super) tests: &'static [&'static str],
    /// A mutant whose tests take longer than so many seconds is noticed: twenty times and more what they take undisturbed.
    pub(super) timeout_s: &'static str,
    /// To find that it does not notice one takes minutes.
    pub(super) slow: bool,
}

/// What is broken, and by whom it has to be noticed: by one of them. The quickest is asked first, and the others only about
/// what those before have not noticed.
#[derive(Debug, Hash)]
pub(super) struct Field {
    pub(super) name: &'static str,
    pub(super) mutate: &'static [&'static str],
    pub(super) judges: &'static [Judge],
}

pub(super) const FIELDS: [Field; 2] = [
    Field {
        name: "core",
        mutate: &["--package", "playon-core", "--package", "playon-types"],
        judges: &[
            Judge {
                name: "unit tests",
                packages: &["playon-core", "playon-types"],
                built: &["--lib"],
                tests: &[],
                timeout_s: "20",
                slow: false,
            },
            Judge {
                name: "models",
                packages: &["playon-core"],
                built: &["--test", "model"],
                tests: &[],
                timeout_s: "120",
                slow: false,
            },
            Judge {
                name: "simulator",
                packages: &["playon-sim"],
                // It has none.
                built: &["--examples"],
                tests: &["--test", "scenarios", "--test", "seeds"],
                timeout_s: "600",
                slow: true,
            },
        ],
    },
    Field {
        name: "ledger",
        mutate: &[
            "--package",
            "playon-store",
            "--file",
            "crates/playon-store/src/sqlite/ledger.rs",
        ],
        judges: &[
            Judge {
                name: "store's unit tests",
                packages: &["playon-store"],
                built: &["--lib"],
                tests: &[],
                timeout_s: "20",
                slow: false,
            },
            Judge {
                name: "tests of stored rooms",
                packages: &["playon-store"],
                built: &["--test", "store"],
                tests: &["--test", "store", "--", "rooms::", "sequences::", "bounds::"],
                timeout_s: "60",
                slow: false,
            },
            Judge {
                name: "store's tests",
                packages: &["playon-store"],
                built: &["--tests"],
                tests: &[],
                timeout_s: "600",
                slow: true,
            },
        ],
    },
];
