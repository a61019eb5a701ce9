//! The verbs of the command line, a module each. They print; everything they rest on stands outside and does not.

pub mod api;
pub mod assemble;
pub mod bench;
pub mod diff;
pub mod edit;
pub mod export;
pub mod lint;
pub mod publish;
pub mod rebase;
pub mod refresh;
pub mod status;
pub mod test;
pub mod untouched;
pub mod upstream;
pub mod use_project;
