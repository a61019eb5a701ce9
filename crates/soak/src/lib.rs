//! Runs one workload on the untouched and on the patched crates, and says which of them grows: the library behind
//! `cargo soak`.
//!
//! This crate links none of the crates it measures. It starts `churn-upstream` and `churn-patched` as child processes,
//! reads the lines they write ([`protocol`]), and judges what it has read. Three things are kept apart: *sampling*
//! ([`workload`], [`run`]) knows processes and clocks, *statistics* ([`stats`], [`verdict`]) are pure functions over
//! numbers, *drawing* ([`report`]) is pure functions over the result.
//!
//! The two types to know are [`stats::Growth`], a slope with its interval, and [`verdict::Verdict`], what a scenario's
//! two slopes mean.

#![forbid(unsafe_code)]

pub mod attach;
pub mod baseline;
pub mod build;
pub mod claim;
pub mod controls;
pub mod error;
pub mod figures;
pub mod fleet;
pub mod heap;
pub mod host;
pub mod interrupt;
pub mod kernel;
pub mod metrics;
pub mod mutate;
pub mod network;
pub mod plan;
pub mod plans;
pub mod process;
pub mod profile;
pub mod progress;
pub mod protocol;
pub mod record;
pub mod report;
pub mod run;
pub mod stats;
pub mod symbols;
pub mod verdict;
pub mod workload;

pub use error::{Error, Result};
