#include "core/launcher.hpp"

#include <array>
#include <cstdlib>
#include <string_view>

#include "core/error.hpp"
#include "core/text.hpp"

namespace fluxsbi::core {

namespace {

constexpr const char* torch_run_id = "TORCHELASTIC_RUN_ID";
constexpr const char *slurm_job = "SLURM_JOB_ID", *slurm_step = "SLURM_STEP_ID",
                     *slurm_step_size = "SLURM_STEP_NUM_TASKS";
constexpr const char *array_id = "SLURM_ARRAY_TASK_ID", *array_count = "SLURM_ARRAY_TASK_COUNT",
                     *array_min = "SLURM_ARRAY_TASK_MIN", *array_max = "SLURM_ARRAY_TASK_MAX",
                     *array_step = "SLURM_ARRAY_TASK_STEP";

// The variables of a launcher, and what to call it.
struct Row {
  const char* launcher;
  const char *rank, *size, *local_rank;
};
constexpr Row torchrun{"torchrun", "RANK", "WORLD_SIZE", "LOCAL_RANK"};
constexpr Row srun{"srun", "SLURM_PROCID", "SLURM_NTASKS", "SLURM_LOCALID"};
// The innermost first: mpirun starts its own helpers by srun, and torchrun is started by any of the others.
constexpr std::array<Row, 4> launchers{
    {torchrun,
     {"mpirun (Open MPI)", "OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_LOCAL_RANK"},
     {"mpirun (PMI)", "PMI_RANK", "PMI_SIZE", "MPI_LOCALRANKID"},
     srun}};

std::optional<std::string> variable(const char* name) {
  const char* text = std::getenv(name);
  if (text == nullptr || *text == '\0') return {};
  return text;
}

std::string setting(const char* name) {
  return std::string(name) + "=" + variable(name).value_or("");
}

std::optional<int64_t> number(const char* name) {
  const auto text = variable(name);
  if (!text) return {};
  const auto value = parse_whole_number(*text);
  if (!value || *value < 0) {
    throw UserError("the environment variable " + std::string(name) + " is " + quoted(*text) +
                    ", not a whole number from 0 on; launchers set it: remove it (unset " + name +
                    ") if none started this program");
  }
  return value;
}

int64_t needed(const char* name, const char* partner) {
  if (const auto value = number(name)) return *value;
  throw UserError("the environment variable " + setting(partner) + " stands alone: " + name +
                  " is not set. A launcher sets both; set " + name + ", too, or remove " + partner +
                  " (unset " + partner + ")");
}

void refuse_outside(const char* rank_name, const char* size_name) {
  throw UserError("the environment variables " + setting(rank_name) + " and " + setting(size_name) +
                  " contradict each other: ranks go from 0 to " + size_name +
                  " - 1; correct them, or remove both if no launcher started this program");
}

// srun's tasks are counted by the step's own variable: a step may have fewer than its job.
const char* size_variable(const Row& row) {
  return row.rank == srun.rank && variable(slurm_step_size) ? slurm_step_size : row.size;
}

std::optional<Launch> launch_of(const Row& row) {
  // The batch script has the variables of srun, but is none of its tasks.
  if (row.rank == srun.rank && variable(slurm_job) && !variable(slurm_step)) return {};
  const char* size_name = size_variable(row);
  // SLURM_NTASKS alone says what the job asked for, as in the shell of salloc; it is half of nothing.
  if (!variable(row.rank) && (!variable(size_name) || row.rank == srun.rank)) return {};
  const int64_t rank = needed(row.rank, size_name), size = needed(size_name, row.rank);
  if (rank >= size) refuse_outside(row.rank, size_name);
  return Launch{rank, size, number(row.local_rank).value_or(rank), row.launcher};
}

// RANK and WORLD_SIZE are common names, which may be left over from elsewhere. torchrun's own are beyond
// doubt; those of a script must agree with the launcher below it.
void check_leftover(const Launch& found, const Row& row) {
  const auto other = launch_of(row);
  if (!other || other->size == 1 || (other->rank == found.rank && other->size == found.size)) return;
  throw UserError("the environment variables RANK and WORLD_SIZE say process " + std::to_string(found.rank) +
                  " of " + std::to_string(found.size) + ", but " + row.rank + " and " + size_variable(row) +
                  " say " + std::to_string(other->rank) + " of " + std::to_string(other->size) +
                  "; remove those that no launcher of this run set (unset RANK WORLD_SIZE)");
}

std::optional<Launch> array_element() {
  if (!variable(array_id) && !variable(array_count)) return {};
  const int64_t id = needed(array_id, array_count), count = needed(array_count, array_id);
  const int64_t first = needed(array_min, array_id), step = number(array_step).value_or(1);
  const auto last = number(array_max);
  const bool spaced =
      step >= 1 && id >= first && (id - first) % step == 0 && (!last || *last - first == (count - 1) * step);
  if (!spaced) {
    throw UserError("the SLURM array of " + setting(array_count) + " from " + setting(array_min) +
                    (last ? " to " + setting(array_max) : "") + " has gaps or is not in order, and so " +
                    setting(array_id) +
                    " does not say which share is meant; submit --array=0-N without gaps, or name the share: "
                    "--shard i/n");
  }
  if ((id - first) / step >= count) refuse_outside(array_id, array_count);
  return Launch{(id - first) / step, count, 0, "a SLURM array"};
}

}  // namespace

std::optional<Launch> launch_from_environment() {
  for (const Row& row : launchers) {
    const auto found = launch_of(row);
    if (!found) continue;
    if (row.rank == torchrun.rank && !variable(torch_run_id)) {
      for (const Row& other : launchers) {
        if (other.rank != torchrun.rank) check_leftover(*found, other);
      }
    }
    return found;
  }
  return {};
}

std::string several_processes_remedy() {
  std::optional<Launch> launch;
  try {
    launch = launch_from_environment();
  } catch (const UserError&) {
    return {};  // variables that contradict each other are the concern of those who divide work by them
  }
  if (!launch || launch->size == 1) return {};
  return "; " + launch->launcher + " has started " + std::to_string(launch->size) +
         " processes, and each runs this command: start one, or divide the work among them (--shard auto, "
         "where the command has it)";
}

std::optional<Launch> share_from_environment() {
  const auto element = array_element();
  const auto process = launch_from_environment();
  if (!element) return process;
  if (!process || process->size == 1) return element;
  return Launch{element->rank * process->size + process->rank, element->size * process->size,
                process->local_rank, element->launcher + " of " + process->launcher};
}

std::vector<std::string> environment_without_launcher() {
  std::vector<std::string> cleared;
  const auto clear = [&](const char* name) { cleared.push_back(std::string(name) + "="); };
  for (const Row& row : launchers) {
    for (const char* name : {row.rank, row.size, row.local_rank}) clear(name);
  }
  for (const char* name : {slurm_step_size, array_id, array_count, array_min, array_max, array_step}) {
    clear(name);
  }
  return cleared;
}

}  // namespace fluxsbi::core
