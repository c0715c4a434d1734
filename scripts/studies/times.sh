#!/usr/bin/env bash
# Which training times, or noise levels, suit each method: C2ST of Flux1 on several tasks (docs/results.md).
# times.sh OUT [options of fluxsbi benchmark]
# Trains configs/methods with every candidate for 6,000 steps and prints the table. It goes on where it was
# stopped. FLUXSBI_SBIBM names the benchmark's reference folder.
set -euo pipefail
out=$1
shift
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
fluxsbi=${FLUXSBI:-$root/build/fluxsbi}

try() { # NAME STRATEGY
  for task in two_moons slcp gaussian_mixture gaussian_linear; do
    "$fluxsbi" benchmark "$out" --tasks "$task" \
        --config "$root/configs/methods/${task}_flux1.yaml" --name "$1" \
      --set "strategy={model: flux1, $2}" --set training.nsteps=6000 "${options[@]}" >/dev/null
  done
}
options=("$@")

try uniform "method: flow, time_distribution: uniform"
try power_law_1 "method: flow, time_distribution: power_law, time_alpha: 1.0"
try power_law_4 "method: flow, time_distribution: power_law, time_alpha: 4.0"
for numbers in "0.0 1.0" "1.0 1.5" "2.0 1.8"; do
  read -r mean deviation <<<"$numbers"
  try "logit_normal_${mean}_$deviation" \
    "method: flow, time_distribution: logit_normal, time_mean: $mean, time_std: $deviation"
done
score="method: score_matching, sde: ve"
for numbers in "-0.7 1.2" "-1.2 1.2" "-1.2 1.8" "-2.0 1.8"; do
  read -r mean deviation <<<"$numbers"
  levels="sigma_mean: $mean, sigma_std: $deviation"
  try "log_normal_${mean}_$deviation" "method: diffusion, preconditioning: edm, $levels"
  try "log_normal_${mean}_$deviation" "$score, times: log_normal, weighting: denoised, $levels"
done
try even_levels "$score, times: log_noise, weighting: noise"
"$fluxsbi" benchmark "$out" --table-only
