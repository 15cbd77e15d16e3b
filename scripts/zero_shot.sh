#!/usr/bin/env bash
# Predictions out of the box as in the paper's Table 31: normals and depth on DIODE, semantic maps on COCO, from RGB, and a report. Arguments
# are options of `eval`, such as --device cuda.
#
#   MODEL   4M model; TOKENIZERS: folder of its tokenizers
#   DIODE   validation set with rgb/, normal/ and depth/; COCO: with rgb/ and semseg/ (docs/data.md)
#   OUT     folder for diode.json, coco.json and report/
set -euo pipefail
: "${MODEL:?}" "${DIODE:?}" "${COCO:?}" "${OUT:?}"
fourm=$(dirname "$0")/../build/release/fourm
mkdir -p "$OUT"
for set in "diode $DIODE" "coco $COCO"; do
  name=${set%% *}
  "$fourm" eval --model "$MODEL" ${TOKENIZERS:+--tokenizers "$TOKENIZERS"} --data "${set#* }" --inputs rgb --count 1000000 --json "$@" \
    > "$OUT/$name.json.tmp"
  mv "$OUT/$name.json.tmp" "$OUT/$name.json"
done
"$fourm" report "$OUT/diode.json" "$OUT/coco.json" --out "$OUT/report" --title "Out of the box"
