#!/usr/bin/env bash
# Tries scripts/slurm on a real SLURM of one machine, which it sets up in a temporary folder and takes down
# again (Debian: slurmctld, slurmd, slurm-client, munge; as root): a training that meets its time limit comes
# back and ends with the same bits as one that was never stopped; an array of sampling jobs, merged, has the
# bytes of one sampling.
#
#   scripts/slurm/check.sh build/fluxsbi [STEPS]
#
# STEPS (6000) must take longer than a minute here, so that the limit is met.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
FLUXSBI=$(realpath "${1:?the program fluxsbi}")
steps=${2:-6000}
for program in munged slurmctld slurmd sbatch srun; do
  command -v "$program" >/dev/null || {
    echo "skipped: no $program here; apt-get install slurmctld slurmd slurm-client munge"
    exit 77
  }
done
export FLUXSBI OMP_NUM_THREADS=1

work=$(mktemp -d)
export SLURM_CONF=$work/slurm.conf
take_down() {
  local pid
  scontrol shutdown >/dev/null 2>&1 || true
  for pid in slurmd slurmctld munge; do
    if [[ -e $work/$pid.pid ]]; then
      pid=$(<"$work/$pid.pid")
      kill "$pid" 2>/dev/null || true
      for _ in {1..50}; do
        kill -0 "$pid" 2>/dev/null || break
        sleep 0.2
      done
    fi
  done
  rm -rf "$work"
}
trap take_down EXIT

set_up() {
  local host port
  host=$(hostname -s)
  port=$((20000 + $$ % 10000 * 2))
  mkdir -p "$work/state" "$work/spool"
  chmod 755 "$work"
  dd if=/dev/urandom of="$work/munge.key" bs=1024 count=1 status=none
  chmod 400 "$work/munge.key"
  munged --force --key-file="$work/munge.key" --socket="$work/munge.socket" --pid-file="$work/munge.pid" \
    --log-file="$work/munge.log" --seed-file="$work/munge.seed" 2>/dev/null
  cat >"$SLURM_CONF" <<CONF
ClusterName=check
SlurmctldHost=$host(127.0.0.1)
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket=$work/munge.socket
SlurmctldPort=$port
SlurmdPort=$((port + 1))
StateSaveLocation=$work/state
SlurmdSpoolDir=$work/spool
SlurmctldPidFile=$work/slurmctld.pid
SlurmdPidFile=$work/slurmd.pid
SlurmctldLogFile=$work/slurmctld.log
SlurmdLogFile=$work/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
SchedulerType=sched/builtin
SchedulerParameters=requeue_delay=0,sched_interval=5
ReturnToService=2
NodeName=$host NodeAddr=127.0.0.1 CPUs=$(nproc --all) State=UNKNOWN
PartitionName=all Nodes=$host Default=YES MaxTime=INFINITE State=UP
CONF
  slurmctld
  slurmd
  for _ in {1..30}; do
    if sinfo --noheader --format=%t 2>/dev/null | grep -q idle; then return; fi
    sleep 1
  done
  cat "$work"/*.log
  echo "error: the node does not come up" >&2
  exit 1
}

# Waits until a job has ended, whatever of it is queued again meanwhile.
wait_for() {
  while squeue --noheader --job "$1" 2>/dev/null | grep -q .; do sleep 2; done
}

fail() {
  echo "error: $1" >&2
  exit 1
}

set_up
cd "$work"
"$FLUXSBI" simulate two_moons -n 2000 --seed 3 -q -o sims.npz
set_keys=(--set "training.nsteps=$steps" training.save_every=500 training.val_every=500)
echo "a training of $steps steps under a limit of one minute:"
job=$(sbatch --parsable --time=00:01:00 --signal=USR1@30 --output=train.log \
  "$here/train.sbatch" runs/limited --data sims.npz "${set_keys[@]}")
wait_for "$job"
grep -E "^start|stopped by|resuming|finished" train.log || true
grep -q "^start 2" train.log || fail "the job ended before its limit: give more STEPS"
[[ -e runs/limited/model.safetensors ]] || { cat train.log && fail "the training did not finish"; }
"$FLUXSBI" train --data sims.npz "${set_keys[@]}" -q -o runs/whole
cmp runs/limited/model.safetensors runs/whole/model.safetensors ||
  fail "the model differs from that of a training without a limit"
echo "the model has the bytes of a training without a limit"

echo "an array of three sampling jobs:"
"$FLUXSBI" simulate two_moons -n 50 --seed 8 -q -o observed.npz
mkdir parts
job=$(sbatch --parsable --array=0-2 --output=sample-%a.log "$here/command.sbatch" \
  sample runs/limited --x observed.npz -n 1000 --shard auto -o parts/samples.npz)
wait_for "$job"
grep -h "samples in" sample-?.log || { cat sample-?.log && fail "a task of the array did not finish"; }
"$FLUXSBI" merge parts/*.npz -q -o merged.npz
"$FLUXSBI" sample runs/limited --x observed.npz -n 1000 -q -o whole.npz
cmp merged.npz whole.npz || fail "the merged samples differ from those of one sampling"
echo "the merged file has the bytes of one sampling"
