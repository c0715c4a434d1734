#include "distributed/ranks.hpp"

#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <mutex>
#include <optional>
#include <thread>

#include <dlfcn.h>
#include <unistd.h>

#include "core/error.hpp"
#include "core/log.hpp"
#include "core/log_rank.hpp"
#include "core/stop.hpp"
#include "core/text.hpp"
#include "distributed/plugin.hpp"
#include "distributed/torchrun_plugin.hpp"

namespace fluxsbi::distributed {

namespace {

namespace fs = std::filesystem;

constexpr int user_error = static_cast<int>(core::ExitCode::user_error);

// Launchers end all ranks as soon as one has failed: rank 0, which says why, comes first.
constexpr auto head_start = std::chrono::seconds(1);

// For what each rank finds out by itself. Rank 0 says it at once, whereupon launchers end the others. One
// that still lives then is alone, with variables that are left over from elsewhere, and says it itself.
[[noreturn]] void refuse(const core::Launch& launch, const std::string& what) {
  constexpr auto patience = std::chrono::seconds(3);
  if (launch.rank > 0) std::this_thread::sleep_for(patience);
  throw core::UserError(what);
}

// Beside the program, unless a variable names it.
std::string plugin_path(const char* variable, const char* file) {
  if (const char* named = std::getenv(variable)) return named;
  std::error_code problem;
  const fs::path program = fs::read_symlink("/proc/self/exe", problem);
  return (program.parent_path() / file).string();
}

std::string of_launcher(const core::Launch& launch) {
  return launch.launcher + " has started " + std::to_string(launch.size) + " processes";
}

std::string why_mpi_differs(const core::Launch& launch, int found) {
  const std::string what = "the variables of " + launch.launcher + " say process " +
                           std::to_string(launch.rank) + " of " + std::to_string(launch.size) +
                           ", but MPI knows of " + std::to_string(found) + ": ";
  if (launch.launcher == "srun")
    return what +
           "either no srun has started this process and the variables are left over from elsewhere "
           "(unset SLURM_PROCID SLURM_NTASKS SLURM_STEP_NUM_TASKS), or srun has started it without MPI "
           "(srun --mpi=pmix; srun --mpi=list says what there is; mpirun inside the job works, too)";
  return what +
         "no mpirun of this MPI has started this process. Unset the variables (they may be left over from "
         "elsewhere), or start it with the mpirun of the MPI that fluxsbi was built with (under srun: "
         "--mpi=pmix)";
}

// MPI begins when all ranks have called it, and waits for ever for one that runs another command. While one
// of these lives, the process ends with a sentence after so many seconds, rank 0 first.
class MeetingLimit {
 public:
  MeetingLimit(const core::Launch& launch, double seconds)
      : thread_([this, launch, seconds] { watch(launch, seconds); }) {}
  ~MeetingLimit() {
    {
      const std::lock_guard lock(mutex_);
      met_ = true;
    }
    changed_.notify_one();
    thread_.join();
  }
  MeetingLimit(const MeetingLimit&) = delete;
  MeetingLimit& operator=(const MeetingLimit&) = delete;

 private:
  void watch(const core::Launch& launch, double seconds) {
    const std::chrono::duration<double> patience(seconds + (launch.rank > 0 ? 3 : 0));
    std::unique_lock lock(mutex_);
    if (changed_.wait_for(lock, patience, [this] { return met_; })) return;
    core::log::error(of_launcher(launch) + ", but not all of them have come to train within " +
                     core::number_text(seconds) +
                     " s; start the same command on every rank, or raise --rank-timeout if their hosts need "
                     "longer");
    _exit(user_error);
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  bool met_ = false;
  std::thread thread_;  // the last member: it uses the others
};

std::unique_ptr<Transport> open_mpi(const core::Launch& launch, double seconds_to_meet) {
  const std::string path = plugin_path("FLUXSBI_MPI_PLUGIN", "libfluxsbi_mpi.so");
  const std::string remedy =
      "; install Open MPI (Debian: libopenmpi-dev, openmpi-bin) and build with -DFLUXSBI_MPI=on, or start "
      "one process without " +
      launch.launcher;
  if (!fs::exists(path))
    refuse(launch, of_launcher(launch) + ", but the MPI plug-in " + path + " is not there" + remedy);
  // RTLD_GLOBAL: Open MPI loads components of its own, which look for its symbols.
  void* library = dlopen(path.c_str(), RTLD_NOW | RTLD_GLOBAL);
  if (library == nullptr)
    refuse(launch, of_launcher(launch) + ", but the MPI plug-in cannot be loaded: " + dlerror() + remedy);
  const auto abi = reinterpret_cast<int (*)()>(dlsym(library, "fluxsbi_mpi_plugin_abi"));
  const auto entry = reinterpret_cast<Transport* (*)(int, int*)>(dlsym(library, "fluxsbi_mpi_open"));
  if (abi == nullptr || entry == nullptr || abi() != mpi_plugin_abi)
    refuse(launch, "the MPI plug-in " + path + " is of another version; build it again");
  int found = 0;
  std::unique_ptr<Transport> transport;
  {
    const MeetingLimit limit(launch, seconds_to_meet);
    transport.reset(entry(static_cast<int>(launch.size), &found));
  }
  if (!transport) refuse(launch, why_mpi_differs(launch, found));
  return transport;
}

// torchrun starts no MPI; its processes meet at a store (torchrun_plugin.hpp).
std::unique_ptr<Transport> open_store(const core::Launch& launch, double seconds_to_meet) {
  StorePlace place;
  try {
    place = store_place(launch);
  } catch (const core::UserError& problem) {
    refuse(launch, problem.what());
  }
  const std::string path = plugin_path("FLUXSBI_TORCHRUN_PLUGIN", "libfluxsbi_torchrun.so");
  void* library = dlopen(path.c_str(), RTLD_NOW);
  if (library == nullptr)
    refuse(launch, of_launcher(launch) + ", but the plug-in for its store cannot be loaded: " + dlerror() +
                       "; install fluxsbi whole, or start the ranks by mpirun");
  const auto abi = reinterpret_cast<int (*)()>(dlsym(library, "fluxsbi_torchrun_plugin_abi"));
  const auto entry =
      reinterpret_cast<decltype(&fluxsbi_torchrun_open)>(dlsym(library, "fluxsbi_torchrun_open"));
  if (abi == nullptr || entry == nullptr || abi() != torchrun_plugin_abi)
    refuse(launch, "the plug-in " + path + " is of another version; build it again");
  std::string problem;
  std::unique_ptr<Transport> transport(
      entry(place, static_cast<int>(launch.rank), static_cast<int>(launch.size), seconds_to_meet, &problem));
  if (!transport)
    refuse(launch,
           of_launcher(launch) + ", but " + problem + " (within " + core::number_text(seconds_to_meet) +
               " s; MASTER_ADDR and MASTER_PORT say where). Start all ranks with torchrun --no-python, or "
               "remove the variables if they are left over (unset RANK WORLD_SIZE LOCAL_RANK)");
  return transport;
}

// How a rank's work ended.
struct Outcome {
  enum Kind : char { good = 'g', failed = 'f', interrupted = 'i' };
  Kind kind = good;
  std::string text;
  std::exception_ptr problem = {};
};

Outcome outcome_of(const Communicator& ranks, const std::function<void()>& work) {
  try {
    work();
    return {};
  } catch (const core::Interrupted& problem) {
    return {Outcome::interrupted, std::to_string(problem.signal())};
  } catch (const std::exception& problem) {
    if (ranks.finished()) throw;  // all ranks know
    return {Outcome::failed, problem.what(), std::current_exception()};
  }
}

}  // namespace

std::shared_ptr<Communicator> open_ranks(double most_silence) {
  const std::optional<core::Launch> launch = core::launch_from_environment();
  if (!launch || launch->size == 1) return std::make_shared<Communicator>();
  core::log::set_rank(static_cast<int>(launch->rank));
  auto ranks = std::make_shared<Communicator>(
      launch->launcher == "torchrun" ? open_store(*launch, most_silence) : open_mpi(*launch, most_silence),
      most_silence);
  core::log::info(ranks->description());
  return ranks;
}

void refuse_ranks(const std::string& command, const std::string& remedy) {
  const std::optional<core::Launch> launch = core::launch_from_environment();
  if (!launch || launch->size == 1) return;
  refuse(*launch,
         of_launcher(*launch) + ", and " + command + " does not divide its work among them; " + remedy);
}

void together(Communicator& ranks, const std::function<void()>& work) {
  if (ranks.alone()) return work();
  const Outcome own = outcome_of(ranks, work);
  const std::vector<std::string> all = ranks.gather(static_cast<char>(own.kind) + own.text);
  for (const std::string& one : all) {
    if (one[0] != Outcome::interrupted) continue;
    const int signal = std::atoi(one.c_str() + 1);
    throw core::Interrupted(signal, std::string("stopped by ") + core::signal_name(signal) +
                                        " before training began; nothing was written");
  }
  for (size_t rank = 0; rank < all.size(); ++rank) {
    if (all[rank][0] != Outcome::failed) continue;
    if (rank == 0 && ranks.leads()) {  // as it was thrown: its kind decides the exit code
      ranks.finish();
      std::rethrow_exception(own.problem);
    }
    const std::string text = all[rank].substr(1);
    end_all(ranks, rank == 0 ? text : ranks.name_of(static_cast<int>(rank)) + ": " + text);
  }
}

void on_first(Communicator& ranks, const std::function<void()>& work) {
  together(ranks, [&] {
    if (ranks.leads()) work();
  });
}

void end_all(Communicator& ranks, const std::string& what) {
  ranks.finish();
  if (ranks.leads()) throw core::UserError(what);
  std::this_thread::sleep_for(head_start);
  throw SaidElsewhere(user_error);
}

void run_together(Communicator& ranks, const std::function<void()>& work) {
  try {
    work();
  } catch (const core::Stopped&) {
    ranks.finish();
    throw;
  } catch (const core::Interrupted&) {
    ranks.finish();
    throw;
  }
  ranks.finish();
}

}  // namespace fluxsbi::distributed
