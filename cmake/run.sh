#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The commands of this repository. Each installs the Debian packages it needs, if any is missing, builds, and runs.
set -euo pipefail

usage() {
  cat <<'TEXT'
usage: bash cmake/run.sh <command>
  demo [file.wav] [options]   build the demo and run it, on a recording of read speech unless a file is given
  ser features [options]      build ser, which makes log-mel features of sounds, and run it (see ser features --help)
  ser encode [options]        the same for hidden states of wav2vec 2.0, HuBERT and WavLM (see ser encode --help)
  ser classify [options]      the same for the emotion of a sound and its timeline, and for ShiftSER's models of features
  ser live [options]          the same while the sound goes on, from samples that are piped into it
  study [--quick] [options]   what a shift brings, from Debian's packages alone: half an hour, or with --quick a minute or two
                              (--crnn, --vit: what the parts of these networks bring; see ser study --help)
  ser weights FOLDER [base]   write an encoder with a head there, of random weights, to try these with
  test                        build everything with warnings as errors and run every test
  test [--isa] NAME...        build and run the tests of one file (shift: tests/operator/shift_test.cpp; nn/linear where
                              two folders have the name) or of one folder (nn): seconds; --isa: for AVX2 and AVX-512 too
  prove [leg...]              sanitizers, other machines and compilers, mutants, fuzzing: two to three hours (see prove --help)
  torch [--without-onnx]      build the PyTorch extension and run its tests and those of the ONNX recipe
  bench [options]             build the benchmarks for this machine, run and draw them (--quick, --smoke, --record)
  help                        print this text
Builds go to build/ in the repository; to the folder TSHIFT_BUILD_DIR if that is set; and below ${TMPDIR:-/tmp} if the
repository cannot be written.
TEXT
}

source_dir=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd -P)
me=run.sh
source "$source_dir/cmake/tools/say.sh"

# --- packages ---------------------------------------------------------------------------------------------------------

# Compiler, build tool and the library's one dependency.
common=(g++ cmake make libxsimd-dev)
# Reading WAV, writing PNG, one example with Eigen's thread pool, the header of safetensors files, command lines.
examples=(libeigen3-dev libsndfile1-dev libsoxr-dev libpng-dev nlohmann-json3-dev libcli11-dev)
# Speech for the demo.
recording=(pocketsphinx-testdata)
# The same prompts in five languages, for the study.
voices=(asterisk-core-sounds-{en,es,fr,it,ru}-wav)
bench=(libbenchmark-dev libeigen3-dev)
# Test framework; a second compiler with its OpenMP; the linters; a reader of sources; pkgconf and git for the tests of
# ways in.
test=(catch2 clang libomp-dev clang-format clang-tidy cppcheck doxygen universal-ctags pkgconf git)

# present <package>: installed by Debian, or its program comes from elsewhere.
present() {
  [[ " $(dpkg-query -W -f='${db:Status-Status} ' "$1" 2>/dev/null)" == *' installed '* ]] || command -v "$1" >/dev/null
}

need() {
  local package missing=() as_root=()
  if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
    say "this is not Debian or Ubuntu, so nothing is installed; the build needs what these packages contain: $*"
    return
  fi
  for package in "$@"; do
    present "$package" || missing+=("$package")
  done
  if ((${#missing[@]} == 0)); then return; fi
  if ((EUID != 0)); then
    command -v sudo >/dev/null || die "these packages are missing: ${missing[*]}; install them as root" \
      "(apt-get install ${missing[*]}) and run this again"
    as_root=(sudo)
  fi
  say "installing ${missing[*]}"
  # dpkg --configure finishes what an interrupted call has left.
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive sh -c '
    dpkg --configure -a &&
    apt-get -q -o DPkg::Lock::Timeout=120 update &&
    exec apt-get -q -y -o DPkg::Lock::Timeout=120 install --no-install-recommends "$@"' sh "${missing[@]}" </dev/null >&2 ||
    die "apt-get could not install ${missing[*]}; its message is above"
}

# --- building ---------------------------------------------------------------------------------------------------------

# Sets build_dir to a folder for the command that can be written.
choose_build_dir() {
  local base=${TSHIFT_BUILD_DIR:-}
  if [[ -n $base ]]; then
    if ! mkdir -p -- "$base/$1" || [[ ! -w $base/$1 ]]; then
      die "TSHIFT_BUILD_DIR is '$base', which cannot be written"
    fi
  else
    base=$source_dir/build
    if ! mkdir -p -- "$base/$1" 2>/dev/null || [[ ! -w $base/$1 ]]; then
      base=${TMPDIR:-/tmp}/tshift-build-$EUID
      say "$source_dir cannot be written, so the build goes to $base; TSHIFT_BUILD_DIR chooses another place"
      (umask 077 && mkdir -p -- "$base") || die "$base cannot be written either; set TSHIFT_BUILD_DIR"
      [[ -O $base && ! -L $base ]] || die "$base belongs to somebody else; set TSHIFT_BUILD_DIR"
      mkdir -p -- "$base/$1"
    fi
  fi
  build_dir=$(cd -- "$base/$1" && pwd -P)
  # A cache made at another place, before the repository or the build folder was moved, would stop CMake.
  local cache=$build_dir/CMakeCache.txt
  if [[ -f $cache ]] && ! { grep -qxF "CMAKE_HOME_DIRECTORY:INTERNAL=$source_dir" "$cache" &&
    grep -qxF "CMAKE_CACHEFILE_DIR:INTERNAL=$build_dir" "$cache"; }; then
    say "$build_dir was made for another folder, and is made anew"
    rm -rf -- "$cache" "$build_dir/CMakeFiles"
  fi
}

jobs=$(nproc)
native="-march=native${CXXFLAGS:+ $CXXFLAGS}"

# build_native <folder> <target> <examples> <benchmarks>: builds a target for this machine; ON or OFF for the other two.
# Sets build_dir.
build_native() {
  choose_build_dir "$1"
  say "building $2 in $build_dir"
  quietly "$build_dir/configure.log" cmake -S "$source_dir" -B "$build_dir" -DCMAKE_BUILD_TYPE=Release \
    -DCMAKE_CXX_FLAGS="-O3 $native" -DTSHIFT_BUILD_TESTS=OFF -DTSHIFT_BUILD_EXAMPLES="$3" \
    -DTSHIFT_BUILD_BENCHMARKS="$4"
  quietly "$build_dir/build.log" cmake --build "$build_dir" -j "$jobs" --target "$2"
}

case ${1:-} in
  demo)
    shift
    need "${common[@]}" "${examples[@]}" "${recording[@]}"
    build_native demo tshift_demo ON OFF
    speech=/usr/share/pocketsphinx/test/data/librivox/sense_and_sensibility_01_austen_64kb-0870.wav
    if (($# == 0)) || [[ $1 == -* ]]; then set -- "$speech" "$@"; fi
    exec "$build_dir/examples/tshift_demo" "$@"
    ;;
  ser)
    shift
    need "${common[@]}" "${examples[@]}"
    if [[ ${1:-} == weights ]]; then
      shift
      build_native ser ser_make_weights ON OFF
      exec "$build_dir/examples/ser_make_weights" "$@"
    fi
    build_native ser ser ON OFF
    exec "$build_dir/examples/ser" "$@"
    ;;
  study)
    shift
    need "${common[@]}" "${examples[@]}" "${voices[@]}"
    build_native ser ser ON OFF
    exec "$build_dir/examples/ser" study "$@"
    ;;
  test)
    shift
    tests=()
    # A name that there is not should not wait for packages and compilers.
    if (($# > 0)); then
      chosen=$(bash "$source_dir/cmake/tools/test_names.sh" "$@") || exit
      mapfile -t tests <<<"$chosen"
    fi
    need "${common[@]}" "${examples[@]}" "${recording[@]}" "${bench[@]}" "${test[@]}"
    choose_build_dir test
    configure=(cmake -S "$source_dir" -B "$build_dir" -DCMAKE_BUILD_TYPE=Release -DTSHIFT_BUILD_TESTS=ON
      -DTSHIFT_BUILD_EXAMPLES=ON -DTSHIFT_BUILD_BENCHMARKS=ON -DTSHIFT_INSTALL=ON -DTSHIFT_WERROR=ON -DTSHIFT_LINT=ON
      -DTSHIFT_TEST_TRAIN_ISAS=OFF)
    if ((${#tests[@]} > 0)); then
      # The build itself notices new files and edited CMakeLists.txt.
      [[ -f $build_dir/Makefile || -f $build_dir/build.ninja ]] || quietly "$build_dir/configure.log" "${configure[@]}"
      if [[ ${tests[*]} == *.avx* ]]; then
        quietly "$build_dir/configure.log" cmake -DTSHIFT_TEST_TRAIN_ISAS=ON "$build_dir"
      fi
      quietly "$build_dir/build.log" cmake --build "$build_dir" -j "$jobs" --target "${tests[@]}"
      cd -- "$build_dir"
      exec ctest --verbose --no-tests=error --timeout 300 -R "^($(IFS='|' && echo "${tests[*]//./[.]}"))\$"
    fi
    "${configure[@]}"
    cmake --build "$build_dir" -j "$jobs"
    cd -- "$build_dir"
    exec ctest --output-on-failure --timeout 300 -j "$jobs"
    ;;
  prove)
    shift
    case ${1:-} in
      -h | --help | --list | --packages) exec bash "$source_dir/cmake/tools/prove.sh" "$@" ;;
    esac
    mapfile -t prove < <(bash "$source_dir/cmake/tools/prove.sh" --packages "$@")
    need "${common[@]}" "${examples[@]}" "${bench[@]}" "${test[@]}" "${prove[@]}"
    choose_build_dir prove
    TSHIFT_PROVE_DIR=$build_dir exec bash "$source_dir/cmake/tools/prove.sh" "$@"
    ;;
  torch)
    shift
    mapfile -t torch < <(bash "$source_dir/cmake/tools/torch.sh" --packages)
    need "${torch[@]}"
    choose_build_dir torch
    exec bash "$source_dir/cmake/tools/torch.sh" "$@" "$build_dir"
    ;;
  bench)
    shift
    mapfile -t drawing < <(bash "$source_dir/cmake/tools/bench.sh" --packages "$@")
    need "${common[@]}" "${bench[@]}" "${drawing[@]}"
    build_native bench tshift_bench OFF ON
    exec bash "$source_dir/cmake/tools/bench.sh" "$build_dir" "$@"
    ;;
  help | -h | --help)
    usage
    ;;
  '')
    say "a command is missing"
    usage >&2
    exit 2
    ;;
  *)
    say "there is no command '$1'"
    usage >&2
    exit 2
    ;;
esac
