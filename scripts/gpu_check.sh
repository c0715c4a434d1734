#!/usr/bin/env bash
# Verifies the CUDA half of fluxsbi on a machine with an NVIDIA GPU and says on one page what was verified.
#
#   scripts/gpu_check.sh [all | kernels | build | test | bench | report]
#
# kernels builds the own kernels with their references, without LibTorch, in half a minute; runs them, also
#         under compute-sanitizer where there is one, and measures them
# build   builds with FLUXSBI_CUDA=on in build/gpu
# test    runs the ctest labels cuda and golden
# bench   runs `fluxsbi bench` on the CPU and on the GPU
# report  prints the page from what the other steps left in build/gpu/check; they print it too
#
# A step ends after FLUXSBI_STEP_SECONDS (default 240) and leaves what it has found so far; the next one goes
# on from there, so that a machine may be lent for one step at a time. FLUXSBI_REHEARSAL=1 goes through all
# steps on a machine without a GPU: kernels under emulation, tests that say what they miss, bench on the CPU.
#
# The exit code is 0 if nothing failed and the CUDA tests ran. It works without a network if
# FLUXSBI_DEPS_PREFIX names a folder of unpacked packages (FLUXSBI_ASSUME_BARE=1 scripts/install_deps.sh makes
# one); LibTorch is then that of FLUXSBI_TORCH_ROOT or of the machine's Python. Further variables:
# scripts/environment.sh.
set -euo pipefail
rehearsal=${FLUXSBI_REHEARSAL:-0}
export FLUXSBI_CUDA=on
if [ "$rehearsal" = 1 ]; then FLUXSBI_CUDA=auto; fi
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
  step_end=$((SECONDS + ${FLUXSBI_STEP_SECONDS:-240}))
  "$@" || code=$?
  printf '%s %s\n' "$code" "$((SECONDS - started))" >"$check/$name.result"
  return 0
}

# limited COMMAND...: ends it with the step's time.
limited() {
  local left=$((step_end - SECONDS))
  if [ "$left" -lt 1 ]; then
    say "no time is left in this step for: $*"
    return 124
  fi
  timeout --signal=INT --kill-after=10 "$left" "$@"
}

# The program of the kernels' cases. It needs no LibTorch and no CMake.
kernel_program() {
  local sources=("$root"/tests/cuda_kernels/{cases,check,kernel_check,references,update_cases,workload}.cpp)
  local kernels=$root/lib/engine/cuda/kernels
  if [ "$rehearsal" = 1 ]; then
    limited c++ -std=c++20 -O2 -I "$root/lib" -I "$root/tests" -o "$check/kernel_check" "${sources[@]}" \
      "$root/tests/cuda_kernels/memory_emulated.cpp" "$kernels"/{emulated,emulation,fibers}.cpp
  else
    limited "$(command -v nvcc || echo /usr/local/cuda/bin/nvcc)" -std=c++20 -O2 -t 0 \
      -gencode arch=compute_80,code=sm_80 -gencode arch=compute_90,code='[sm_90,compute_90]' \
      -I "$root/lib" -I "$root/tests" -o "$check/kernel_check" "${sources[@]}" \
      "$root/tests/cuda_kernels/memory_cuda.cpp" "$kernels"/*.cu
  fi
}

# memcheck finds accesses out of bounds, racecheck races in shared memory, synccheck missing barriers,
# initcheck what is read before it is written.
sanitize_kernels() {
  local sanitizer tool code=0
  sanitizer=$(PATH=$PATH:/usr/local/cuda/bin command -v compute-sanitizer) || return 0
  for tool in memcheck racecheck synccheck initcheck; do
    limited "$sanitizer" --tool "$tool" --error-exitcode 9 "$check/kernel_check" >"$check/$tool.txt" 2>&1 ||
      code=$?
  done
  return "$code"
}

run_kernels() {
  local code=0
  rm -f "$check"/kernels.{txt,json} "$check"/{mem,race,sync,init}check.txt
  kernel_program || return
  limited "$check/kernel_check" | tee "$check/kernels.txt" || code=$?
  if limited "$check/kernel_check" --measure >"$check/kernels.partial"; then
    mv "$check/kernels.partial" "$check/kernels.json"
  else
    code=1
  fi
  [ "$rehearsal" = 1 ] || sanitize_kernels || code=$?
  return "$code"
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
    limited cmake --build "$build" -j "$(jobs_that_fit)"
}

run_tests() {
  local labels='^(cuda|golden)$'
  rm -f "$check"/tests.{json,xml}
  ctest --test-dir "$build" -L "$labels" --show-only=json-v1 >"$check/tests.json"
  limited ctest --test-dir "$build" -L "$labels" --no-tests=error --output-on-failure \
    --output-junit "$check/tests.xml"
}

run_bench() {
  local device code=0 devices=(cuda cpu)
  rm -f "$check"/bench_{cpu,cuda}.json
  [ "$rehearsal" = 1 ] && devices=(cpu)
  for device in "${devices[@]}"; do
    if limited "$build/fluxsbi" bench --device "$device" --json >"$check/bench_$device.partial"; then
      mv "$check/bench_$device.partial" "$check/bench_$device.json"
    else
      code=$?
    fi
  done
  return $code
}

case "${1:-all}" in
  kernels) step kernels run_kernels ;;
  build) step build build_all ;;
  test) step test run_tests ;;
  bench) step bench run_bench ;;
  report) ;;
  all)
    rm -f "$check"/*
    step kernels run_kernels
    step build build_all
    if [ "$(cut -d' ' -f1 "$check/build.result")" = 0 ]; then
      step test run_tests
      step bench run_bench
    fi
    ;;
  *) die "unknown step $1; scripts/gpu_check.sh [all | kernels | build | test | bench | report]" ;;
esac
exec python3 "$root/scripts/gpu_report.py" "$check"
