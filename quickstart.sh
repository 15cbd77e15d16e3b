#!/usr/bin/env bash
# From nothing to a gallery: installs what is needed, builds, and runs the bundled model on held-out rooms.
set -euo pipefail
cd "$(dirname "$0")"
start=$SECONDS
scripts/build.sh release fourm
build/release/fourm demo --out out/demo
echo "Done in $(((SECONDS - start) / 60)) min $(((SECONDS - start) % 60)) s."
echo "The images: $PWD/out/demo/gallery.png and $PWD/out/demo/index.html"
