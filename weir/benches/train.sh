#!/usr/bin/env bash
# What `weir train` takes for a million rows of 64 columns: by the clock, on the processor, and in memory.
#
#   weir/benches/train.sh [FOLDER]      makes 600 MB of rows (once), then fits with 5-fold cross-validation    (about 10 min)
#
# ROWS changes their number; it ends after LIMIT_S seconds (1,800), whatever is not done. WEIR names another binary. Needs bash, cargo,
# Python 3 with numpy, and GNU time.
set -euo pipefail
cd "$(dirname "$0")/../.."
folder=${1:-target/train}
weir=${WEIR:-target/release/weir}
rows=${ROWS:-1000000}
mkdir -p "$folder"
if [ -z "${WEIR:-}" ]; then cargo build --quiet --release -p weir; fi
[ -f "$folder/wide-$rows.csv" ] || {
  python3 models/benches/rows.py wide "$folder" "$rows"
  mv "$folder/wide.csv" "$folder/wide-$rows.csv"
}
cat > "$folder/train.toml" << END
format = 1
name = "wide"
seed = 1
[data]
file = "wide-$rows.csv"
label = "label"
positive = ["1"]
group = "who"
[learner]
kind = "boosting"
trees = 150
leaves = 16
depth = 4
rate = 0.1
[folds]
count = 5
by = "group"
END
/usr/bin/time -f '%e s by the clock, %U s + %S s on the processor, %M KB at most' \
  timeout "${LIMIT_S:-1800}" "$weir" train --config "$folder/train.toml" --out "$folder/wide.json"
