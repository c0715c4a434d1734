// A mixture of Student's t distributions beside a standard normal: it proposes draws where a density is known
// up to a factor alone.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "core/philox.hpp"

namespace fluxsbi::data {

/// q(z) = s N(z; 0, I) + (1 - s) sum_k w_k t_8(z; m_k, S_k). The normal's share s is 1 before the first fit
/// and 0.05 afterwards, so that no part of a density that the normal bounds is out of reach.
class StudentMixture {
 public:
  explicit StudentMixture(size_t dim) : dim_(dim) {}

  size_t dim() const { return dim_; }

  /// Fits up to five components to weighted points [*, dim] by expectation maximisation of a mixture of
  /// normals; weights >= 0 sum to 1. `random` chooses where the components begin. Points that do not spread
  /// in all directions leave the mixture as it is.
  void fit(std::span<const double> points, std::span<const double> weights, core::Philox& random);

  /// One draw, z [dim].
  void sample(core::Philox& random, std::span<double> z) const;
  /// log q(z)
  double log_density(std::span<const double> z) const;

 private:
  struct Component {
    double weight;
    std::vector<double> mean, factor;  ///< [dim], [dim * dim]: S = factor factor^T
    double log_volume;                 ///< of the factor's determinant
  };
  /// (z - m)^T S^-1 (z - m)
  double squared_distance(const Component& component, std::span<const double> z) const;
  /// The component of the points under these weights, whose covariance has a little of `spread` added; of
  /// weight 0 where it has no volume.
  Component component_of(std::span<const double> points, std::span<const double> weights,
                         std::span<const double> spread) const;
  /// Components about far apart points, as wide as half of all.
  std::vector<Component> begin(std::span<const double> points, std::span<const double> weights,
                               const Component& all, core::Philox& random) const;
  /// One step of expectation maximisation.
  std::vector<Component> improved(const std::vector<Component>& components, std::span<const double> points,
                                  std::span<const double> weights, std::span<const double> spread) const;

  size_t dim_;
  std::vector<Component> components_;
};

}  // namespace fluxsbi::data
