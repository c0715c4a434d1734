#!/usr/bin/env bash
# Installs what is missing, builds everything in build/ and runs all tests; its exit code is ctest's.
# Variables: scripts/environment.sh. Further arguments go to ctest, such as -L io, -R golden or -j 1.
set -euo pipefail
# shellcheck source=scripts/environment.sh
source "$(dirname "${BASH_SOURCE[0]}")/environment.sh"

"$root/scripts/install_deps.sh"
configure_build "$build" -DCMAKE_BUILD_TYPE=Release -DFLUXSBI_TESTS=ON
cmake --build "$build" -j "$(jobs_that_fit)"
python3 "$root/scripts/gpu_kernels.py" check
exec ctest --test-dir "$build" --output-on-failure -j "$(nproc)" "$@"
