#!/usr/bin/env bash
# Builds what is missing and runs the tests without the label slow; --all runs those too (docs/testing.md).
# PRESET=asan runs them under AddressSanitizer and UBSan.
# Parity cases come from $FOURM_FIXTURES, else ../shared/fixtures, else the selection in tests/fixtures.
set -euo pipefail
cd "$(dirname "$0")"
preset=${PRESET:-release}
case "$*" in
  "") labels=(-LE '^slow$') ;;
  --all) labels=() ;;
  *) echo "usage: ./test.sh [--all]" >&2; exit 2 ;;
esac
scripts/build.sh "$preset"

fixtures=${FOURM_FIXTURES:-}
if [ -z "$fixtures" ]; then
  if [ -d ../shared/fixtures ]; then fixtures=$(realpath ../shared/fixtures); else fixtures=$PWD/tests/fixtures; fi
fi
export FOURM_FIXTURES=$fixtures
if [ "$fixtures" = "$PWD/tests/fixtures" ]; then
  echo "Parity cases: the committed selection ($(find "$fixtures" -name case.json | wc -l) cases); others are skipped."
else
  echo "Parity cases: the whole set in $fixtures ($(find "$fixtures" -name case.json | wc -l) cases)."
fi

status=0
rm -f "build/$preset/Testing/Temporary/LastTest.log"  # CTest writes it when it ends
# Tests that wait for processes leave a core idle, so one more runs than there are cores.
ctest --preset "$preset" -j "$(($(nproc) + 1))" "${labels[@]}" || status=$?
scripts/test_results.sh "$preset" || status=1
exit "$status"
