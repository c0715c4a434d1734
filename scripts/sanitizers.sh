#!/usr/bin/env bash
# Tests under the sanitizers that CI has no time for; docs/build.md holds the last result.
#   scripts/sanitizers.sh address   the engines with LibTorch: address and undefined-behaviour sanitizers
#   scripts/sanitizers.sh thread    what shares memory between threads, without LibTorch: thread sanitizer
#   scripts/sanitizers.sh           both
# Exits with 1 where a sanitizer found something or a test failed. Variables: scripts/environment.sh.
set -euo pipefail
# shellcheck source=scripts/environment.sh
source "$(dirname "${BASH_SOURCE[0]}")/environment.sh"

failed=0
# check NAME COMMAND...: runs it and says how it ended.
check() {
  local name=$1 seconds=$SECONDS
  shift
  if "$@"; then
    say "sanitizers: $name: nothing found ($((SECONDS - seconds)) s)"
  else
    say "sanitizers: $name: FAILED ($((SECONDS - seconds)) s)"
    failed=1
  fi
}

# LibTorch itself is not instrumented. -O1 with line numbers alone spares the compiler time and memory.
address() {
  local folder=$root/build/asan-torch
  configure_build "$folder" -DCMAKE_BUILD_TYPE=None -DCMAKE_CXX_FLAGS="-O1 -g1" -DFLUXSBI_SANITIZE=address \
    -DFLUXSBI_CUDA=off >/dev/null
  cmake --build "$folder" -j "$(jobs_that_fit)" --target fluxsbi_test_engine
  # LibTorch never gives back what it registers at its start, so leaks are not looked for.
  check "engine, address and undefined behaviour" env ASAN_OPTIONS=detect_leaks=0 \
    UBSAN_OPTIONS=print_stacktrace=1 \
    OMP_WAIT_POLICY=passive "$folder/tests/engine/fluxsbi_test_engine"
}

# setarch: g++ 12's thread sanitizer does not start where the kernel spreads addresses widely.
thread() {
  local folder=$root/build/tsan program
  configure_build "$folder" -DCMAKE_BUILD_TYPE=None -DCMAKE_CXX_FLAGS="-O1 -g1" -DFLUXSBI_SANITIZE=thread \
    -DFLUXSBI_TORCH=OFF -DFLUXSBI_CUDA=off >/dev/null
  local programs=(tile work_queue data diagnose)
  local -A cases=([data]="[simulate],[command]" [diagnose]="[c2st]") # those that start threads
  cmake --build "$folder" -j "$(jobs_that_fit)" --target "${programs[@]/#/fluxsbi_test_}"
  for program in "${programs[@]}"; do
    local path
    path=$(find "$folder/tests" -type f -name "fluxsbi_test_$program")
    check "$program, threads" env TSAN_OPTIONS=halt_on_error=1 setarch "$(uname -m)" -R "$path" \
      ${cases[$program]:+"${cases[$program]}"}
  done
}

case "${1:-all}" in
  address) address ;;
  thread) thread ;;
  all)
    thread
    address
    ;;
  *) die "sanitizers.sh ${1}: must be address, thread or nothing" ;;
esac
exit "$failed"
