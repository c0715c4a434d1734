#include "diagnose/ranks.hpp"

#include <algorithm>
#include <cmath>

#include "core/error.hpp"
#include "core/text.hpp"

namespace fluxsbi::diagnose {

Rank rank_of(double truth, std::span<const double> draws, core::Philox& random) {
  Rank rank;
  uint64_t ties = 0;
  for (const double draw : draws) {
    rank.draws += !std::isnan(draw);
    rank.below += draw < truth;
    ties += draw == truth;
  }
  rank.below += static_cast<int64_t>(random.below(ties + 1));
  rank.pit = (static_cast<double>(rank.below) + random.uniform()) / static_cast<double>(rank.draws + 1);
  return rank;
}

std::vector<Rank> ranks_of_variable(const Evidence& evidence, int64_t j, uint64_t seed) {
  const int64_t d = evidence.theta_dim();
  std::vector<Rank> ranks;
  std::vector<double> draws;
  for (int64_t n = 0; n < evidence.pairs; ++n) {
    draws.clear();
    for (int64_t l = 0; l < evidence.draws; ++l) {
      const auto draw = draw_of(evidence, n, l);
      if (is_filled(draw)) draws.push_back(draw[static_cast<size_t>(j)]);
    }
    if (draws.empty()) continue;
    core::Philox random(seed, room_purpose, static_cast<uint64_t>(n), static_cast<uint32_t>(j));
    ranks.push_back(rank_of(evidence.theta[static_cast<size_t>(n * d + j)], draws, random));
  }
  return ranks;
}

std::vector<double> pit_of(std::span<const Rank> ranks) {
  std::vector<double> pit;
  for (const Rank& rank : ranks) pit.push_back(rank.pit);
  return pit;
}

bool is_filled(std::span<const double> draw) {
  return std::none_of(draw.begin(), draw.end(), [](double value) { return std::isnan(value); });
}

std::span<const double> draw_of(const Evidence& evidence, int64_t n, int64_t l) {
  const auto d = static_cast<size_t>(evidence.theta_dim());
  return std::span(evidence.samples).subspan(static_cast<size_t>(n * evidence.draws + l) * d, d);
}

int64_t filled_draw(const Evidence& evidence, int64_t n, int64_t first) {
  for (int64_t k = 0; k < evidence.draws; ++k) {
    const int64_t l = (first + k) % evidence.draws;
    if (is_filled(draw_of(evidence, n, l))) return l;
  }
  return -1;
}

void check_samples(const Evidence& evidence, std::string_view test) {
  const int64_t rows = evidence.pairs * evidence.draws;
  core::require(std::ssize(evidence.samples) == rows * evidence.theta_dim() &&
                    std::ssize(evidence.theta) == evidence.pairs * evidence.theta_dim() &&
                    std::ssize(evidence.x) == evidence.pairs * evidence.x_dim(),
                "the arrays of pairs have other sizes than their numbers say");
  int64_t unfilled = 0;
  for (int64_t n = 0; n < evidence.pairs; ++n) {
    for (int64_t l = 0; l < evidence.draws; ++l) unfilled += !is_filled(draw_of(evidence, n, l));
  }
  check_unfilled(unfilled, rows, "draws", test);
}

void check_unfilled(int64_t unfilled, int64_t of, std::string_view what, std::string_view test) {
  if (static_cast<double>(unfilled) <= most_unfilled * static_cast<double>(of)) return;
  throw core::UserError(
      std::string(test) + ": " + std::to_string(unfilled) + " of " + std::to_string(of) + " " +
      std::string(what) +
      " are NaN, more than 1 %, and those that are left would judge another posterior; raise "
      "sampling.max_tries or sampling.max_seconds, or set sampling.reject: false to keep draws "
      "outside the prior's support");
}

Finding too_few_pairs(std::string_view test, int64_t have, int64_t need) {
  Finding finding;
  finding.test = test;
  finding.statistic = "pairs";
  finding.value = static_cast<double>(have);
  finding.low = static_cast<double>(need);
  finding.verdict = Verdict::not_enough;
  finding.meaning = core::count_text(have, "pair") + " cannot tell a right posterior from a wrong one.";
  finding.next = "Give at least " + std::to_string(need) +
                 " pairs (theta, x): a larger --data file, or fresh ones by --simulations.";
  return finding;
}

}  // namespace fluxsbi::diagnose
