// Between values in the data's units and the state of a network.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "data/regression.hpp"
#include "data/standardise.hpp"

namespace fluxsbi::sample {

/// What the state of L tokens with C channels is in the data's units: standardised, and of a model with a
/// regression of theta on x the residual given the observation. Values and states are [n, L C], and rows[i]
/// is the number of item i's observation.
class Frame {
 public:
  Frame() = default;
  /// The standardiser of the L C features must outlive the frame.
  explicit Frame(const data::Standardiser& standardiser) : standardiser_(&standardiser) {}
  /// The regression, too. x: standardised observations [*, x size].
  Frame(const data::Standardiser& standardiser, const data::Regression& regression, std::span<const float> x);

  std::vector<float> state_of(std::span<const double> values, std::span<const int64_t> rows) const;
  std::vector<double> values_of(std::span<const float> states, std::span<const int64_t> rows) const;

  /// What a log-density of the state gains to become one of the values, for one item: the features that
  /// `given` [L C] marks are conditions, and there are none where it is empty.
  double log_slope(std::span<const double> value, std::span<const uint8_t> given = {}) const;
  /// The gradient of log_slope with respect to the state [n, L C].
  std::vector<double> log_slope_gradient(std::span<const float> states, std::span<const int64_t> rows) const;

  /// Units that several observations of one theta share, and where the state 0 of each lies in them [rows,
  /// L C]. Their states differ by these shifts alone.
  struct Common {
    data::Standardiser units;
    std::vector<double> origins;
  };
  Common common(int64_t rows) const;

  const data::Standardiser& standardiser() const { return *standardiser_; }

 private:
  std::vector<double> centres_of(std::span<const int64_t> rows) const;

  const data::Standardiser* standardiser_ = nullptr;
  const data::Regression* regression_ = nullptr;  // null: none
  std::vector<double> centres_;                   // of the observations [*, L C]
};

}  // namespace fluxsbi::sample
