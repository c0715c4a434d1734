#include "sample/mixture.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/error.hpp"

namespace fluxsbi::sample {

namespace {

// Puts a member's draws to their places among all.
void put_share(const Samples& share, int64_t first, int64_t step, Samples& all) {
  const int64_t size = share.tokens * share.channels;
  for (int64_t row = 0; row < share.rows; ++row) {
    for (int64_t i = 0; i < share.draws; ++i) {
      const int64_t from = row * share.draws + i, to = row * all.draws + first + i * step;
      all.filled[static_cast<size_t>(to)] = share.filled[static_cast<size_t>(from)];
      std::copy_n(share.values.begin() + from * size, size, all.values.begin() + to * size);
    }
  }
}

}  // namespace

Samples draw_mixture(
    int64_t members, const Amount& amount, const Progress& progress,
    const std::function<Samples(int64_t member, const Amount& share, const Progress&)>& draw_member) {
  core::require(members >= 1, "a mixture has members");
  if (members == 1) return draw_member(0, amount, progress);
  Samples all;
  int64_t before = 0;
  for (int64_t m = 0; m < members; ++m) {
    Amount share = amount;
    share.first_draw = m;
    share.draw_step = members;
    share.draws = (amount.draws - m + members - 1) / members;
    if (share.draws == 0 && m > 0) continue;
    const Progress shown = [&](int64_t done, int64_t) {
      if (progress) progress(before + done, amount.rows * amount.draws);
    };
    const Samples found = draw_member(m, share, shown);
    if (m == 0) {
      all.rows = amount.rows;
      all.draws = amount.draws;
      all.tokens = found.tokens;
      all.channels = found.channels;
      const auto count = static_cast<size_t>(all.rows * all.draws);
      all.values.resize(count * static_cast<size_t>(all.tokens * all.channels));
      all.filled.resize(count);
    }
    put_share(found, m, members, all);
    all.drawn += found.drawn;
    all.evaluations = std::max(all.evaluations, found.evaluations);
    before += share.draws * amount.rows;
  }
  return all;
}

double log_mean(std::span<const double> logs, std::span<double> shares) {
  const double highest = *std::max_element(logs.begin(), logs.end());
  const auto count = static_cast<double>(logs.size());
  if (!std::isfinite(highest)) {  // no member gives the point a density, or one's is infinite
    std::fill(shares.begin(), shares.end(), 1 / count);
    return highest;
  }
  double sum = 0;
  for (size_t m = 0; m < logs.size(); ++m) sum += shares[m] = std::exp(logs[m] - highest);
  for (double& share : shares) share /= sum;
  return highest + std::log(sum / count);
}

LogProbs mix(const std::vector<LogProbs>& members) {
  LogProbs mixed = members.front();
  std::vector<double> logs(members.size()), shares(members.size());
  for (size_t row = 0; row < mixed.values.size(); ++row) {
    for (size_t m = 0; m < members.size(); ++m) logs[m] = members[m].values[row];
    const bool failed = std::any_of(logs.begin(), logs.end(), [](double log) { return std::isnan(log); });
    mixed.values[row] = failed ? std::numeric_limits<double>::quiet_NaN() : log_mean(logs, shares);
    if (mixed.standard_errors.empty()) continue;
    double squares = 0;
    for (size_t m = 0; m < members.size(); ++m)
      squares += std::pow(shares[m] * members[m].standard_errors[row], 2);
    mixed.standard_errors[row] = failed ? std::numeric_limits<double>::quiet_NaN() : std::sqrt(squares);
  }
  for (const LogProbs& member : members) mixed.evaluations = std::max(mixed.evaluations, member.evaluations);
  return mixed;
}

Progress part_of(const Progress& progress, int64_t part, int64_t parts) {
  if (!progress || parts == 1) return progress;
  return [progress, part, parts](int64_t done, int64_t total) {
    progress((part * total + done) / parts, total);
  };
}

}  // namespace fluxsbi::sample
