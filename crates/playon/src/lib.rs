//! playon
