#!/usr/bin/env bash
# Pictures with a transparent background and a caption each, laid out as a data set: the stamps of a Debian package that is
# unpacked, not installed. OUT (default data/stamps) gets rgb/ and caption/. Mirrored stamps without a caption are left out.
set -euo pipefail
cd "$(dirname "$0")/.."
out=${OUT:-data/stamps}
package=tuxpaint-stamps-default
[ ! -e "$out/rgb" ] || { echo "$out is there"; exit 0; }
mkdir -p "$out"
work=$(mktemp -d "$out/unpack.XXXXXX")
trap 'rm -rf "$work"' EXIT
out=$(realpath "$out")
cd "$work"
apt-get download -qq -o APT::Sandbox::User=root $package
dpkg-deb --extract $package*.deb .

find usr/share/tuxpaint/stamps -name '*.png' | while read -r picture; do
  text=${picture%.png}.txt name=${picture#usr/share/tuxpaint/stamps/}
  [ -f "$text" ] || continue
  mkdir -p "rgb/${name%/*}" "caption/${name%/*}"
  mv "$picture" "rgb/$name"
  head -n 1 "$text" >"caption/${name%.png}.txt"  # the English one; translations follow it
done
mv "usr/share/doc/$package/copyright" "$out/COPYRIGHT.$package"
mv caption rgb "$out/"
echo "$out: $(find "$out/rgb" -name '*.png' | wc -l) pictures with captions"
