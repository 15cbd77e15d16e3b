#!/usr/bin/env bash
# Repeats the first tenth of the bundled model's last stage, rooms included, and compares its loss with the records of the card: the
# means over 200 steps should be within 2 %. Three quarters of an hour on two cores. RUNS names the working folder.
set -euo pipefail
cd "$(dirname "$0")/.."
runs=${RUNS:-runs/repeat}
bundle=models/rooms-ti
third=e77f43c  # the commit that holds the weights which the stage starts from
fourm=build/release/fourm

git cat-file -e "$third^{commit}" 2>/dev/null || { echo "commit $third is missing: git fetch --unshallow" >&2; exit 1; }
mkdir -p "$runs/tokens" "$runs/third"
scripts/fourth_stage_rooms.sh "$runs/fourth"
$fourm data label "$runs/fourth" --clip "$bundle/clip"  # makes what is missing
$fourm tokenize --data "$runs/fourth" --tokenizers "$bundle/tokenizers" --out "$runs/tokens/fourth"

cp "$bundle"/{config.json,modalities.yaml,tokenizer.json} "$runs/third/"
git show "$third:$bundle/model.safetensors" >"$runs/third/model.safetensors"
sed "s#runs/rooms/tokens#$runs/tokens#" configs/rooms/pretrain_fourth.yaml >"$runs/fourth.yaml"
$fourm pretrain "$runs/fourth.yaml" out="$runs/repeated" init="$runs/third" eval_data= text_tokenizer="$bundle/tokenizer.json" \
  modalities="$bundle/modalities.yaml" training.steps=1200 training.schedule.hold_steps=900 training.threads=1

losses() { sed -n 's/^{"step":\([0-9]*\),"train":.*"loss":\([0-9.]*\).*/\1 \2/p' "$1"; }
join <(losses "$bundle/metrics.jsonl" | sort) <(losses "$runs/repeated/metrics.jsonl" | sort) | sort -n | awk '
  { card += $2; ours += $3 }
  $1 % 200 == 0 {
    off = 100 * (ours / card - 1)
    printf "steps to %d: loss %.4f, card %.4f (%+.2f %%)\n", $1, ours / 4, card / 4, off
    if (off > 2 || off < -2) bad = 1
    card = ours = 0; n++
  }
  END { if (n != 6) { print "expected 1200 steps"; bad = 1 } exit bad }'
