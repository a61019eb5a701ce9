//! The whole tool, run as its users run it, on small checkouts that each test makes for itself. Nothing here needs a network.

mod assemble;
mod bad_input;
mod export;
mod help;
mod lines;
mod lint;
mod rebase;
mod refresh;
mod suites;
mod support;
mod three_ways;
mod use_project;
mod verify;
