#!/usr/bin/env bash
# Installs what the build needs: Debian packages, and LibTorch from the torch wheel in a local virtual environment.
# Nothing is done for what is already there. LibTorch elsewhere: set CMAKE_PREFIX_PATH, then no wheel is installed.
# --cuda installs LibTorch for NVIDIA GPUs, in place of one for the CPU (docs/devices.md).
set -euo pipefail
cd "$(dirname "$0")/.."
case "$*" in
  "") cuda=false ;;
  --cuda) cuda=true ;;
  *) echo "usage: scripts/install.sh [--cuda]" >&2; exit 2 ;;
esac
if $cuda && [ -n "${CMAKE_PREFIX_PATH:-}" ]; then
  echo "CMAKE_PREFIX_PATH names a LibTorch, which the build would use in place of the one that --cuda installs: unset it" >&2
  exit 2
fi

packages=(ca-certificates ccache cmake fonts-dejavu-core g++ libarchive-dev libcli11-dev libcpp-httplib-dev libfreetype-dev
  libgtest-dev libicu-dev libjpeg62-turbo-dev liblcms2-dev libmatio-dev libpng-dev libssl-dev libwebp-dev libyaml-cpp-dev mold ninja-build nlohmann-json3-dev
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
find_torch() { ls -d .venv/lib/python3*/site-packages/torch/"$1" 2>/dev/null; }
if $cuda; then
  # The plain wheel may be there without NVIDIA's libraries.
  if ! library=$(find_torch lib/libtorch_cuda.so) || [[ $(ldd "$library") == *"not found"* ]] ||
    ! ls .venv/lib/python3*/site-packages/nvidia/*/include/crt/host_config.h >/dev/null 2>&1; then
    echo "Installing LibTorch $torch for CUDA (the torch wheel and NVIDIA's libraries, 3.6 GB) into .venv"
    scripts/install_torch.sh .venv "$torch" cuda
  fi
elif [ -z "${CMAKE_PREFIX_PATH:-}" ] && ! find_torch include/ATen >/dev/null; then
  echo "Installing LibTorch $torch (the torch wheel) into .venv"
  scripts/install_torch.sh .venv "$torch" cpu
  find_torch include/ATen >/dev/null || { echo "LibTorch was not found in the torch wheel" >&2; exit 1; }
fi
