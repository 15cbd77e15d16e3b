#!/usr/bin/env bash
# Checks that the given sources, or all, look as .clang-format says (Debian package clang-format); --fix formats them.
set -euo pipefail
cd "$(dirname "$0")/.."
how=(--dry-run -Werror)
[ "${1:-}" != --fix ] || { how=(-i); shift; }
[ $# -gt 0 ] || set -- $(git ls-files '*.cpp' '*.h')
printf '%s\n' "$@" | xargs clang-format "${how[@]}"
