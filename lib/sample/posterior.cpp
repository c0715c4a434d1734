#include "sample/posterior.hpp"

#include <algorithm>
#include <deque>
#include <utility>

#include "core/error.hpp"
#include "core/log.hpp"
#include "core/stop.hpp"
#include "engine/device.hpp"
#include "sample/memory.hpp"
#include "sample/mixture.hpp"
#include "sample/posterior_parts.hpp"

namespace fluxsbi::sample {

namespace {

// More rows than this in one attention call crash LibTorch's memory-efficient kernel (issue 142228).
constexpr int64_t most_rows_gpu = 65535;
// Beyond this a CPU gains nothing: the products are large enough, and activations leave the caches.
constexpr int64_t most_rows_cpu = 4096;

}  // namespace

Posterior::Posterior(PosteriorContent content) {
  members_.push_back(std::make_shared<Parts>(std::move(content)));
}

Posterior::Posterior(std::vector<PosteriorContent> members) {
  core::require(!members.empty(), "a posterior has a model");
  for (PosteriorContent& content : members) {
    members_.push_back(std::make_shared<Parts>(std::move(content)));
    Parts& member = *members_.back();
    if (members.size() > 1) member.who = "member " + std::to_string(members_.size()) + ": ";
    member.speaks = members_.size() == 1;
    core::require(member.tokens() == front().tokens() && member.shape.x_size() == front().shape.x_size(),
                  "the members of an ensemble are of the same variables");
  }
}

Samples Posterior::sample(std::span<const double> x, int64_t rows, int64_t draws, uint64_t seed,
                          int64_t first_row, const SamplingOptions& options, const Progress& progress) {
  const core::InterruptScope stops;
  Samples samples;
  with_drawing(Asked::x, x, {rows, draws, seed, first_row}, options,
               [&](MixtureDrawing& drawing) { samples = draw_rest(drawing, rows, draws, progress); });
  return samples;
}

Samples Posterior::sample_given(std::span<const double> given, int64_t rows, int64_t draws, uint64_t seed,
                                int64_t first_row, const SamplingOptions& options, const Progress& progress) {
  const core::InterruptScope stops;
  Samples samples;
  with_drawing(Asked::given, given, {rows, draws, seed, first_row}, options,
               [&](MixtureDrawing& drawing) { samples = draw_rest(drawing, rows, draws, progress); });
  return samples;
}

void Posterior::with_drawing(Asked asked, std::span<const double> values, Amount amount,
                             const SamplingOptions& options,
                             const std::function<void(MixtureDrawing&)>& work) {
  amount.chunk = chunk_size(options);
  const auto draw_from = [&](std::span<const Source* const> sources) {
    MixtureDrawing drawing(sources, amount, options);
    work(drawing);
  };
  if (asked == Asked::x) {
    front().check_observations(values, amount.rows);
    return with_sources(values, amount.rows, draw_from);
  }
  if (!joint()) {
    throw core::UserError(
        "the model cannot infer blank cells: it was trained for theta given x; use --x, or train "
        "flux1joint or simformer");
  }
  JointSources room;
  std::vector<const Source*> sources;
  for (size_t m = 0; m < members_.size(); ++m) sources.push_back(&joint_source(m, values, amount.rows, room));
  draw_from(sources);
}

void Posterior::share_with(Posterior other) {
  core::require(other.members() == members() && other.front().tokens() == front().tokens(),
                "a posterior shares with its like");
  for (const auto& member : other.members_) member->speaks = false;
  beside_.push_back(std::move(other));
}

std::vector<at::Device> Posterior::devices() const {
  std::vector<at::Device> all{front().engine->device()};
  for (const Posterior& other : beside_) all.push_back(other.front().engine->device());
  return all;
}

void Posterior::keep_in(std::shared_ptr<ChunkJournal> journal) {
  for (const auto& member : members_) member->journal = journal;
  if (teacher()) teacher()->keep_in(journal);
}

Posterior* Posterior::teacher() const {
  return front().teacher.get();
}

Posterior* Posterior::teacher_for(const char* what) {
  if (teacher() && !said_teacher_)
    core::log::info(std::string(what) + " of a student are its teacher's: the teacher's weights answer");
  said_teacher_ = true;
  return teacher();
}

int64_t Posterior::chunk_size(const SamplingOptions& options) const {
  const at::Device device = front().engine->device();
  const int64_t most = device.is_cpu() ? most_rows_cpu : most_rows_gpu;
  if (options.chunk > 0) return device.is_cpu() ? options.chunk : std::min(options.chunk, most);
  const double fitting =
      chunk_bytes(options) / bytes_per_sample(front().engine->parameters(), front().seen,
                                              front().tokens() * front().shape.theta_channels);
  return static_cast<int64_t>(std::clamp(fitting, 1.0, static_cast<double>(most)));
}

// A device's memory may be smaller than what the user would give, and others take of it.
double Posterior::chunk_bytes(const SamplingOptions& options) const {
  constexpr double share_of_free = 0.5;
  const double wanted = options.memory_gb * 1e9;
  const at::Device device = front().engine->device();
  if (device.is_cpu()) return wanted;
  double fitting = wanted;
  for (const at::Device each : devices())
    fitting = std::min(fitting, share_of_free * static_cast<double>(engine::free_memory(each)));
  return fitting;
}

void Posterior::with_drawing_together(std::span<const double> x, int64_t rows, Amount amount,
                                      const TogetherOptions& together, const SamplingOptions& options,
                                      const std::function<void(MixtureDrawing&)>& work) {
  core::require(amount.rows == 1 && rows >= 1, "observations of one theta have one posterior");
  if (rows == 1) return with_drawing(Asked::x, x, amount, options, work);
  if (teacher())
    throw core::UserError(
        "--together: a student knows no scores, by which observations are put together; ask its teacher "
        "(teacher.safetensors in the student's run folder)");
  if (!prior())
    throw core::UserError(
        "--together: the model does not know the prior that theta was drawn from, by whose score "
        "observations are put together; add the section prior to the config and train again "
        "(docs/priors.md)");
  if (options.guidance_scale != 1)
    throw core::UserError(
        "--together: sampling.guidance_scale and observations together exclude each other; set it to 1");
  amount.chunk = chunk_size(options);
  front().check_observations(x, rows);
  front().require_density(x);
  with_sources(x, rows, [&](std::span<const Source* const> sources) {
    std::deque<std::vector<Source>> composed;
    std::vector<const Source*> pointers;
    for (const Source* source : sources) {
      composed.push_back(put_together(*source, *prior(), rows,
                                      core::derive_seed(amount.seed, core::Purpose::sampling, 1),
                                      amount.chunk, together, options));
      pointers.push_back(&composed.back().front());
    }
    const SamplingOptions finer = for_together(options, method(), rows);
    MixtureDrawing drawing(pointers, amount, finer);
    work(drawing);
  });
}

bool Posterior::joint() const {
  return front().mask.has_value();
}

const std::string& Posterior::execution() const {
  return front().execution;
}

const data::Prior* Posterior::prior() const {
  return front().prior.get();
}

const data::DataShape& Posterior::shape() const {
  return front().shape;
}

const std::vector<std::string>& Posterior::theta_names() const {
  return front().theta_names;
}

const std::vector<std::string>& Posterior::x_names() const {
  return front().x_names;
}

const data::Reference& Posterior::reference() const {
  return front().reference;
}

const std::vector<double>& Posterior::refined_for() const {
  return front().refined_for;
}

const data::Standardiser& Posterior::standardiser(bool all_tokens) const {
  return all_tokens ? front().row : front().theta;
}

const SamplingOptions& Posterior::sampling() const {
  return front().sampling;
}

const std::string& Posterior::identity() const {
  return front().identity;
}

engine::Engine& Posterior::engine() {
  return *front().engine;
}

const method::StrategyOptions& Posterior::strategy() const {
  return front().strategy;
}

const method::Method& Posterior::method() const {
  return *front().method;
}

}  // namespace fluxsbi::sample
