#!/usr/bin/env bash
# Checks on any machine that the program works with LibTorch for CUDA: its wheel is installed beside the work tree, the
# object files of a build are linked to it, the kernels that models use on a GPU are found in it, and the program is run with
# --device auto and cuda. Without a GPU the latter must end in one line that says so. The module for NCCL is built.
# Usage: scripts/check_cuda_wheel.sh [BUILD_FOLDER]   (default: build/release, built where it is missing)
# The wheel (3.6 GB) is kept in $FOURM_CUDA_WHEEL, default ${TMPDIR:-/tmp}/fourm-cuda-wheel, for the next time.
set -euo pipefail
cd "$(dirname "$0")/.."
build=${1:-build/release}
folder=${FOURM_CUDA_WHEEL:-${TMPDIR:-/tmp}/fourm-cuda-wheel}
fail() { echo "FAILED: $*" >&2; exit 1; }

if [ $# = 0 ]; then scripts/build.sh release fourm test_kernels; fi
[ -e "$build/build.ninja" ] || fail "$build is no build folder"
built_with=$(sed -n 's/^FOURM_TORCH_INCLUDE:[A-Z]*=\(.*\)\/include$/\1/p' "$build/CMakeCache.txt")

echo "1. LibTorch for CUDA"
scripts/install_torch.sh "$folder" "$(sed -n 's/^torch=//p' scripts/install.sh)" cuda
wheel=$("$folder/bin/python" -c 'import sysconfig; print(sysconfig.get_path("platlib"))')/torch
echo "   $wheel, with its libraries $(du -sh "$folder" | cut -f 1)"

echo "2. Its headers are those that the object files were built with"
count=0
while read -r header; do
  cmp -s "$built_with/include/$header" "$wheel/include/$header" || fail "$header differs from that in $built_with"
  count=$((count + 1))
done < <(ninja -C "$build" -t deps | sed -n "s#^ *$built_with/include/##p" | sort -u)
[ "$count" -gt 0 ] || fail "no dependencies are recorded in $build"
echo "   $count headers are the same"

echo "3. The program and a test are linked to it"
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
for program in fourm test_kernels; do
  # The command of the build, with the other folder of libraries and another output.
  command=$(ninja -C "$build" -t commands "$program" | tail -n 1)
  command=${command//"$built_with/lib"/"$wheel/lib"}
  command=${command/" -o $program "/" -o '$out/$program' "}
  (cd "$build" && eval "$command")
  [ -x "$out/$program" ] || fail "$program was not linked"
done
loaded=$(ldd "$out/fourm")
[[ $loaded == *"libtorch_cpu.so => $wheel/lib/"* ]] || fail "the program does not load $wheel"
[[ $loaded != *libtorch_cuda* ]] || fail "the program loads the CUDA library when it starts"
echo "   $("$out/fourm" --version)"

echo "4. The CUDA library loads and has the kernels"
"$out/test_kernels" --gtest_filter='CudaWheel.*' >"$out/kernels.txt" || fail "$(cat "$out/kernels.txt")"
grep -q 'OK \] CudaWheel.HasTheKernels' "$out/kernels.txt" || fail "the test did not run: $(cat "$out/kernels.txt")"
echo "   all are registered"

generate() {
  "$out/fourm" generate --model models/rooms-ti --in caption="a bedroom with a white bed" --out-modality tok_rgb@128 --out "$out/$1" \
    --device "$1" >"$out/$1.txt" 2>&1
}
echo "5. fourm generate --device auto"
generate auto || fail "$(cat "$out/auto.txt")"
echo "   $(tail -n 1 "$out/auto.txt")"

echo "6. fourm generate --device cuda"
status=0
generate cuda || status=$?
if [ $status = 0 ]; then
  echo "   a GPU was used: $(tail -n 1 "$out/cuda.txt")"
elif [ $status = 1 ] && [ "$(wc -l <"$out/cuda.txt")" = 1 ] && grep -q '^fourm: device cuda: no GPU was found' "$out/cuda.txt"; then
  echo "   no GPU here, and the program says so: $(cat "$out/cuda.txt")"
else
  fail "exit code $status: $(cat "$out/cuda.txt")"
fi
echo "7. The module for NCCL"
cmake -S . -B "$out/cuda" -G Ninja -DCMAKE_BUILD_TYPE=Release -DFOURM_TORCH_INCLUDE="$wheel/include" >"$out/nccl.txt" 2>&1 &&
  ninja -C "$out/cuda" fourm_nccl >>"$out/nccl.txt" 2>&1 || fail "$(tail -n 20 "$out/nccl.txt")"
undefined=$(ldd -r "$out/cuda/libfourm_nccl.so" 2>&1 | grep -E 'undefined|not found' || true)
[ -z "$undefined" ] || fail "the module cannot be loaded: $undefined"
echo "   it is built, and LibTorch has all that it needs"

echo "All steps passed."
