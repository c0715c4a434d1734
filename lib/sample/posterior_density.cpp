// Densities and modes of a Posterior.
#include <algorithm>
#include <cmath>
#include <deque>
#include <limits>
#include <numeric>
#include <utility>

#include <nlohmann/json.hpp>

#include "core/error.hpp"
#include "core/philox.hpp"
#include "sample/density/density_stream.hpp"
#include "sample/memory.hpp"
#include "sample/mixture.hpp"
#include "sample/posterior_parts.hpp"

namespace fluxsbi::sample {

namespace {

class MemberDensities final : public DensityStream {
 public:
  using ValuesOf = std::function<std::vector<double>(std::span<const double> theta,
                                                     std::span<const int64_t> observations)>;

  MemberDensities(std::vector<std::unique_ptr<DensityBlocks>> members, ValuesOf values_of)
      : members_(std::move(members)), values_of_(std::move(values_of)) {}

  void add(std::span<const double> theta, std::span<const int64_t> observations) override {
    const std::vector<double> values = values_of_(theta, observations);
    for (const auto& member : members_) member->add(values, observations);
  }
  void end_part() override {
    for (const auto& member : members_) member->end_part();
  }
  LogProbs take() override {
    std::vector<LogProbs> found;
    for (const auto& member : members_) found.push_back(member->take());
    return found.size() == 1 ? std::move(found.front()) : mix(found);
  }
  void finish() const override {
    for (const auto& member : members_) member->finish();
  }
  std::string state() const override {
    nlohmann::json states = nlohmann::json::array();
    for (const auto& member : members_) states.push_back(member->state());
    return states.dump();
  }
  void restore(const std::string& state) override {
    const auto kept = nlohmann::json::parse(state);
    for (size_t m = 0; m < members_.size(); ++m) members_[m]->restore(kept.at(m).get<std::string>());
  }

 private:
  std::vector<std::unique_ptr<DensityBlocks>> members_;
  ValuesOf values_of_;
};

}  // namespace

LogProbs Posterior::log_prob(std::span<const double> points, int64_t rows, std::span<const double> x,
                             int64_t x_rows, const DivergenceOptions& divergence,
                             const SamplingOptions& options, const Progress& progress) {
  if (Posterior* other = teacher_for("densities"))
    return other->log_prob(points, rows, x, x_rows, divergence, options, progress);
  const Parts& parts = front();
  core::require(x_rows == rows || x_rows == 1, "theta and x need as many rows, or x one");
  parts.check_observations(x, x_rows);
  parts.require_density(x);
  const auto whole = parts.filled(x);
  const auto width = static_cast<size_t>(parts.shape.theta_size()),
             size = static_cast<size_t>(parts.shape.x_size());
  const std::vector<double> theta = parts.onto_ends(points, width);
  std::vector<int64_t> observations(static_cast<size_t>(rows), 0);
  if (x_rows > 1) std::iota(observations.begin(), observations.end(), int64_t{0});
  std::vector<double> values;  // of all tokens, where the model is joint
  for (size_t row = 0; parts.mask && row < static_cast<size_t>(rows); ++row) {
    const auto left = std::span(theta).subspan(row * width, width);
    values.insert(values.end(), left.begin(), left.end());
    const auto right = std::span(whole).subspan(x_rows == 1 ? 0 : row * size, size);
    values.insert(values.end(), right.begin(), right.end());
  }
  LogProbs found;
  with_sources(x, x_rows, [&](std::span<const Source* const> sources) {
    const auto of_member = [&](size_t member, const DivergenceOptions& own, const Progress& shown) {
      return sample::log_prob(*sources[member], parts.mask ? values : theta, observations, own, options,
                              density_memory(options), shown);
    };
    found = mixed(divergence, progress, of_member);
  });
  return found;
}

LogProbs Posterior::mixed(
    const DivergenceOptions& divergence, const Progress& progress,
    const std::function<LogProbs(size_t, const DivergenceOptions&, const Progress&)>& of_member) const {
  std::vector<LogProbs> found;
  for (int64_t m = 0; m < members(); ++m)
    found.push_back(of_member(static_cast<size_t>(m), divergence_of_member(divergence, m),
                              part_of(progress, m, members())));
  return found.size() == 1 ? std::move(found.front()) : mix(found);
}

DivergenceOptions Posterior::divergence_of_member(const DivergenceOptions& divergence, int64_t m) {
  DivergenceOptions own = divergence;
  if (m > 0)
    own.seed = core::derive_seed(divergence.seed, core::Purpose::divergence, static_cast<uint64_t>(m));
  return own;
}

void Posterior::with_densities(std::span<const double> x, int64_t x_rows, const DivergenceOptions& divergence,
                               const SamplingOptions& options,
                               const std::function<void(DensityStream&)>& work) {
  if (Posterior* other = teacher_for("densities"))
    return other->with_densities(x, x_rows, divergence, options, work);
  const Parts& parts = front();
  parts.check_observations(x, x_rows);
  parts.require_density(x);
  const auto whole = parts.mask ? parts.filled(x) : std::vector<double>();
  const auto width = static_cast<size_t>(parts.shape.theta_size()),
             size = static_cast<size_t>(parts.shape.x_size());
  // Points of theta as the members' sources have them: joint models beside x.
  const auto values_of = [&](std::span<const double> points, std::span<const int64_t> observations) {
    const std::vector<double> theta = parts.onto_ends(points, width);
    if (!parts.mask) return theta;
    std::vector<double> values;
    for (size_t i = 0; i < observations.size(); ++i) {
      const auto left = std::span(theta).subspan(i * width, width);
      values.insert(values.end(), left.begin(), left.end());
      const auto right =
          std::span(whole).subspan(static_cast<size_t>(std::max<int64_t>(observations[i], 0)) * size, size);
      values.insert(values.end(), right.begin(), right.end());
    }
    return values;
  };
  with_sources(x, x_rows, [&](std::span<const Source* const> sources) {
    std::vector<std::unique_ptr<DensityBlocks>> blocks;
    for (int64_t m = 0; m < members(); ++m)
      blocks.push_back(std::make_unique<DensityBlocks>(*sources[static_cast<size_t>(m)],
                                                       divergence_of_member(divergence, m), options,
                                                       density_memory(options)));
    MemberDensities stream(std::move(blocks), values_of);
    work(stream);
  });
}

void Posterior::with_sources(std::span<const double> x, int64_t rows,
                             const std::function<void(std::span<const Source* const>)>& work) const {
  std::vector<std::span<const Source* const>> others;  // of the devices beside this one
  const std::function<void()> add = [&] {
    if (others.size() < beside_.size()) {
      return beside_[others.size()].with_own_sources(x, rows, [&](std::span<const Source* const> sources) {
        others.push_back(sources);
        add();
      });
    }
    with_own_sources(x, rows, [&](std::span<const Source* const> own) {
      std::deque<Source> shared;  // whose places do not change
      std::vector<const Source*> sources;
      for (size_t m = 0; m < own.size(); ++m) {
        shared.push_back(*own[m]);
        for (const auto& other : others) shared.back().beside.push_back(other[m]);
        sources.push_back(&shared.back());
      }
      work(sources);
    });
  };
  add();
}

void Posterior::with_own_sources(std::span<const double> x, int64_t rows,
                                 const std::function<void(std::span<const Source* const>)>& work) const {
  std::vector<const Source*> sources;
  const std::function<void()> add = [&] {
    if (sources.size() == members_.size()) return work(sources);
    members_[sources.size()]->with_source(x, rows, [&](const Source& source) {
      sources.push_back(&source);
      add();
    });
  };
  add();
}

const Source& Posterior::joint_source(size_t member, std::span<const double> given, int64_t rows,
                                      JointSources& room) const {
  std::vector<const Source*> others;
  for (const Posterior& other : beside_) others.push_back(&other.joint_source(member, given, rows, room));
  const Parts& parts = *members_[member];
  room.conditions.push_back(parts.condition_of(given, rows));
  room.sources.push_back(parts.joint_source(room.conditions.back(), given, parts.tokens()));
  room.sources.back().beside = std::move(others);
  return room.sources.back();
}

LogProbs Posterior::log_prob_given(std::span<const double> points, int64_t rows, const GivenMask& mask,
                                   const DivergenceOptions& divergence, const SamplingOptions& options,
                                   const Progress& progress) {
  if (!joint()) {
    throw core::UserError(
        "the model was trained for theta given x and knows no other density; use --theta and --x, or train "
        "flux1joint or simformer");
  }
  if (Posterior* other = teacher_for("densities"))
    return other->log_prob_given(points, rows, mask, divergence, options, progress);
  const Parts& parts = front();
  const size_t size = parts.row.scale.size(), channels = static_cast<size_t>(parts.shape.theta_channels);
  check_points(points, size);
  const std::vector<double> values = parts.onto_ends(points, size);
  std::vector<double> given(values.begin(), values.end());
  for (size_t i = 0; i < given.size(); ++i) {
    const size_t element = i % size;
    if (!mask[element / channels]) {
      given[i] = std::numeric_limits<double>::quiet_NaN();
    } else if (parts.prior && std::cmp_less(element, parts.prior->dim()) &&
               !parts.prior->component_in_support(element, values[i])) {
      throw core::UserError("row " + std::to_string(i / size) +
                            " (counted from 0): a theta that is given lies outside the prior's support: the "
                            "model never saw such a theta");
    }
  }
  for (int64_t row = 0; parts.prior && row < rows; ++row) {
    const auto first = given.begin() + static_cast<std::ptrdiff_t>(static_cast<size_t>(row) * size);
    if (parts.prior->admits(
            std::vector<double>(first, first + static_cast<std::ptrdiff_t>(parts.prior->dim()))))
      continue;
    throw core::UserError(
        "row " + std::to_string(row) +
        " (counted from 0): the given components of theta lie outside the prior's support together: "
        "the model never saw such a theta");
  }
  std::vector<int64_t> questions(static_cast<size_t>(rows));
  std::iota(questions.begin(), questions.end(), int64_t{0});
  const auto of_member = [&](size_t member, const DivergenceOptions& own, const Progress& shown) {
    JointSources room;
    return sample::log_prob(joint_source(member, given, rows, room), values, questions, own, options,
                            density_memory(options), shown);
  };
  return mixed(divergence, progress, of_member);
}

Modes Posterior::find_modes(std::span<const double> x, int64_t rows, uint64_t seed, const ModeOptions& modes,
                            const SamplingOptions& options, const Progress& progress) {
  Modes all;
  find_modes_by_group(x, rows, 0, seed, modes, options, [&](int64_t first, const Modes& found) {
    all.theta.insert(all.theta.end(), found.theta.begin(), found.theta.end());
    all.log_prob.insert(all.log_prob.end(), found.log_prob.begin(), found.log_prob.end());
    all.climbed += found.climbed;
    if (!all.coarse) all.coarse = found.coarse;
    if (progress) progress(first + std::ssize(found.log_prob), rows);
  });
  return all;
}

void Posterior::find_modes_by_group(std::span<const double> x, int64_t rows, int64_t first, uint64_t seed,
                                    const ModeOptions& modes, const SamplingOptions& options,
                                    const TakeModes& take) {
  if (Posterior* other = teacher_for("modes"))
    return other->find_modes_by_group(x, rows, first, seed, modes, options, take);
  constexpr int64_t most_samples = 200000;  // of all the rows that are worked on together
  const Parts& parts = front();
  parts.check_observations(x, rows);
  parts.require_density(x);
  const int64_t group = std::max<int64_t>(1, most_samples / modes.draws);
  for (; first < rows; first += group) {
    const int64_t count = std::min(group, rows - first), size = parts.shape.x_size();
    const auto some = x.subspan(static_cast<size_t>(first * size), static_cast<size_t>(count * size));
    Modes found;
    with_sources(some, count, [&](std::span<const Source* const> sources) {
      const Samples samples =
          draw_mixture(sources, {count, modes.draws, seed, first, chunk_size(options)}, options);
      found = sample::find_modes(sources, samples, modes, options, density_memory(options));
    });
    take(first, found);
  }
}

Modes Posterior::find_modes_under(const PriorRatio& ratio, std::span<const double> x, int64_t rows,
                                  const Samples& samples, const ModeOptions& modes,
                                  const SamplingOptions& options) {
  if (Posterior* other = teacher_for("modes"))
    return other->find_modes_under(ratio, x, rows, samples, modes, options);
  front().check_observations(x, rows);
  front().require_density(x);
  Modes found;
  with_sources(x, rows, [&](std::span<const Source* const> sources) {
    found = sample::find_modes(sources, samples, modes, options, density_memory(options), &ratio);
  });
  return found;
}

DensityMemory Posterior::density_memory(const SamplingOptions& options) const {
  const Parts& parts = front();
  const double bytes = bytes_per_pull_back(parts.engine->parameters(), parts.seen);
  const double room = chunk_bytes(options);
  const int64_t fitting = std::max<int64_t>(1, static_cast<int64_t>(room / bytes));
  return {std::min(chunk_size(options), fitting), room};
}

}  // namespace fluxsbi::sample
