#include <memory>

#include <CLI/CLI.hpp>

#include "command.hpp"
#include "common.hpp"
#include "engine/device.hpp"
#include "number_range.hpp"
#include "refine/refinement.hpp"

namespace fluxsbi::app {

Action declare_refine(CLI::App& app) {
  auto request = std::make_shared<refine::RefinementRequest>();
  auto x_key = std::make_shared<std::string>();
  app.add_option(
      "config", request->subject,
      "config with a simulator (simulator.command or data.task) and a prior, or a run folder whose "
      "rows and model are the first round; without sections of training the recipe chooses them");
  app.add_option("--task", request->task, "a built-in task, in place of the config's simulator");
  app.add_option("--x", request->x, "the observation: a file of one row, as sample takes it")->required();
  app.add_option("--x-key", *x_key, "key of x in .npz, path of its dataset in .h5");
  app.add_option("-o,--output", request->folder, "folder of the rounds and of the model")->required();
  app.add_option("--rounds", request->rounds, "how many rounds; more can be asked for later")
      ->capture_default_str();
  app.add_option("--simulations", request->simulations, "simulations of each round")->capture_default_str();
  app.add_option("--epsilon", request->epsilon,
                 "share of the posterior's mass that the region of the next round leaves out")
      ->capture_default_str();
  app.add_option("--seed", request->seed, "seed of the simulations and trainings (training.seed)");
  app.add_option("--workers", request->workers, "number of parallel simulations (default: all threads)")
      ->check(above_zero());
  app.add_option("--set", request->assignments,
                 "section.key=value, which overrides the config; may be repeated")
      ->allow_extra_args(true);
  add_execution(app, request->execution);
  app.add_flag("--force", request->force, "replace another refinement that the folder holds");
  return [request, x_key] {
    engine::choose_device(request->execution.device);  // before anything is simulated
    request->x = file_with_key(request->x, *x_key);
    refine::refine(*request);
    return 0;
  };
}

}  // namespace fluxsbi::app
