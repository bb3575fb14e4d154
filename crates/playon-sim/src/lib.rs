//! The whole keeper in one thread: the real core, virtual time, seeded faults, invariants.
//!
//! Everything but the core and the encodings is a model: store, workers, network, players. A run follows
//! entirely from its [`options::Options`]; a run that breaks an invariant says which, and how to see it again.
//! The invariants are numbered as in `docs/invariants.md`.

pub mod audit;
pub mod batch;
pub mod client;
pub mod coverage;
pub mod decisions;
pub mod deeds;
pub mod disk;
pub mod game;
pub mod gate;
pub mod keeper;
pub mod lives;
pub mod manners;
#[cfg(feature = "mutants")]
pub mod mutants;
pub mod options;
pub mod owner;
pub mod scenario;
pub mod store;
pub mod worker;
pub mod worklist;
pub mod world;
