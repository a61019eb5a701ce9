#!/usr/bin/env bash
# Checks rules, their tests and the exposition with Prometheus itself: Debian's package `prometheus` has both programs.
# Not part of the commands in the README, which need nothing but Rust.
#
#     scripts/check-alerts.sh [SECONDS]      how long a real Prometheus scrapes the example node; default 60
set -euo pipefail
cd "$(dirname "$0")/.."
seconds=${1:-60}

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

cargo build --locked -p vitals --example node
work=$(mktemp -d)
trap 'kill $(jobs -p) 2>/dev/null || true; wait; rm -rf "$work"' EXIT
node=$(free_port)
web=$(free_port)
target/debug/examples/node "$((seconds + 60))" "$node" >"$work/node.log" &

cat >"$work/prometheus.yml" <<YAML
global: { scrape_interval: 5s, evaluation_interval: 5s }
rule_files: [$PWD/crates/vitals/alerts/evergreen.rules.yml]
scrape_configs:
  - job_name: node
    static_configs: [{ targets: ["127.0.0.1:$node"] }]
YAML
prometheus --config.file="$work/prometheus.yml" --storage.tsdb.path="$work/data" \
    --web.listen-address="127.0.0.1:$web" >"$work/prometheus.log" 2>&1 &
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
check 'min_over_time(up{job="node"}['"$seconds"'s])' '== 1'
check 'count({__name__=~"evergreen_.+"})' '> 80'
check 'evergreen_source_up{source="network"}' '== 1'
check 'sum(scrape_samples_scraped) - sum(scrape_samples_post_metric_relabeling)' '== 0'
check 'count(ALERTS{alertstate="firing"}) or vector(0)' '== 0'
echo "check-alerts: all is well"
