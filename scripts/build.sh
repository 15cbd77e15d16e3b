#!/usr/bin/env bash
# Builds a preset (default: release), installing what it needs first. Further arguments are the targets (default: all).
set -euo pipefail
cd "$(dirname "$0")/.."
preset=${1:-release}
shift || true
scripts/install.sh
cmake --preset "$preset" >/dev/null
cmake --build --preset "$preset" ${@:+--target "$@"}
