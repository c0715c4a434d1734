#include <filesystem>
#include <iostream>
#include <memory>
#include <optional>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "command.hpp"
#include "common.hpp"
#include "core/error.hpp"
#include "core/text.hpp"
#include "data_arguments.hpp"
#include "distributed/ranks.hpp"
#include "experiment/plan.hpp"
#include "idle_options.hpp"
#include "number_range.hpp"

namespace fluxsbi::app {

namespace {

struct PlanArguments {
  std::string subject;
  DataArguments data;
  experiment::Execution execution;
  std::vector<std::string> assignments;
  int64_t observations = 0, draws = 1000;
  std::optional<int64_t> nodes, gpus;
  std::optional<double> hours;
  double seconds = 3;
  bool json = false;
};

bool is_model(const std::string& path) {
  return std::filesystem::is_directory(path) || path.ends_with(".safetensors");
}

experiment::PlanRequest request_of(const PlanArguments& arguments) {
  experiment::PlanRequest request;
  if (is_model(arguments.subject)) {
    if (arguments.data.names_data() || !arguments.assignments.empty())
      throw core::UserError(arguments.subject + ": a trained model needs no --data, --task or --set");
    if (arguments.observations == 0)
      throw core::UserError(arguments.subject +
                            ": of a trained model sampling is planned: give --observations");
    request.model = arguments.subject;
  } else {
    request.config = completed_document(arguments.subject, arguments.data, arguments.assignments, "plan");
  }
  if (arguments.observations == 0 && (arguments.nodes || arguments.gpus || arguments.hours))
    throw core::UserError("--nodes, --gpus and --hours divide observations: give --observations");
  request.observations = arguments.observations;
  request.draws = arguments.draws;
  request.seconds = arguments.seconds;
  request.execution = arguments.execution;
  if (arguments.gpus) request.execution.device = "cuda";
  return request;
}

std::string whole(double value) {
  return std::to_string(static_cast<int64_t>(value));
}

void print_training(const experiment::PlannedTraining& plan) {
  std::cout << "training:  ";
  if (plan.members > 1) std::cout << plan.members << " members of ";
  std::cout << plan.steps << " steps of " << plan.rows << " rows take about "
            << core::duration_text(plan.seconds) << " (" << core::brief_text(1 / plan.pace.step_seconds)
            << " steps a second, measured over " << plan.pace.steps << "); memory "
            << core::bytes_text(plan.memory) << ", run folder " << core::bytes_text(plan.disk) << "\n";
}

void print_sampling(const experiment::PlannedSampling& plan, const PlanArguments& arguments) {
  std::cout << "sampling:  " << plan.observations << " observations x " << plan.draws << " draws of "
            << core::count_text(plan.numbers, "number") << " take about "
            << core::duration_text(plan.seconds(1)) << " (" << whole(plan.rate)
            << " draws a second, measured with " << plan.measured << "; " << plan.evaluations
            << " evaluations of the network for a draw); memory at most " << core::bytes_text(plan.memory)
            << ", samples " << core::bytes_text(plan.disk())
            << " in float32, twice as much where that is too coarse\n";
  const std::optional<int64_t> parts = arguments.nodes ? arguments.nodes : arguments.gpus;
  const std::string place = arguments.gpus ? "GPU" : "machine";
  if (parts) {
    std::cout << "divided:   " << core::count_text(*parts, place) << " like this one, --shard i/" << *parts
              << ": about " << core::duration_text(plan.seconds(*parts)) << "; " << plan.share(*parts)
              << " observations and " << core::bytes_text(plan.disk(*parts)) << " of samples each\n";
  }
  if (!arguments.hours) return;
  const int64_t needed = plan.parts_for(3600 * *arguments.hours);
  const std::string limit = core::duration_text(3600 * *arguments.hours);
  if (needed == 0)
    throw core::UserError(
        "--hours " + core::number_text(*arguments.hours) +
        ": the draws of a single observation take longer here; give fewer draws or more hours");
  std::cout << "in " << limit << ": " << core::count_text(needed, place) << " like this one, --shard i/"
            << needed << "\n";
}

nlohmann::ordered_json json_of(const experiment::Plan& plan) {
  nlohmann::ordered_json json{{"machine", plan.machine}};
  if (const auto& training = plan.training) {
    json["training"] = {{"members", training->members},
                        {"steps", training->steps},
                        {"rows", training->rows},
                        {"step_seconds", training->pace.step_seconds},
                        {"validation_seconds", training->pace.validation_seconds},
                        {"seconds", training->seconds},
                        {"memory_bytes", training->memory},
                        {"disk_bytes", training->disk}};
  }
  if (const auto& sampling = plan.sampling) {
    json["sampling"] = {{"observations", sampling->observations}, {"draws", sampling->draws},
                        {"draws_per_second", sampling->rate},     {"evaluations", sampling->evaluations},
                        {"acceptance", sampling->acceptance},     {"start_seconds", sampling->start},
                        {"seconds", sampling->seconds(1)},        {"memory_bytes", sampling->memory},
                        {"disk_bytes", sampling->disk()}};
  }
  return json;
}

int plan(const PlanArguments& arguments, const CLI::App& command) {
  if (arguments.observations == 0)
    warn_idle(command, {"--draws"}, "is for each observation, and no --observations are given");
  distributed::refuse_ranks("plan", "start it as one process; --nodes divides on paper");
  const experiment::Plan plan = experiment::make_plan(request_of(arguments));
  if (arguments.json) {
    std::cout << json_of(plan).dump(2) << "\n";
    return 0;
  }
  std::cout << plan.machine << "\n";
  if (plan.training) print_training(*plan.training);
  if (plan.sampling) print_sampling(*plan.sampling, arguments);
  return 0;
}

}  // namespace

Action declare_plan(CLI::App& app) {
  auto arguments = std::make_shared<PlanArguments>();
  app.add_option("subject", arguments->subject,
                 "a config, whose training and sampling are planned, or a run folder or model file, whose "
                 "sampling is (default: what the recipe chooses for --data or --task)");
  add_data(app, arguments->data);
  app.add_option("--set", arguments->assignments,
                 "section.key=value, which overrides the config; may be repeated")
      ->allow_extra_args(true);
  app.add_option("--observations", arguments->observations, "number of observations that are sampled for")
      ->check(above_zero());
  app.add_option("-n,--draws", arguments->draws, "number of samples for each observation")
      ->check(above_zero())
      ->capture_default_str();
  auto* nodes =
      app.add_option("--nodes", arguments->nodes, "machines like this one that share the observations")
          ->check(above_zero());
  app.add_option("--gpus", arguments->gpus, "GPUs like this machine's that share the observations")
      ->check(above_zero())
      ->excludes(nodes);
  app.add_option("--hours", arguments->hours, "also say how many machines are done in so many hours")
      ->check(within(1e-3, 1e6));
  app.add_option("--seconds", arguments->seconds, "seconds for each measurement")
      ->check(within(0.1, 3600))
      ->capture_default_str();
  app.add_flag("--json", arguments->json, "print one JSON object");
  add_execution(app, arguments->execution);
  return [arguments, &app] { return plan(*arguments, app); };
}

}  // namespace fluxsbi::app
