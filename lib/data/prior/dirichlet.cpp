#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "data/prior/groups.hpp"
#include "data/prior/prior.hpp"
#include "data/prior/special_functions.hpp"
#include "data/prior/univariate.hpp"

namespace fluxsbi::data {

namespace {

// Sums of fractions that float32 rounded: each is off by 2^-25 of itself, so their sum by that, too.
constexpr double rounding = 1.0 / (1 << 24);

class Dirichlet final : public Prior {
 public:
  explicit Dirichlet(const PriorPart& part) {
    const auto given = *part.find("concentration");
    concentration_.assign(given.begin(), given.end());
    // What is left for the components behind each: sums from the end.
    rest_.assign(concentration_.size(), 0);
    for (size_t i = concentration_.size() - 1; i-- > 0;) rest_[i] = rest_[i + 1] + concentration_[i + 1];
    total_ = rest_[0] + concentration_[0];
    log_constant_ = log_gamma(total_);
    for (const double value : concentration_) log_constant_ -= log_gamma(value);
  }
  int64_t dim() const override { return std::ssize(concentration_) - 1; }
  // Each component takes a share of what those before it left, which has a beta distribution.
  void sample(core::Philox& random, std::span<double> theta) const override {
    double left = 1;
    for (size_t i = 0; i < theta.size(); ++i) {
      theta[i] = left * beta_quantile(concentration_[i], rest_[i], random.uniform_open());
      left -= theta[i];
    }
  }
  double log_prob(std::span<const double> theta) const override {
    if (!in_support(theta)) return -std::numeric_limits<double>::infinity();
    double sum = log_constant_, left = 1;
    for (size_t i = 0; i < theta.size(); ++i) {
      sum += power(i, theta[i]);
      left -= theta[i];
    }
    return sum + power(theta.size(), std::max(left, 0.0));
  }
  double quantile(size_t component, double p) const override {
    return beta_quantile(concentration_[component], total_ - concentration_[component], p);
  }
  bool component_in_support(size_t, double value) const override { return value >= 0 && value <= 1; }
  using Prior::in_support;
  // Given fractions leave less for those that are inferred.
  bool in_support(std::span<const double> theta, std::span<const uint8_t> given) const override {
    if (!Prior::in_support(theta, given)) return false;
    const bool all_given =
        !given.empty() && std::all_of(given.begin(), given.end(), [](uint8_t g) { return g != 0; });
    return all_given || std::accumulate(theta.begin(), theta.end(), 0.0) <= 1 + rounding;
  }
  bool between_exact_ends(std::span<const double> theta) const override {
    return Prior::between_exact_ends(theta) && std::accumulate(theta.begin(), theta.end(), 0.0) <= 1;
  }
  bool admits(std::span<const double> theta) const override {
    double sum = 0;
    for (const double value : theta) sum += std::isnan(value) ? 0 : value;
    return Prior::admits(theta) && sum <= 1 + rounding;
  }
  std::pair<double, double> ends(size_t) const override { return {0, 1}; }
  bool bounded() const override { return true; }
  PriorOptions options() const override { return {}; }

 private:
  // (concentration - 1) log value, which is 0 for concentration 1 even where value is 0.
  double power(size_t i, double value) const {
    return concentration_[i] == 1 ? 0 : (concentration_[i] - 1) * std::log(value);
  }

  std::vector<double> concentration_;  ///< [k]
  std::vector<double> rest_;           ///< [k], the sum of those behind
  double total_ = 0, log_constant_ = 0;
};

int64_t dirichlet_size(const PriorPart& part) {
  return std::ssize(*part.find("concentration")) - 1;
}

void check_dirichlet(const PriorPart& part, const PriorComplaint& complain) {
  const auto fractions = part.find("concentration")->size();
  if (fractions < 2) {
    complain("concentration", "needs an entry for each of two fractions at least, found 1");
  } else if (part.names.size() == fractions) {
    complain("names", "names " + std::to_string(fractions) + " fractions, of which theta holds " +
                          std::to_string(fractions - 1) +
                          ": they sum to 1, so the last is 1 minus the others; remove '" + part.names.back() +
                          "' and let the simulator compute it");
  }
}

std::unique_ptr<Prior> make_dirichlet(const PriorPart& part) {
  return std::make_unique<Dirichlet>(part);
}

}  // namespace

const PriorGroup& dirichlet_group() {
  static const PriorGroup group{dirichlet_size, check_dirichlet, make_dirichlet};
  return group;
}

}  // namespace fluxsbi::data
