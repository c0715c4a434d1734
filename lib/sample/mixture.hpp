// The equal mixture of an ensemble's members: how its draws and densities follow from theirs.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "sample/density/log_prob.hpp"
#include "sample/draw.hpp"

namespace fluxsbi::sample {

/// Draws of a mixture of `members`: the draw of number d is of member d mod K, so that shares are equal
/// whatever the number of draws is, and the noise of a draw stays keyed by its number. draw_member draws a
/// share: its numbers are share.first_draw + i share.draw_step.
Samples draw_mixture(
    int64_t members, const Amount& amount, const Progress& progress,
    const std::function<Samples(int64_t member, const Amount& share, const Progress&)>& draw_member);

/// log((q_1 + ... + q_K) / K) of the members' log q [rows], which all give the same number of rows. A
/// standard error is the square root of the sum of (w_m s_m)^2, w_m being the member's share of the density
/// at the point: to first order that of independent estimates. NaN where a member's density is.
LogProbs mix(const std::vector<LogProbs>& members);

/// log of the mean of exp(logs), and each member's share of the mean in `shares`, of the same length.
double log_mean(std::span<const double> logs, std::span<double> shares);

/// Progress of part `part` of `parts` equal ones, as that of the whole; none for none.
Progress part_of(const Progress& progress, int64_t part, int64_t parts);

}  // namespace fluxsbi::sample
