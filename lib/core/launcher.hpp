// Which of several processes this one is, as the launcher that started it says in environment variables.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace fluxsbi::core {

/// Process `rank` of `size`, 0 <= rank < size.
struct Launch {
  int64_t rank = 0, size = 1;
  int64_t local_rank = 0;  ///< among those of this machine; `rank` where the launcher does not say
  std::string launcher;    ///< "torchrun", "mpirun (Open MPI)", "mpirun (PMI)", "srun" or "a SLURM array"
};

/// The place of this process among those that one launcher started together. The innermost launcher counts:
///   RANK, WORLD_SIZE, LOCAL_RANK            torchrun
///   OMPI_COMM_WORLD_RANK, _SIZE, _LOCAL_RANK  mpirun of Open MPI
///   PMI_RANK, PMI_SIZE, MPI_LOCALRANKID     mpirun of MPICH and Intel MPI
///   SLURM_PROCID, SLURM_STEP_NUM_TASKS or else SLURM_NTASKS, SLURM_LOCALID   srun
/// Nothing where none of them is set; a variable that is empty counts as not set. A SLURM batch script, which
/// has the variables of srun without being one of its tasks (SLURM_JOB_ID without SLURM_STEP_ID), is not
/// launched. Throws UserError, naming the variables: one of a pair alone, what is no number, rank >= size,
/// RANK and WORLD_SIZE that no torchrun set and that another launcher contradicts.
std::optional<Launch> launch_from_environment();

/// For the error of a process that finds another at its work: "; mpirun (Open MPI) has started 2 processes,
/// and each runs this command: ...". Nothing where no launcher started several.
std::string several_processes_remedy();

/// The share of a work that is divided among processes which know nothing of each other: that of
/// launch_from_environment(), and of the element of a SLURM array (SLURM_ARRAY_TASK_ID, _MIN, _MAX, _STEP,
/// _COUNT), or of both: element e of E with process p of P is share e P + p of E P. Throws UserError also for
/// an array whose indices are not evenly spaced, because such a number does not say which share is meant.
std::optional<Launch> share_from_environment();

/// "NAME=" for all of these variables: the environment of a child that is to count as not launched.
std::vector<std::string> environment_without_launcher();

}  // namespace fluxsbi::core
