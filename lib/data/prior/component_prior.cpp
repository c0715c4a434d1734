#include "data/prior/component_prior.hpp"

#include <cmath>
#include <limits>
#include <utility>

#include "core/error.hpp"
#include "core/text.hpp"

namespace fluxsbi::data {

namespace {

class ComponentPrior final : public Prior {
 public:
  explicit ComponentPrior(std::unique_ptr<Univariate> distribution)
      : distribution_(std::move(distribution)) {}
  int64_t dim() const override { return 1; }
  void sample(core::Philox& random, std::span<double> theta) const override {
    theta[0] = distribution_->sample(random);
  }
  double log_prob(std::span<const double> theta) const override {
    if (!component_in_support(0, theta[0])) return -std::numeric_limits<double>::infinity();
    return distribution_->log_density(theta[0]);
  }
  double quantile(size_t, double p) const override { return distribution_->quantile(p); }
  bool component_in_support(size_t, double value) const override {
    return between_ends(value, distribution_->ends());
  }
  std::pair<double, double> ends(size_t) const override { return distribution_->ends(); }
  bool bounded() const override {
    const auto [low, high] = distribution_->ends();
    return std::isfinite(low) || std::isfinite(high);
  }
  PriorOptions options() const override { return {}; }

 private:
  std::unique_ptr<Univariate> distribution_;
};

class ProductPrior final : public Prior {
 public:
  explicit ProductPrior(PriorOptions options) : options_(std::move(options)) {
    for (const PriorPart& part : options_.parameters->parts) {
      auto prior = make_part(part);
      const auto size = static_cast<size_t>(prior->dim());
      for (size_t i = 0; i < size; ++i) part_of_.push_back(parts_.size());
      parts_.push_back({dim_, size, std::move(prior)});
      dim_ += size;
    }
  }
  int64_t dim() const override { return static_cast<int64_t>(dim_); }
  void sample(core::Philox& random, std::span<double> theta) const override {
    for (const Part& part : parts_) part.prior->sample(random, theta.subspan(part.first, part.size));
  }
  double log_prob(std::span<const double> theta) const override {
    if (!in_support(theta)) return -std::numeric_limits<double>::infinity();
    double sum = 0;
    for (const Part& part : parts_) sum += part.prior->log_prob(theta.subspan(part.first, part.size));
    return sum;
  }
  double quantile(size_t component, double p) const override {
    const Part& part = part_with(component);
    return part.prior->quantile(component - part.first, p);
  }
  bool component_in_support(size_t component, double value) const override {
    const Part& part = part_with(component);
    return part.prior->component_in_support(component - part.first, value);
  }
  using Prior::in_support;
  bool in_support(std::span<const double> theta, std::span<const uint8_t> given) const override {
    core::require(theta.size() == dim_, "theta has a value for each component of its prior");
    for (const Part& part : parts_) {
      const auto given_here = given.empty() ? given : given.subspan(part.first, part.size);
      if (!part.prior->in_support(theta.subspan(part.first, part.size), given_here)) return false;
    }
    return true;
  }
  bool between_exact_ends(std::span<const double> theta) const override {
    for (const Part& part : parts_) {
      if (!part.prior->between_exact_ends(theta.subspan(part.first, part.size))) return false;
    }
    return true;
  }
  bool admits(std::span<const double> theta) const override {
    for (const Part& part : parts_) {
      if (!part.prior->admits(theta.subspan(part.first, part.size))) return false;
    }
    return true;
  }
  std::pair<double, double> ends(size_t component) const override {
    const Part& part = part_with(component);
    return part.prior->ends(component - part.first);
  }
  bool bounded() const override {
    for (const Part& part : parts_) {
      if (part.prior->bounded()) return true;
    }
    return false;
  }
  PriorOptions options() const override { return options_; }

 private:
  struct Part {
    size_t first, size;
    std::unique_ptr<Prior> prior;
  };
  const Part& part_with(size_t component) const { return parts_[part_of_[component]]; }

  PriorOptions options_;
  std::vector<Part> parts_;
  std::vector<size_t> part_of_;  ///< of each component
  size_t dim_ = 0;
};

}  // namespace

std::unique_ptr<Prior> make_component_prior(std::unique_ptr<Univariate> distribution) {
  return std::make_unique<ComponentPrior>(std::move(distribution));
}

std::unique_ptr<Prior> make_product_prior(const PriorOptions& options, int64_t dim) {
  std::vector<std::string> problems;
  if (!options.parameters || options.parameters->parts.empty())
    throw core::UserError("prior.kind: parameters needs the key prior.parameters, a kind for each of them");
  for (size_t i = 0; i < options.parameters->parts.size(); ++i) {
    const PriorPart& part = options.parameters->parts[i];
    const std::string path =
        "prior.parameters" + (part.names.size() == 1 ? "." + part.names[0] : "[" + std::to_string(i) + "]");
    check_part(part, [&](const std::string& key, const std::string& message) {
      problems.push_back(path + (key.empty() ? "" : "." + key) + " " + message);
    });
  }
  if (!problems.empty()) throw core::UserErrors(problems);
  const int64_t own = prior_dim(options);
  if (own != dim) {
    const auto names = part_names(*options.parameters);
    throw core::UserError("prior.parameters holds " + std::to_string(own) + " parameters" +
                          (names.empty() ? "" : " (" + core::join(names) + ")") + ", theta has " +
                          std::to_string(dim) +
                          " components; give a kind for each component, in theta's order");
  }
  return std::make_unique<ProductPrior>(options);
}

}  // namespace fluxsbi::data
