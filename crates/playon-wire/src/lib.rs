//! playon-wire
