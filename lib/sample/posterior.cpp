#include "sample/posterior.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <limits>
#include <optional>
#include <utility>

#include <ATen/ops/from_blob.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>

#include "config/reader.hpp"
#include "core/error.hpp"
#include "data/prior.hpp"
#include "data/sets.hpp"
#include "engine/device.hpp"
#include "engine/weights.hpp"
#include "io/atomic_file.hpp"
#include "method/condition_mask.hpp"
#include "model/embedding/embedded_network.hpp"
#include "model/network.hpp"
#include "train/compute.hpp"

namespace fluxsbi::sample {

struct Posterior::Parts {
  data::DataShape shape, seen;  // of the data; and of what an embedding network makes of it
  data::Standardiser theta, x;
  std::vector<std::string> theta_names, x_names;
  SamplingOptions sampling;
  std::string identity, execution;
  std::unique_ptr<data::Prior> prior;  // null: no support known
  std::unique_ptr<method::Method> method;
  std::unique_ptr<engine::Engine> engine;
  method::StrategyOptions strategy;

  // joint models
  data::Standardiser row;  // of theta and x
  method::ConditionMaskOptions mask_options;
  std::optional<method::ConditionMask> mask;  // the masks that the model was trained with

  int64_t tokens() const { return mask ? shape.obs_dim + shape.cond_dim : shape.obs_dim; }
  Source source() const;
  Source joint_source(const JointCondition& condition, std::span<const float> given, int64_t kept) const;
  /// The condition of a joint model's rows. Throws UserError for questions that it was not trained to answer.
  JointCondition condition_of(std::span<const float> given, int64_t rows) const;
  /// What the engine is conditioned on for rows of x: computed once, not at every evaluation.
  at::Tensor embed(std::span<const float> x, int64_t rows) const;
  /// work(what theta given rows of x is drawn from)
  template <class Work>
  auto with_source(std::span<const float> x, int64_t rows, const Work& work) const;
};

namespace {

// More rows than this in one attention call crash LibTorch's memory-efficient kernel (issue 142228).
constexpr int64_t most_rows_cuda = 65535;
// Beyond this a CPU gains nothing: the products are large enough, and activations leave the caches.
constexpr int64_t most_rows_cpu = 4096;

std::string identity_of(const checkpoint::ModelFile& file) {
  uint32_t crc = io::crc32(std::as_bytes(std::span(file.config)));
  for (const auto& [name, array] : file.weights) {
    crc = io::crc32(std::as_bytes(std::span(name)), crc);
    crc = io::crc32(array.bytes, crc);
  }
  for (const data::Standardiser* part : {&file.theta, &file.x}) {
    crc = io::crc32(std::as_bytes(std::span(part->mean)), crc);
    crc = io::crc32(std::as_bytes(std::span(part->scale)), crc);
  }
  char text[9];
  std::snprintf(text, sizeof text, "%08x", crc);
  return text;
}

// Bytes that one sample takes while the network is evaluated: a generous count of activations that live at
// once, from the widest layer (a single-stream block's packed projection) and the attention weights, plus the
// solver's stages.
double bytes_per_sample(const engine::FlatParameters& parameters, const data::DataShape& shape,
                        int64_t state_size) {
  constexpr double layers_alive = 4, heads = 32, solver_stages = 12;
  int64_t widest = 1;
  for (const auto& entry : parameters.entries) {
    if (entry.shape.size() == 2 && !entry.name.starts_with("embedding."))  // that is evaluated once
      widest = std::max(widest, *std::max_element(entry.shape.begin(), entry.shape.end()));
  }
  const auto tokens = static_cast<double>(shape.obs_dim + shape.cond_dim);
  return sizeof(float) *
         (tokens * static_cast<double>(widest) * layers_alive + tokens * tokens * heads +
          static_cast<double>(state_size) * solver_stages + static_cast<double>(shape.cond_size()));
}

// Bytes that one evaluation with gradient takes: all layers' activations live until the way back, a
// few of each layer's width, and the attention weights of each block (about eight matrices).
double bytes_per_pull_back(const engine::FlatParameters& parameters, const data::DataShape& shape) {
  constexpr double copies = 4, heads = 32, matrices_a_block = 8;
  double widths = 0, matrices = 0;
  for (const auto& entry : parameters.entries) {
    if (entry.shape.size() != 2 || entry.name.starts_with("embedding.")) continue;  // that is evaluated once
    widths += static_cast<double>(*std::max_element(entry.shape.begin(), entry.shape.end()));
    ++matrices;
  }
  const auto tokens = static_cast<double>(shape.obs_dim + shape.cond_dim);
  return sizeof(float) *
         (tokens * widths * copies + tokens * tokens * heads * (1 + matrices / matrices_a_block));
}

void check_observations(std::span<const float> x, int64_t rows, const data::DataShape& shape) {
  const int64_t size = shape.cond_size();
  if (static_cast<int64_t>(x.size()) != rows * size) {
    throw core::UserError("the observations hold " + std::to_string(x.size()) + " values; the model needs " +
                          std::to_string(rows) + " rows of " + std::to_string(size));
  }
  for (int64_t row = 0; shape.padded && row < rows; ++row) {
    const auto set = x.subspan(static_cast<size_t>(row * size), static_cast<size_t>(size));
    const std::string problem = data::set_problem(set, shape.cond_channels);
    if (!problem.empty())
      throw core::UserError("row " + std::to_string(row) + " of the observations: " + problem);
  }
  for (size_t i = 0; i < x.size(); ++i) {
    if (shape.padded || std::isfinite(x[i])) continue;
    throw core::UserError("row " + std::to_string(static_cast<int64_t>(i) / size) +
                          " of the observations holds a value that is not finite; remove that row");
  }
}

// The network with observations bound: embedded cond [rows, M, K] -> Evaluate for items of the given rows.
Bound bind(engine::Engine& engine, const at::Tensor& cond, std::span<const int64_t> rows) {
  const bool same = std::all_of(rows.begin(), rows.end(), [&](int64_t row) { return row == rows.front(); });
  at::Tensor chosen;  // [1 or n, M, K]
  if (same) {
    chosen = cond.narrow(0, rows.front(), 1);  // the engine repeats it as it needs
  } else {
    const at::Tensor index = at::tensor(at::ArrayRef<int64_t>(rows.data(), rows.size()), at::kLong);
    chosen = cond.index_select(0, index.to(cond.device()));
  }
  const auto inputs_of = [chosen, same](const at::Tensor& t, const at::Tensor& x, const at::Tensor& active) {
    model::Inputs inputs;
    inputs.t = t;
    inputs.obs = x;
    inputs.cond = same || !active.defined() ? chosen : chosen.index_select(0, active);
    inputs.embedded = true;
    return inputs;
  };
  Bound bound;
  bound.network = [&engine, inputs_of](const at::Tensor& t, const at::Tensor& x, const at::Tensor& active) {
    return engine.forward(inputs_of(t, x, active));
  };
  bound.pull_back = [&engine, inputs_of](const at::Tensor& t, const at::Tensor& x,
                                         const at::Tensor& cotangent, const at::Tensor& active) -> Pulled {
    const auto found = engine.input_gradients(inputs_of(network_times(t), x.to(at::kFloat), active),
                                              cotangent.to(at::kFloat), engine::InputsOf::obs);
    return {found.output.to(x.scalar_type()), found.obs.to(x.scalar_type())};
  };
  return bound;
}

// The same network by its null condition. Any row of cond [1 or n, M, K] gives the shape.
Evaluate without_condition(engine::Engine& engine, const at::Tensor& cond) {
  return [&engine, any = cond.narrow(0, 0, 1)](const at::Tensor& t, const at::Tensor& x, const at::Tensor&) {
    model::Inputs inputs;
    inputs.t = t;
    inputs.obs = x;
    inputs.cond = any;
    inputs.embedded = true;
    inputs.conditioned = at::zeros({1}, x.options().dtype(at::kBool)).expand({x.size(0)});
    return engine.forward(inputs);
  };
}

// theta's features, then x's.
data::Standardiser joined(data::Standardiser theta, const data::Standardiser& x) {
  theta.mean.insert(theta.mean.end(), x.mean.begin(), x.mean.end());
  theta.scale.insert(theta.scale.end(), x.scale.begin(), x.scale.end());
  return theta;
}

// Rows of a joint model in which x [rows, cond size] is given and theta blank.
std::vector<float> given_x(std::span<const float> x, int64_t rows, const data::DataShape& shape) {
  std::vector<float> given;
  for (int64_t row = 0; row < rows; ++row) {
    given.insert(given.end(), static_cast<size_t>(shape.obs_size()), std::numeric_limits<float>::quiet_NaN());
    const auto values =
        x.subspan(static_cast<size_t>(row * shape.cond_size()), static_cast<size_t>(shape.cond_size()));
    given.insert(given.end(), values.begin(), values.end());
  }
  return given;
}

void check_questions(const JointCondition& condition, const method::ConditionMask& trained,
                     const std::string& kind, const data::DataShape& shape) {
  for (const GivenMask& mask : condition.masks()) {
    if (trained.covers(mask)) continue;
    throw core::UserError(
        shape.cond_dim == 0
            ? "the model was trained without x, on the joint distribution of theta: it knows no "
              "conditionals; "
              "leave every cell blank"
            : "the model was trained with condition_mask.kind = " + kind +
                  " and never saw one of these questions (which columns are given, which blank); train with "
                  "condition_mask.kind: structured to ask any");
  }
}

}  // namespace

Posterior::Posterior(const checkpoint::ModelFile& file, const std::string& device, const std::string& compute,
                     const std::string& engine)
    : parts_(std::make_shared<Parts>()) {
  Parts& parts = *parts_;
  parts.shape = file.shape;
  parts.theta = file.theta;
  parts.x = file.x;
  parts.theta_names = file.theta_names;
  parts.x_names = file.x_names;
  parts.identity = identity_of(file);

  const config::Value document = config::parse_yaml(file.config, "the model's configuration");
  config::Reader reader(document);
  method::StrategyOptions strategy;
  data::PriorOptions prior;
  reader.read(method::strategy_table(), strategy);
  reader.read(data::prior_table(), prior);
  reader.read(sampling_table(), parts.sampling);
  const auto method = method::make_spec(strategy.method);
  const auto model = model::make_spec(strategy.model);
  method->read(reader);
  model->read(reader);
  method::resolve(strategy, *model, reader);
  reader.read(method::condition_mask_table(), parts.mask_options);
  model::EmbeddingSpec embedding;
  embedding.read(reader);
  reader.finish_part();
  parts.seen = model::resolve(*model, embedding, file.shape);

  parts.prior = data::make_prior(prior, file.shape.obs_size());
  parts.method = method->build();
  parts.strategy = strategy;
  const at::Device where = engine::choose_device(device).device;
  const bool hardware = engine::has_bfloat16(where);
  const auto type = train::choose_compute(compute, model->param_dtype(), where, hardware).type;
  parts.engine = engine::make_engine(model::build_network(*model, embedding), type, where, engine);
  parts.execution = engine::engine_sentence(*parts.engine, type, engine);
  engine::load_weights(parts.engine->parameters(), file.weights, "the model file");
  if (parts.engine->parameters().network()->joint()) {
    parts.row = joined(file.theta, file.x);
    parts.mask.emplace(parts.mask_options, file.shape.obs_dim, file.shape.cond_dim, at::kCPU);
  }
}

Source Posterior::Parts::source() const {
  Source source;
  source.method = method.get();
  source.standardiser = &theta;
  source.prior = prior && prior->bounded() ? prior.get() : nullptr;
  source.tokens = source.kept = shape.obs_dim;
  source.channels = shape.obs_channels;
  source.device = engine->device();
  return source;
}

Source Posterior::Parts::joint_source(const JointCondition& condition, std::span<const float> given,
                                      int64_t kept) const {
  Source joint = source();
  joint.standardiser = &row;
  joint.tokens = tokens();
  joint.kept = kept;
  joint.given = given;
  joint.bind = [this, &condition](std::span<const int64_t> rows) { return condition.bind(*engine, rows); };
  return joint;
}

JointCondition Posterior::Parts::condition_of(std::span<const float> given, int64_t rows) const {
  JointCondition condition(given, rows, tokens(), shape.obs_channels, row, engine->device());
  check_questions(condition, *mask, mask_options.kind, shape);
  return condition;
}

at::Tensor Posterior::Parts::embed(std::span<const float> observations, int64_t rows) const {
  std::vector<float> standardised(observations.begin(), observations.end());
  x.apply(standardised);
  const at::Tensor cond =
      at::from_blob(standardised.data(), {rows, shape.cond_dim, shape.cond_channels}, at::kFloat)
          .clone()
          .to(engine->device());
  return engine->embed(cond);
}

template <class Work>
auto Posterior::Parts::with_source(std::span<const float> observations, int64_t rows,
                                   const Work& work) const {
  if (mask) {
    const std::vector<float> given = given_x(observations, rows, shape);
    const JointCondition condition = condition_of(given, rows);
    return work(joint_source(condition, given, shape.obs_dim));
  }
  const at::Tensor cond = embed(observations, rows);
  Source of_x = source();
  of_x.bind = [&](std::span<const int64_t> chosen) {
    Bound bound = bind(*engine, cond, chosen);
    if (strategy.condition_drop_rate > 0) bound.unconditional = without_condition(*engine, cond);
    return bound;
  };
  return work(of_x);
}

Samples Posterior::sample(std::span<const float> x, int64_t rows, int64_t draws, uint64_t seed,
                          int64_t first_row, const SamplingOptions& options, const Progress& progress) {
  const Parts& parts = *parts_;
  check_has_x();
  check_observations(x, rows, parts.shape);
  return parts.with_source(x, rows, [&](const Source& source) {
    return draw(source, {rows, draws, seed, first_row, chunk_size(options)}, options, progress);
  });
}

Samples Posterior::sample_given(std::span<const float> given, int64_t rows, int64_t draws, uint64_t seed,
                                int64_t first_row, const SamplingOptions& options, const Progress& progress) {
  if (!joint()) {
    throw core::UserError(
        "the model cannot answer blanks: it was trained for theta given x; use --x, or train "
        "flux1joint or simformer");
  }
  const JointCondition condition = parts_->condition_of(given, rows);
  return draw(parts_->joint_source(condition, given, parts_->tokens()),
              {rows, draws, seed, first_row, chunk_size(options)}, options, progress);
}

LogProbs Posterior::log_prob(std::span<const float> theta, int64_t rows, std::span<const float> x,
                             int64_t x_rows, const DivergenceOptions& divergence,
                             const SamplingOptions& options, const Progress& progress) {
  const Parts& parts = *parts_;
  check_has_x();
  core::require(x_rows == rows || x_rows == 1, "theta and x need as many rows, or x one");
  check_observations(x, x_rows, parts.shape);
  const auto width = static_cast<size_t>(parts.shape.obs_size()),
             size = static_cast<size_t>(parts.shape.cond_size());
  return parts.with_source(x, x_rows, [&](Source source) {
    if (x_rows == 1) {
      source.bind = [all = std::move(source.bind)](std::span<const int64_t> chosen) {
        return all(std::vector<int64_t>(chosen.size(), 0));
      };
    }
    std::vector<float> values;
    for (size_t row = 0; row < static_cast<size_t>(rows); ++row) {
      const auto left = theta.subspan(row * width, width);
      values.insert(values.end(), left.begin(), left.end());
      if (!parts.mask) continue;
      const auto right = x.subspan(x_rows == 1 ? 0 : row * size, size);
      values.insert(values.end(), right.begin(), right.end());
    }
    return sample::log_prob(source, values, rows, divergence, options, density_memory(options), progress);
  });
}

LogProbs Posterior::log_prob_given(std::span<const float> values, int64_t rows, const GivenMask& mask,
                                   const DivergenceOptions& divergence, const SamplingOptions& options,
                                   const Progress& progress) {
  if (!joint()) {
    throw core::UserError(
        "the model knows the density of theta given x alone: it was trained for that; use --theta and --x, "
        "or "
        "train flux1joint or simformer");
  }
  const Parts& parts = *parts_;
  const size_t size = parts.row.scale.size(), channels = static_cast<size_t>(parts.shape.obs_channels);
  check_points(values, size);
  std::vector<float> given(values.begin(), values.end());
  for (size_t i = 0; i < given.size(); ++i) {
    const size_t element = i % size;
    if (!mask[element / channels]) {
      given[i] = std::numeric_limits<float>::quiet_NaN();
    } else if (parts.prior && std::cmp_less(element, parts.prior->dim()) &&
               !parts.prior->component_in_support(element, values[i])) {
      throw core::UserError("row " + std::to_string(i / size) +
                            " (counted from 0): a theta that is given lies outside the prior's support: the "
                            "model never saw such a theta");
    }
  }
  const JointCondition condition = parts.condition_of(given, rows);
  return sample::log_prob(parts.joint_source(condition, given, parts.tokens()), values, rows, divergence,
                          options, density_memory(options), progress);
}

Modes Posterior::find_modes(std::span<const float> x, int64_t rows, uint64_t seed, const ModeOptions& modes,
                            const SamplingOptions& options, const Progress& progress) {
  constexpr int64_t most_samples = 200000;  // of all the rows that are worked on together
  const Parts& parts = *parts_;
  check_has_x();
  check_observations(x, rows, parts.shape);
  const int64_t group = std::max<int64_t>(1, most_samples / modes.draws);
  Modes all;
  for (int64_t first = 0; first < rows; first += group) {
    const int64_t count = std::min(group, rows - first), size = parts.shape.cond_size();
    const auto some = x.subspan(static_cast<size_t>(first * size), static_cast<size_t>(count * size));
    const Samples samples = sample(some, count, modes.draws, seed, first, options);
    const Modes found = parts.with_source(some, count, [&](const Source& source) {
      return sample::find_modes(source, samples, modes, options, density_memory(options));
    });
    all.theta.insert(all.theta.end(), found.theta.begin(), found.theta.end());
    all.log_prob.insert(all.log_prob.end(), found.log_prob.begin(), found.log_prob.end());
    all.climbed += found.climbed;
    if (progress) progress(first + count, rows);
  }
  return all;
}

void Posterior::check_has_x() const {
  if (parts_->shape.cond_dim == 0)
    throw core::UserError("the model was trained without x, so there is no x to give");
}

DensityMemory Posterior::density_memory(const SamplingOptions& options) const {
  const Parts& parts = *parts_;
  const double bytes = bytes_per_pull_back(parts.engine->parameters(), parts.seen);
  const int64_t fitting = std::max<int64_t>(1, static_cast<int64_t>(options.memory_gb * 1e9 / bytes));
  return {std::min(chunk_size(options), fitting), options.memory_gb * 1e9};
}

int64_t Posterior::chunk_size(const SamplingOptions& options) const {
  const bool cuda = parts_->engine->device().is_cuda();
  const int64_t most = cuda ? most_rows_cuda : most_rows_cpu;
  if (options.chunk > 0) return cuda ? std::min(options.chunk, most) : options.chunk;
  const double fitting = options.memory_gb * 1e9 /
                         bytes_per_sample(parts_->engine->parameters(), parts_->seen,
                                          parts_->tokens() * parts_->shape.obs_channels);
  return static_cast<int64_t>(std::clamp(fitting, 1.0, static_cast<double>(most)));
}

bool Posterior::joint() const {
  return parts_->mask.has_value();
}

const std::string& Posterior::execution() const {
  return parts_->execution;
}

const data::Prior* Posterior::prior() const {
  return parts_->prior.get();
}

const data::DataShape& Posterior::shape() const {
  return parts_->shape;
}

const std::vector<std::string>& Posterior::theta_names() const {
  return parts_->theta_names;
}

const std::vector<std::string>& Posterior::x_names() const {
  return parts_->x_names;
}

const SamplingOptions& Posterior::sampling() const {
  return parts_->sampling;
}

const std::string& Posterior::identity() const {
  return parts_->identity;
}

engine::Engine& Posterior::engine() {
  return *parts_->engine;
}

const method::StrategyOptions& Posterior::strategy() const {
  return parts_->strategy;
}

const method::Method& Posterior::method() const {
  return *parts_->method;
}

}  // namespace fluxsbi::sample
