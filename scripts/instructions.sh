#!/usr/bin/env bash
# Counts the instructions of both sides in one run: what is slower can be told on a machine whose clock tells nothing.
# Takes valgrind, which is not part of the commands in the README; on Debian: apt-get install valgrind.
#
#     scripts/instructions.sh events SCENARIO FEW MANY   an event of a scenario of the soak: a run of MANY less one of FEW
#     scripts/instructions.sh bench CRATE [BENCH]        each benchmark of `cargo fork bench`, its set-up and one round, less
#                                                        a start of the same program that runs none
#
# CHURN names a folder with a churn-upstream and a churn-patched to count, where they need not be built.
#
# A line each: what was counted, instructions on the untouched and on the patched side, patched : untouched.
set -euo pipefail

# How many instructions a program takes on all its threads. One that it starts is not counted, but for what precedes its `exec`,
# which has a line of its own; the program's is the last.
count() {
    local log
    log=$(mktemp)
    if ! valgrind --tool=callgrind --callgrind-out-file=/dev/null "$@" >/dev/null 2>"$log"; then
        cat "$log" >&2
        return 1
    fi
    sed -n 's/^==.*Collected *: *\([0-9]*\).*/\1/p' "$log" | tail -n 1
    rm "$log"
}

# What cargo runs in place of a benchmark: counts each benchmark in it, on the side that the arguments tell.
count_benches() {
    local program=$1 side=patched name start
    case " $* " in *" --save-baseline "*) side=untouched ;; esac
    start=$(count "$program" --bench --test --exact 'no benchmark has this name')
    "$program" --bench --list | sed -n 's/: benchmark$//p' | while read -r name; do
        printf '%s\t%s\t%d\n' "$name" "$side" \
            "$(($(count "$program" --bench --test --exact "$name") - start))" >>"$COUNTED"
    done
}

if [ -n "${COUNTED:-}" ]; then
    count_benches "$@"
    exit
fi

cd "$(dirname "$0")/.."
COUNTED=$(mktemp)
trap 'rm -f "$COUNTED"' EXIT
case "${1:-} $#" in
"events 4")
    if [ -z "${CHURN:-}" ]; then
        cargo fork assemble
        (cd patch/upstream && CARGO_TARGET_DIR=../../target cargo build --release --locked --quiet)
        cargo build --release --locked --quiet --package churn
    fi
    for side in untouched patched; do
        program=${CHURN:-target/release}/churn-${side/untouched/upstream}
        few=$(count "$program" run "$2" --samples 2 --events "$3")
        many=$(count "$program" run "$2" --samples 2 --events "$4")
        printf '%s\t%s\t%d\n' "$2" "$side" "$(((many - few) / ($4 - $3)))" >>"$COUNTED"
    done
    ;;
"bench 2" | "bench 3")
    # The tool itself is not to be counted, so it is not cargo that runs it below.
    cargo fork assemble
    host=$(rustc -vV | sed -n 's/^host: //p' | tr 'a-z-' 'A-Z_')
    export COUNTED "CARGO_TARGET_${host}_RUNNER=$PWD/scripts/instructions.sh"
    target/debug/fork "$@" >&2
    ;;
*)
    sed -n '2,/^set/{/^#/s/^# \{0,1\}//p}' "$0" >&2
    exit 2
    ;;
esac
awk -F '\t' '$2 == "untouched" { of[$1] = $3 } $2 == "patched" { printf "%-40s %16d %16d %8.3f\n", $1, of[$1], $3, $3 / of[$1] }' \
    "$COUNTED"
