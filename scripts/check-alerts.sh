#!/usr/bin/env bash
# Checks rules, their tests and the exposition with Prometheus itself: Debian's package `prometheus` has both programs.
# Not part of the commands in the README, which need nothing but Rust.
#
#     scripts/check-alerts.sh [SECONDS [DIR]]
#
# SECONDS: how long a real Prometheus scrapes the example node; default 60. DIR has churn-patched and examples/node; without it
# they are built.
#
# Meanwhile visitors come to that node and go, as in the scenario `peer-churn`. No alert may fire.
set -euo pipefail
cd "$(dirname "$0")/.."
seconds=${1:-60}
built=${2:-}

for program in promtool prometheus curl; do
    if ! command -v "$program" >/dev/null; then
        echo "check-alerts: $program is not there; on Debian: apt-get install prometheus curl" >&2
        exit 2
    fi
done

promtool check rules crates/vitals/alerts/evergreen.rules.yml
promtool test rules crates/vitals/alerts/evergreen.rules.test.yml

free_port() {
    python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

if [ -z "$built" ]; then
    cargo build --locked -p vitals -p churn --example node --bin churn-patched
    built=target/debug
fi
work=$(mktemp -d)
trap 'kill $(jobs -p) 2>/dev/null || true; wait; rm -rf "$work"' EXIT
node=$(free_port)
web=$(free_port)
"$built/examples/node" "$((seconds + 60))" "$node" >"$work/node.log" &
# "panda: <public key> at [127.0.0.1:<port>, ..."
for _ in $(seq 100); do
    grep -q '^panda: .* at \[' "$work/node.log" && break
    sleep 0.2
done
read -r key address < <(sed -n 's/^panda: \([0-9a-f]*\) at \[\([0-9.:]*\),.*/\1 \2/p' "$work/node.log")

cat >"$work/prometheus.yml" <<YAML
global: { scrape_interval: 5s, evaluation_interval: 5s }
rule_files: [$PWD/crates/vitals/alerts/evergreen.rules.yml]
scrape_configs:
  - job_name: node
    static_configs: [{ targets: ["127.0.0.1:$node"] }]
YAML
prometheus --config.file="$work/prometheus.yml" --storage.tsdb.path="$work/data" \
    --web.listen-address="127.0.0.1:$web" >"$work/prometheus.log" 2>&1 &
"$built/churn-patched" visit peer-churn --key "$key" --address "$address" --seconds "$seconds" \
    --network 'the network of evergreen pandas!' --topic 'the topic of an evergreen panda!' >"$work/visited" &
visit=$!
sleep "$seconds"

ask() {
    curl --silent --fail --get "http://127.0.0.1:$web/api/v1/query" --data-urlencode "query=$1" |
        python3 -c 'import json, sys; print(sum(float(r["value"][1]) for r in json.load(sys.stdin)["data"]["result"]))'
}
check() {
    local found
    found=$(ask "$1")
    echo "$1 = $found"
    python3 -c "import sys; sys.exit(not ($found $2))" || {
        echo "check-alerts: expected $2" >&2
        exit 1
    }
}
# In the format before OpenMetrics, the one that promtool reads.
curl --silent --fail "http://127.0.0.1:$node/metrics" | promtool check metrics
echo "promtool accepts the exposition"

during="[${seconds}s]"
check "min_over_time(up{job=\"node\"}$during)" '== 1'
check "count_over_time(up{job=\"node\"}$during)" '> 1'
check 'count({__name__=~"evergreen_.+"})' '> 80'
check 'evergreen_source_up{source="network"}' '== 1'
check 'sum(scrape_samples_scraped) - sum(scrape_samples_post_metric_relabeling)' '== 0'
check "count(count_over_time(ALERTS{alertstate=\"firing\"}$during)) or vector(0)" '== 0'
for figure in address_book_peers inbound_connections process_resident_bytes; do
    check "max_over_time(evergreen_$figure$during)" '> 0'
done
wait "$visit"
python3 - "$work/visited" <<'PYTHON'
import json, sys
visited = json.load(open(sys.argv[1]))
print("visitors:", visited["events"], "and", visited["failures"], "that heard nobody in time")
sys.exit(visited["events"] == 0)
PYTHON
echo "check-alerts: all is well"
