#!/usr/bin/env bash
# Clones the committed state into an empty folder and runs the two commands of the README there, as a newcomer would.
# Usage: scripts/newcomer.sh [FOLDER]   (a new temporary one by default, deleted at the end)
set -euo pipefail

checkout=$(git -C "$(dirname "$0")" rev-parse --show-toplevel)
if [ $# -gt 0 ]; then
    folder=$1
else
    folder=$(mktemp -d)
    trap 'rm -rf "$folder"' EXIT
fi
git clone --quiet "$checkout" "$folder/evergreen"
cd "$folder/evergreen"

for command in "cargo soak --quick" "cargo fork test"; do
    started=$SECONDS
    $command
    printf '\n%s: %d s\n' "$command" "$((SECONDS - started))"
done
for verb in assemble assemble refresh; do
    cargo fork "$verb"
done
test -z "$(git status --porcelain)"
echo "the checkout is as it was cloned"
