#!/usr/bin/env bash
# The ablations on Rooms from nothing: rooms, their tokens by the tokenizers of the bundled model, the data of the token benchmark,
# and the ablations of configs/ablations/rooms that the arguments name (none: all). Each part is skipped or resumed when run
# again. Several of these commands may run at once when the data are there: they share the runs.
set -euo pipefail
cd "$(dirname "$0")/.."
runs=runs/ablations
fourm=build/release/fourm

scripts/transfer_rooms.sh data
[ -e "$runs/train/dataset.yaml" ] ||
  $fourm rooms --count "${ROOMS:-10000}" --size 128 --seed 41 --split train --out "$runs/train"
[ -e "$runs/val/dataset.yaml" ] ||
  $fourm rooms --count "${VAL_ROOMS:-256}" --size 128 --seed 41 --split val --furniture train --out "$runs/val"
for split in train val; do
  $fourm data label "$runs/$split" --clip models/rooms-ti/clip  # makes what is missing
  $fourm tokenize --data "$runs/$split" --tokenizers models/rooms-ti/tokenizers --out "$runs/tokens/$split"
done

names=("$@")
[ ${#names[@]} -gt 0 ] || names=($(cd configs/ablations/rooms && ls *.yaml | sed 's/.yaml//' | grep -vx 'reference\|benchmark'))
for name in "${names[@]}"; do
  $fourm ablate "configs/ablations/rooms/$name.yaml" --threads "${THREADS:-$(nproc)}"
done
