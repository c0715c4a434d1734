#include "sample/files/disagreement.hpp"

#include <algorithm>
#include <cmath>
#include <optional>

#include "core/text.hpp"

namespace fluxsbi::sample {

namespace {

// Of one member's draws of one feature.
struct Moments {
  double count = 0, mean = 0, variance = 0, kurtosis = 0;
};

Moments moments(std::span<const float> values) {
  Moments found;
  found.count = static_cast<double>(values.size());
  for (const float value : values) found.mean += value / found.count;
  double squares = 0, fourths = 0;
  for (const float value : values) {
    const double square = (value - found.mean) * (value - found.mean);
    squares += square;
    fourths += square * square;
  }
  found.variance = squares / (found.count - 1);
  found.kurtosis = squares > 0 ? fourths * found.count / (squares * squares) : 0;
  return found;
}

double variance_of(std::span<const double> values) {
  const auto count = static_cast<double>(values.size());
  double mean = 0, sum = 0;
  for (const double value : values) mean += value / count;
  for (const double value : values) sum += (value - mean) * (value - mean);
  return sum / (count - 1);
}

// What members say of one feature; draws [members][draws of each].
struct Difference {
  double apart = 0, factor = 1;
};

std::optional<Difference> difference(std::span<const std::vector<float>> draws) {
  std::vector<double> means, logs;
  double within = 0, chance_of_means = 0, chance_of_logs = 0;
  const auto members = static_cast<double>(draws.size());
  for (const std::vector<float>& own : draws) {
    const Moments found = moments(own);
    constexpr double rounding = 1e-12;  // of the mean's square: what is given does not vary
    if (!(found.variance > rounding * found.mean * found.mean)) return {};
    means.push_back(found.mean);
    logs.push_back(std::log(found.variance) / 2);
    within += found.variance / members;
    chance_of_means += found.variance / found.count / members;
    chance_of_logs += (found.kurtosis - 1) / (4 * found.count) / members;
  }
  return Difference{std::sqrt(std::max(0.0, variance_of(means) - chance_of_means) / within),
                    std::exp(std::sqrt(std::max(0.0, variance_of(logs) - chance_of_logs)))};
}

// The filled draws of a row by feature and member.
std::vector<std::vector<std::vector<float>>> by_member(const MemberDraws& draws, int64_t row, size_t features,
                                                       const data::Standardiser& standardiser) {
  const auto count = static_cast<size_t>(draws.draws), first = static_cast<size_t>(row) * count;
  std::vector<std::vector<std::vector<float>>> parts(
      features, std::vector<std::vector<float>>(static_cast<size_t>(draws.members)));
  const auto z = standardiser.apply(draws.values.subspan(first * features, count * features));
  for (size_t i = 0; i < count; ++i) {
    for (size_t j = 0; draws.filled[first + i] && j < features; ++j) {
      const float value =
          z[i * features + j];  // not finite where --no-reject left it beyond a transform's end
      if (std::isfinite(value)) parts[j][i % static_cast<size_t>(draws.members)].push_back(value);
    }
  }
  return parts;
}

std::string two_decimals(double value) {
  return core::number_text(std::round(value * 100) / 100);
}

bool enough(std::span<const std::vector<float>> draws) {
  return std::all_of(draws.begin(), draws.end(),
                     [](const auto& own) { return std::ssize(own) >= Disagreement::least_draws; });
}

}  // namespace

std::string Disagreement::text(int64_t members, std::span<const std::string> names) const {
  const std::string means = two_decimals(apart) + " posterior standard deviations",
                    spreads = "a factor of " + two_decimals(factor);
  const std::string who = "the " + std::to_string(members) + " members of the ensemble ";
  if (!warns())
    return who + "agree: their means lie at most " + means + " apart (" + names[apart_feature] +
           "), and their spreads differ by at most " + spreads + " (" + names[factor_feature] + ")";
  std::string what;
  if (apart > most_apart) what = "their means of " + names[apart_feature] + " lie " + means + " apart";
  if (factor > most_factor)
    what += (what.empty() ? "" : ", and ") + ("their spreads of " + names[factor_feature]) + " differ by " +
            spreads;
  return who + "disagree: " + what;
}

std::vector<Disagreement> disagreements(const MemberDraws& draws, const data::Standardiser& standardiser) {
  std::vector<Disagreement> found;
  if (draws.members < 2) return found;
  const size_t features = standardiser.mean.size();
  for (int64_t row = 0; row < draws.rows; ++row) {
    const auto parts = by_member(draws, row, features, standardiser);
    if (parts.empty() || !enough(parts.front())) continue;
    Disagreement of_row;
    of_row.row = row;
    for (size_t j = 0; j < features; ++j) {
      const auto difference_of_feature = difference(parts[j]);
      if (!difference_of_feature) continue;
      if (difference_of_feature->apart > of_row.apart) {
        of_row.apart = difference_of_feature->apart;
        of_row.apart_feature = j;
      }
      if (difference_of_feature->factor > of_row.factor) {
        of_row.factor = difference_of_feature->factor;
        of_row.factor_feature = j;
      }
    }
    found.push_back(of_row);
  }
  return found;
}

}  // namespace fluxsbi::sample
