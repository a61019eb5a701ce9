//! Lays Evergreen's changes over the published crates, and takes care of them: the library behind `cargo fork`.
//!
//! This crate is neither a package manager nor a merge tool: cargo fetches and resolves, git compares, merges and
//! commits. What it does itself is small: it checks what cargo fetched against the pin ([`pin`]), unpacks it, lays a
//! series of changes over it exactly ([`hunk`], [`manifest`], [`lay`]) and puts the result in place at once or not at
//! all ([`assemble`]). What leaves for upstream is made in [`export`]. The verbs of the command line stand in [`verbs`], a module each.
//!
//! The two types to know are [`project::Project`], a checkout of Evergreen, and [`change::Change`], one folder under
//! `patch/`.

#![forbid(unsafe_code)]

pub mod additive;
pub mod aside;
pub mod assemble;
pub mod change;
pub mod contributing;
pub mod defects;
pub mod error;
pub mod export;
pub mod facts_sheet;
pub mod git;
pub mod hunk;
pub mod lay;
pub mod ledger;
pub mod manifest;
pub mod measured;
pub mod pin;
pub mod process;
pub mod project;
pub mod rebase;
pub mod releases;
pub mod verbs;

pub use error::{Error, Result};
