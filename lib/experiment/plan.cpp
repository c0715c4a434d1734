#include "experiment/plan.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>
#include <vector>

#include "checkpoint/model_file.hpp"
#include "core/system.hpp"
#include "engine/device.hpp"
#include "experiment/open_posterior.hpp"
#include "experiment/training_run.hpp"

namespace fluxsbi::experiment {

namespace {

constexpr double float_bytes = 4;
constexpr int64_t first_measured = 256;  // draws
// A checkpoint holds the weights five times: as trained, two moments, their average and the best average.
constexpr double copies_in_checkpoint = 5;

double as_double(int64_t value) {
  return static_cast<double>(value);
}

double numbers_of(const checkpoint::ModelFile& file) {
  double numbers = 0;
  for (const auto& [name, array] : file.weights) {
    double size = 1;
    for (const int64_t length : array.shape) size *= as_double(length);
    numbers += size;
  }
  return numbers;
}

PlannedTraining plan_training(TrainingRun& run, int64_t members, double seconds) {
  const train::TrainingOptions& options = run.experiment().training;
  PlannedTraining plan;
  plan.members = members;
  plan.steps = options.nsteps;
  plan.rows = options.batch_size * options.multistep;
  plan.pace = run.pace(seconds);
  const int64_t validations = (plan.steps + options.val_every - 1) / options.val_every;
  plan.seconds = as_double(plan.members) * (as_double(plan.steps) * plan.pace.step_seconds +
                                            as_double(validations) * plan.pace.validation_seconds);
  plan.memory = static_cast<double>(core::resident_memory());
  const double copies = 1 + copies_in_checkpoint * as_double(options.keep_checkpoints + 1);  // and best
  plan.disk = as_double(plan.members) * copies * float_bytes * numbers_of(run.untrained_model());
  return plan;
}

// An observation where training data lie; a question without anything given for a model without x.
sample::Samples draw(sample::Posterior& posterior, int64_t draws, const sample::SamplingOptions& options) {
  const data::DataShape& shape = posterior.shape();
  if (shape.x_dim == 0) {
    const std::vector<double> nothing(static_cast<size_t>(shape.theta_dim * shape.theta_channels),
                                      std::numeric_limits<double>::quiet_NaN());
    return posterior.sample_given(nothing, 1, draws, 0, 0, options);
  }
  std::vector<double> x = posterior.reference().mean;
  x.resize(static_cast<size_t>(shape.x_dim * shape.x_channels));
  return posterior.sample(x, 1, draws, 0, 0, options);
}

PlannedSampling plan_sampling(sample::Posterior& posterior, const PlanRequest& request, bool trained) {
  sample::SamplingOptions options = posterior.sampling();
  if (!trained) options.reject = false;  // what an untrained network draws lies anywhere
  PlannedSampling plan;
  plan.observations = request.observations;
  plan.draws = request.draws;
  plan.numbers = posterior.shape().theta_dim * posterior.shape().theta_channels;
  const int64_t most = std::max(first_measured, posterior.chunk_size(options));
  draw(posterior, first_measured, options);  // a warm-up
  for (int64_t draws = first_measured;; draws = std::min(most, 2 * draws)) {
    const double begin = core::steady_seconds();
    const sample::Samples samples = draw(posterior, draws, options);
    const double took = std::max(1e-9, core::steady_seconds() - begin);
    plan.rate = as_double(draws) / took;
    plan.measured = draws;
    plan.evaluations = samples.evaluations;
    plan.acceptance = samples.acceptance();
    if (took > request.seconds / 2 || draws == most) break;
  }
  plan.memory = static_cast<double>(core::resident_memory()) + 1e9 * options.memory_gb;
  return plan;
}

}  // namespace

int64_t PlannedSampling::share(int64_t parts) const {
  return (observations + parts - 1) / parts;
}

double PlannedSampling::seconds(int64_t parts) const {
  return start + as_double(share(parts)) * as_double(draws) / rate;
}

double PlannedSampling::disk(int64_t parts) const {
  return as_double(share(parts)) * as_double(draws) * as_double(numbers) * float_bytes;
}

int64_t PlannedSampling::parts_for(double within) const {
  const double rows = std::floor((within - start) * rate / as_double(draws));  // that one process does
  if (!(rows >= 1)) return 0;
  return static_cast<int64_t>(std::ceil(as_double(observations) / rows));
}

Plan make_plan(const PlanRequest& request) {
  Plan plan;
  plan.machine = engine::choose_device(request.execution.device).sentence;
  const bool samples = request.observations > 0;
  const double begin = core::steady_seconds();
  if (!request.model.empty()) {
    sample::Posterior posterior = open_posterior(request.model, request.execution, "float32");
    const double start = core::steady_seconds() - begin;
    if (samples) {
      plan.sampling = plan_sampling(posterior, request, /*trained=*/true);
      plan.sampling->start = start;
    }
    return plan;
  }
  use_all_threads();
  Experiment experiment = read_experiment(request.config);
  // The members of an ensemble are alike, so a single model is measured.
  const int64_t members = is_ensemble(experiment) ? std::exchange(experiment.training.ensemble, 1) : 1;
  const auto run = prepare_training("", std::move(experiment), request.execution);
  plan.training = plan_training(*run, members, request.seconds);
  if (samples) {
    const double opened = core::steady_seconds();
    sample::Posterior posterior = make_posterior(run->untrained_model(), request.execution, "float32");
    const double start = core::steady_seconds() - opened;
    plan.sampling = plan_sampling(posterior, request, /*trained=*/false);
    plan.sampling->start = start;
  }
  return plan;
}

}  // namespace fluxsbi::experiment
