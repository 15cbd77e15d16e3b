#!/usr/bin/env bash
# Times the workloads of docs/performance.md and prints a table of medians. The programs take turns, so that all see the same
# state of the machine. A ratio is the time of the other program divided by that of this one.
#   scripts/benchmark.sh [OPTIONS] [WORKLOAD...]
#     --size B          random weights of this official size
#     --device cpu      or cuda, cuda:N
#     --precision f32   or bf16, f16, int8; of this program
#     --rounds 7        timed rounds
#     --against FILE    another build of the program, with this one's options
#     --peer FOLDER     the Python original: bench.py and tok_bench.py of a folder, which are not part of this repository, and
#                       peer_workloads.py beside this script; run by `python3` with PYTHONPATH as it is
#     --tok FILE        the text tokenizer for --peer
# Example: scripts/benchmark.sh --against ../before/build/release/fourm roar1 caption train
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
size=B device=cpu precision=f32 rounds=7 against= peer= tok=
threads=${OMP_NUM_THREADS:-$(nproc)}
workloads=()
fail() { echo "$*" >&2; exit 2; }
while [ $# -gt 0 ]; do
  case "$1" in
    --size | --device | --precision | --rounds | --against | --peer | --tok)
      [ $# -ge 2 ] || fail "$1 needs a value"
      declare "${1#--}=$2"
      shift 2
      ;;
    --help | -h) sed -n '2,/^set /p' "$0" | sed '$d; s/^# \?//'; exit 0 ;;
    -*) fail "unknown option $1; scripts/benchmark.sh --help lists them" ;;
    *) workloads+=("$1"); shift ;;
  esac
done
[ ${#workloads[@]} -gt 0 ] || workloads=(roar1 maskgit8 caption caption8 t2i tok_encode tok_step tok_decode8 train finetune)
program=$root/build/release/fourm
[ -x "$program" ] || fail "$program is missing: run scripts/build.sh"
[ -z "$against" ] || [ -x "$against" ] || fail "$against is no program"
[ -z "$peer" ] || [ -n "$tok" ] || fail "--peer needs --tok, the text tokenizer of the original"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# One timed run after a warm-up run: seconds, or "-" and the reason on stderr where the run fails.
seconds_of() {
  local found
  found=$("$@" 2>"$work/errors" | sed -nE 's/.*"median_s": ?([0-9.e+-]+).*/\1/p') || true
  [ -n "$found" ] || printf '\n%s: %s\n' "$1" "$(tail -n 1 "$work/errors")" >&2
  echo "${found:--}"
}
time_fourm() {
  local other=()
  [ "$device" = cpu ] || other=(--device "$device")
  seconds_of "$1" bench "$2" --size "$size" --save "$work/$3" --engine fast --precision "$precision" --repeats 1 --threads "$threads" \
    "${other[@]}" --json
}
time_peer() {
  local command
  case "$1" in
    tok_encode) command=("$peer/tok_bench.py" encode) ;;
    tok_decode) command=("$peer/tok_bench.py" decode) ;;
    tok_*) echo -; return 0 ;;
    sr448 | finetune)
      command=("$root/scripts/peer_workloads.py" "$1" --size "$size" --tok "$tok" --threads "$threads" --repeats 1) ;;
    *) command=("$peer/bench.py" "$1" --size "$size" --tok "$tok" --threads "$threads" --repeats 1) ;;
  esac
  seconds_of python3 "${command[@]}"
}

# The median of the numbers in a file; and with two files the median of their ratios, line by line, and its range.
median() { grep -v '^-$' "$1" | sort -g | awk '{ x[NR] = $1 } END { if (NR) print x[int((NR + 1) / 2)] }'; }
ratios() { paste "$1" "$2" | awk '$1 > 0 && $2 > 0 { print $1 / $2 }' | sort -g | awk '{ x[NR] = $1 } END { if (NR) printf "%.3f (%.3f to %.3f)", x[int((NR + 1) / 2)], x[1], x[NR] }'; }

printf '| workload | fourm, s |%s%s\n' "${against:+ other build, s | ratio |}" "${peer:+ original, s | ratio |}"
printf '|---|---|%s%s\n' "${against:+---|---|}" "${peer:+---|---|}"
for workload in "${workloads[@]}"; do
  : >"$work/ours"; : >"$work/other"; : >"$work/peer"
  for ((round = 1; round <= rounds; ++round)); do
    printf '\r%s, round %d of %d   ' "$workload" "$round" "$rounds" >&2
    time_fourm "$program" "$workload" ours_weights >>"$work/ours"
    [ -z "$against" ] || time_fourm "$against" "$workload" other_weights >>"$work/other"
    [ -z "$peer" ] || time_peer "$workload" >>"$work/peer"
  done
  printf '\r%40s\r' '' >&2
  line="| \`$workload\` | $(median "$work/ours") |"
  [ -z "$against" ] || line+=" $(median "$work/other") | $(ratios "$work/other" "$work/ours") |"
  [ -z "$peer" ] || line+=" $(median "$work/peer") | $(ratios "$work/peer" "$work/ours") |"
  echo "$line"
done
