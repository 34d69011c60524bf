#!/usr/bin/env bash
# The whole process: `weir score` on 2 million events of about 250 bytes, 100,000 accounts with Zipf activity (the hottest
# sends 8 % of all messages), 3 blocklists of 1 million entries, the default policy and model, all features, one thread.
# Prints events per processor second (user + system, as bash measures them) and the peak of memory of every run, then the
# best and the median.
#
#   weir/benches/score.sh [RUNS] [FOLDER]      (5 runs; input is made once in target/bench-input)
#
# Needs bash, awk, sed and cargo; WEIR names another binary, SCORE_ARGS adds options, for example SCORE_ARGS=--no-model.
set -euo pipefail
cd "$(dirname "$0")/../.."
runs=${1:-5}
folder=${2:-target/bench-input}
weir=${WEIR:-target/release/weir}
events=2000000

if [ -z "${WEIR:-}" ]; then cargo build --quiet --release -p weir; fi
if [ ! -s "$folder/networks.blocklist" ]; then "$weir" bench-input --events $events --accounts 100000 --entries 1000000 --out "$folder"; fi
cat "$folder/events.ndjson" > /dev/null # into the page cache

bytes=$(wc -c < "$folder/events.ndjson")
echo "input: $events events, $((bytes / events)) bytes each; $(nproc) processors: $(awk -F': ' '/model name/ { print $2; exit }' /proc/cpuinfo)"
TIMEFORMAT='%U %S'
for run in $(seq "$runs"); do
  # shellcheck disable=SC2086
  { time "$weir" score "$folder/events.ndjson" ${SCORE_ARGS:-} \
    --blocklist "$folder/accounts.blocklist" --blocklist "$folder/devices.blocklist" --blocklist "$folder/networks.blocklist" \
    --out "$folder/decisions.ndjson" 2> "$folder/summary.txt"; } 2> "$folder/time.txt"
  read -r user system < "$folder/time.txt"
  memory=$(sed -n 's/^memory *//p' "$folder/summary.txt")
  awk -v n=$events -v u="$user" -v s="$system" -v m="$memory" -v r="$run" \
    'BEGIN { printf "run %d: %.2f s of processor, %.0f events a processor second, %s\n", r, u + s, n / (u + s), m }'
done | tee "$folder/runs.txt"
sed 's/.*processor, \([0-9]*\) events.*/\1/' "$folder/runs.txt" | sort -n | awk '{ v[NR] = $1 } END { printf "best %d, median %d events a processor second\n", v[NR], v[int((NR + 1) / 2)] }'
echo; cat "$folder/summary.txt"
