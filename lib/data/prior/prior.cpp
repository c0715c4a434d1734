#include "data/prior/prior.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

#include "core/error.hpp"
#include "core/registry.hpp"
#include "core/text.hpp"
#include "data/prior/component_prior.hpp"
#include "data/prior/density.hpp"
#include "data/prior/special_functions.hpp"

namespace fluxsbi::data {

namespace {

bool within(double value, double low, double high) {
  return between_ends(value, {low, high});
}

/// Uniform on the closed box [low, high].
class BoxPrior final : public Prior {
 public:
  explicit BoxPrior(PriorOptions options) : options_(std::move(options)) {
    for (size_t i = 0; i < options_.low.size(); ++i) {
      log_volume_ += std::log(options_.high[i] - options_.low[i]);
    }
  }
  int64_t dim() const override { return static_cast<int64_t>(options_.low.size()); }
  void sample(core::Philox& random, std::span<double> theta) const override {
    for (size_t i = 0; i < theta.size(); ++i) {
      theta[i] = options_.low[i] + (options_.high[i] - options_.low[i]) * random.uniform();
    }
  }
  double log_prob(std::span<const double> theta) const override {
    return in_support(theta) ? -log_volume_ : -infinity;
  }
  double quantile(size_t i, double p) const override {
    return options_.low[i] + (options_.high[i] - options_.low[i]) * p;
  }
  bool component_in_support(size_t i, double value) const override {
    return within(value, options_.low[i], options_.high[i]);
  }
  std::pair<double, double> ends(size_t i) const override { return {options_.low[i], options_.high[i]}; }
  bool bounded() const override { return true; }
  PriorOptions options() const override { return options_; }

 private:
  PriorOptions options_;
  double log_volume_ = 0;
};

/// Independent normal components.
class NormalPrior final : public Prior {
 public:
  explicit NormalPrior(PriorOptions options) : options_(std::move(options)) {}
  int64_t dim() const override { return static_cast<int64_t>(options_.mean.size()); }
  void sample(core::Philox& random, std::span<double> theta) const override {
    for (size_t i = 0; i < theta.size(); ++i)
      theta[i] = options_.mean[i] + options_.scale[i] * random.normal();
  }
  double log_prob(std::span<const double> theta) const override {
    if (!in_support(theta)) return -infinity;
    double sum = 0;
    for (size_t i = 0; i < theta.size(); ++i)
      sum += log_normal(theta[i], options_.mean[i], options_.scale[i]);
    return sum;
  }
  double quantile(size_t i, double p) const override {
    return options_.mean[i] + options_.scale[i] * normal_quantile(p);
  }
  bool component_in_support(size_t, double value) const override { return std::isfinite(value); }
  bool bounded() const override { return false; }
  PriorOptions options() const override { return options_; }

 private:
  PriorOptions options_;
};

/// Independent components whose logarithms are normal.
class LogNormalPrior final : public Prior {
 public:
  explicit LogNormalPrior(PriorOptions options) : options_(std::move(options)) {}
  int64_t dim() const override { return static_cast<int64_t>(options_.mean.size()); }
  void sample(core::Philox& random, std::span<double> theta) const override {
    for (size_t i = 0; i < theta.size(); ++i) {
      theta[i] = std::exp(options_.mean[i] + options_.scale[i] * random.normal());
    }
  }
  double log_prob(std::span<const double> theta) const override {
    if (!in_support(theta)) return -infinity;
    double sum = 0;
    for (size_t i = 0; i < theta.size(); ++i) {
      const double log_theta = std::log(theta[i]);
      sum += log_normal(log_theta, options_.mean[i], options_.scale[i]) - log_theta;
    }
    return sum;
  }
  double quantile(size_t i, double p) const override {
    return std::exp(options_.mean[i] + options_.scale[i] * normal_quantile(p));
  }
  bool component_in_support(size_t, double value) const override { return value > 0 && value < infinity; }
  std::pair<double, double> ends(size_t) const override { return {0, infinity}; }
  bool bounded() const override { return true; }
  PriorOptions options() const override { return options_; }

 private:
  PriorOptions options_;
};

/// A support without a density.
class CustomPrior final : public Prior {
 public:
  explicit CustomPrior(PriorOptions options) : options_(std::move(options)) {
    const auto is_infinite = [](double v) { return std::isinf(v); };
    bounded_ = !std::all_of(options_.low.begin(), options_.low.end(), is_infinite) ||
               !std::all_of(options_.high.begin(), options_.high.end(), is_infinite);
  }
  int64_t dim() const override { return static_cast<int64_t>(options_.low.size()); }
  void sample(core::Philox&, std::span<double>) const override { refuse("drawing from it"); }
  double log_prob(std::span<const double>) const override { refuse("its density"); }
  double quantile(size_t, double) const override { refuse("a quantile"); }
  bool component_in_support(size_t i, double value) const override {
    return within(value, options_.low[i], options_.high[i]);
  }
  std::pair<double, double> ends(size_t i) const override { return {options_.low[i], options_.high[i]}; }
  bool bounded() const override { return bounded_; }
  PriorOptions options() const override { return options_; }

 private:
  [[noreturn]] static void refuse(const std::string& what) {
    throw core::UserError("prior.kind: custom is a support without a density; " + what +
                          " needs box, normal, lognormal or prior.parameters");
  }
  PriorOptions options_;
  bool bounded_ = false;
};

using Member = std::vector<double> PriorOptions::*;
struct Key {
  const char* name;
  Member member;
};
constexpr Key keys[] = {{"low", &PriorOptions::low},
                        {"high", &PriorOptions::high},
                        {"mean", &PriorOptions::mean},
                        {"scale", &PriorOptions::scale}};

bool belongs(PriorKind kind, Member member) {
  const bool is_bound = member == &PriorOptions::low || member == &PriorOptions::high;
  if (kind == PriorKind::box || kind == PriorKind::custom) return is_bound;
  return kind != PriorKind::none && kind != PriorKind::parameters && !is_bound;
}

/// Lengths: each list of the kind is stretched from one entry to `dim`. Adds what is wrong to `problems`.
void fit_lengths(PriorOptions& options, int64_t dim, std::vector<std::string>& problems) {
  for (const Key& key : keys) {
    auto& values = options.*key.member;
    const std::string name = std::string("prior.") + key.name;
    if (!belongs(options.kind, key.member)) {
      if (!values.empty()) {
        const bool bounds = belongs(PriorKind::box, key.member);
        problems.push_back(
            name + " has no meaning for prior.kind: " + config::name_of(options.kind) + "; " +
            (options.kind != PriorKind::none
                 ? "remove it or choose another kind"
                 : std::string("set prior.kind: ") +
                       (bounds ? "box (uniform between low and high) or custom (a support alone)"
                               : "normal or lognormal") +
                       ", or remove it"));
      }
      continue;
    }
    if (values.size() == 1) values.resize(static_cast<size_t>(dim), values[0]);
    if (std::ssize(values) != dim) {
      problems.push_back(name + " has " + std::to_string(values.size()) + " entries, theta has " +
                         std::to_string(dim) + " components; give " + std::to_string(dim) +
                         ", or one for all (prior.kind: " + config::name_of(options.kind) + ")");
    }
  }
}

void check_values(const PriorOptions& options, std::vector<std::string>& problems) {
  const bool infinite_allowed = options.kind == PriorKind::custom;
  for (const Key& key : keys) {
    for (const double value : options.*key.member) {
      if (std::isnan(value) || (std::isinf(value) && !infinite_allowed)) {
        problems.push_back(std::string("prior.") + key.name + " must hold finite numbers for prior.kind: " +
                           config::name_of(options.kind) + ", found " + core::number_text(value));
        break;
      }
    }
  }
  for (size_t i = 0; i < options.low.size() && i < options.high.size(); ++i) {
    if (options.low[i] < options.high[i]) continue;
    problems.push_back("prior.low must be below prior.high, component " + std::to_string(i) + " has " +
                       core::number_text(options.low[i]) + " and " + core::number_text(options.high[i]));
  }
  for (size_t i = 0; i < options.scale.size(); ++i) {
    if (options.scale[i] > 0) continue;
    problems.push_back("prior.scale must be above 0, component " + std::to_string(i) + " has " +
                       core::number_text(options.scale[i]));
  }
}

config::Rule<std::vector<double>> numbers(const std::string& allowed) {
  return {allowed, [](const std::vector<double>&) { return true; }};
}

}  // namespace

bool Prior::in_support(std::span<const double> theta, std::span<const uint8_t> given) const {
  core::require(std::ssize(theta) == dim(), "theta has a value for each component of its prior");
  for (size_t i = 0; i < theta.size(); ++i) {
    if ((given.empty() || !given[i]) && !component_in_support(i, theta[i])) return false;
  }
  return true;
}

bool Prior::between_exact_ends(std::span<const double> theta) const {
  for (size_t i = 0; i < theta.size(); ++i) {
    const auto [low, high] = ends(i);
    if (theta[i] < low || theta[i] > high) return false;
  }
  return true;
}

bool Prior::admits(std::span<const double> theta) const {
  for (size_t i = 0; i < theta.size(); ++i) {
    if (!std::isnan(theta[i]) && !component_in_support(i, theta[i])) return false;
  }
  return true;
}

std::pair<double, double> Prior::ends(size_t) const {
  return {-infinity, infinity};
}

std::span<const std::string_view> enum_names(PriorKind) {
  static constexpr std::array<std::string_view, 6> names{"none",      "box",    "normal",
                                                         "lognormal", "custom", "parameters"};
  return names;
}

config::Problem read(const config::Value& value, PriorKind& kind) {
  std::string text;
  if (auto problem = config::read(value, text)) return problem;
  if (text == "uniform") {
    kind = PriorKind::box;
    return {};
  }
  size_t at = 0;
  config::Problem problem = config::read_name(value, enum_names(kind), at);
  if (!problem)
    kind = static_cast<PriorKind>(at);
  else if (core::find_row(prior_kinds(), text) != nullptr)
    *problem += "; it is a kind of single parameters: prior.parameters: {NAME: {kind: " + text + ", ...}}";
  return problem;
}

std::span<const std::string_view> enum_names(PriorTransform) {
  static constexpr std::array<std::string_view, 2> names{"none", "logit"};
  return names;
}

const config::Table<PriorOptions>& prior_table() {
  static const auto table =
      config::Table<PriorOptions>("prior",
                                  "What is known about the prior of theta: `simulate` draws from it, and "
                                  "samples outside its support are drawn again. A built-in task has its own "
                                  "prior.")
          .add("kind", &PriorOptions::kind, config::one_of<PriorKind>(),
               "none: every theta is accepted; box: uniform on [low, high]; normal: independent normal "
               "components with mean and scale; lognormal: log theta is normal with mean and scale; custom: "
               "only the support [low, high] is known; parameters: each its own, as the key parameters says")
          .add("low", &PriorOptions::low, numbers("a number for each component, or one for all"),
               "box, custom: the lower bounds (custom: may be -.inf)")
          .add("high", &PriorOptions::high, numbers("a number for each component, or one for all"),
               "box, custom: the upper bounds (custom: may be .inf)")
          .add("mean", &PriorOptions::mean, numbers("a number for each component, or one for all"),
               "normal: the mean of theta; lognormal: the mean of log theta")
          .alias("mu")
          .add("scale", &PriorOptions::scale, numbers("a number above 0 for each component, or one for all"),
               "normal: the standard deviation of theta; lognormal: that of log theta")
          .alias("std")
          .alias("sigma")
          .add("transform", &PriorOptions::transform, config::one_of<PriorTransform>(),
               "logit: models learn log((theta - low) / (high - theta)) of the bounded components, or "
               "log(theta - low) where only one end is bounded, so that no sample leaves the support; "
               "`log-prob` and `map` still answer for theta itself")
          .add(
              "parameters", &PriorOptions::parameters, config::any<std::optional<PriorParts>>(),
              "a kind for each parameter, `mass: {kind: loguniform, low: 1e-3, high: 10}`, in theta's order; "
              "the keys name theta. Kinds, groups of parameters and lists: docs/priors.md");
  return table;
}

std::unique_ptr<Prior> make_prior(const PriorOptions& given, int64_t dim) {
  core::require(dim >= 1, "a prior needs at least one component");
  if (given.kind == PriorKind::parameters) return make_product_prior(given, dim);
  PriorOptions options = given;
  std::vector<std::string> problems;
  fit_lengths(options, dim, problems);
  check_values(options, problems);
  if (!problems.empty()) throw core::UserErrors(problems);
  switch (options.kind) {
    case PriorKind::none:
    case PriorKind::parameters:  // built above
      break;
    case PriorKind::box:
      return std::make_unique<BoxPrior>(std::move(options));
    case PriorKind::normal:
      return std::make_unique<NormalPrior>(std::move(options));
    case PriorKind::lognormal:
      return std::make_unique<LogNormalPrior>(std::move(options));
    case PriorKind::custom:
      return std::make_unique<CustomPrior>(std::move(options));
  }
  return nullptr;
}

Range transform_range(const PriorOptions& options, const Prior* prior) {
  if (options.transform == PriorTransform::none) return {};
  if (!prior || !prior->bounded()) {
    throw core::UserError("prior.transform: " + config::name_of(options.transform) +
                          " needs a bounded prior, and prior.kind: " + config::name_of(options.kind) +
                          " has no end; give low and high, or set prior.transform: none");
  }
  Range range;
  for (size_t i = 0; i < static_cast<size_t>(prior->dim()); ++i) {
    const auto [low, high] = prior->ends(i);
    range.low.push_back(low);
    range.high.push_back(high);
  }
  return range;
}

int64_t prior_dim(const PriorOptions& options) {
  if (options.parameters) {
    int64_t dim = 0;
    for (const PriorPart& part : options.parameters->parts) dim += part_size(part);
    return dim;
  }
  size_t longest = 0;
  for (const Key& key : keys) longest = std::max(longest, (options.*key.member).size());
  return static_cast<int64_t>(longest);
}

}  // namespace fluxsbi::data
