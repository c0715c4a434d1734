#include "sample/posterior.hpp"

#include <algorithm>
#include <cstdio>
#include <limits>
#include <utility>

#include "config/reader.hpp"
#include "core/error.hpp"
#include "engine/choice.hpp"
#include "engine/device.hpp"
#include "engine/weights.hpp"
#include "io/atomic_file.hpp"
#include "model/embedding/embedded_network.hpp"
#include "model/network.hpp"
#include "sample/memory.hpp"
#include "sample/posterior_parts.hpp"

namespace fluxsbi::sample {

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
    crc = io::crc32(std::as_bytes(std::span(part->range.low)), crc);
    crc = io::crc32(std::as_bytes(std::span(part->range.high)), crc);
  }
  char text[9];
  std::snprintf(text, sizeof text, "%08x", crc);
  return text;
}

// theta's features, then x's.
data::Standardiser side_by_side(data::Standardiser theta, const data::Standardiser& x) {
  theta.mean.insert(theta.mean.end(), x.mean.begin(), x.mean.end());
  theta.scale.insert(theta.scale.end(), x.scale.begin(), x.scale.end());
  if (!theta.range.empty()) {
    constexpr double infinity = std::numeric_limits<double>::infinity();
    theta.range.low.resize(theta.mean.size(), -infinity);
    theta.range.high.resize(theta.mean.size(), infinity);
  }
  return theta;
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

  parts.prior = data::make_prior(prior, file.shape.theta_size());
  parts.method = method->build();
  parts.strategy = strategy;
  const at::Device where = engine::choose_device(device).device;
  const bool hardware = engine::has_bfloat16(where);
  const auto type = engine::choose_compute(compute, model->param_dtype(), where, hardware).type;
  auto chosen = engine::choose_engine(model::build_network(*model, embedding), type, where, engine);
  parts.engine = std::move(chosen.engine);
  parts.execution = std::move(chosen.sentence);
  engine::load_weights(parts.engine->parameters(), file.weights, "the model file");
  if (parts.engine->parameters().network()->joint()) {
    parts.row = side_by_side(file.theta, file.x);
    parts.mask.emplace(parts.mask_options, file.shape.theta_dim, file.shape.x_dim, at::kCPU);
  }
}

Samples Posterior::sample(std::span<const float> x, int64_t rows, int64_t draws, uint64_t seed,
                          int64_t first_row, const SamplingOptions& options, const Progress& progress) {
  parts_->check_observations(x, rows);
  Samples samples;
  parts_->with_source(x, rows, [&](const Source& source) {
    samples = draw(source, {rows, draws, seed, first_row, chunk_size(options)}, options, progress);
  });
  return samples;
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

int64_t Posterior::chunk_size(const SamplingOptions& options) const {
  const bool cuda = parts_->engine->device().is_cuda();
  const int64_t most = cuda ? most_rows_cuda : most_rows_cpu;
  if (options.chunk > 0) return cuda ? std::min(options.chunk, most) : options.chunk;
  const double fitting = options.memory_gb * 1e9 /
                         bytes_per_sample(parts_->engine->parameters(), parts_->seen,
                                          parts_->tokens() * parts_->shape.theta_channels);
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
