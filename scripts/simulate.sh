#!/usr/bin/env bash
# Runs the simulator that iroh-gossip 0.101.0 comes with on both sides, with the same seeds: does every message still reach
# every node, in as few hops and with as little said twice? Takes jq, which is not part of the commands in the README.
#
#     scripts/simulate.sh [CONFIG]   CONFIG is written like simulations/all.toml of that crate
#
# A line each: what was simulated, the figure, and for each side the mean over the seeds, with the least and the largest of
# them in brackets. `rmr` is how many payloads arrived beyond one a node, for each node; `ldh` the hops to the last node;
# `missed` how many deliveries a round were still out after five seconds; `ms` the simulated time of a round.
set -euo pipefail

case "${1:-}" in -*) sed -n '2,/^set/{/^#/s/^# \{0,1\}//p}' "$0" >&2 && exit 2 ;; esac
config=$(realpath "${1:-$(dirname "$0")/simulate.toml}")
cd "$(dirname "$0")/.."
features=(--no-default-features --features simulator --bin sim --ignore-rust-version)

cargo fork assemble --line newest
export CARGO_TARGET_DIR=$PWD/target/newest
made=$CARGO_TARGET_DIR/simulate
rm -rf "$made" && mkdir -p "$made/untouched"
(cd newest && cargo build --release --locked --quiet --package iroh-gossip "${features[@]}")
cp "$CARGO_TARGET_DIR/release/sim" "$made/sim-patched"
# The first commit is the crate as published. What it builds on is what the patched side was built on.
git -C newest/patched/iroh-gossip-0.101.0 archive upstream | tar -x -m -C "$made/untouched"
printf '\n[workspace]\n' >>"$made/untouched/Cargo.toml"
cp newest/Cargo.lock "$made/untouched/Cargo.lock"
(cd "$made/untouched" && cargo build --release --offline --quiet "${features[@]}")
cp "$CARGO_TARGET_DIR/release/sim" "$made/sim-untouched"

for side in untouched patched; do
    RUST_LOG=off "$made/sim-$side" run --config-path "$config" --out-dir "$made/$side.results" >/dev/null
done
for results in "$made"/untouched.results/*.results.json; do
    label=$(basename "$results" .results.json)
    jq --raw-output --null-input --arg what "$label" --slurpfile untouched "$results" \
        --slurpfile patched "$made/patched.results/$label.results.json" '
        def shown: . * 1000 | round / 1000;
        def seeds(figure): [.[0].results[].mean | figure]
            | "\(add / length | shown) (\(min | shown)..\(max | shown))";
        def row(name; figure): [$what, name, ($untouched | seeds(figure)), ($patched | seeds(figure))] | @tsv;
        row("rmr"; .rmr), row("ldh"; .ldh), row("missed"; .missed),
        row("ms"; .duration.secs * 1000 + .duration.nanos / 1000000)'
done | awk -F '\t' '{ printf "%-24s %-7s %-30s %s\n", $1, $2, $3, $4 }'
