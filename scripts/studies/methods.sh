#!/usr/bin/env bash
# The table of models by methods at 10,000 simulations (docs/results.md): methods.sh OUT [options of fluxsbi
# benchmark]. Trains two tasks with three models by four methods, configs/methods, each at the noise levels
# that suit the task, and prints the table. It goes on where it was stopped. FLUXSBI_SBIBM names the
# benchmark's reference folder.
set -euo pipefail
out=$1
shift
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
fluxsbi=${FLUXSBI:-$root/build/fluxsbi}

# Sharp posteriors (a moon is a hundredth as wide as the prior) need little noise, broad ones the middle of
# the path.
declare -A times=([two_moons]="time_distribution: logit_normal, time_mean: 2.0, time_std: 1.8"
                  [slcp]="time_distribution: power_law")
declare -A levels=([two_moons]="sigma_mean: -2.0, sigma_std: 1.8" [slcp]="sigma_mean: -0.7, sigma_std: 1.2")

for task in two_moons slcp; do
  for model in flux1 flux1joint simformer; do
    score="method: score_matching, times: log_normal, weighting: denoised, ${levels[$task]}"
    for strategy in "method: flow, ${times[$task]}" \
                    "method: diffusion, preconditioning: edm, ${levels[$task]}" \
      "$score, sde: ve" "$score, sde: vp"; do
      "$fluxsbi" benchmark "$out" --tasks "$task" --config "$root/configs/methods/${task}_$model.yaml" \
        --set "strategy={model: $model, $strategy}" "$@" >/dev/null
    done
  done
done
"$fluxsbi" benchmark "$out" --table-only
