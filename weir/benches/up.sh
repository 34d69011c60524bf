#!/usr/bin/env bash
# `weir up` over HTTP: 500,000 events of about 250 bytes in batches of 1,000, posted by curl over a few connections on
# loopback, each answered after its durable commit. Prints events a second until the last answer, until the last
# decision, until the history has all, what processors and commits took, and how long a start reads the journal again.
#
#   weir/benches/up.sh [CONNECTIONS] [FOLDER]      (8; input is made once in target/bench-input)
#
# Needs bash, awk, curl and cargo; WEIR names another binary; WEIR_HISTORY_ENABLED=false leaves the history out. The
# journal lies in FOLDER/up and is made anew.
set -euo pipefail
cd "$(dirname "$0")/../.."
connections=${1:-8}
folder=${2:-target/bench-input}
weir=${WEIR:-target/release/weir}
events=500000

if [ -z "${WEIR:-}" ]; then cargo build --quiet --release -p weir; fi
if [ ! -s "$folder/networks.blocklist" ]; then "$weir" bench-input --events 2000000 --accounts 100000 --entries 1000000 --out "$folder"; fi
rm -rf "$folder/up" "$folder/batches"
mkdir -p "$folder/batches"
head -n $events "$folder/events.ndjson" | split -l 1000 -a 4 - "$folder/batches/"

start() {
  "$weir" up --data "$folder/up" --listen 127.0.0.1:0 --log json 2> "$folder/up.log" &
  server=$!
  until address=$(sed -n 's/.*"address":"\([^"]*\)".*/\1/p' "$folder/up.log" | head -n 1) && [ -n "$address" ]; do
    kill -0 $server || { cat "$folder/up.log"; exit 1; }
    sleep 0.05
  done
}
stop() { kill $server 2> /dev/null || true; wait $server 2> /dev/null || true; }
trap stop EXIT
start
metric() { curl -s "http://$address/metrics" | awk -v n="$1" '$1 == n { print $2 }'; }
processor() { awk '{ sub(/.*\) /, ""); print ($12 + $13) / 100 }' "/proc/$server/stat"; }

first=1
for batch in "$folder"/batches/*; do
  [ $first = 1 ] || echo next
  first=0
  printf 'url = "http://%s/v1/events"\ndata-binary = "@%s"\noutput = /dev/null\nwrite-out = "%%{http_code} %%{time_total}\\n"\nheader = "Expect:"\n' "$address" "$batch"
done > "$folder/post.conf"

began=$(date +%s.%N)
curl -s -Z --parallel-max "$connections" -K "$folder/post.conf" > "$folder/answers.txt" 2> /dev/null # its progress; the answers are looked at below
answered=$(date +%s.%N)
until [ "$(metric weir_lag_records)" = 0 ]; do sleep 0.05; done
decided=$(date +%s.%N)
until [ "$(metric weir_history_lag_records)" = 0 ]; do sleep 0.05; done
kept=$(date +%s.%N)
if grep -qv '^200 ' "$folder/answers.txt" || [ "$(wc -l < "$folder/answers.txt")" != $((events / 1000)) ]; then
  echo "not every batch was answered 200:"; sort "$folder/answers.txt" | cut -d' ' -f1 | uniq -c; exit 1
fi
awk -v n=$events -v b="$began" -v a="$answered" -v d="$decided" -v k="$kept" -v c="$connections" \
  'BEGIN { printf "%d connections: %.0f events/s answered durably, %.0f decided, %.0f in the history\n", c, n / (a - b), n / (d - b), n / (k - b) }'
cut -d' ' -f2 "$folder/answers.txt" | sort -n | awk '{ v[NR] = $1 * 1000 } END { printf "a batch: p50 %.1f ms, p99 %.1f ms\n", v[int(NR / 2)], v[int(NR * 0.99)] }'
awk -v n="$(metric weir_commit_seconds_count)" -v s="$(metric weir_commit_seconds_sum)" -v p="$(processor)" -v e=$events \
  'BEGIN { printf "%d commits of %.1f ms; %.2f us of processor an event\n", n, s / n * 1000, p / e * 1e6 }'
du -sh "$folder/up" | awk '{ print $1 " on the disk" }'
stop
began=$(date +%s.%N)
start
until [ "$(curl -s -o /dev/null -w '%{http_code}' "http://$address/readyz")" = 200 ]; do sleep 0.05; done
awk -v n=$events -v b="$began" -v r="$(date +%s.%N)" 'BEGIN { printf "ready %.1f s after a start: %.0f events/s read again\n", r - b, n / (r - b) }'
