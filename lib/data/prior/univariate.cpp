#include "data/prior/univariate.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "data/prior/density.hpp"
#include "data/prior/special_functions.hpp"
#include "data/prior/truncated_normal.hpp"

namespace fluxsbi::data {

namespace {

constexpr double open_end = std::numeric_limits<double>::infinity();

/// Uniform on [low, high]; exactly linear, so that its quantiles do not leave the ends.
class Uniform final : public Univariate {
 public:
  Uniform(double low, double high) : low_(low), high_(high) {}
  std::pair<double, double> ends() const override { return {low_, high_}; }
  double log_density(double) const override { return -std::log(high_ - low_); }
  double below(double value) const override { return (value - low_) / (high_ - low_); }
  double above(double value) const override { return (high_ - value) / (high_ - low_); }
  double quantile(double p) const override { return std::clamp(low_ + (high_ - low_) * p, low_, high_); }
  double upper_quantile(double p) const override {
    return std::clamp(high_ - (high_ - low_) * p, low_, high_);
  }

 private:
  double low_, high_;
};

/// log theta is uniform on [log low, log high].
class LogUniform final : public Univariate {
 public:
  LogUniform(double low, double high) : low_(low), high_(high), log_(std::log(low), std::log(high)) {}
  std::pair<double, double> ends() const override { return {low_, high_}; }
  double log_density(double value) const override {
    return -std::log(value) - std::log(log_.ends().second - log_.ends().first);
  }
  double below(double value) const override { return log_.below(std::log(value)); }
  double above(double value) const override { return log_.above(std::log(value)); }
  double quantile(double p) const override { return std::clamp(std::exp(log_.quantile(p)), low_, high_); }
  double upper_quantile(double p) const override {
    return std::clamp(std::exp(log_.upper_quantile(p)), low_, high_);
  }

 private:
  double low_, high_;
  Uniform log_;
};

class Normal final : public Univariate {
 public:
  Normal(double mean, double std) : mean_(mean), std_(std) {}
  std::pair<double, double> ends() const override { return {-open_end, open_end}; }
  double log_density(double value) const override { return log_normal(value, mean_, std_); }
  double below(double value) const override { return normal_below((value - mean_) / std_); }
  double above(double value) const override { return normal_below((mean_ - value) / std_); }
  double quantile(double p) const override { return mean_ + std_ * normal_quantile(p); }
  double upper_quantile(double p) const override { return mean_ - std_ * normal_quantile(p); }
  // As the kind normal for all components draws (prior.cpp).
  double sample(core::Philox& random) const override { return mean_ + std_ * random.normal(); }
  double log_mass(double low, double high) const override {
    return log_normal_mass((low - mean_) / std_, (high - mean_) / std_);
  }
  double quantile_between(double u, double low, double high) const override {
    const double z = truncated_normal_quantile(u, (low - mean_) / std_, (high - mean_) / std_);
    return std::clamp(mean_ + std_ * z, low, high);
  }

 private:
  double mean_, std_;
};

/// log theta is normal. The end 0 belongs to no draw; the density falls to 0 there.
class LogNormal final : public Univariate {
 public:
  LogNormal(double mean, double std) : log_(mean, std) {}
  std::pair<double, double> ends() const override { return {0, open_end}; }
  double log_density(double value) const override {
    return value > 0 ? log_.log_density(std::log(value)) - std::log(value) : -open_end;
  }
  double below(double value) const override { return log_.below(std::log(value)); }
  double above(double value) const override { return log_.above(std::log(value)); }
  double quantile(double p) const override { return std::exp(log_.quantile(p)); }
  double upper_quantile(double p) const override { return std::exp(log_.upper_quantile(p)); }
  double sample(core::Philox& random) const override { return std::exp(log_.sample(random)); }
  double log_mass(double low, double high) const override {
    return log_.log_mass(std::log(low), std::log(high));
  }
  double quantile_between(double u, double low, double high) const override {
    return std::clamp(std::exp(log_.quantile_between(u, std::log(low), std::log(high))), low, high);
  }

 private:
  Normal log_;
};

/// |z| for a normal z of mean 0.
class HalfNormal final : public Univariate {
 public:
  explicit HalfNormal(double std) : std_(std), whole_(0, std) {}
  std::pair<double, double> ends() const override { return {0, open_end}; }
  double log_density(double value) const override { return std::log(2) + whole_.log_density(value); }
  double below(double value) const override { return std::exp(log_mass(0, value)); }
  double above(double value) const override { return 2 * whole_.above(value); }
  double quantile(double p) const override { return std_ * half_normal_quantile(p); }
  double upper_quantile(double p) const override { return whole_.upper_quantile(p / 2); }
  double log_mass(double low, double high) const override { return std::log(2) + whole_.log_mass(low, high); }
  double quantile_between(double u, double low, double high) const override {
    return whole_.quantile_between(u, low, high);
  }

 private:
  double std_;
  Normal whole_;
};

class Exponential final : public Univariate {
 public:
  explicit Exponential(double rate) : rate_(rate) {}
  std::pair<double, double> ends() const override { return {0, open_end}; }
  double log_density(double value) const override { return std::log(rate_) - rate_ * value; }
  double below(double value) const override { return -std::expm1(-rate_ * value); }
  double above(double value) const override { return std::exp(-rate_ * value); }
  double quantile(double p) const override { return -std::log1p(-p) / rate_; }
  double upper_quantile(double p) const override { return -std::log(p) / rate_; }
  double log_mass(double low, double high) const override {
    return -rate_ * low + std::log(-std::expm1(-rate_ * (high - low)));
  }
  double quantile_between(double u, double low, double high) const override {  // it has no memory
    return std::clamp(low - std::log1p(u * std::expm1(-rate_ * (high - low))) / rate_, low, high);
  }

 private:
  double rate_;
};

class Truncated final : public Univariate {
 public:
  Truncated(std::unique_ptr<Univariate> base, double low, double high)
      : base_(std::move(base)), low_(low), high_(high), log_mass_(base_->log_mass(low, high)) {}
  std::pair<double, double> ends() const override { return {low_, high_}; }
  double log_density(double value) const override {
    return base_->log_density(std::clamp(value, low_, high_)) - log_mass_;
  }
  double below(double value) const override { return share(low_, value); }
  double above(double value) const override { return share(value, high_); }
  double quantile(double p) const override { return base_->quantile_between(p, low_, high_); }
  double upper_quantile(double p) const override { return base_->quantile_between(1 - p, low_, high_); }

 private:
  double share(double from, double to) const {
    if (from >= to) return 0;
    return std::min(1.0, std::exp(base_->log_mass(from, to) - log_mass_));
  }
  std::unique_ptr<Univariate> base_;
  double low_, high_, log_mass_;
};

}  // namespace

double Univariate::sample(core::Philox& random) const {
  return quantile(random.uniform_open());
}

// Both from the side on which the numbers are small.
double Univariate::log_mass(double low, double high) const {
  const bool upper = below(low) > 0.5;
  return std::log(upper ? above(low) - above(high) : below(high) - below(low));
}

double Univariate::quantile_between(double u, double low, double high) const {
  const bool upper = below(low) > 0.5;
  const double value = upper ? upper_quantile(above(low) - u * (above(low) - above(high)))
                             : quantile(below(low) + u * (below(high) - below(low)));
  return std::clamp(value, low, high);
}

bool between_ends(double value, const std::pair<double, double>& ends) {
  if (!std::isfinite(value)) return false;
  const auto is = [value](double end) { return value == static_cast<double>(static_cast<float>(end)); };
  return (value >= ends.first || is(ends.first)) && (value <= ends.second || is(ends.second));
}

std::unique_ptr<Univariate> truncated(std::unique_ptr<Univariate> base, double low, double high) {
  return std::make_unique<Truncated>(std::move(base), low, high);
}

std::unique_ptr<Univariate> make_uniform(std::span<const double> low_high) {
  return std::make_unique<Uniform>(low_high[0], low_high[1]);
}
std::unique_ptr<Univariate> make_loguniform(std::span<const double> low_high) {
  return std::make_unique<LogUniform>(low_high[0], low_high[1]);
}
std::unique_ptr<Univariate> make_normal(std::span<const double> mean_std) {
  return std::make_unique<Normal>(mean_std[0], mean_std[1]);
}
std::unique_ptr<Univariate> make_lognormal(std::span<const double> mean_std) {
  return std::make_unique<LogNormal>(mean_std[0], mean_std[1]);
}
std::unique_ptr<Univariate> make_halfnormal(std::span<const double> std) {
  return std::make_unique<HalfNormal>(std[0]);
}
std::unique_ptr<Univariate> make_exponential(std::span<const double> rate) {
  return std::make_unique<Exponential>(rate[0]);
}

}  // namespace fluxsbi::data
