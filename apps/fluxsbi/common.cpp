#include "common.hpp"

#include <algorithm>

#include <CLI/CLI.hpp>

#include "core/launcher.hpp"
#include "core/log.hpp"
#include "core/system.hpp"
#include "core/text.hpp"
#include "experiment/runs.hpp"
#include "idle_options.hpp"
#include "number_range.hpp"

namespace fluxsbi::app {

void add_output(CLI::App& app, OutputArgument& output, const std::string& help, bool required) {
  app.add_option("-o,--output", output.path, help)->required(required);
  app.add_flag("--force", output.force, "replace the output if it exists");
}

void add_strict(CLI::App& app, bool& strict) {
  app.add_flag(
      "--strict", strict,
      "stop with exit code 2, before anything is computed, where observations are unlike the training data "
      "(otherwise a warning); `sample` of an ensemble ends with it, after the file is written, where members "
      "disagree");
}

void add_execution(CLI::App& app, experiment::Execution& execution) {
  app.add_option("--device", execution.device,
                 "auto, cpu, cuda or cuda:i; several GPUs, cuda:i,j or cuda:all, for sample, log-prob, map, "
                 "diagnose and compare (docs/gpu.md)")
      ->capture_default_str();
  app.add_option("--engine", execution.engine,
                 "what evaluates the network: auto, reference (LibTorch's modules) or tile (fluxsbi's own "
                 "CPU kernels)")
      ->capture_default_str()
      ->envname("FLUXSBI_ENGINE");
}

void add_members(CLI::App& app, experiment::Members& members) {
  members.program = "/proc/self/exe";
  app.add_option(
         "--jobs", members.jobs,
         "ensembles: how many members are trained side by side (default: one for each thread on a CPU, one "
         "on a GPU); their results do not depend on it")
      ->check(above_zero());
}

void add_rank_timeout(CLI::App& app, double& seconds) {
  app.add_option(
         "--rank-timeout", seconds,
         "started by mpirun or srun as several ranks: after so many seconds without a sign of life of "
         "one of them the others end (docs/cluster.md)")
      ->capture_default_str()
      ->check(within(3, 86400));
}

void warn_of_rank_timeout(const CLI::App& command) {
  const auto launch = core::launch_from_environment();
  if (!launch || launch->size < 2)
    warn_idle(command, {"--rank-timeout"},
              "is for several ranks, which mpirun, srun or torchrun start, and this is one process");
}

std::string file_with_key(const std::string& file, const std::string& key) {
  return file.empty() || key.empty() ? file : file + ":" + key;
}

std::function<void(int64_t, int64_t)> show_progress(const std::string& what, const std::string& unit) {
  return [what, unit, begin = core::steady_seconds()](int64_t done, int64_t total) {
    const double seconds = core::steady_seconds() - begin;
    const double rate = static_cast<double>(done) / std::max(seconds, 1e-9);
    core::log::progress(what + " " + std::to_string(done) + "/" + std::to_string(total) + "  " +
                        std::to_string(static_cast<int64_t>(rate)) + " " + unit + "/s  " +
                        core::duration_text(static_cast<double>(total - done) / std::max(rate, 1e-9)) +
                        " left");
  };
}

}  // namespace fluxsbi::app
