//! iroh-quinn-proto under arbitrary datagrams and callers.
#![no_main]

use iroh_quinn_proto as proto;

#[path = "../src/actions.rs"]
mod actions;

libfuzzer_sys::fuzz_target!(|actions: Vec<actions::Action>| actions::play(&actions));
