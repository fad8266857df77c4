#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# PyTorch and ONNX: builds the Python extension and the C++ test of tests/interop/torch, and runs everything on them.
# Called by `run.sh torch`, which installs the packages first.
set -euo pipefail

usage() {
  cat <<'TEXT'
usage: bash cmake/tools/torch.sh [--packages] [--without-onnx] [BUILD]
  BUILD            folder to build in (build/torch)
  --without-onnx   leaves out ONNX Runtime, which npm downloads once into BUILD/onnxruntime
  --packages       prints the Debian packages this needs, one per line, and does nothing
PYTHON (/usr/bin/python3) is the Python that has torch.
TEXT
}

source_dir=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/../.." && pwd -P)
me=torch.sh
source "$source_dir/cmake/tools/say.sh"
build_dir=$source_dir/build/torch
python=${PYTHON:-/usr/bin/python3}
onnx=yes
for argument in "$@"; do
  case $argument in
    --packages)
      # npm: ONNX Runtime is not in Debian. (onnxruntime-node holds the libraries of three systems: 290 MB.)
      printf '%s\n' g++ cmake make libxsimd-dev libtorch-dev python3-torch python3-numpy nodejs npm
      exit ;;
    --without-onnx) onnx=no ;;
    -h | --help) usage; exit ;;
    -*) usage >&2; exit 2 ;;
    *) build_dir=$argument ;;
  esac
done

"$python" -c 'import torch' 2>/dev/null ||
  die "$python has no torch: install python3-torch, or set PYTHON to a Python that has it"
mkdir -p -- "$build_dir"
build_dir=$(cd -- "$build_dir" && pwd -P)

printf 'torch.sh: building in %s\n' "$build_dir"
project_dir=$source_dir/tests/interop/torch
programs=$build_dir/programs
# A cache made at another place, before the repository or the build folder was moved, would stop CMake.
if [[ -f $programs/CMakeCache.txt ]] &&
  ! { grep -qxF "CMAKE_HOME_DIRECTORY:INTERNAL=$project_dir" "$programs/CMakeCache.txt" &&
    grep -qxF "CMAKE_CACHEFILE_DIR:INTERNAL=$programs" "$programs/CMakeCache.txt"; }; then
  rm -rf -- "$programs"
fi
quietly "$build_dir/torch.log" cmake -S "$project_dir" -B "$programs" -DCMAKE_BUILD_TYPE=Release
quietly "$build_dir/torch.log" cmake --build "$programs" -j "$(nproc)"

# Nothing is left behind in the repository, and no test may hang: 10 minutes each is far more than they take.
export PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=$programs/extension
run() { timeout 600 "$@" || die "failed ($?): $*"; }
run "$programs/torch_test"
run "$python" "$project_dir/operator_test.py"
run "$python" "$project_dir/module_test.py"
run "$python" "$project_dir/ddp_test.py"
run "$python" "$source_dir/examples/torch_extension/example.py"
run "$programs/extension/example"
if [[ $onnx == yes ]]; then
  run "$python" "$source_dir/examples/onnx/check.py" --ort-dir "$build_dir/onnxruntime"
else
  printf 'torch.sh: ONNX Runtime is left out (--without-onnx)\n'
fi
printf 'torch.sh: everything passed\n'
