// Ranks of theta* among the draws of its posterior.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "core/philox.hpp"
#include "diagnose/evidence.hpp"
#include "diagnose/finding.hpp"
#include "diagnose/tests.hpp"

namespace fluxsbi::diagnose {

/// The purpose under which this room draws random numbers; no other room uses it.
inline constexpr core::Purpose room_purpose = core::Purpose::classifier;

/// Shares of draws that could not be filled (NaN) above this one make a test throw.
inline constexpr double most_unfilled = 0.01;

/// Where a true value stands among draws: `below` of `draws` are smaller. Values that equal it are split at
/// random. Under a right posterior pit = (below + U(0, 1)) / (draws + 1) is exactly uniform on [0, 1].
struct Rank {
  int64_t below = 0, draws = 0;
  double pit = 0;
};
/// NaN among the draws is passed over.
Rank rank_of(double truth, std::span<const double> draws, core::Philox& random);

/// The ranks of variable j, of each pair that has draws. They depend on (seed, pair, j) alone, so that tests
/// share them.
std::vector<Rank> ranks_of_variable(const Evidence& evidence, int64_t j, uint64_t seed);
std::vector<double> pit_of(std::span<const Rank> ranks);

/// True where all values of a draw are there.
bool is_filled(std::span<const double> draw);
/// Pair n's draw l, [theta_dim].
std::span<const double> draw_of(const Evidence& evidence, int64_t n, int64_t l);
/// The first filled draw of pair n from number `first` on, counted round; -1 where it has none.
int64_t filled_draw(const Evidence& evidence, int64_t n, int64_t first);

/// Throws core::UserError where more than most_unfilled of the pairs' draws are unfilled, or the arrays'
/// sizes differ from what Evidence says.
void check_samples(const Evidence& evidence, std::string_view test);
/// The same of any count.
void check_unfilled(int64_t unfilled, int64_t of, std::string_view what, std::string_view test);

/// A finding without a verdict: `have` of `need` pairs.
Finding too_few_pairs(std::string_view test, int64_t have, int64_t need);

}  // namespace fluxsbi::diagnose
