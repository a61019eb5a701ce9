//! Keeps nodes of the newest releases busy and writes what the process holds, one JSON line a sample.

fn main() {}
