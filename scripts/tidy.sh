#!/usr/bin/env bash
# Runs clang-tidy (Debian package clang-tidy) on the given sources, else on all, with the flags of build/dev less
# those that only g++ knows.
set -euo pipefail
cd "$(dirname "$0")/.."
[ -e build/dev/compile_commands.json ] || cmake --preset dev >/dev/null
mkdir -p build/tidy
sed -E 's/ -Winvalid-pch| -include [^ ]*cmake_pch\.hxx| -fpch-preprocess| -Wno-(restrict|stringop-overflow|maybe-uninitialized)| -Werror| -fopenmp//g' \
  build/dev/compile_commands.json >build/tidy/compile_commands.json
[ $# -gt 0 ] || set -- $(git ls-files 'fourm/*.cpp' 'cli/*.cpp' 'tests/*.cpp')
printf '%s\n' "$@" | xargs -P "$(nproc)" -n 1 clang-tidy -p build/tidy --quiet
