#include "experiment/weighing.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include <nlohmann/json.hpp>

#include "core/error.hpp"
#include "core/log.hpp"
#include "core/philox.hpp"
#include "core/text.hpp"
#include "sample/files/exact_numbers.hpp"

namespace fluxsbi::experiment {

namespace {

using nlohmann::json;

constexpr size_t most_rows_of_choice = 10;  // of which a warning speaks

// The states of a chain at the ends of `count` equal parts of it.
std::vector<size_t> thinned(const std::vector<size_t>& states, size_t count) {
  std::vector<size_t> kept;
  for (size_t i = 1; i <= count; ++i)
    kept.push_back(states[std::max(i * states.size() / count, size_t{1}) - 1]);
  return kept;
}

}  // namespace

// The errors of draws and of log q are about ten times as large at most: a hundredth of a deviation, and of a
// weight.
sample::SamplingOptions accurate_densities(sample::SamplingOptions sampling) {
  constexpr double tolerance = 1e-3;
  sampling.solver = "dopri5";
  sampling.steps.reset();
  sampling.atol = sampling.rtol = tolerance;
  return sampling;
}

bool WeightedChoice::enough(const sample::WeightQuality& quality) const {
  return quality.effective >= static_cast<double>(options_.least_effective);
}

void NamedRows::add(int64_t row, double value) {
  ++count;
  if (first.size() < most_rows_of_choice)
    first.push_back("row " + std::to_string(row) + " (" + core::brief_text(value) + ")");
}

std::string NamedRows::text() const {
  const size_t others = static_cast<size_t>(count) - first.size();
  return core::join(first) + (others > 0 ? " " + core::and_more(others) : "");
}

void WeightedChoice::count(int64_t row, const sample::WeightQuality& quality, double accepted) {
  least_ = rows_ == 0 ? quality.effective : std::min(least_, quality.effective);
  shape_ = rows_ == 0 ? quality.pareto_shape : std::max(shape_, quality.pareto_shape);
  sum_ += quality.effective;
  acceptance_ += accepted;
  ++rows_;
  if (!enough(quality)) {
    few_.add(row, quality.effective);
  } else if (quality.pareto_shape > trusted_shape) {
    heavy_.add(row, quality.pareto_shape);
  }
}

WeightedChoice::Candidates WeightedChoice::candidates_of(std::span<const double> theta,
                                                         std::span<const uint8_t> filled, uint64_t seed,
                                                         int64_t row) {
  const size_t size = theta.size() / filled.size();
  std::vector<double> draws;
  for (size_t i = 0; i < filled.size(); ++i) {
    const auto point = theta.subspan(i * size, size);
    if (filled[i]) draws.insert(draws.end(), point.begin(), point.end());
  }
  weighed_ += std::ssize(draws) / static_cast<int64_t>(size);
  Candidates candidates{
      theta, std::vector<double>(filled.size(), -std::numeric_limits<double>::infinity()), {}, {}};
  const auto found = draws.empty() ? std::vector<double>() : weigher_.log_weights(draws, rows_);
  for (size_t i = 0, next = 0; i < filled.size(); ++i) {
    if (filled[i]) candidates.log_weights[i] = found[next++];
  }
  candidates.quality = sample::judge_weights(candidates.log_weights);
  if (!enough(candidates.quality)) look_elsewhere(candidates, draws, seed, row);
  return candidates;
}

void WeightedChoice::look_elsewhere(Candidates& candidates, std::span<const double> draws, uint64_t seed,
                                    int64_t row) {
  core::Philox random(seed, core::Purpose::reweighting, static_cast<uint64_t>(row), 2);
  WeightedPoints others = weigher_.other_points(rows_, std::ssize(candidates.log_weights), draws, random);
  if (others.log_weights.empty()) return;
  const sample::WeightQuality quality = sample::judge_weights(others.log_weights);
  if (quality.effective <= candidates.quality.effective) return;
  elsewhere_.add(row, candidates.quality.effective);
  candidates.others = std::move(others);
  candidates.theta = candidates.others.theta;
  candidates.log_weights = candidates.others.log_weights;
  candidates.quality = quality;
}

sample::SampleBlock WeightedChoice::choose(const sample::SampleBlock& pool, int64_t draws, uint64_t seed,
                                           int64_t first_row) {
  const auto size = static_cast<size_t>(pool.tokens * pool.channels), kept = static_cast<size_t>(draws);
  const auto each = static_cast<size_t>(pool_of(draws));
  core::require(pool.filled.size() % each == 0, "a pool holds whole rows");
  sample::SampleBlock chosen{pool.tokens, pool.channels, {}, {}};
  for (size_t begin = 0; begin < pool.filled.size(); begin += each) {
    const int64_t row = first_row + rows_;
    const Candidates from = candidates_of(std::span(pool.values).subspan(begin * size, each * size),
                                          std::span(pool.filled).subspan(begin, each), seed, row);
    core::Philox of_chain(seed, core::Purpose::reweighting, static_cast<uint64_t>(row), 1);
    const sample::Chain chain =
        from.quality.effective > 0 ? sample::metropolis(from.log_weights, of_chain) : sample::Chain{};
    count(row, from.quality, chain.acceptance);
    if (!enough(from.quality)) {
      chosen.values.resize(chosen.values.size() + kept * size, std::numeric_limits<double>::quiet_NaN());
      chosen.filled.resize(chosen.filled.size() + kept, 0);
      continue;
    }
    core::Philox random(seed, core::Purpose::reweighting, static_cast<uint64_t>(row));
    for (const size_t i :
         options_.chain ? thinned(chain.states, kept) : sample::resample(from.log_weights, kept, random)) {
      const auto theta = from.theta.subspan(i * size, size);
      chosen.values.insert(chosen.values.end(), theta.begin(), theta.end());
      chosen.filled.push_back(1);
    }
  }
  return chosen;
}

int64_t WeightedChoice::finish() const {
  if (rows_ == 0) return 0;
  const auto rows = static_cast<double>(rows_);
  core::log::info(weigher_.what() + ", a row's draws are worth " + core::brief_text(sum_ / rows) +
                  " equal ones" +
                  (rows_ == 1 ? "" : " on average, " + core::brief_text(least_) + " at least") +
                  (rows_ == 1 ? "; Pareto shape " : "; largest Pareto shape ") + core::brief_text(shape_) +
                  ", a Metropolis chain accepts " + core::brief_text(100 * acceptance_ / rows) + " %");
  if (elsewhere_.count > 0)
    core::log::info(weigher_.other_points_text() +
                    " take the place of the model's, which are worth too little: " + elsewhere_.text());
  if (few_.count > 0)
    core::log::warning("fewer than " + std::to_string(options_.least_effective) +
                       " effective draws (--min-effective): " + few_.text() +
                       ": these rows hold NaN; draw more (--pool), or " + weigher_.remedy());
  if (heavy_.count > 0)
    core::log::warning("few large weights decide (Pareto shape above 0.7): " + heavy_.text() +
                       ": do not trust these rows; draw more (--pool), or " + weigher_.remedy());
  return few_.count + heavy_.count;
}

void WeightedChoice::refuse(const std::string& output) const {
  throw core::UserError(output + ": no row has " + std::to_string(options_.least_effective) +
                        " effective draws " + weigher_.what() + " (" +
                        core::brief_text(sum_ / static_cast<double>(rows_)) +
                        " on average), so nothing was written; draw more (--pool), " + weigher_.remedy() +
                        ", or write the NaN with --partial");
}

std::string WeightedChoice::state() const {
  return json{{"rows", {rows_, weighed_}},
              {"worth", sample::exact_bits(std::vector{sum_, least_, shape_, acceptance_})},
              {"few", {few_.count, few_.first}},
              {"heavy", {heavy_.count, heavy_.first}},
              {"elsewhere", {elsewhere_.count, elsewhere_.first}}}
      .dump();
}

void WeightedChoice::restore(const std::string& state) {
  const json kept = json::parse(state);
  rows_ = kept.at("rows").at(0).get<int64_t>();
  weighed_ = kept.at("rows").at(1).get<int64_t>();
  const auto worth = sample::from_bits(kept.at("worth").get<std::vector<uint64_t>>());
  sum_ = worth.at(0);
  least_ = worth.at(1);
  shape_ = worth.at(2);
  acceptance_ = worth.at(3);
  const auto rows_of = [&](const char* name) {
    const json& of_kind = kept.at(name);
    return NamedRows{of_kind.at(0).get<int64_t>(), of_kind.at(1).get<std::vector<std::string>>()};
  };
  few_ = rows_of("few");
  heavy_ = rows_of("heavy");
  elsewhere_ = rows_of("elsewhere");
}

}  // namespace fluxsbi::experiment
