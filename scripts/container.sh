#!/usr/bin/env bash
# Builds the program on a bare Debian and puts it with all its libraries into one folder: what the container
# recipes do (packaging/Dockerfile, packaging/fluxsbi.def), and what a bare machine can do without them.
#
#   scripts/container.sh FOLDER
set -euo pipefail
# shellcheck source=scripts/environment.sh
source "$(dirname "${BASH_SOURCE[0]}")/environment.sh"
folder=${1:?the folder that the program is put into: scripts/container.sh FOLDER}

"$root/scripts/install_deps.sh" --also patchelf
# shellcheck source=scripts/environment.sh
source "$root/scripts/environment.sh" # what was just installed
configure_build "$root/build" -DCMAKE_BUILD_TYPE=Release -DFLUXSBI_TESTS=OFF >/dev/null
cmake --build "$root/build" -j "$(jobs_that_fit)"
"$root/scripts/bundle.sh" "$folder"
