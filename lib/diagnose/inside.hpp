// Whether an observation is like the training data: a posterior far from them is made up.
#pragma once

#include <vector>

#include "diagnose/tests.hpp"

namespace fluxsbi::diagnose {

/// Two findings for each observation, as held-out rows (Evidence::x) are unlike the remembered training rows
/// (Evidence::reference):
/// - the largest robust z-score of its numbers, |x - median| / spread, or |x - mean| / deviation where no
///   rows are remembered;
/// - the mean distance to its ten nearest remembered rows, in units of u = asinh((x - median) / spread), NaN
///   passed over. The p-value of each is its rank among the same of the held-out rows, with a fitted tail
///   beyond them (tail.hpp). With fewer than 50 held-out rows the finding is what data::unlike_training says,
///   without p-value.
///
/// A model far from its training data answers with confidence and without reason (Schmitt et al. 2023, arXiv
/// 2112.08866; Ward et al. 2022, arXiv 2210.06564).
std::vector<Finding> run_inside(const Evidence& evidence, const TestOptions& options);

}  // namespace fluxsbi::diagnose
