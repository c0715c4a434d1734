// Priors over theta: support, density, draws.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "config/table.hpp"
#include "core/philox.hpp"
#include "data/standardise.hpp"

namespace fluxsbi::data {

enum class PriorKind {
  none,       ///< nothing is known, and every theta is accepted
  box,        ///< uniform on [low, high] per component
  normal,     ///< mean, std per component (support R^d)
  lognormal,  ///< mu, sigma per component (support theta > 0)
  custom,     ///< the support of low/high (may be infinite), no density: sample and log_prob throw UserError
};
std::span<const std::string_view> enum_names(PriorKind);

/// logit: models learn bounded components on the whole line (Standardiser).
enum class PriorTransform { none, logit };
std::span<const std::string_view> enum_names(PriorTransform);

/// The `prior` section: what is known about the prior of theta.
struct PriorOptions {
  PriorKind kind = PriorKind::none;
  std::vector<double> low;  ///< box, custom; one entry stands for all components
  std::vector<double> high;
  std::vector<double> mean;   ///< normal: mean; lognormal: mu
  std::vector<double> scale;  ///< normal: standard deviation; lognormal: sigma
  PriorTransform transform = PriorTransform::none;
};
const config::Table<PriorOptions>& prior_table();

class Prior {
 public:
  virtual ~Prior() = default;
  virtual int64_t dim() const = 0;
  /// Writes one draw, [dim].
  virtual void sample(core::Philox& random, std::span<double> theta) const = 0;
  /// Natural logarithm of the normalised density, -infinity outside the support. theta: [dim].
  virtual double log_prob(std::span<const double> theta) const = 0;
  /// True if `value` lies in the support of a component of theta; the support is the product of its
  /// components'. NaN never does.
  virtual bool component_in_support(size_t component, double value) const = 0;
  /// True if every component of theta [dim] lies in its support.
  bool in_support(std::span<const double> theta) const;
  /// The ends of that support, infinite where there is none.
  virtual std::pair<double, double> ends(size_t component) const;
  /// False if every finite theta is in the support, so that no check is needed.
  virtual bool bounded() const = 0;
  /// The section that rebuilds this prior (kind custom or none for those that the section cannot
  /// express).
  virtual PriorOptions options() const = 0;
};

/// Builds the prior of `options` for `dim` components; nullptr for kind none.
/// Throws UserError (naming prior.KEY) for lengths that do not fit, low >= high, scale <= 0.
std::unique_ptr<Prior> make_prior(const PriorOptions& options, int64_t dim);

/// The ranges that prior.transform: logit confines theta to; empty for none. Throws UserError for a prior
/// without an end (null: none is known).
Range transform_range(const PriorOptions& options, const Prior* prior);

/// The number of components that the section's lists tell: the longest one's length; 0 for kind none.
int64_t prior_dim(const PriorOptions& options);

}  // namespace fluxsbi::data
