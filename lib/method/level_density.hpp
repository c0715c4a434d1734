// At which noise levels a method trains, found from what denoising costs at each of them.
//
// Let lambda = ln s, s = noise / signal, and G(lambda) = E (D - x1)^2 / s^2, per dimension, for the denoised
// data D. By the I-MMSE relation (Guo, Shamai, Verdu 2005, arXiv cs/0412108) the information that x1 + s n
// holds about x1 in d dimensions obeys dI / dlambda = -d G. For the best D of data with a density, G falls
// from 1, where noise lies below every structure of the data, to 0, where it hides them all. Its slope -dG /
// dlambda is where structure is resolved: a normal x1 of standard deviation v has G = v^2 / (v^2 + s^2), and
// a bump of width one around lambda = ln v; a mixture has one at each of its scales.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include <ATen/core/Tensor.h>

namespace fluxsbi::method {

/// A range of lambda, in level_bins bins of equal width. As it stands: noise of 1 / 1100 to 33 standard
/// deviations of the data.
struct LevelRange {
  double lowest = -7, highest = 3.5;

  double bin_width() const;
  double centre(int64_t bin) const;
  /// The part of this range between two levels, which may be infinite. Throws UserError where there is none.
  LevelRange within(double low, double high) const;
};

inline constexpr int64_t level_bins = 42;  ///< of width 1/4 in the whole range

/// The share of training rows whose level comes from the start density, so that no level is forgotten and
/// structure that the network has not seen yet can be found.
inline constexpr double start_share = 0.3;

/// Mass of each bin [level_bins], summing to 1, of the density that training begins with: normal in lambda,
/// mean -1, standard deviation 1.5.
std::vector<double> start_masses(const LevelRange& range);

/// Mass of each bin [level_bins], summing to 1: start_share of start_masses, and for the rest the slope of G,
/// smoothed by a Gaussian of standard deviation 0.4. g [level_bins] holds the mean of G in each bin; it is
/// taken between 0 and 1 and made monotone first (pool adjacent violators: Barlow et al. 1972). A G without a
/// slope gives start_masses.
std::vector<double> level_masses(std::span<const double> g, const LevelRange& range);

/// Draws lambda by linear interpolation of the quantile function.
class LevelTable {
 public:
  /// Of start_masses.
  LevelTable(const LevelRange& range, at::Device device);
  /// Replaces the density, in place: recorded steps draw from the new one. masses [level_bins], summing to 1.
  void set(std::span<const double> masses);
  /// lambda [B] for uniform numbers [B] in (0, 1), on the device.
  at::Tensor draw(const at::Tensor& uniform) const;
  /// The lambda of one number. Waits for the device.
  double quantile(double part) const;

 private:
  LevelRange range_;
  at::Tensor quantiles_;  ///< [quantile_cells + 1] float32
};

}  // namespace fluxsbi::method
