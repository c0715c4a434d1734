// Columns of ranks and what is computed of them: how rows are asked whether one thing tells of another.
#pragma once

#include <array>
#include <cstddef>
#include <span>
#include <utility>
#include <vector>

namespace fluxsbi::data {

/// A number for each row, with mean 0 and variance 1; empty: it does not vary. Even rows come first, then odd
/// ones, so that the halves of the rows are the halves of every column.
using Column = std::vector<float>;

/// `values` in the order of rows; equal ones have equal ranks, from -1 to 1. The first three Legendre
/// polynomials of the ranks.
std::array<Column, 3> rank_polynomials(std::span<const double> values);
/// The product, standardised.
Column product(const Column& a, const Column& b);
/// The sum of a row's products; 0 where one does not vary.
double dot(std::span<const float> a, std::span<const float> b);

/// The even rows (0) or the odd ones (1).
std::span<const float> half_of(const Column& column, size_t which);

/// All pairs i < j < size, or `most` of them at random, the same for the same arguments.
std::vector<std::pair<size_t, size_t>> pairs_of(size_t size, size_t most);

/// Of products of two columns of theta so many are looked at.
inline constexpr size_t most_rank_products = 60;
/// Penalties that are tried, since nobody knows how many inputs tell something.
inline constexpr std::array ridge_penalties{0.1, 1.};

/// Ridge regressions on columns over one half of the rows.
class HalfRidge {
 public:
  /// penalty: a row's share, of inputs of variance 1. The columns must vary and outlive it.
  HalfRidge(std::vector<const Column*> inputs, size_t half, double penalty);
  /// The weights of the inputs [inputs] for an output.
  std::vector<double> weights(const Column& output) const;
  /// What these weights predict of a half's rows.
  std::vector<float> predicted(std::span<const double> weights, size_t half) const;
  /// How far what this half's rows predict of `output` goes with it in the other half, in standard errors.
  double told(const Column& output) const;

 private:
  std::vector<const Column*> inputs_;
  size_t half_;
  std::vector<double> factor_;  ///< Cholesky factor of the sums of products [inputs, inputs]
};

}  // namespace fluxsbi::data
