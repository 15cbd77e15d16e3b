#!/usr/bin/env bash
# Builds what is missing and runs all the tests. PRESET=asan runs them under AddressSanitizer and UBSan.
# Parity cases come from $FOURM_FIXTURES, else ../shared/fixtures, else the selection in tests/fixtures.
set -euo pipefail
cd "$(dirname "$0")"
preset=${PRESET:-release}
scripts/build.sh "$preset"

fixtures=${FOURM_FIXTURES:-}
if [ -z "$fixtures" ]; then
  if [ -d ../shared/fixtures ]; then fixtures=$(realpath ../shared/fixtures); else fixtures=$PWD/tests/fixtures; fi
fi
export FOURM_FIXTURES=$fixtures
export OMP_NUM_THREADS=1 OMP_WAIT_POLICY=passive  # tests run side by side
if [ "$fixtures" = "$PWD/tests/fixtures" ]; then
  echo "Parity cases: the committed selection ($(find "$fixtures" -name case.json | wc -l) cases); others are skipped."
else
  echo "Parity cases: the whole set in $fixtures ($(find "$fixtures" -name case.json | wc -l) cases)."
fi

log=build/$preset/tests.log
status=0
ctest --preset "$preset" -j "$(nproc)" 2>&1 | tee "$log" || status=$?
# A crashed or failed test that ctest counted, a skipped one, and the rest.
total=$(grep -cE '^ *[0-9]+/[0-9]+ Test' "$log" || true)
skipped=$(grep -cE '\*\*\*Skipped' "$log" || true)
passed=$(grep -cE ' Passed +[0-9]' "$log" || true)
echo "$passed passed, $((total - passed - skipped)) failed, $skipped skipped"
[ "$passed" -gt 0 ] || exit 1
exit "$status"
