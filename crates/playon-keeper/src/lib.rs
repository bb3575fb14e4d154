//! playon-keeper
