#include "sample/posterior.hpp"

#include <algorithm>
#include <utility>

#include "core/error.hpp"
#include "sample/memory.hpp"
#include "sample/posterior_parts.hpp"

namespace fluxsbi::sample {

namespace {

// More rows than this in one attention call crash LibTorch's memory-efficient kernel (issue 142228).
constexpr int64_t most_rows_cuda = 65535;
// Beyond this a CPU gains nothing: the products are large enough, and activations leave the caches.
constexpr int64_t most_rows_cpu = 4096;

}  // namespace

Posterior::Posterior(PosteriorContent content) : parts_(std::make_shared<Parts>(std::move(content))) {}

Samples Posterior::sample(std::span<const double> x, int64_t rows, int64_t draws, uint64_t seed,
                          int64_t first_row, const SamplingOptions& options, const Progress& progress) {
  parts_->check_observations(x, rows);
  Samples samples;
  parts_->with_source(x, rows, [&](const Source& source) {
    samples = draw(source, {rows, draws, seed, first_row, chunk_size(options)}, options, progress);
  });
  return samples;
}

Samples Posterior::sample_given(std::span<const double> given, int64_t rows, int64_t draws, uint64_t seed,
                                int64_t first_row, const SamplingOptions& options, const Progress& progress) {
  if (!joint()) {
    throw core::UserError(
        "the model cannot infer blank cells: it was trained for theta given x; use --x, or train "
        "flux1joint or simformer");
  }
  const JointCondition condition = parts_->condition_of(given, rows);
  return draw(parts_->joint_source(condition, given, parts_->tokens()),
              {rows, draws, seed, first_row, chunk_size(options)}, options, progress);
}

void Posterior::keep_in(std::shared_ptr<ChunkJournal> journal) {
  parts_->journal = std::move(journal);
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

const data::Reference& Posterior::reference() const {
  return parts_->reference;
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
