#!/usr/bin/env bash
# Photographs for small tokenizers, from three Debian packages that are unpacked, not installed: wallpapers and photographed
# stamps (drawn ones, letters and symbols are left out). OUT (default data/photographs) gets train/ and val/; every fifth
# image is held out.
set -euo pipefail
cd "$(dirname "$0")/.."
source scripts/unpack_packages.sh
out=${OUT:-data/photographs}
[ ! -e "$out/train" ] || { echo "$out is there"; exit 0; }
unpack_packages "$out" lomiri-wallpapers-16.04 mate-backgrounds tuxpaint-stamps-default

mkdir train val
# Named after package and image, so that the order, and with it the split, is the same everywhere.
gather() {  # gather PREFIX FILES...: each fifth to val
  local prefix=$1 index=0 file
  shift
  for file in "$@"; do
    index=$((index + 1))
    mv "$file" "$([ $((index % 5)) = 0 ] && echo val || echo train)/${prefix}_$(basename "$file")"
  done
}
backgrounds=usr/share/backgrounds
rm $backgrounds/mate/abstract/Elephants.jpg $backgrounds/mate/abstract/Elephants_5640x3172.jpg  # the same in other sizes
mapfile -t wallpapers < <(LC_ALL=C ls -d $backgrounds/*.jpg $backgrounds/mate/nature/*.jpg $backgrounds/mate/abstract/*.jpg)
gather wallpaper "${wallpapers[@]}"
mapfile -t stamps < <(find usr/share/tuxpaint/stamps -name '*.png' -size +15k \
  -not -path '*/cartoon/*' -not -path '*/symbols/*' -not -path '*/flags/*' -not -path '*/roadsigns/*' | LC_ALL=C sort)
gather stamp "${stamps[@]}"
mv train val "$out/"
echo "$out: $(ls "$out/train" | wc -l) images for training, $(ls "$out/val" | wc -l) held out"
