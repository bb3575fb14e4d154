//! playon-cli
