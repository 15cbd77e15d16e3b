#!/usr/bin/env bash
# Installs LibTorch from the torch wheel into a virtual environment. Only the wheel's C++ library is used, so that most of
# its requirements are left out.
#   cpu   the wheel for the CPU where pip offers it, else the plain one
#   cuda  the plain wheel and those of NVIDIA's libraries that libtorch_cuda.so needs. It replaces a wheel for the CPU.
#         Neither a CUDA toolkit nor a GPU is needed
# Usage: scripts/install_torch.sh ENVIRONMENT VERSION cpu|cuda
set -euo pipefail
environment=$1 version=$2 kind=$3
[ -x "$environment/bin/pip" ] || /usr/bin/python3 -m venv "$environment"
site=$("$environment/bin/python" -c 'import sysconfig; print(sysconfig.get_path("platlib"))')
torch=$site/torch
pip_install() { "$environment/bin/pip" install -q --no-warn-conflicts "$@"; }
fail() { echo "$*" >&2; exit 1; }

# What the wheel requires of NVIDIA, in the versions that it was built with: cuda-toolkit[...]==..., nvidia-...==...
requirements() { sed -nE 's/^Requires-Dist: ((cuda-toolkit|nvidia-)[^;]*).*/\1/p' "$site/torch-$version.dist-info/METADATA"; }
# The libraries that a library of the wheel needs and that are not there.
missing() { ldd "$torch/lib/$1" | sed -n 's/^\s*\(\S*\) => not found.*/\1/p' | tr '\n' ' '; }

if [ "$kind" = cuda ]; then
  headers_date=
  [ -d "$site/torch-$version+cpu.dist-info" ] && headers_date=$(stat -c %y "$torch/include/ATen/ATen.h")
  # Three equals signs: no version with a suffix, such as +cpu.
  pip_install --no-deps "torch===$version" || fail "pip offers no torch $version for CUDA: it is in the default package index only"
  [ -e "$torch/lib/libtorch_cuda.so" ] ||
    fail "pip offers torch $version without libtorch_cuda.so, for the CPU: choose the default package index (PIP_INDEX_URL, pip config)"
  # Both wheels have the same headers. With their old dates, object files that were built with them stay valid.
  [ -z "$headers_date" ] || find "$torch/include" -type f -exec touch -d "$headers_date" {} +
  # All but those for linear algebra (cusolver) and for profiling marks (nvtx), which libtorch_cuda.so opens where it needs them.
  mapfile -t libraries < <(requirements | sed -E 's/\b(cusolver|nvtx),//; s/,(cusolver|nvtx)\b//')
  pip_install "${libraries[@]}"
  # Headers alone, for the module fourm_nccl (docs/distributed.md).
  cuda=$(requirements | sed -nE 's/^cuda-toolkit.*==([0-9]+\.[0-9]+).*/\1/p')
  pip_install --no-deps "nvidia-cuda-crt==$cuda.*" "nvidia-cuda-cccl==$cuda.*"
  [ -z "$(missing libtorch_cuda.so)" ] || fail "libtorch_cuda.so needs libraries that pip did not install: $(missing libtorch_cuda.so)"
else
  if ! pip_install --no-deps "torch==$version+cpu" 2>/dev/null; then
    pip_install --no-deps "torch==$version"
    # The CPU library of the plain wheel needs two small libraries of NVIDIA too.
    if [ -e "$torch/lib/libtorch_cuda.so" ]; then
      mapfile -t libraries < <(requirements | sed -nE 's/^(cuda-toolkit)\[.*\]/\1[cudart,cupti]/p')
      pip_install "${libraries[@]}"
    fi
  fi
  [ -z "$(missing libtorch_cpu.so)" ] || fail "libtorch_cpu.so needs libraries that pip did not install: $(missing libtorch_cpu.so)"
fi
