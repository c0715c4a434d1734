// Simulations for tests of the look before training.
#pragma once

#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "core/philox.hpp"
#include "data/look/look.hpp"
#include "data/prior/prior.hpp"
#include "data/survey.hpp"

namespace fluxsbi::test {

inline constexpr double nan_value = std::numeric_limits<double>::quiet_NaN();

// theta [n, 2] uniform on (-1, 1), x [n, 2] = theta + 0.1 noise; tests spoil it.
struct Sims {
  explicit Sims(int64_t count) : rows(count) {
    core::Philox random(11, core::Purpose::test);
    for (int64_t i = 0; i < 2 * rows; ++i) theta.push_back(2 * random.uniform() - 1);
    for (const double value : theta) x.push_back(value + 0.1 * random.normal());
  }
  double& theta_at(int64_t row, int64_t i) { return theta[static_cast<size_t>(2 * row + i)]; }
  double& x_at(int64_t row, int64_t i) { return x[static_cast<size_t>(2 * row + i)]; }
  data::Dataset dataset() const {
    data::Dataset dataset;
    dataset.shape.theta_dim = 2;
    dataset.shape.x_dim = std::ssize(x) / rows;
    const auto array = [&](const std::vector<double>& values) {
      return data::rows_in_memory(
          io::Array::from(std::span<const double>(values), {rows, std::ssize(values) / rows}));
    };
    dataset.rows = std::make_shared<data::RowSource>(array(theta), array(x));
    dataset.theta_names = {"theta_0", "theta_1"};
    for (int64_t i = 0; i < dataset.shape.x_dim; ++i) dataset.x_names.push_back("x_" + std::to_string(i));
    dataset.source = "sims";
    return dataset;
  }
  /// With a sample of few rows, and with what a survey counts of all.
  data::Look look_at_part(data::DataOptions options, int64_t numbers, data::LookRequest request = {}) const {
    options.constant = data::ConstantColumns::keep;
    options.standardise_x = data::Standardise::per_feature;
    const auto survey = data::survey(dataset(), options, 1);
    request.theta_tallies = survey.theta_tallies;
    request.x_tallies = survey.x_tallies;
    request.dropped = survey.dropped;
    request.seed = 3;
    request.most_numbers = numbers;
    return look(options, request);
  }
  data::Look look(const data::DataOptions& options = {}, const data::LookRequest& request = {}) const {
    return data::look(dataset(), options, request);
  }
  int64_t rows;
  std::vector<double> theta, x;
};

inline const data::Finding* find(const data::Look& look, const std::string& kind) {
  for (const data::Finding& finding : look.findings) {
    if (finding.kind == kind) return &finding;
  }
  return nullptr;
}

inline data::DataOptions with_nan(data::NanPolicy nan) {
  data::DataOptions options;
  options.nan = nan;
  return options;
}

inline std::unique_ptr<data::Prior> box_prior(double low, double high) {
  return data::make_prior({data::PriorKind::box, {low}, {high}, {}, {}}, 2);
}

inline bool says_text(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

}  // namespace fluxsbi::test
