#!/usr/bin/env bash
# From nothing to posterior samples with a score: builds fluxsbi, trains a posterior estimator for the two
# moons task, samples the posterior of one observation, scores the samples against the exact posterior and
# draws both.
#
#   scripts/quickstart.sh [--fresh]
#
# The script keeps what is already there, so a second run takes seconds; --fresh trains anew. Everything is in
# runs/quickstart (or in the folder that FLUXSBI_QUICKSTART_DIR names). Further variables:
# scripts/environment.sh.
set -euo pipefail
# shellcheck source=scripts/environment.sh
source "$(dirname "${BASH_SOURCE[0]}")/environment.sh"

run=$(realpath -m "${FLUXSBI_QUICKSTART_DIR:-$root/runs/quickstart}")
case "${1:-}" in
  --fresh) rm -rf "$run" ;;
  "") ;;
  *) die "unknown argument $1; scripts/quickstart.sh [--fresh]" ;;
esac
started=$SECONDS

"$root/scripts/install_deps.sh"
configure_build "$build" -DCMAKE_BUILD_TYPE=Release >&2
cmake --build "$build" -j "$(jobs_that_fit)" --target fluxsbi >&2
fluxsbi=$build/fluxsbi

mkdir -p "$run"
[ -e "$run/simulations.npz" ] || "$fluxsbi" simulate two_moons -n 100000 --seed 1 -o "$run/simulations.npz"
if [ -e "$run/model/config.yaml" ]; then
  "$fluxsbi" resume "$run/model" # if the training is complete, it says so and ends
else
  # No config: everything is chosen for the data, and the log says what and why.
  "$fluxsbi" train --data "$run/simulations.npz" --minutes 3 --seed 0 -o "$run/model" --force
fi

# One observation, drawn from the task, and its exact posterior, which two moons can draw in closed form.
[ -e "$run/observation.npz" ] || "$fluxsbi" simulate two_moons -n 1 --seed 14 -o "$run/observation.npz"
[ -e "$run/exact.npz" ] ||
  "$fluxsbi" simulate two_moons --posterior "$run/observation.npz" -n 10000 --seed 8 -o "$run/exact.npz"
[ -e "$run/samples.npz" ] ||
  "$fluxsbi" sample "$run/model" --x "$run/observation.npz" -n 10000 --seed 9 -o "$run/samples.npz"
[ -e "$run/score.txt" ] || {
  "$fluxsbi" c2st "$run/exact.npz" "$run/samples.npz" >"$run/score.partial"
  mv "$run/score.partial" "$run/score.txt"
}
picture=posterior.png
command -v rsvg-convert >/dev/null || picture=posterior.svg # PNG needs rsvg-convert (librsvg2-bin)
[ -e "$run/$picture" ] ||
  "$fluxsbi" plot "$run/samples.npz" --reference "$run/exact.npz" -o "$run/$picture"
[ -e "$run/report.html" ] ||
  "$fluxsbi" report "$run/model" --samples "$run/samples.npz" --prior "$run/simulations.npz" \
    -o "$run/report.html"

cat <<END

Score of the samples against the exact posterior:
$(cat "$run/score.txt")

The picture       $run/$picture
The report        $run/report.html
The samples       $run/samples.npz
The trained model $run/model/model.safetensors
The program       $fluxsbi
This took $((SECONDS - started)) s. Now train on your own simulations:
  build/fluxsbi train --data simulations.npz -o runs/mine
END
