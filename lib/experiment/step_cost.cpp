#include "experiment/step_cost.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

#include <ATen/Functions.h>
#include <ATen/core/grad_mode.h>

#include "core/error.hpp"
#include "core/system.hpp"
#include "core/text.hpp"
#include "engine/choice.hpp"
#include "engine/device.hpp"
#include "experiment/recipe.hpp"
#include "model/embedding/embedded_network.hpp"

namespace fluxsbi::experiment {

namespace {

constexpr double worth_measuring = 2e10;            // rough operations of a step
constexpr double slow_step = 5;                     // seconds
constexpr int64_t short_row = 256, long_row = 512;  // tokens of x that are timed
constexpr int64_t timed_rows = 16;                  // one tile a thread
// Of all layers' activations that live at once: the tile engine computes blocks again on the way back.
constexpr double copies_of_tiles = 1, copies_of_modules = 2;
constexpr int64_t tile_rows = 16;

double as_double(int64_t value) {
  return static_cast<double>(value);
}

struct NetworkSize {
  double parameters = 0, width = 0;  // numbers in linear layers; sum of their outputs
};

// Of what is evaluated for each token.
NetworkSize size_of(const engine::FlatParameters& parameters) {
  NetworkSize size;
  for (const auto& entry : parameters.entries) {
    if (!entry.decays || entry.name.starts_with("embedding.")) continue;  // linear layers alone
    size.parameters += as_double(entry.size);
    size.width += as_double(entry.shape[0]);
  }
  return size;
}

// Forward and backward are three times 2 operations a token and parameter, and 4 operations a pair of tokens
// and feature of the attention, of which about an eighth of the matrices make one.
double rough_operations(const NetworkSize& size, double tokens, double rows) {
  return rows * (6 * tokens * size.parameters + 12 * tokens * tokens * size.width / 8);
}

int64_t rows_of_step(const StepSubject& subject) {
  return subject.experiment.training.batch_size * subject.experiment.training.multistep;
}

// A batch of rows that hold 1/2 everywhere.
engine::Regression half_batch(const StepSubject& subject, const data::DataShape& shape, int64_t rows) {
  const auto half = [](std::vector<int64_t> sizes) { return at::full(sizes, 0.5, at::kFloat); };
  method::Batch batch;
  method::Noise noise;
  const int64_t learnt = shape.theta_dim + (subject.joint ? shape.x_dim : 0);
  batch.obs = half({rows, learnt, shape.theta_channels});
  noise.normal = half({rows, learnt, shape.theta_channels});
  noise.uniform = half({rows});
  if (subject.joint) {
    const method::ConditionMask mask(subject.experiment.condition_mask, shape.theta_dim, shape.x_dim,
                                     at::kCPU);
    batch.condition_mask = mask.draw(half({rows, mask.numbers()}));
  } else {
    batch.cond = half({rows, shape.x_dim, shape.x_channels});
  }
  return method::regression(subject.method, batch, noise, 0);
}

// Seconds that rows of this shape take, forward and backward; the second of two calls.
double seconds_of(const StepSubject& subject, const data::DataShape& shape, int64_t rows, bool shorter) {
  const at::NoGradGuard no_gradient;
  model::EmbeddingSpec embedding = subject.experiment.embedding;
  auto model = shorter ? subject.unresolved.clone() : subject.experiment.model->clone();
  if (shorter) model::resolve(*model, embedding, shape);
  auto network = model::build_network(*model, embedding);
  network->initialise(0);
  const auto compute =
      engine::choose_compute(subject.experiment.training.compute, model->param_dtype(), at::Device(at::kCPU),
                             engine::fast_products(at::Device(at::kCPU)));
  const auto engine =
      engine::make_engine(std::move(network), compute, at::Device(at::kCPU), subject.engine_request);
  engine->accumulate_gradient(half_batch(subject, shape, rows), 1);
  const double begin = core::steady_seconds();
  engine->accumulate_gradient(half_batch(subject, shape, rows), 1);
  return core::steady_seconds() - begin;
}

data::DataShape shortened(data::DataShape shape, int64_t x_tokens) {
  shape.x_dim = x_tokens;
  shape.x_grid.clear();
  shape.edges.clear();
  return shape;
}

// b T^2 + a T through two timings, at `tokens`; neither part below 0.
double extended(double t_short, double t_long, double tokens, double fixed) {
  const double first = as_double(short_row) + fixed, second = as_double(long_row) + fixed;
  const double b = std::max(0.0, (t_long / second - t_short / first) / (second - first));
  const double a = std::max(0.0, t_long / second - b * second);
  return a * tokens + b * tokens * tokens;
}

double measured_seconds(const StepSubject& subject) {
  const int64_t rows = std::min<int64_t>(timed_rows * core::usable_threads(), rows_of_step(subject));
  const double times = as_double(rows_of_step(subject)) / as_double(rows);
  if (subject.experiment.embedding.active() || subject.shape.x_dim <= long_row)
    return times * seconds_of(subject, subject.shape, rows, false);
  try {
    const double t_short = seconds_of(subject, shortened(subject.shape, short_row), rows, true);
    const double t_long = seconds_of(subject, shortened(subject.shape, long_row), rows, true);
    const double tokens = as_double(subject.seen.theta_dim + subject.seen.x_dim);
    return times * extended(t_short, t_long, tokens, as_double(subject.shape.theta_dim));
  } catch (const core::UserError&) {
    return 0;  // keys of the model that fix the number of tokens: nothing can be said beforehand
  }
}

std::string step_text(const StepCost& cost, const StepSubject& subject) {
  return "a step of " + std::to_string(rows_of_step(subject)) + " rows with " +
         core::count_text(cost.theta_tokens, "token") + " of theta and " + std::to_string(cost.x_tokens) +
         " of x";
}

std::string embedding_section(const StepSubject& subject) {
  return "embedding: " + choose_embedding(subject.shape).yaml();
}

std::string remedy_of(const StepSubject& subject) {
  const bool embeds = !subject.joint && !subject.experiment.embedding.active();
  if (embeds && subject.shape.x_dim > most_own_tokens)
    return "add an embedding section, such as\n  " + embedding_section(subject) +
           "\n  or lower training.batch_size";
  const std::string joint = subject.joint && subject.shape.x_dim > most_own_tokens
                                ? "take strategy.model: flux1 with an embedding section, such as\n  " +
                                      embedding_section(subject) + "\n  or "
                                : "";
  return joint + "lower training.batch_size or the model's size";
}

}  // namespace

StepCost estimate_step(const StepSubject& subject) {
  StepCost cost;
  cost.theta_tokens = subject.seen.theta_dim;
  cost.x_tokens = subject.seen.x_dim;
  const NetworkSize size = size_of(subject.engine.parameters());
  const double tokens = as_double(cost.theta_tokens + cost.x_tokens);
  const int64_t batch = subject.experiment.training.batch_size;
  const bool tiles = subject.engine.name() == "tile";
  const double alive = as_double(tiles ? std::min(batch, tile_rows * core::usable_threads()) : batch);
  const double copies = tiles ? copies_of_tiles : copies_of_modules;
  cost.bytes =
      sizeof(float) * (alive * tokens * size.width * copies +
                       as_double(batch) * as_double(subject.shape.theta_size() + subject.shape.x_size()));
  const double operations = rough_operations(size, tokens, as_double(rows_of_step(subject)));
  if (subject.engine.device().is_cpu() && operations > worth_measuring)
    cost.seconds = measured_seconds(subject);
  return cost;
}

std::vector<data::Finding> findings_of(const StepCost& cost, const StepSubject& subject) {
  std::vector<data::Finding> findings;
  const double available = static_cast<double>(core::available_memory());
  const bool large = subject.engine.device().is_cpu() && cost.bytes > available;
  if (cost.seconds <= slow_step && !large) return findings;
  const std::string memory =
      core::bytes_text(cost.bytes) + " of memory" +
      (large ? ", more than the " + core::bytes_text(available) + " that are available" : "");
  const std::string time =
      cost.seconds > 0 ? "about " + core::duration_text(cost.seconds) + " (an estimate) and " : "";
  findings.push_back({data::Severity::warning,
                      large ? "memory" : "slow-step",
                      {},
                      large ? cost.bytes : cost.seconds,
                      step_text(cost, subject) + " takes " + time + "about " + memory,
                      remedy_of(subject),
                      large ? "training.batch_size" : "embedding"});
  return findings;
}

}  // namespace fluxsbi::experiment
