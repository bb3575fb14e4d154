//! The keeper with real processes: it is started as operators start it, played as players play it, and hurt.

#![allow(clippy::unwrap_used, reason = "what cannot be had here fails the test")]

mod admin;
mod alerts;
mod appeals;
mod away;
mod clocks;
mod closing;
mod config;
mod copies;
mod crowds;
mod damage;
mod deaths;
mod deeds;
mod deploys;
mod disk;
mod doors;
mod foreign;
mod hangs;
mod heavy;
mod interface;
mod logs;
mod look;
mod metrics;
mod player;
mod ports;
mod refusals;
mod rig;
mod rogue;
mod rogues;
mod rooms_at_rest;
mod seats;
mod service;
mod silence;
mod socket;
mod spoken;
mod stops;
mod strangers;
mod twins;
mod unread;
mod views;
