// Models whose posterior is known without training: all weights are 0, so that nothing moves the noise and
// theta given any x is normal with the mean and deviation of the standardiser.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "checkpoint/model_file.hpp"
#include "evidence/pairs.hpp"
#include "sample/posterior.hpp"

namespace fluxsbi::test {

inline constexpr double first_mean = 5, second_mean = -3, first_sd = 1, second_sd = 0.5;

/// theta a, b as above given x_0, x_1, x_2, by flow matching. `missing`: x may lack a value.
checkpoint::ModelFile still_model(bool missing = false);
/// The same of the joint distribution: all five are independent, x_i ~ N(0, 2^2).
checkpoint::ModelFile still_joint_model();
sample::Posterior posterior_of(const checkpoint::ModelFile& file);

/// Pairs of that posterior, a moved by `shift`; x ~ N(0, 2^2).
evidence::Pairs still_pairs(int64_t rows, double shift, uint64_t seed);
void save_still_pairs(const std::string& path, const evidence::Pairs& pairs);

}  // namespace fluxsbi::test
