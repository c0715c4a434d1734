#include "data/screening/linear_summaries.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <span>
#include <utility>
#include <vector>

#include "core/error.hpp"
#include "data/prior/cholesky.hpp"
#include "data/screening/rank_columns.hpp"

namespace fluxsbi::data {

namespace {

constexpr double linear_penalty = 1e-2, summary_penalty = 1e-3;  // a row's share, of inputs of variance 1

// A side's values in columns with mean 0 and variance 1, in the order of rows.
std::vector<std::vector<double>> standardised_columns(const JudgedRows& rows, size_t first, size_t size) {
  std::vector<std::vector<double>> columns;
  const auto n = static_cast<double>(rows.rows());
  for (size_t k = 0; k < size; ++k) {
    std::vector<double> column;
    double sum = 0, squares = 0;
    for (size_t row = 0; row < rows.rows(); ++row) {
      column.push_back(rows.values[row * rows.width() + first + k]);
      sum += column.back();
    }
    for (double& value : column) {
      value -= sum / n;
      squares += value * value;
    }
    const double deviation = std::sqrt(squares / n);
    if (!(deviation > 0)) continue;
    for (double& value : column) value /= deviation;
    columns.push_back(std::move(column));
  }
  return columns;
}

double dot_of(const std::vector<double>& a, const std::vector<double>& b) {
  double sum = 0;
  for (size_t i = 0; i < a.size(); ++i) sum += a[i] * b[i];
  return sum;
}

// What a linear regression on x predicts of each column of theta.
std::vector<std::vector<double>> predictions(const std::vector<std::vector<double>>& x,
                                             const std::vector<std::vector<double>>& theta) {
  const size_t p = x.size(), n = x.front().size();
  std::vector<double> matrix(p * p);
  for (size_t i = 0; i < p; ++i) {
    for (size_t j = 0; j <= i; ++j) matrix[i * p + j] = dot_of(x[i], x[j]);
    matrix[i * p + i] += linear_penalty * static_cast<double>(n);
  }
  const auto factor = cholesky(matrix, p);
  core::require(factor.has_value(), "a penalty makes the sums of products positive definite");
  std::vector<std::vector<double>> found;
  for (const auto& output : theta) {
    std::vector<double> weights;
    for (const auto& input : x) weights.push_back(dot_of(input, output));
    solve_cholesky(*factor, weights);
    std::vector<double> predicted(n);
    for (size_t i = 0; i < p; ++i) {
      for (size_t row = 0; row < n; ++row) predicted[row] += weights[i] * x[i][row];
    }
    found.push_back(std::move(predicted));
  }
  return found;
}

// Polynomials of ranks and products of two of them, without those that do not vary.
std::vector<Column> functions_of(const std::vector<std::vector<double>>& columns) {
  std::vector<Column> functions, ranks;
  for (const auto& column : columns) {
    auto polynomials = rank_polynomials(column);
    ranks.push_back(polynomials[0]);
    for (Column& one : polynomials) functions.push_back(std::move(one));
  }
  for (const auto& [k, l] : pairs_of(ranks.size(), most_rank_products))
    functions.push_back(product(ranks[k], ranks[l]));
  std::erase_if(functions, [](const Column& column) { return column.empty(); });
  return functions;
}

std::vector<const Column*> pointers(const std::vector<Column>& columns) {
  std::vector<const Column*> found;
  for (const Column& column : columns) found.push_back(&column);
  return found;
}

// The share of `actual` that goes with `predicted`, negative where they go against each other.
double share(std::span<const float> predicted, std::span<const float> actual) {
  const double both = dot(predicted, actual), own = dot(predicted, predicted), all = dot(actual, actual);
  return own > 0 && all > 0 ? std::copysign(both * both / (own * all), both) : 0;
}

}  // namespace

double told_beyond_linear(const JudgedRows& rows) {
  const auto theta = standardised_columns(rows, 0, rows.theta_size),
             x = standardised_columns(rows, rows.theta_size, rows.x_size);
  if (theta.empty() || x.empty()) return 0;
  const auto summaries = predictions(x, theta);
  std::vector<std::vector<double>> left = theta;
  for (size_t k = 0; k < left.size(); ++k) {
    for (size_t row = 0; row < left[k].size(); ++row) left[k][row] -= summaries[k][row];
  }
  const std::vector<Column> targets = functions_of(left), told = functions_of(summaries);
  std::vector<Column> inputs;
  for (const auto& column : x) {
    auto polynomials = rank_polynomials(column);
    for (size_t degree = 0; degree < 2; ++degree) {
      if (!polynomials[degree].empty()) inputs.push_back(std::move(polynomials[degree]));
    }
  }
  double most = 0;
  for (const double penalty : ridge_penalties) {
    std::vector<double> shares(targets.size());
    for (const size_t fitted : {size_t{0}, size_t{1}}) {
      const HalfRidge by_summaries(pointers(told), fitted, summary_penalty),
          by_x(pointers(inputs), fitted, penalty);
      for (size_t k = 0; k < targets.size(); ++k) {
        // What the summaries tell is taken out of both halves.
        const std::vector<double> weights = by_summaries.weights(targets[k]);
        Column rest = targets[k];
        size_t row = 0;
        for (const size_t half : {size_t{0}, size_t{1}}) {
          for (const float value : by_summaries.predicted(weights, half)) rest[row++] -= value;
        }
        shares[k] += share(by_x.predicted(by_x.weights(rest), 1 - fitted), half_of(rest, 1 - fitted)) / 2;
      }
    }
    most = std::max(most, *std::max_element(shares.begin(), shares.end()));
  }
  return most;
}

}  // namespace fluxsbi::data
