//! playon-client
