#!/usr/bin/env bash
# For how long the line stands still while a version is activated: 500 activations of weights, and 500 of models, each of another version than
# the one before, among 100,000 events through `weir score`; the processor's time beyond that of the same events without them, a record. Its
# file is read, checked and put in force between two events, so that no event waits longer than this for it. Then: what scoring
# costs with learned weights in force, against the model as it was trained (one activation at the beginning).
#
#   weir/benches/activate.sh [RUNS] [FOLDER]      (5 runs, of which the best counts; a minute)
#
# TREES, LEAVES and DEPTH make the model larger (150, 16, 4). WEIR names another binary. Needs bash, cargo and Python 3.
set -euo pipefail
cd "$(dirname "$0")/../.."
runs=${1:-5}
folder=${2:-target/activate}
weir=$(realpath "${WEIR:-target/release/weir}")
if [ -z "${WEIR:-}" ]; then cargo build --quiet --release -p weir; fi
rm -rf "$folder" && mkdir -p "$folder" && cd "$folder"

"$weir" simulate --accounts 3000 --hours 48 --seed 5 --exempt x.txt --out e.ndjson --truth t.ndjson 2> log
"$weir" dataset export e.ndjson --truth t.ndjson --exempt x.txt --with-restricted --format csv --out rows 2> log
sed -i "s/^trees = .*/trees = ${TREES:-150}/; s/^leaves = .*/leaves = ${LEAVES:-16}/; s/^depth = .*/depth = ${DEPTH:-4}/; s/^count = .*/count = 2/" rows/train.toml
for seed in 1 2; do
  sed -i "s/^seed = .*/seed = $seed/" rows/train.toml
  "$weir" train --config rows/train.toml --out "model$seed.json" 2> log
  mkdir -p shelf/model/candidate shelf/weights/online
  cp "model$seed.json" shelf/model/candidate/$seed.json
  "$weir" learn rows/rows.csv --model model1.json --delay-h 3 --shift-max $((5 * seed)) --out shelf/weights/online/$seed.json > log 2>&1
done
# What the held-out accounts do not prefer is not written.
ls shelf/weights/online/1.json shelf/weights/online/2.json > log

python3 - << 'END'
import json

events = open("e.ndjson").read().splitlines()
ts = json.loads(events[0])["ts"]


def activate(number, ts, what, name, version):
    return json.dumps({"id": f"k{what}{number}", "ts": ts, "kind": "activate", "account": "!control-0", "control": f"c{what}{number}",
                       "what": what, "name": name, "version": str(version)})


def log(name, what, of, times):
    step, lines = len(events) // max(times, 1), [activate(0, ts, "model", "candidate", 1)]
    if what == "one":
        lines.append(activate(0, ts, "weights", "online", 1))
    for place, event in enumerate(events):
        if times and place % step == 0 and place // step < times:
            number = place // step + 1
            lines.append(activate(number, json.loads(event)["ts"], what, of, 1 + number % 2))
        lines.append(event)
    open(f"{name}.ndjson", "w").write("\n".join(lines) + "\n")


log("trained", "", "", 0)
log("learned", "one", "", 0)
log("weights", "weights", "online", 500)
log("models", "model", "candidate", 500)
END

echo "model: $(wc -c < model1.json) bytes; weights: $(wc -c < shelf/weights/online/1.json) bytes; $(wc -l < e.ndjson) events; $(nproc) processors, load $(cut -d' ' -f1 /proc/loadavg)"
TIMEFORMAT='%U %S'
for name in trained learned weights models; do
  for _ in $(seq "$runs"); do
    { time "$weir" score $name.ndjson --trust-internal --registry shelf --strict --out d.ndjson 2> log; } 2>&1 | awk '{ print $1 + $2 }'
  done | sort -n | head -1 > $name.s
done
awk -v t="$(cat trained.s)" -v l="$(cat learned.s)" -v w="$(cat weights.s)" -v m="$(cat models.s)" -v n="$(wc -l < e.ndjson)" 'BEGIN {
  printf "as trained %.2f s, with weights %.2f s of processor: %.3f times as fast\n", t, l, t / l
  printf "an activation of weights %.2f ms, of a model %.2f ms\n", 1000 * (w - l) / 500, 1000 * (m - t) / 500
}'
