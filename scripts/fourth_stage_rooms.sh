#!/usr/bin/env bash
# Renders the rooms of the bundled model's fourth stage into the folder OUT, unless they are there. The longest caption of a room, which
# names colours and places, is in its list three times.
#   scripts/fourth_stage_rooms.sh OUT
set -euo pipefail
fourm=$(dirname "$0")/../build/release/fourm
out=$1
[ ! -e "$out/dataset.yaml" ] || exit 0
rm -rf "$out.part"
"$fourm" rooms --count 10000 --size 128 --seed 3 --split train --out "$out.part"
find "$out.part/caption" -name '*.json' -exec sed -Ei 's/,("[^"]*")\]/,\1,\1,\1]/' {} +
mv "$out.part" "$out"
