#include "sample/files/disagreement.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

#include "core/error.hpp"
#include "core/text.hpp"

namespace fluxsbi::sample {

namespace {

double variance_of(std::span<const double> values) {
  const auto count = static_cast<double>(values.size());
  double mean = 0, sum = 0;
  for (const double value : values) mean += value / count;
  for (const double value : values) sum += (value - mean) * (value - mean);
  return sum / (count - 1);
}

std::string two_decimals(double value) {
  return core::number_text(std::round(value * 100) / 100);
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

// One pass (Pebay 2008, SAND2008-6212).
void AgreementLook::Moments::add(double value) {
  const double before = count++, distance = value - mean, step = distance / count, square = step * step,
               term = distance * step * before;
  mean += step;
  fourth += term * square * (count * count - 3 * count + 3) + 6 * square * second - 4 * step * third;
  third += term * step * (count - 2) - 3 * step * second;
  second += term;
}

// What members say of one feature.
struct AgreementLook::Difference {
  double apart = 0, factor = 1;
};

std::optional<AgreementLook::Difference> AgreementLook::difference(std::span<const Moments> of_members) {
  std::vector<double> means, logs;
  double within = 0, chance_of_means = 0, chance_of_logs = 0;
  const auto members = static_cast<double>(of_members.size());
  for (const Moments& found : of_members) {
    const double variance = found.second / (found.count - 1);
    constexpr double rounding = 1e-12;  // of the mean's square: what is given does not vary
    if (!(variance > rounding * found.mean * found.mean)) return {};
    const double kurtosis = found.fourth * found.count / (found.second * found.second);
    means.push_back(found.mean);
    logs.push_back(std::log(variance) / 2);
    within += variance / members;
    chance_of_means += variance / found.count / members;
    chance_of_logs += (kurtosis - 1) / (4 * found.count) / members;
  }
  return Difference{std::sqrt(std::max(0.0, variance_of(means) - chance_of_means) / within),
                    std::exp(std::sqrt(std::max(0.0, variance_of(logs) - chance_of_logs)))};
}

AgreementLook::AgreementLook(int64_t draws, int64_t members, const data::Standardiser& standardiser)
    : draws_(draws),
      members_(members),
      standardiser_(standardiser),
      moments_(standardiser.mean.size() * static_cast<size_t>(members)) {}

void AgreementLook::add(std::span<const double> values, std::span<const uint8_t> filled,
                        const std::function<void(const Disagreement&)>& tell) {
  if (members_ < 2 || values.empty()) return;
  const size_t features = standardiser_.mean.size(), members = static_cast<size_t>(members_);
  const auto z = standardiser_.apply(values);
  for (size_t i = 0; i < filled.size(); ++i) {
    const size_t member = static_cast<size_t>(draw_ % members_);
    for (size_t j = 0; filled[i] && j < features; ++j) {
      const float value =
          z[i * features + j];  // not finite where --no-reject left it beyond a transform's end
      if (std::isfinite(value)) moments_[j * members + member].add(value);
    }
    if (++draw_ == draws_) end_row(tell);
  }
}

void AgreementLook::end_row(const std::function<void(const Disagreement&)>& tell) {
  Disagreement of_row;
  of_row.row = row_++;
  draw_ = 0;
  const std::vector<Moments> moments = std::exchange(moments_, std::vector<Moments>(moments_.size()));
  const auto of_feature = [&](size_t j) {
    const auto members = static_cast<size_t>(members_);
    return std::span(moments).subspan(j * members, members);
  };
  const size_t features = standardiser_.mean.size();
  const auto enough = [](const Moments& own) { return own.count >= Disagreement::least_draws; };
  if (features == 0 || !std::ranges::all_of(of_feature(0), enough)) return;
  for (size_t j = 0; j < features; ++j) {
    const auto found = difference(of_feature(j));
    if (!found) continue;
    if (found->apart > of_row.apart) {
      of_row.apart = found->apart;
      of_row.apart_feature = j;
    }
    if (found->factor > of_row.factor) {
      of_row.factor = found->factor;
      of_row.factor_feature = j;
    }
  }
  tell(of_row);
}

std::vector<double> AgreementLook::state() const {
  std::vector<double> state{static_cast<double>(row_), static_cast<double>(draw_)};
  for (const Moments& m : moments_) state.insert(state.end(), {m.count, m.mean, m.second, m.third, m.fourth});
  return state;
}

void AgreementLook::restore(std::span<const double> state) {
  core::require(state.size() == 2 + 5 * moments_.size(), "AgreementLook: a state of as many features");
  row_ = static_cast<int64_t>(state[0]);
  draw_ = static_cast<int64_t>(state[1]);
  for (size_t i = 0; i < moments_.size(); ++i) {
    const double* from = &state[2 + 5 * i];
    moments_[i] = {from[0], from[1], from[2], from[3], from[4]};
  }
}

std::vector<Disagreement> disagreements(const MemberDraws& draws, const data::Standardiser& standardiser) {
  std::vector<Disagreement> found;
  AgreementLook(draws.draws, draws.members, standardiser)
      .add(draws.values, draws.filled, [&](const Disagreement& row) { found.push_back(row); });
  return found;
}

}  // namespace fluxsbi::sample
