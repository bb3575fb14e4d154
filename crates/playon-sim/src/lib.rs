//! playon-sim
