#!/usr/bin/env bash
# Fine-tuning on Rooms from nothing to the table: labelled rooms, the pre-training of two self-baselines, all fine-tunings, the table.
# Each part is skipped or resumed when run again. Four tasks (kind of room, semantic map, depth, boxes) start from new weights, RGB ->
# RGB, RGB -> features and the bundled model, with 1 % and 10 % of the labels (three seeds) and all of them (one).
# New weights get the best of three learning rates, chosen by their first seed. Variables reduce the size: LABELLED, HELD_OUT and ROOMS count
# rooms; PRETRAIN_STEPS and STEPS are lengths; BATCH is the batch of the fine-tunings; TASKS and FRACTIONS are lists. JOBS runs are
# trained at once, each on THREADS threads.
set -euo pipefail
cd "$(dirname "$0")/.."
export runs=${RUNS:-runs/finetune_rooms} fourm=build/release/fourm
export steps=${STEPS:-600} batch=${BATCH:-8} threads=${THREADS:-1}
pretrain_steps=${PRETRAIN_STEPS:-4000}
tasks=${TASKS:-class semseg depth det}
fractions=${FRACTIONS:-0.01 0.1 1}
model=models/rooms-ti

# rooms FOLDER COUNT SEED SPLIT: of labelled rooms, neither rooms nor furniture were seen in pre-training.
rooms() {
  [ -e "$runs/$1/dataset.yaml" ] || $fourm rooms --count "$2" --size 128 --seed "$3" --split "$4" --out "$runs/$1"
}
rooms labelled "${LABELLED:-2000}" 11 val
rooms held_out "${HELD_OUT:-500}" 12 test
rooms train "${ROOMS:-8000}" 1 train
rooms val 128 1 val
for split in train val; do
  $fourm data label "$runs/$split" --clip $model/clip  # makes what is missing
  $fourm tokenize --data "$runs/$split" --tokenizers $model/tokenizers --out "$runs/tokens/$split"
done
for baseline in rgb2rgb rgb2clip; do
  $fourm pretrain configs/rooms/pretrain_$baseline.yaml out="$runs/$baseline" data="$runs/tokens/train" \
    eval_data="$runs/tokens/val" training.threads="$(nproc)" training.steps="$pretrain_steps" \
    training.schedule.warmup_steps=$((pretrain_steps / 20))
done

# tune TASK START FRACTION SEED RATE: leaves the recipe and the records of the run; weights are not kept.
tune() {
  local task=$1 start=$2 run=$runs/tuned/$1/$2/$3/seed$4_rate$5 init decay=0.75 labels=
  [ ! -e "$run/finished" ] || return 0
  case $start in
    scratch) init= decay=1 ;;
    rooms-ti) init=models/rooms-ti ;;
    *) init=$runs/$start ;;
  esac
  [ "$task" != class ] || labels=", labels: scene.room"
  $fourm finetune configs/finetune/rooms_"$task".yaml out="$run" init="$init" \
    data="{path: $runs/labelled$labels}" eval_data="{path: $runs/held_out$labels}" seed="$4" fraction="$3" training.steps="$steps" batch="$batch" \
    training.threads="$threads" \
    training.schedule.lr="$5" training.schedule.warmup_steps=$((steps / 10)) training.optimizer.layer_decay="$decay" \
    training.drop_path=0 training.evaluate_every=0
  touch "$run/finished"
  rm -rf "$run/model" "$run"/checkpoints/*
}
export -f tune
queue() { xargs -r -P "${JOBS:-2}" -L 1 bash -euo pipefail -c 'tune "$@"' tune; }
# best_rate TASK FRACTION: the learning rate with which the first seed of new weights is best, by its last evaluation.
best_rate() {
  local measure run
  case $1 in
    class) measure=top1 ;;
    semseg) measure=mIoU ;;
    depth) measure=delta1 ;;
    det) measure=AP ;;
  esac
  for run in "$runs/tuned/$1/scratch/$2"/seed0_rate*; do
    sed -n "s/.*\"eval\".*\"$measure\":\([0-9.e+-]*\).*/\1 ${run##*_rate}/p" "$run/metrics.jsonl" | tail -n 1
  done | sort -g | tail -n 1 | cut -d ' ' -f 2
}
seeds() { [ "$1" = 1 ] && echo 0 || echo 0 1 2; }

for task in $tasks; do
  for fraction in $fractions; do
    for rate in 3e-4 1e-3 3e-3; do echo "$task scratch $fraction 0 $rate"; done
    for seed in $(seeds "$fraction"); do
      for start in rgb2rgb rgb2clip rooms-ti; do echo "$task $start $fraction $seed 1e-3"; done
    done
  done
done | queue
for task in $tasks; do
  for fraction in $fractions; do
    rate=$(best_rate "$task" "$fraction")
    for seed in $(seeds "$fraction"); do echo "$task scratch $fraction $seed $rate"; done
  done
done | queue
finished=("$runs"/tuned/*/*/*/*/finished)
$fourm report "${finished[@]%/finished}" --out "$runs/report" --title 'Fine-tuning on Rooms'
