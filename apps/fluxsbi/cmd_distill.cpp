#include <memory>

#include <CLI/CLI.hpp>

#include "command.hpp"
#include "common.hpp"
#include "distributed/ranks.hpp"
#include "experiment/distillation.hpp"

namespace fluxsbi::app {

Action declare_distill(CLI::App& app) {
  struct Arguments {
    experiment::DistillationRequest request;
    double rank_timeout = distributed::default_silence;
  };
  auto arguments = std::make_shared<Arguments>();
  experiment::DistillationRequest& request = arguments->request;
  app.add_option("teacher", request.teacher, "run folder or model.safetensors of the teacher")->required();
  app.add_option("-o,--output", request.folder, "run folder of the student")->required();
  app.add_option("-k,--evaluations", request.evaluations,
                 "evaluations of the student's network for a draw, from 1 to 64; 1, 2, 4 and 8 were studied")
      ->capture_default_str();
  app.add_option("--data", request.data,
                 "simulations to learn on (default: those that the teacher's config names)")
      ->allow_extra_args(false);
  app.add_option("--set", request.assignments,
                 "section.key=value of the student's training: training.nsteps, training.batch_size, "
                 "optimizer.max_lr, ...; may be repeated")
      ->allow_extra_args(true);
  add_execution(app, request.execution);
  add_rank_timeout(app, arguments->rank_timeout);
  app.add_flag("--force", request.force, "replace a run that the folder holds");
  return [arguments, &app] {
    warn_of_rank_timeout(app);
    auto& execution = arguments->request.execution;
    execution.ranks = distributed::open_ranks(arguments->rank_timeout);
    distributed::run_together(*execution.ranks, [&] { experiment::start_distillation(arguments->request); });
    return 0;
  };
}

}  // namespace fluxsbi::app
