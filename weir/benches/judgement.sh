#!/usr/bin/env bash
# How good the default policy and model are, on simulated traffic of a seed that no model was trained on.
#
#   weir/benches/judgement.sh open    [FOLDER]   100,000 benign accounts, 7 days, nothing refused         (about 1 min)
#   weir/benches/judgement.sh closed  [FOLDER]   the same with the engine between                         (about 1 min)
#   weir/benches/judgement.sh unknown [FOLDER]   8,000 accounts, 5 days, each optional field left unknown (about 2 min)
#   weir/benches/judgement.sh real    [FOLDER]   the restrictions of the real people in tests/data
#
# ACCOUNTS, HOURS, SEED and RATE change the world; WEIR names another binary. Needs bash, awk and cargo.
set -euo pipefail
cd "$(dirname "$0")/../.."
what=${1:-open}
folder=${2:-target/judgement}
weir=${WEIR:-target/release/weir}
mkdir -p "$folder"
if [ -z "${WEIR:-}" ]; then cargo build --quiet --release -p weir; fi

world() { # name, further options of `weir simulate`
  local name=$1; shift
  "$weir" simulate --accounts "${ACCOUNTS:-100000}" --hours "${HOURS:-168}" --seed "${SEED:-20261125}" "$@" \
    --out "$folder/$name.events.ndjson" --truth "$folder/$name.truth.ndjson" --exempt "$folder/$name.exempt"
}
score() { "$weir" score "$folder/$1.events.ndjson" --exempt "$folder/$1.exempt" --out "$folder/$1.decisions.ndjson"; }
judge() {
  "$weir" judge --events "$folder/$1.events.ndjson" --truth "$folder/$1.truth.ndjson" \
    --decisions "$folder/$1.decisions.ndjson" --html "$folder/$1.html"
}

case $what in
  open) world open; score open; judge open ;;
  closed) world closed --closed-loop --decisions "$folder/closed.decisions.ndjson"; judge closed ;;
  unknown)
    export ACCOUNTS=${ACCOUNTS:-8000} HOURS=${HOURS:-120} SEED=${SEED:-5}
    fields=${FIELDS:-none age_h idle_h first_contact in_contacts forwarded typed size group_size contact peer_age_h peer_device peer_prefix peer_range hits known device ip_prefix asn number_range client country ip_country tier attested}
    printf '%-15s %10s %10s %10s | %s | %s\n' unknown restricted limited banned 'benign restricted, limited, banned' 'messages before, lowest persona'
    for field in $fields; do
      [ "$field" = none ] && without=() || without=(--without "$field")
      world unknown --base-rate "${RATE:-0.03}" "${without[@]}" 2> /dev/null
      score unknown 2> /dev/null
      judge unknown | awk -v field="$field" '
        /^  (restricted|limited|banned) / { for (i = 1; i <= NF; i++) if ($i == "=") share[++n] = $(i + 1); count[n] = $2 }
        /^messages before/ { median = $(NF - 2) $NF }
        /^persona/ { table = 1; next }
        /^---/ { table = 0 }
        table && NF > 6 && $4 != "-" && (low == "" || $4 + 0 < low + 0) { low = $4; who = $1 }
        END { printf "%-15s %8s %% %8s %% %8s %% | %d, %d, %d | %s; %s %% of %s\n", field, share[1], share[2], share[3], count[4], count[5], count[6], median, low, who }'
    done ;;
  real)
    college=tests/data/collegemsg/events.csv.gz
    copenhagen="tests/data/copenhagen_sms/sms.csv.gz --friends tests/data/copenhagen_sms/fb_friends.csv.gz"
    for age in '' --age-from-first-event; do
      # shellcheck disable=SC2086
      for set in "collegemsg $college" "copenhagen $copenhagen"; do
        "$weir" import $set $age --out "$folder/real.ndjson" 2> /dev/null
        "$weir" score "$folder/real.ndjson" --out "$folder/real.decisions.ndjson" 2> /dev/null
        printf '%-12s %-24s %s events, %s decisions; enforced challenges, limits and bans:\n' "${set%% *}" "$age" \
          "$(wc -l < "$folder/real.ndjson")" "$(wc -l < "$folder/real.decisions.ndjson")"
        grep '"mode":"enforce"' "$folder/real.decisions.ndjson" | grep -E '"action":"(challenge|rate_limit|ban)"' || echo '  none'
      done
    done ;;
  *) sed -n '2,11p' "$0" >&2; exit 2 ;;
esac
