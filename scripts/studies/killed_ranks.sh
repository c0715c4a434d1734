#!/usr/bin/env bash
# Kills a rank of a training at random (SIGKILL), resumes the run with as many ranks, and compares the model
# with that of ranks that nobody disturbed: all bits must be the same, every time.
#
#   scripts/studies/killed_ranks.sh build/fluxsbi [RUNS (20)] [RANKS (2)] [STEPS (400)]
set -Eeuo pipefail
trap 'printf "error: %s:%s failed: %s\n" "$0" "$LINENO" "$BASH_COMMAND" >&2' ERR
fluxsbi=$(realpath "${1:?the program fluxsbi}")
runs=${2:-20} ranks=${3:-2} steps=${4:-400}
command -v mpirun >/dev/null || { echo "skipped: there is no mpirun" && exit 77; }
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 OMP_NUM_THREADS=1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
cat >tiny.yaml <<'END'
strategy: {method: flow, model: flux1}
model: {depth: 1, depth_single_blocks: 1, num_heads: 2, val_emb_dim: 4, id_emb_dim: 4, id_merge_mode: concat,
        id_embedding_strategy: [absolute, absolute], mlp_ratio: 2, param_dtype: float32}
data: {task: two_moons, simulations: 2000}
training: {batch_size: 32, val_every: 50, save_every: 20, log_every: 10}
output: {tensorboard: false}
END
launch=(mpirun --oversubscribe --bind-to none -n "$ranks" "$fluxsbi")
train=("${launch[@]}" train tiny.yaml --set "training.nsteps=$steps" -o)

# pid_of RANK MPIRUN: the process of a rank, which is a child of mpirun.
pid_of() {
  local pid
  for pid in $(ps -o pid= --ppid "$2" || true); do  # none where mpirun has ended
    tr '\0' '\n' <"/proc/$pid/environ" 2>/dev/null | grep -qx "OMPI_COMM_WORLD_RANK=$1" || continue
    echo "$pid"
  done
}

begin=$(date +%s%N)
"${train[@]}" whole >whole.log 2>&1
milliseconds=$((($(date +%s%N) - begin) / 1000000))
echo "undisturbed: $steps steps in $milliseconds ms"
same=0 killed=0 told=0
for ((run = 1; run <= runs; ++run)); do
  rm -rf killed
  "${train[@]}" killed >killed.log 2>&1 &
  mpirun=$!
  victim=$((RANDOM % ranks)) delay=$((RANDOM * milliseconds / 32768))
  sleep "$(printf '%d.%03d' $((delay / 1000)) $((delay % 1000)))"
  pid=$(pid_of "$victim" "$mpirun")
  if [ -n "$pid" ] && kill -KILL "$pid" 2>/dev/null; then killed=$((killed + 1)); fi
  code=0
  wait "$mpirun" || code=$?
  sentence=$(grep -h "has died; all ranks end" killed.log || true)
  [ -z "$sentence" ] || told=$((told + 1))
  if [ -e killed/config.yaml ]; then
    [ -e killed/model.safetensors ] || "${launch[@]}" resume killed >resumed.log 2>&1 || cat resumed.log
  else
    "${train[@]}" killed >resumed.log 2>&1
  fi
  if cmp -s killed/model.safetensors whole/model.safetensors; then
    same=$((same + 1)) verdict=same
  else
    verdict=DIFFERENT
  fi
  echo "run $run: rank $victim after $delay ms, exit code $code, $verdict${sentence:+; $sentence}"
done
echo "$runs runs, $killed killed, $told told by a sentence, $same models with the bits of the undisturbed one"
[ "$same" = "$runs" ]
