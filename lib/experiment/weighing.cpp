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

constexpr double trusted_shape = 0.7;       // of the largest weights (importance.hpp)
constexpr size_t most_rows_of_choice = 10;  // of which a warning speaks

// The states of a chain at the ends of `count` equal parts of it.
std::vector<size_t> thinned(const std::vector<size_t>& states, size_t count) {
  std::vector<size_t> kept;
  for (size_t i = 1; i <= count; ++i)
    kept.push_back(states[std::max(i * states.size() / count, size_t{1}) - 1]);
  return kept;
}

}  // namespace

bool WeightedChoice::enough(const sample::WeightQuality& quality) const {
  return quality.effective >= static_cast<double>(options_.least_effective);
}

void WeightedChoice::Rows::add(int64_t row, double value) {
  ++count;
  if (first.size() < most_rows_of_choice)
    first.push_back("row " + std::to_string(row) + " (" + core::brief_text(value) + ")");
}

std::string WeightedChoice::Rows::text() const {
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

sample::SampleBlock WeightedChoice::choose(const sample::SampleBlock& pool, int64_t draws, uint64_t seed,
                                           int64_t first_row) {
  constexpr double infinity = std::numeric_limits<double>::infinity();
  const auto size = static_cast<size_t>(pool.tokens * pool.channels), kept = static_cast<size_t>(draws);
  const auto each = static_cast<size_t>(pool_of(draws));
  core::require(pool.filled.size() % each == 0, "a pool holds whole rows");
  sample::SampleBlock chosen{pool.tokens, pool.channels, {}, {}};
  for (size_t begin = 0; begin < pool.filled.size(); begin += each) {
    const auto theta = [&](size_t i) { return std::span(pool.values).subspan((begin + i) * size, size); };
    std::vector<double> filled;
    for (size_t i = 0; i < each; ++i) {
      if (pool.filled[begin + i]) filled.insert(filled.end(), theta(i).begin(), theta(i).end());
    }
    weighed_ += std::ssize(filled) / static_cast<int64_t>(size);
    std::vector<double> log_weights(each, -infinity);
    const auto found = filled.empty() ? std::vector<double>() : weigher_.log_weights(filled, rows_);
    for (size_t i = 0, next = 0; i < each; ++i) {
      if (pool.filled[begin + i]) log_weights[i] = found[next++];
    }
    const sample::WeightQuality quality = sample::judge_weights(log_weights);
    const int64_t row = first_row + rows_;
    core::Philox of_chain(seed, core::Purpose::reweighting, static_cast<uint64_t>(row), 1);
    const sample::Chain chain =
        quality.effective > 0 ? sample::metropolis(log_weights, of_chain) : sample::Chain{};
    count(row, quality, chain.acceptance);
    if (!enough(quality)) {
      chosen.values.resize(chosen.values.size() + kept * size, std::numeric_limits<double>::quiet_NaN());
      chosen.filled.resize(chosen.filled.size() + kept, 0);
      continue;
    }
    core::Philox random(seed, core::Purpose::reweighting, static_cast<uint64_t>(row));
    for (const size_t i :
         options_.chain ? thinned(chain.states, kept) : sample::resample(log_weights, kept, random)) {
      chosen.values.insert(chosen.values.end(), theta(i).begin(), theta(i).end());
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
              {"heavy", {heavy_.count, heavy_.first}}}
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
    return Rows{of_kind.at(0).get<int64_t>(), of_kind.at(1).get<std::vector<std::string>>()};
  };
  few_ = rows_of("few");
  heavy_ = rows_of("heavy");
}

}  // namespace fluxsbi::experiment
