# Sourced by the scripts that take images from Debian packages: unpack_packages OUT PACKAGE... unpacks them, without
# installing, in a working folder inside OUT, goes there and leaves their copyright files in OUT. Sets `out` to OUT's full path.
unpack_packages() {
  local package
  mkdir -p "$1"
  out=$(realpath "$1")
  shift
  work=$(mktemp -d "$out/unpack.XXXXXX")
  trap 'rm -rf "$work"' EXIT
  cd "$work"
  apt-get download -qq -o APT::Sandbox::User=root "$@"
  for package in *.deb; do dpkg-deb --extract "$package" .; done
  for package in "$@"; do cp "usr/share/doc/$package/copyright" "$out/COPYRIGHT.$package"; done
}
