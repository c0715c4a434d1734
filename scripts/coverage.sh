#!/usr/bin/env bash
# Which lines the tests run: builds everything in build/coverage, runs the tests, prints a table by room and
# writes what is not covered to build/coverage/uncovered.txt. docs/build.md holds the last result.
# Variables: scripts/environment.sh. Further arguments go to ctest.
set -euo pipefail
# shellcheck source=scripts/environment.sh
source "$(dirname "${BASH_SOURCE[0]}")/environment.sh"

folder=$root/build/coverage
# At -O1 the tile kernels' tests take minutes; unoptimised they would take an hour.
configure_build "$folder" -DCMAKE_BUILD_TYPE=None -DCMAKE_CXX_FLAGS=-O1 -DFLUXSBI_COVERAGE=ON \
  -DFLUXSBI_CUDA=off >/dev/null
cmake --build "$folder" -j "$(jobs_that_fit)"
find "$folder" -name '*.gcda' -delete # counts of an earlier run
# A test that fails here (one that measures time, say) does not spoil the counts of the others.
ctest --test-dir "$folder" -j "$(nproc)" --output-on-failure "$@" ||
  say "some tests failed; the counts hold what ran"
python3 "$root/scripts/coverage_table.py" "$folder" >"$folder/table.md"
cat "$folder/table.md"
