#!/usr/bin/env bash
# Repeats the first tenth of the bundled model's last stage, rooms included, and holds its loss against the card's: the
# means over 200 steps should be within 2 %. Three quarters of an hour on two cores. RUNS names the working folder.
set -euo pipefail
cd "$(dirname "$0")/.."
runs=${RUNS:-runs/repeat}
bundle=models/rooms-ti
second=6be7de1  # the commit that holds the weights which the stage starts from
fourm=build/release/fourm

# name, count and further arguments of a set of rooms
make_set() {
  local set=$runs/$1
  [ -e "$set/dataset.yaml" ] || $fourm rooms --count "$2" --size 128 --out "$set" "${@:3}"
  [ -e "$set/clip" ] || $fourm clip features --model "$bundle/clip" --in "$set/rgb" --out "$set/clip"
  $fourm tokenize --data "$set" --tokenizers "$bundle/tokenizers" --out "$runs/tokens/$1"
}
make_set train 24000 --seed 1 --split train
make_set solids 16000 --seed 2 --split train --solids

mkdir -p "$runs/second"
cp "$bundle"/{config.json,modalities.yaml,tokenizer.json} "$runs/second/"
git show "$second:$bundle/model.safetensors" >"$runs/second/model.safetensors"
$fourm pretrain configs/rooms/pretrain_third.yaml out="$runs/third" init="$runs/second" \
  mixture="{$runs/tokens/train: 1, $runs/tokens/solids: 1}" eval_data= text_tokenizer="$bundle/tokenizer.json" \
  training.steps=800 training.schedule.hold_steps=600 training.threads=1

losses() { sed -n 's/^{"step":\([0-9]*\),"train":.*"loss":\([0-9.]*\).*/\1 \2/p' "$1"; }
join <(losses "$bundle/metrics.jsonl" | sort) <(losses "$runs/third/metrics.jsonl" | sort) | sort -n | awk '
  { card += $2; ours += $3 }
  $1 % 200 == 0 {
    off = 100 * (ours / card - 1)
    printf "steps to %d: loss %.4f, card %.4f (%+.2f %%)\n", $1, ours / 4, card / 4, off
    if (off > 2 || off < -2) bad = 1
    card = ours = 0; n++
  }
  END { if (n != 4) { print "expected 800 steps"; bad = 1 } exit bad }'
