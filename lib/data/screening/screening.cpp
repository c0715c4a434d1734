#include "data/screening/screening.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>
#include <utility>

#include "core/error.hpp"
#include "core/text.hpp"
#include "data/prior/special_functions.hpp"
#include "data/screening/rank_columns.hpp"

namespace fluxsbi::data {

namespace {

constexpr size_t most_pairs = 20'000;  // of values of x

class Screen {
 public:
  explicit Screen(const JudgedRows& rows) : n_(rows.rows()), values_(rows.x_size) {
    for (size_t k = 0; k < rows.theta_size; ++k) {
      auto columns = rank_polynomials(rows.column(k));
      theta_.push_back(columns[0]);
      for (Column& column : columns) targets_.push_back(std::move(column));
    }
    for (const auto& [k, l] : pairs_of(theta_.size(), most_rank_products))
      targets_.push_back(product(theta_[k], theta_[l]));
    for (size_t j = 0; j < values_; ++j) x_.push_back(rank_polynomials(rows.column(rows.theta_size + j)));
  }

  std::vector<uint8_t> kept() const {
    const auto pairs = pairs_of(values_, most_pairs);
    const double looks = static_cast<double>(targets_.size() * (3 * values_ + pairs.size())) +
                         2.0 * static_cast<double>(values_ * values_);
    const double limit = normal_quantile(1 - screening_level / (2 * looks));
    std::vector<uint8_t> kept(values_);
    for (size_t j = 0; j < values_; ++j) {
      kept[j] = x_[j][0].empty();
      for (const Column& column : x_[j]) kept[j] = kept[j] || tells(column, limit);
    }
    for (const auto& [i, j] : pairs) {
      if (kept[i] && kept[j]) continue;
      if (tells(product(x_[i][0], x_[j][0]), limit)) kept[i] = kept[j] = 1;
    }
    keep_related(limit, kept);
    return kept;
  }

  // Whether the values that are not kept tell of theta, or of the others, together.
  bool tell_together(const std::vector<uint8_t>& kept) const {
    std::vector<const Column*> inputs, outputs;
    const auto add = [](const Column& column, std::vector<const Column*>& list) {
      if (!column.empty()) list.push_back(&column);
    };
    for (const Column& column : targets_) add(column, outputs);
    for (size_t j = 0; j < values_; ++j) {
      for (size_t degree = 0; degree < 2; ++degree) add(x_[j][degree], kept[j] ? outputs : inputs);
    }
    const double looks = static_cast<double>(ridge_penalties.size() * outputs.size());
    const double limit = normal_quantile(1 - screening_level / looks);
    for (const double penalty : ridge_penalties) {
      const std::vector<double> first = judged(inputs, outputs, 0, penalty),
                                second = judged(inputs, outputs, 1, penalty);
      for (size_t k = 0; k < outputs.size(); ++k) {
        if ((first[k] + second[k]) / 2 > limit) return true;
      }
    }
    return false;
  }

 private:
  // n^(1/2) times a correlation is normal with variance 1 where there is no dependence.
  double deviation(const Column& a, const Column& b) const {
    return std::abs(dot(a, b)) / std::sqrt(static_cast<double>(n_));
  }
  bool tells(const Column& column, double limit) const {
    return std::any_of(targets_.begin(), targets_.end(),
                       [&](const Column& target) { return deviation(column, target) > limit; });
  }
  bool related(size_t i, size_t j, double limit) const {
    for (size_t a = 0; a < 2; ++a) {
      for (size_t b = 0; b < 2; ++b) {
        if (deviation(x_[i][a], x_[j][b]) > limit) return true;
      }
    }
    return false;
  }
  void keep_related(double limit, std::vector<uint8_t>& kept) const {
    std::vector<size_t> open;
    for (size_t i = 0; i < values_; ++i) {
      if (kept[i]) open.push_back(i);
    }
    while (!open.empty()) {
      const size_t i = open.back();
      open.pop_back();
      for (size_t j = 0; j < values_; ++j) {
        if (kept[j] || !related(i, j, limit)) continue;
        kept[j] = 1;
        open.push_back(j);
      }
    }
  }

  // For each output, how far what a ridge regression of half `fitted` predicts goes with the output in the
  // other half, in standard errors.
  static std::vector<double> judged(const std::vector<const Column*>& inputs,
                                    const std::vector<const Column*>& outputs, size_t fitted,
                                    double penalty) {
    const HalfRidge ridge(inputs, fitted, penalty);
    std::vector<double> found;
    for (const Column* output : outputs) found.push_back(ridge.told(*output));
    return found;
  }

  size_t n_, values_;
  std::vector<Column> theta_, targets_;
  std::vector<std::array<Column, 3>> x_;
};

}  // namespace

Screening screen_values(const JudgedRows& rows) {
  core::require(std::cmp_greater_equal(rows.rows(), least_screened_rows) && rows.theta_size > 0 &&
                    rows.x_size > 0 && std::cmp_less_equal(rows.x_size, most_screened_values),
                "rows that can be screened");
  const Screen screen(rows);
  const std::vector<uint8_t> kept = screen.kept();
  const auto count = static_cast<size_t>(std::count(kept.begin(), kept.end(), uint8_t{1}));
  const std::string of_rows = " in " + std::to_string(rows.rows()) + " rows";
  Screening found;
  if (count == rows.x_size) {
    found.reason = "each of them has to do with theta" + of_rows;
  } else if (count == 0) {
    found.reason = "none of them shows a dependence on theta" + of_rows;
  } else if (screen.tell_together(kept)) {
    found.reason = "some show no dependence on theta by themselves, but do so together" + of_rows;
  } else {
    found.reason = "the others show no dependence on theta or on these" + of_rows;
    for (size_t j = 0; j < kept.size(); ++j) {
      if (kept[j]) found.kept.push_back(static_cast<int64_t>(j));
    }
    return found;
  }
  found.kept.resize(rows.x_size);
  std::iota(found.kept.begin(), found.kept.end(), int64_t{0});
  return found;
}

}  // namespace fluxsbi::data
