#!/usr/bin/env bash
# Trains the bundled model from nothing: rooms, vocabulary, tokenizers, tokens, pre-training, bundle. Each part is skipped
# and resumes when it is run again. RUNS names the working folder (default runs/rooms), OUT the model folder.
set -euo pipefail
cd "$(dirname "$0")/.."
runs=${RUNS:-runs/rooms}
out=${OUT:-models/rooms-ti}
fourm=build/release/fourm
threads=${THREADS:-$(nproc)}

[ -e "$runs/train/dataset.yaml" ] || $fourm rooms --count 24000 --size 128 --seed 1 --split train --out "$runs/train"
[ -e "$runs/solids/dataset.yaml" ] ||
  $fourm rooms --count 16000 --size 128 --seed 2 --split train --solids --out "$runs/solids"
[ -e "$runs/val/dataset.yaml" ] || $fourm rooms --count 500 --size 128 --seed 1 --split val --out "$runs/val"
scripts/fourth_stage_rooms.sh "$runs/fourth"
[ -e "$runs/text_tokenizer.json" ] || $fourm vocab train "$runs/train/caption" "$runs/train/det" \
  --size 1024 --coordinates 64 --sentinels 20 --out "$runs/text_tokenizer.json"

$fourm clip train configs/rooms/clip.yaml out="$runs/clip" data="$runs/train" eval_data="$runs/val" \
  text_tokenizer="$runs/text_tokenizer.json" training.threads="$threads"
for split in train solids fourth val; do
  # The features of another model are made anew.
  cmp -s "$runs/clip/model/model.safetensors" "$runs/clip/features_of_$split.safetensors" && continue
  $fourm clip features --overwrite --model "$runs/clip/model" --in "$runs/$split/rgb" --out "$runs/$split/clip"
  cp "$runs/clip/model/model.safetensors" "$runs/clip/features_of_$split.safetensors"
done

for kind in rgb depth normal semseg clip; do
  $fourm tokenizer train configs/rooms/tokenizer_$kind.yaml out="$runs/tokenizer_$kind" data="$runs/train/$kind" \
    eval_data="$runs/val/$kind" training.threads="$threads"
  mkdir -p "$runs/tokenizers"
  rm -rf "$runs/tokenizers/tok_$kind@128"
  cp -r "$runs/tokenizer_$kind/model" "$runs/tokenizers/tok_$kind@128"
done
for split in train solids fourth val; do
  $fourm tokenize --data "$runs/$split" --tokenizers "$runs/tokenizers" --out "$runs/tokens/$split"
done
$fourm pretrain configs/rooms/pretrain.yaml out="$runs/pretrain" data="$runs/tokens/train" eval_data="$runs/tokens/val" \
  text_tokenizer="$runs/text_tokenizer.json" training.threads="$threads"
$fourm pretrain configs/rooms/pretrain_second.yaml out="$runs/pretrain_second" init="$runs/pretrain/model" \
  data="$runs/tokens/train" eval_data="$runs/tokens/val" text_tokenizer="$runs/text_tokenizer.json" \
  training.threads="$threads"
$fourm pretrain configs/rooms/pretrain_third.yaml out="$runs/pretrain_third" init="$runs/pretrain_second/model" \
  mixture="{$runs/tokens/train: 1, $runs/tokens/solids: 1}" eval_data="$runs/tokens/val" \
  text_tokenizer="$runs/text_tokenizer.json" training.threads="$threads"
sed "s#runs/rooms/#$runs/#" configs/rooms/pretrain_fourth.yaml >"$runs/pretrain_fourth.yaml"
$fourm pretrain "$runs/pretrain_fourth.yaml" training.threads="$threads"

$fourm inspect "$runs/pretrain_fourth/model" --convert "$out" --dtype f16 --bits 5  # compresses by a third, changes no measure
$fourm inspect "$runs/clip/model" --convert "$out/clip" --dtype f16 --bits 5
$fourm inspect "$runs/tokenizers/tok_clip@128" --convert "$out/tokenizers/tok_clip@128" --dtype f16 --bits 5
for kind in rgb depth normal semseg; do
  $fourm inspect "$runs/tokenizers/tok_$kind@128" --convert "$out/tokenizers/tok_$kind@128" --dtype f16
done
cp "$runs/train/CREDITS.txt" "$out/CREDITS.txt"
cp "$runs/pretrain_fourth/metrics.jsonl" "$runs/pretrain_fourth/curves.svg" "$out/"
RUNS="$runs" MODEL="$out" THREADS="$threads" scripts/superres_rooms.sh
$fourm eval --model "$out" --data "$runs/val"
