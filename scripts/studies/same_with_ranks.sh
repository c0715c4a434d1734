#!/usr/bin/env bash
# Trains the same model by one process and by 1, 2 and 4 ranks, and compares: the largest relative difference
# of the validation losses, and C2ST between samples of each and samples of the first with another seed.
#
#   scripts/studies/same_with_ranks.sh build/fluxsbi [LAUNCH...]
#   scripts/studies/same_with_ranks.sh build/fluxsbi srun --mpi=pmix --overcommit
#
# LAUNCH (mpirun --oversubscribe --bind-to none) is followed by -n RANKS and the command. STEPS (1000) of the
# environment is the length of each training.
set -Eeuo pipefail
trap 'printf "error: %s:%s failed: %s\n" "$0" "$LINENO" "$BASH_COMMAND" >&2' ERR
fluxsbi=$(realpath "${1:?the program fluxsbi}")
shift
launch=("$@")
[ ${#launch[@]} -gt 0 ] || launch=(mpirun --oversubscribe --bind-to none)
command -v "${launch[0]}" >/dev/null || { echo "skipped: there is no ${launch[0]}" && exit 77; }
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 OMP_NUM_THREADS=1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
cat >config.yaml <<END
strategy: {method: flow, model: flux1}
model: {depth: 1, depth_single_blocks: 2, num_heads: 2, val_emb_dim: 8, id_emb_dim: 8, id_merge_mode: concat,
        id_embedding_strategy: [absolute, absolute], mlp_ratio: 2, param_dtype: float32}
data: {task: two_moons, simulations: 10000}
training: {nsteps: ${STEPS:-1000}, batch_size: 128, val_every: 100, log_every: 100, save_every: 1000}
output: {tensorboard: false}
END
"$fluxsbi" simulate two_moons -n 1 --seed 7 -q -o observed.npz
sample() { "$fluxsbi" sample "$1" --x observed.npz -n 2000 --seed "$2" -q -o "$1_$2.npz"; }

# c2st SAMPLES: against those of one process, "C2ST 0.4945 +- 0.01".
c2st() { "$fluxsbi" c2st alone_1.npz "$1" | sed -n '1s/  (.*//p'; }

# largest_difference RUN: of the validation losses, relative to those of one process.
largest_difference() {
  python3 - "$1" <<'END'
import json, sys
def losses(run):
    rows = [json.loads(line) for line in open(run + "/metrics.jsonl")]
    return [row["val_loss"] for row in rows if "val_loss" in row]
one, other = losses("alone"), losses(sys.argv[1])
assert len(one) == len(other) > 0
print(f"{max(abs(a - b) / abs(a) for a, b in zip(one, other)):.1e}")
END
}

"$fluxsbi" train config.yaml -q -o alone
sample alone 1
sample alone 2
echo "one process with another seed of its samples: $(c2st alone_2.npz)"
for ranks in 1 2 4; do
  "${launch[@]}" -n "$ranks" "$fluxsbi" train config.yaml -q -o "ranks$ranks"
  sample "ranks$ranks" 2
  echo "${launch[0]} -n $ranks: validation losses differ by $(largest_difference "ranks$ranks") at most," \
    "$(c2st "ranks${ranks}_2.npz")"
done
