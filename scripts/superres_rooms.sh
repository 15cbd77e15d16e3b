#!/usr/bin/env bash
# Trains super-resolution from 128 to 256 pixels for the bundled model: rooms, tokenizer, tokens, pre-training, bundle. Each part is
# skipped or resumes when it is run again. Super-resolution starts from the model's own tokens of 128 pixels.
#   RUNS=runs/rooms MODEL=models/rooms-ti scripts/superres_rooms.sh
# RUNS names the working folder, THREADS the threads of training, ROOMS the number of rooms (default 4000).
set -euo pipefail
cd "$(dirname "$0")/.."
runs=${RUNS:-runs/rooms}
model=${MODEL:-models/rooms-ti}
fourm=${FOURM:-build/release/fourm}
threads=${THREADS:-$(nproc)}
rooms=${ROOMS:-4000}

render() {  # FOLDER OPTIONS...
  local out=$1
  shift
  [ -e "$out/dataset.yaml" ] && return
  rm -rf "$out.part"
  $fourm rooms --size 256 "$@" --out "$out.part"
  mv "$out.part" "$out"
}
render "$runs/large" --count "$rooms" --seed 3 --split train
render "$runs/large_val" --count 200 --seed 11 --split val --furniture train

$fourm tokenizer train configs/rooms/tokenizer_rgb_256.yaml out="$runs/tokenizer_rgb_256" data="$runs/large/rgb" \
  eval_data="$runs/large_val/rgb" start_from="$model/tokenizers/tok_rgb@128" training.threads="$threads"
tokenizers=$runs/tokenizers_large
mkdir -p "$tokenizers"
for kind in rgb@128 semseg@128; do
  rm -rf "$tokenizers/tok_$kind"
  cp -r "$model/tokenizers/tok_$kind" "$tokenizers/"
done
rm -rf "$tokenizers/tok_rgb@256"
cp -r "$runs/tokenizer_rgb_256/model" "$tokenizers/tok_rgb@256"

$fourm tokenize --data "$runs/large" --tokenizers "$tokenizers" --out "$runs/tokens/large"
$fourm tokenize --data "$runs/large_val" --tokenizers "$tokenizers" --out "$runs/tokens/large_val"
$fourm pretrain configs/rooms/superres.yaml out="$runs/superres" init="$model" data="$runs/tokens/large" eval_data="$runs/tokens/large_val" \
  text_tokenizer="$model/tokenizer.json" training.threads="$threads"

$fourm inspect "$runs/superres/model" --convert "$model/superres" --dtype f16 --bits 5
$fourm inspect "$runs/tokenizer_rgb_256/model" --convert "$model/superres/tokenizers/tok_rgb@256" --dtype f16
cp "$runs/superres/metrics.jsonl" "$runs/superres/curves.svg" "$model/superres/"
