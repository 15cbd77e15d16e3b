#!/usr/bin/env bash
# The token benchmark on Rooms from nothing: rooms with derived maps, tokenizers, tokens, all transfers, the table. Each part is
# skipped or resumed when run again. MODEL is the model that is measured (empty: without pre-training), NAME the folder of its
# runs below RUNS; arguments change the recipe (key=value). With the argument `data` it ends before the transfers.
set -euo pipefail
cd "$(dirname "$0")/.."
runs=${RUNS:-runs/transfer}
model=${MODEL-models/rooms-ti}
name=${NAME:-$([ -n "$model" ] && basename "$model" || echo scratch)}
fourm=build/release/fourm
threads=${THREADS:-$(nproc)}

# Rooms and furniture of the split test: no pre-training has seen them.
[ -e "$runs/train/dataset.yaml" ] ||
  $fourm rooms --count "${COUNT:-3000}" --size 128 --seed 31 --split test --derived-maps --out "$runs/train"
[ -e "$runs/val/dataset.yaml" ] ||
  $fourm rooms --count "${VAL_COUNT:-256}" --size 128 --seed 32 --split test --derived-maps --out "$runs/val"

tokenizer() {  # RECIPE MAP [key=value ...]
  local recipe=$1 map=$2
  shift 2
  $fourm tokenizer train "$recipe" out="$runs/tokenizer_$map" data="$runs/train/$map" eval_data="$runs/val/$map" \
    seed=31 training.steps="${TOKENIZER_STEPS:-600}" training.threads="$threads" "$@"
  mkdir -p "$runs/tokenizers"
  rm -rf "$runs/tokenizers/tok_$map@128"
  cp -r "$runs/tokenizer_$map/model" "$runs/tokenizers/tok_$map@128"
}
for map in rgb depth normal semseg; do tokenizer configs/rooms/tokenizer_$map.yaml $map; done
for map in edge_texture edge_occlusion reshading keypoints2d keypoints3d; do
  tokenizer configs/transfer/tokenizer_map.yaml $map
done
tokenizer configs/transfer/tokenizer_map.yaml principal_curvature tokenizer.input.kind=rgb tokenizer.n_channels=3

# Modalities of the same maps as those of the pre-training have names of their own, since their codes are others.
for split in train val; do
  $fourm tokenize --data "$runs/$split" --tokenizers "$runs/tokenizers" --out "$runs/shards/$split"
  mkdir -p "$runs/tokens/$split"
  for folder in "$runs/shards/$split"/*/; do
    modality=$(basename "$folder")
    case $modality in tok_rgb@128 | tok_depth@128 | tok_normal@128 | tok_semseg@128) modality=${modality%@128}_new@128 ;; esac
    ln -sfn "$(realpath "$folder")" "$runs/tokens/$split/$modality"
  done
done

[ "${1:-}" != data ] || exit 0

$fourm transfer-benchmark configs/transfer/rooms.yaml out="$runs/$name" recipe.data="$runs/tokens/train" \
  recipe.eval_data="$runs/tokens/val" recipe.init="$model" recipe.training.threads="$threads" "$@"
