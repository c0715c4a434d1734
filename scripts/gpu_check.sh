#!/usr/bin/env bash
# Verifies the CUDA half of fluxsbi on a machine with an NVIDIA GPU and says on one page what was verified.
#
#   scripts/gpu_check.sh [all | build | test | bench | report]
#
# build   builds with FLUXSBI_CUDA=on in build/gpu
# test    runs the ctest labels cuda and golden
# bench   runs `fluxsbi bench` on the CPU and on the GPU
# report  prints the page from what the other steps left in build/gpu/check; they print it too
#
# The exit code is 0 if nothing failed and the CUDA tests ran. It works without a network if
# FLUXSBI_DEPS_PREFIX names a folder of unpacked packages (FLUXSBI_ASSUME_BARE=1 scripts/install_deps.sh makes
# one); LibTorch is then that of FLUXSBI_TORCH_ROOT or of the machine's Python. Further variables:
# scripts/environment.sh.
set -euo pipefail
export FLUXSBI_CUDA=on
# shellcheck source=scripts/environment.sh
source "$(dirname "${BASH_SOURCE[0]}")/environment.sh"
build=$(realpath -m "${FLUXSBI_BUILD_DIR:-$root/build/gpu}")
check=$build/check
mkdir -p "$check"

torch_of_python() {
  python3 -c 'import importlib.util as u
print(u.find_spec("torch").submodule_search_locations[0])' 2>/dev/null
}

# step NAME COMMAND...: records the exit code and the seconds for the page, and continues in any case.
step() {
  local name=$1 started=$SECONDS code=0
  shift
  "$@" || code=$?
  printf '%s %s\n' "$code" "$((SECONDS - started))" >"$check/$name.result"
  return 0
}

build_all() {
  if [ -n "${FLUXSBI_DEPS_PREFIX:-}" ]; then
    if [ -z "${FLUXSBI_TORCH_ROOT:-}" ] && ! compgen -G "$cache/torch-*/torch" >/dev/null; then
      FLUXSBI_TORCH_ROOT=$(torch_of_python) ||
        die "no LibTorch: set FLUXSBI_TORCH_ROOT to the folder that holds its include/ and lib/"
    fi
  else
    "$root/scripts/install_deps.sh" || return
  fi
  configure_build "$build" -DCMAKE_BUILD_TYPE=Release -DFLUXSBI_TESTS=ON &&
    cmake --build "$build" -j "$(jobs_that_fit)"
}

run_tests() {
  local labels='^(cuda|golden)$'
  ctest --test-dir "$build" -L "$labels" --show-only=json-v1 >"$check/tests.json"
  ctest --test-dir "$build" -L "$labels" --no-tests=error --output-on-failure \
    --output-junit "$check/tests.xml"
}

run_bench() {
  local device code=0
  for device in cpu cuda; do
    if "$build/fluxsbi" bench --device "$device" --json >"$check/bench_$device.partial"; then
      mv "$check/bench_$device.partial" "$check/bench_$device.json"
    else
      code=$?
    fi
  done
  return $code
}

case "${1:-all}" in
  build) rm -f "$check"/* && step build build_all ;;
  test) step test run_tests ;;
  bench) step bench run_bench ;;
  report) ;;
  all)
    rm -f "$check"/*
    step build build_all
    if [ "$(cut -d' ' -f1 "$check/build.result")" = 0 ]; then
      step test run_tests
      step bench run_bench
    fi
    ;;
  *) die "unknown step $1; scripts/gpu_check.sh [all | build | test | bench | report]" ;;
esac
exec python3 "$root/scripts/gpu_report.py" "$check"
