#!/usr/bin/env bash
# Which lines the tests run: builds the rooms without LibTorch unoptimised in build/coverage, runs their tests, prints a
# table by room and writes what is not covered to build/coverage/uncovered.txt. docs/build.md holds the last result.
# Variables: scripts/environment.sh.
set -euo pipefail
# shellcheck source=scripts/environment.sh
source "$(dirname "${BASH_SOURCE[0]}")/environment.sh"

folder=$root/build/coverage
configure_build "$folder" -DCMAKE_BUILD_TYPE=Debug -DFLUXSBI_COVERAGE=ON -DFLUXSBI_TORCH=OFF -DFLUXSBI_CUDA=off >/dev/null
cmake --build "$folder" -j "$(jobs_that_fit)"
find "$folder" -name '*.gcda' -delete # counts of an earlier run
ctest --test-dir "$folder" -j "$(nproc)" --output-on-failure "$@"
python3 "$root/scripts/coverage_table.py" "$folder" >"$folder/table.md"
cat "$folder/table.md"
