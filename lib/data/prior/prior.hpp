// Priors over theta: support, density, draws.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "config/reader.hpp"
#include "config/table.hpp"
#include "core/philox.hpp"
#include "data/prior/parts.hpp"
#include "data/standardise.hpp"

namespace fluxsbi::data {

enum class PriorKind {
  none,        ///< nothing is known, and every theta is accepted
  box,         ///< uniform on [low, high] per component
  normal,      ///< mean, std per component (support R^d)
  lognormal,   ///< mu, sigma per component (support theta > 0)
  custom,      ///< the support of low/high (may be infinite), no density: sample and log_prob throw UserError
  parameters,  ///< each parameter or group of parameters has its own kind
};
std::span<const std::string_view> enum_names(PriorKind);
/// By its name; `uniform`, as a single parameter's kind is called, is box. A kind that only single parameters
/// have is a problem that says where it belongs.
config::Problem read(const config::Value& value, PriorKind& kind);

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
  std::optional<PriorParts> parameters = {};  ///< parameters: the parts
};
const config::Table<PriorOptions>& prior_table();

/// Completes the section after it was read: prior.parameters means kind parameters. Another kind, or numbers
/// beside them, are problems.
void resolve(PriorOptions& options, config::Reader& reader);

/// Gives theta the names of prior.parameters where data.names.theta (`names`) is empty. Reports other names
/// as a problem that shows both.
void adopt_names(const PriorOptions& options, std::vector<std::string>& names, config::Reader& reader);

/// Puts prior.parameters into the order of theta's `names`, by which they are found. They stand as they are
/// where one of both sides only numbers them (theta_0, theta_1, ...) and they share no name. Throws
/// UserError, which begins with `where`, for other names, and for a group whose parameters do not follow one
/// another.
void follow_names(PriorOptions& options, const std::vector<std::string>& names, const std::string& where);

class Prior {
 public:
  virtual ~Prior() = default;
  virtual int64_t dim() const = 0;
  /// Writes one draw, [dim].
  virtual void sample(core::Philox& random, std::span<double> theta) const = 0;
  /// Natural logarithm of the normalised density, -infinity outside the support. theta: [dim].
  virtual double log_prob(std::span<const double> theta) const = 0;
  /// The value of a component below which the share p in (0, 1) of its own (marginal) distribution lies.
  virtual double quantile(size_t component, double p) const = 0;
  /// True if `value` lies in the support of a component of theta. NaN never does. The support of theta is the
  /// product of its components', but for groups whose components bound each other (a Dirichlet's fractions).
  virtual bool component_in_support(size_t component, double value) const = 0;
  /// True if theta [dim] lies in the support.
  bool in_support(std::span<const double> theta) const { return in_support(theta, {}); }
  /// The same of a theta of which some components were given: given [dim] is not 0 for these, or empty for
  /// none. A given one is not judged itself, but it bounds those that were not.
  virtual bool in_support(std::span<const double> theta, std::span<const uint8_t> given) const;
  /// in_support counts an end as float32 writes it, too. True if theta lies in the support without that
  /// allowance, as draws for a simulator do.
  virtual bool between_exact_ends(std::span<const double> theta) const;
  /// True if some theta of the support has these values. NaN leaves a component open.
  virtual bool admits(std::span<const double> theta) const;
  /// The ends of a component's support, infinite where there is none.
  virtual std::pair<double, double> ends(size_t component) const;
  /// False if every finite theta is in the support, so that no check is needed.
  virtual bool bounded() const = 0;
  /// The section that rebuilds this prior (kind custom or none for those that the section cannot
  /// express).
  virtual PriorOptions options() const = 0;
};

/// Builds the prior of `options` for `dim` components; nullptr for kind none.
/// Throws UserError (naming prior.KEY) for lengths that do not fit, low >= high, scale <= 0, and for mistakes
/// in parts.
std::unique_ptr<Prior> make_prior(const PriorOptions& options, int64_t dim);

/// The ranges that prior.transform: logit confines theta to; empty for none. Throws UserError for a prior
/// without an end (null: none is known).
Range transform_range(const PriorOptions& options, const Prior* prior);

/// The number of components that the section tells: those of its parts, or the longest list's length; 0 for
/// kind none.
int64_t prior_dim(const PriorOptions& options);

}  // namespace fluxsbi::data
