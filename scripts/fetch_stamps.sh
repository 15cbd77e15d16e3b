#!/usr/bin/env bash
# Images with a transparent background and a caption each, laid out as a data set: the stamps of a Debian package that is
# unpacked, not installed. OUT (default data/stamps) gets rgb/ and caption/. Mirrored stamps without a caption are left out.
set -euo pipefail
cd "$(dirname "$0")/.."
source scripts/unpack_packages.sh
out=${OUT:-data/stamps}
[ ! -e "$out/rgb" ] || { echo "$out is there"; exit 0; }
unpack_packages "$out" tuxpaint-stamps-default

find usr/share/tuxpaint/stamps -name '*.png' | while read -r image; do
  text=${image%.png}.txt name=${image#usr/share/tuxpaint/stamps/}
  [ -f "$text" ] || continue
  mkdir -p "rgb/${name%/*}" "caption/${name%/*}"
  mv "$image" "rgb/$name"
  head -n 1 "$text" >"caption/${name%.png}.txt"  # the English one; translations follow it
done
mv caption rgb "$out/"
echo "$out: $(find "$out/rgb" -name '*.png' | wc -l) images with captions"
