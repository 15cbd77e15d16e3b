#!/usr/bin/env bash
# Counts the cases of the last run of CTest, one of whose tests is a suite of cases, and names those that failed or were
# skipped: scripts/test_results.sh [PRESET] (default: release). The exit code is 1 when a case failed or none passed.
set -euo pipefail
cd "$(dirname "$0")/.."
exec awk '
  function failure(what) { failed++; failures = failures "failed: " what "\n" }
  # A process that ended early, was stopped by CTest, or failed after its cases (a leak, say) is a failure of its own.
  function end_suite() {
    if (suite == "") return
    if (running != "") failure(running " (did not finish)")
    else if (!ok && suite_failed == failed) failure(suite (seen ? " (after its cases)" : " (did not start)"))
    if (seen < cases) failure(suite " (" cases - seen " of " cases " cases did not run)")
    suite = ""
  }
  function case_ended() { sub(/.*\[ +[A-Z]+ +\] /, ""); sub(/ \([0-9]+ ms\)$/, ""); sub(/,? +where .*/, ""); running = "" }
  /^[0-9]+\/[0-9]+ Test: / { end_suite(); suite = $3; sub(/^[0-9]+\/[0-9]+ Test: /, ""); suite = $0
                             suite_failed = failed; seen = cases = ok = 0; running = "" }
  /^\[=+\] Running [0-9]+ test/ { cases = $3 }
  /^\[ RUN      \] / { running = $4; seen++ }
  /\[       OK \] .* \([0-9]+ ms\)$/ { case_ended(); passed++ }
  /\[  SKIPPED \] .* \([0-9]+ ms\)$/ { case_ended(); skipped++; skips = skips "skipped: " $0 "\n" }
  /\[  FAILED  \] .* \([0-9]+ ms\)$/ { case_ended(); failure($0) }
  /^Test Passed\.$/ { ok = 1 }
  END {
    end_suite()
    printf "%s%s%d passed, %d failed, %d skipped\n", skips, failures, passed, failed, skipped
    exit failed > 0 || passed == 0
  }' "build/${1:-release}/Testing/Temporary/LastTest.log"
