#!/usr/bin/env bash
# Installs what the build needs: Debian packages, and LibTorch from the torch wheel in a local virtual environment.
# Nothing is done for what is already there. LibTorch elsewhere: set CMAKE_PREFIX_PATH, then no wheel is installed.
set -euo pipefail
cd "$(dirname "$0")/.."

packages=(ca-certificates ccache cmake g++ libarchive-dev libcli11-dev libgtest-dev
  libicu-dev libjpeg62-turbo-dev liblcms2-dev libpng-dev libssl-dev libwebp-dev libyaml-cpp-dev mold ninja-build nlohmann-json3-dev
  pkg-config python3-venv sweethome3d-furniture)
missing=()
for package in "${packages[@]}"; do
  dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$package")
done
if [ ${#missing[@]} -gt 0 ]; then
  echo "Installing packages: ${missing[*]}"
  as_root() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi; }
  export DEBIAN_FRONTEND=noninteractive
  as_root apt-get update -qq
  as_root apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
fi

torch=2.13.0
find_torch() { ls -d .venv/lib/python3*/site-packages/torch/include/ATen 2>/dev/null; }
if [ -z "${CMAKE_PREFIX_PATH:-}" ] && ! find_torch >/dev/null; then
  echo "Installing LibTorch $torch (the torch wheel) into .venv"
  [ -x .venv/bin/pip ] || /usr/bin/python3 -m venv .venv
  # The CPU build where pip offers it, else the plain one. No dependencies: only the C++ library is used.
  .venv/bin/pip install -q --no-deps "torch==$torch+cpu" 2>/dev/null || .venv/bin/pip install -q --no-deps "torch==$torch"
  find_torch >/dev/null || { echo "LibTorch was not found in the torch wheel" >&2; exit 1; }
fi
