#!/usr/bin/env bash
# Times pre-training on this machine in two processes with a thread each and in one process with two threads, on the same
# batches, and prints a table of medians of samples a second. The programs take turns, so that both see the same state of the machine.
#   scripts/scaling.sh [OPTIONS] [SIZE...]     Ti and B
#     --rounds 5      timed rounds
#     --batch 8       samples of a micro-batch, of all processes together
#     --steps 4       steps of a run, of which the first is not timed
# Example: scripts/scaling.sh --rounds 3 Ti
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
rounds=5 batch=8 steps=4
sizes=()
fail() { echo "$*" >&2; exit 2; }
while [ $# -gt 0 ]; do
  case "$1" in
    --rounds | --batch | --steps)
      [ $# -ge 2 ] || fail "$1 needs a value"
      declare "${1#--}=$2"
      shift 2
      ;;
    --help | -h) sed -n '2,/^set /p' "$0" | sed '$d; s/^# \?//'; exit 0 ;;
    -*) fail "unknown option $1; scripts/scaling.sh --help lists them" ;;
    Ti | B) sizes+=("$1"); shift ;;
    *) fail "unknown size $1: Ti or B" ;;
  esac
done
[ ${#sizes[@]} -gt 0 ] || sizes=(Ti B)
[ "$steps" -ge 2 ] || fail "--steps should be at least 2"
program=$root/build/release/fourm
[ -x "$program" ] || fail "$program is missing: run scripts/build.sh"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"$program" rooms --quiet --count 24 --size 128 --seed 7 --out "$work/rooms" >&2
"$program" tokenize --quiet --data "$work/rooms" --tokenizers "$root/models/rooms-ti/tokenizers" --out "$work/tokens" >&2

# The size of the paper with seven modalities (docs/training.md).
write_recipe() {
  local dim=384 depth=6 heads=6
  [ "$1" = Ti ] || { dim=768 depth=12 heads=12; }
  cat >"$work/recipe.yaml" <<END
data: $work/tokens
text_tokenizer: $root/models/rooms-ti/tokenizer.json
modalities: $root/models/rooms-ti/modalities.yaml
batch: $batch
model:
  domains_in: [rgb@128, tok_rgb@128, tok_depth@128, tok_normal@128, tok_semseg@128, caption, det]
  domains_out: [tok_rgb@128, tok_depth@128, tok_normal@128, tok_semseg@128, caption, det]
  image_size: 128
  patch_size: 16
  dim: $dim
  encoder_depth: $depth
  decoder_depth: $depth
  num_heads: $heads
  qkv_bias: false
  proj_bias: false
  mlp_bias: false
  gated_mlp: true
masking:
  input_tokens: [128, 128]
  target_tokens: [128, 128]
  mixture: [{name: all2all, input_others: 0.5, target_others: 0.5}]
training:
  steps: $steps
  precision: f32
  schedule: {lr: 1.0e-4, warmup_steps: 2}
  log_every: 1
  evaluate_every: 0
  checkpoint_every: 1000000
END
}

# Samples a second of a run with these words before the command: launch -n 2 --, or none.
rate() {
  local accumulate=$1 threads=$2
  shift 2
  rm -rf "$work/run"
  "$program" "$@" pretrain "$work/recipe.yaml" out="$work/run" training.accumulate="$accumulate" \
    training.threads="$threads" --quiet >&2
  sed -nE 's/.*"seconds": ?([0-9.e+-]+).*/\1/p' "$work/run/metrics.jsonl" |
    awk -v samples=$((batch * accumulate)) 'NR > 1 { time += $1 } END { print (NR - 1) * samples / time }'
}
median() { sort -g "$1" | awk '{ x[NR] = $1 } END { print x[int((NR + 1) / 2)] }'; }
ratios() { paste "$1" "$2" | awk '{ print $1 / $2 }' | sort -g | awk '{ x[NR] = $1 } END { printf "%.3f (%.3f to %.3f)", x[int((NR + 1) / 2)], x[1], x[NR] }'; }

echo '| size | `accumulate` | 1 process, 2 threads: samples/s | 2 processes, 1 thread each | ratio |'
echo '|---|---|---|---|---|'
for size in "${sizes[@]}"; do
  write_recipe "$size"
  for accumulate in 1 4; do
    : >"$work/one"; : >"$work/two"
    for ((round = 1; round <= rounds; ++round)); do
      printf '\r%s, accumulate %d, round %d of %d   ' "$size" "$accumulate" "$round" "$rounds" >&2
      rate "$accumulate" 2 >>"$work/one"
      rate "$accumulate" 1 launch -n 2 -- >>"$work/two"
    done
    printf '\r%40s\r' '' >&2
    printf '| %s | %d | %.2f | %.2f | %s |\n' "$size" "$accumulate" "$(median "$work/one")" "$(median "$work/two")" "$(ratios "$work/two" "$work/one")"
  done
done
