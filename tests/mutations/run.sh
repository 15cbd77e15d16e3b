#!/usr/bin/env bash
# Do the tests notice mistakes? Each NAME.patch here (README.md lists them) is one mistake, with its name in the first line and the test
# programs to try in the second. Each is put into a scratch clone of the last commit, built and tested, with all parity
# cases and with the committed ones; a mistake that no test notices is a failure. Arguments choose patches by name.
set -uo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
clone=${FOURM_SCRATCH:-$root/build/mutations}
if [ ! -d "$clone" ]; then
  git clone -q "$root" "$clone" || exit 1
  [ ! -d "$root/.venv" ] || ln -s "$root/.venv" "$clone/.venv"
fi
cd "$clone"
git fetch -q origin && git checkout -q --force --detach origin/HEAD || exit 1
[ -e build/build.ninja ] || cmake -S . -B build -G Ninja -DCMAKE_BUILD_TYPE=Release -DCMAKE_CXX_FLAGS_RELEASE=-O1 \
  -DFOURM_WERROR=OFF >/dev/null || exit 1
whole=${FOURM_FIXTURES:-$root/../shared/fixtures}
export OMP_NUM_THREADS=1 OMP_WAIT_POLICY=passive

# The first test that fails; nothing when all pass.
failing() {  # FIXTURES PROGRAM...
  local fixtures=$1 program output
  shift
  for program in "$@"; do
    output=$(FOURM_FIXTURES=$fixtures timeout 300 "build/test_$program" --gtest_brief=1 --gtest_fail_fast 2>&1) && continue
    sed -n 's/^\[  FAILED  \] \([A-Za-z]*[./][^ ,]*\).*/\1/p' <<<"$output" | head -1 | grep . || echo "test_$program crashed"
    return
  done
}
programs() { sed -n 's/^Tests: //p' "$1"; }

patches=()
for patch in "$here"/*.patch; do
  [ $# -gt 0 ] && [[ ! " $* " == *" $(basename "$patch" .patch) "* ]] || patches+=("$patch")
done
mapfile -t all < <(for patch in "${patches[@]}"; do programs "$patch" | tr ' ' '\n'; done | sort -u)
ninja -C build "${all[@]/#/test_}" >build/log || { tail -20 build/log; exit 1; }
for fixtures in "$whole" "$clone/tests/fixtures"; do
  broken=$(failing "$fixtures" "${all[@]}")
  [ -z "$broken" ] || { echo "without any mistake: $broken"; exit 1; }
done

echo "| mistake | noticed by | with the committed cases |"
echo "|---|---|---|"
missed=0
for patch in "${patches[@]}"; do
  read -ra tests < <(programs "$patch")
  if git apply "$patch" && ninja -C build "${tests[@]/#/test_}" >build/log; then
    found=$(failing "$whole" "${tests[@]}") committed=$(failing "$clone/tests/fixtures" "${tests[@]}")
    [ -n "$found" ] && [ -n "$committed" ] || missed=$((missed + 1))
    echo "| $(head -1 "$patch") | ${found:-**nothing**} | ${committed:-**nothing**} |"
  else
    echo "| $(head -1 "$patch") | **cannot be built: $(basename "$patch")** | |"
    missed=$((missed + 1))
  fi
  git checkout -q --force
done
echo
echo "${#patches[@]} mistakes, $missed missed"
[ "$missed" = 0 ]
