#!/usr/bin/env bash
# Text-to-image as in the paper's Table 32: an image for each caption, with guidance 3, and a report of FID, Inception score, precision, recall
# and CLIP score after resizing to 256 pixels. The same command resumes an interrupted one. Arguments are options of `generate`.
#
#   MODEL      4M model; TOKENIZERS: folder of its tokenizers
#   CAPTIONS   text file, one on a line, or a .tsv with a column caption
#   REAL       folder of the true images; INCEPTION: pt_inception-2015-12-05-6726825d.pth
#   CLIP       folder of openai/clip-vit-large-patch14
#   DEVICE     default: cpu
#   OUT        folder for images/, features/, scores.json and report/
set -euo pipefail
: "${MODEL:?}" "${CAPTIONS:?}" "${REAL:?}" "${INCEPTION:?}" "${CLIP:?}" "${OUT:?}"
fourm=$(dirname "$0")/../build/release/fourm
"$fourm" generate --model "$MODEL" ${TOKENIZERS:+--tokenizers "$TOKENIZERS"} --in caption="@$CAPTIONS" --out-modality rgb --guidance 3 \
  --device "${DEVICE:-cpu}" --out "$OUT/images" "$@"
"$fourm" eval --generated "$OUT/images/rgb" --captions "$CAPTIONS" --clip "$CLIP" --real "$REAL" --inception "$INCEPTION" --resize 256 \
  --device "${DEVICE:-cpu}" --store "$OUT/features" --json > "$OUT/scores.json.tmp"
mv "$OUT/scores.json.tmp" "$OUT/scores.json"
"$fourm" report "$OUT/scores.json" --out "$OUT/report" --title "Text-to-image"
