#include <iostream>
#include <memory>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>

#include "bench/sections.hpp"
#include "command.hpp"
#include "core/system.hpp"
#include "distributed/ranks.hpp"
#include "engine/device.hpp"
#include "engine/tile/kernels.hpp"
#include "experiment/execution.hpp"
#include "idle_options.hpp"
#include "number_range.hpp"

namespace fluxsbi::app {

namespace {

struct BenchArguments {
  std::string device = "auto";
  std::string model = "all";
  bool json = false, sweep = false, solvers = false, distributed = false;
  bench::Settings settings;
};

using MakeSection = bench::Section (*)(const bench::Settings&);

// Sampling and memory depend on the model little: they are measured with Flux1.
std::vector<MakeSection> sections_of(const bench::Workload& workload) {
  if (workload.joint) return {bench::training, bench::forward, bench::errors};
  return {bench::training, bench::forward, bench::sampling, bench::memory, bench::errors};
}

std::vector<std::string> model_names() {
  std::vector<std::string> names{"all"};
  for (const bench::Workload& workload : bench::workloads()) names.emplace_back(workload.model);
  return names;
}

// Steps of all ranks together; rank 0 prints.
int bench_ranks(const BenchArguments& arguments) {
  const auto ranks = distributed::open_ranks();
  distributed::run_together(*ranks, [&] {
    experiment::use_all_threads();
    bench::Settings settings = arguments.settings;
    distributed::together(*ranks, [&] { settings.device = engine::choose_device(arguments.device).device; });
    const std::string machine =
        core::cpu_description() + "; " + (ranks->alone() ? "one process" : ranks->description());
    std::vector<bench::Section> sections;
    if (!arguments.json && ranks->leads()) std::cout << machine << "\n";
    for (const bench::Workload& workload : bench::workloads()) {
      if (arguments.model != "all" && arguments.model != workload.model) continue;
      settings.workload = workload;
      sections.push_back(bench::distributed_training(settings, ranks));
      sections.back().title = std::string(workload.model) + ": " + sections.back().title;
      if (arguments.json || !ranks->leads()) continue;
      std::cout << "\n" << workload.description << "\n";
      bench::print(sections.back());
    }
    if (arguments.json && ranks->leads()) std::cout << bench::to_json(machine, sections);
  });
  return 0;
}

// What is measured instead takes no notice of these.
void warn_of_idle(const BenchArguments& arguments, const CLI::App& command) {
  if (arguments.distributed || arguments.solvers || arguments.sweep)
    warn_idle(command, {"--steps"}, "is of the memory check, which is not made here");
  if (arguments.solvers) warn_idle(command, {"--model"}, "chooses a model, and --solvers measures Flux1");
}

int run_bench(const BenchArguments& arguments, const CLI::App& command) {
  warn_of_idle(arguments, command);
  if (arguments.distributed) return bench_ranks(arguments);
  experiment::use_all_threads();
  bench::Settings settings = arguments.settings;
  const auto choice = engine::choose_device(arguments.device);
  settings.device = choice.device;
  const std::string machine = core::cpu_description() + "; " + choice.sentence + "; kernels for " +
                              std::string(engine::tile::kernels().name);
  if (!arguments.json) std::cout << machine << "\n";
  if (arguments.sweep) {
    bench::sweep(settings, arguments.model);
    return 0;
  }
  std::vector<bench::Section> sections;
  if (arguments.solvers) {
    settings.workload = bench::workloads().front();
    sections = bench::solvers(settings);
    if (!arguments.json) std::cout << "\n" << settings.workload.description << "\n";
    for (const bench::Section& section : sections) {
      if (!arguments.json) bench::print(section);
    }
    if (arguments.json) std::cout << bench::to_json(machine, sections);
    return 0;
  }
  for (const bench::Workload& workload : bench::workloads()) {
    if (arguments.model != "all" && arguments.model != workload.model) continue;
    settings.workload = workload;
    if (!arguments.json) std::cout << "\n" << workload.description << "\n";
    for (const auto section : sections_of(workload)) {
      sections.push_back(section(settings));
      sections.back().title = std::string(workload.model) + ": " + sections.back().title;
      if (!arguments.json) bench::print(sections.back());
    }
  }
  if (arguments.json) std::cout << bench::to_json(machine, sections);
  return 0;
}

}  // namespace

Action declare_bench(CLI::App& app) {
  auto arguments = std::make_shared<BenchArguments>();
  bench::Settings& settings = arguments->settings;
  app.add_option("--device", arguments->device, "auto, cpu, cuda or cuda:i")->capture_default_str();
  app.add_option("--model", arguments->model, "flux1, flux1joint, simformer, or all of them in turn")
      ->capture_default_str()
      ->check(CLI::IsMember(model_names()));
  app.add_option("--seconds", settings.seconds, "seconds for each comparison; longer runs scatter less")
      ->capture_default_str()
      ->check(within(0.1, 3600));
  app.add_option("--batch", settings.batch, "number of rows in a training batch")
      ->capture_default_str()
      ->check(CLI::Range(int64_t{1}, int64_t{1} << 16));
  app.add_option("--steps", settings.steps, "number of training steps in the memory check")
      ->capture_default_str()
      ->check(CLI::Range(int64_t{100}, int64_t{1000000}));
  app.add_flag("--json", arguments->json, "print one JSON object");
  app.add_flag("--sweep", arguments->sweep,
               "instead, print a table of the CPU's engines over models, widths, tokens and batches")
      ->excludes("--json");
  app.add_flag("--solvers", arguments->solvers,
               "instead, measure the samples per second of Flux1 for every method and solver")
      ->excludes("--sweep");
  app.add_flag("--distributed", arguments->distributed,
               "instead, measure training steps, under mpirun or srun those of all ranks together, and of a "
               "step the shares of the all-reduce and of waiting for the slowest rank (docs/cluster.md)")
      ->excludes("--sweep")
      ->excludes("--solvers");
  return [arguments, &app] { return run_bench(*arguments, app); };
}

}  // namespace fluxsbi::app
