// What rows say against a symmetry.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "core/philox.hpp"
#include "data/symmetry/symmetry.hpp"

namespace fluxsbi::data {

/// Rows of theta and x side by side, [rows, theta_size + x_size], none of them NaN.
struct JudgedRows {
  size_t theta_size = 0, x_size = 0;
  std::vector<double> values;

  size_t width() const { return theta_size + x_size; }
  size_t rows() const { return width() == 0 ? 0 : values.size() / width(); }
  /// The values of a column [rows]; those of x come behind those of theta.
  std::vector<double> column(size_t number) const;
};

/// How far the rows and their forms lie apart.
struct SymmetryEvidence {
  double deviation = 0;   ///< the largest |mean difference| of a statistic, in standard errors
  double statistics = 0;  ///< of how many it is the largest
  double direction = 0;   ///< the larger of two cross-fitted directions, in standard errors: all small
                          ///< differences together; normal with variance 1 where the symmetry holds
  /// The largest deviation that chance gives with the probability 1 - `level` (Bonferroni).
  double limit(double level) const;
};

/// Compares the means of bounded statistics over rows and over their forms. Every value is replaced by its
/// rank among the values of its column, so that units and tails do not matter. The statistics are products
/// of up to three ranks, and cosines of sums of up to five at random, of which at least one belongs to a
/// value that the form changes; of very many pairs some at random. Means over the same rows differ by chance
/// alone where p(theta, x) is that of its form. Two directions, one of products and one of cosines, weigh the
/// statistics by half of the rows and are judged by the other half: many differences count there of which
/// none stands out by itself.
class SymmetryTest {
 public:
  explicit SymmetryTest(JudgedRows rows);

  const JudgedRows& rows() const { return rows_; }
  /// Leaves the cosines out where the products already deviate beyond limit(level).
  SymmetryEvidence judge(const RowForm& form, double level) const;
  /// By the products alone, which cost less.
  SymmetryEvidence judge_products(const RowForm& form) const;
  /// The test of theta and these values of x alone, in this order.
  SymmetryTest with_x(std::span<const size_t> x) const;

 private:
  struct Changed;
  SymmetryTest() = default;
  Changed changed_by(const RowForm& form) const;
  SymmetryEvidence judge_products(const Changed& changed, core::Philox& random) const;
  double rank(size_t column, double value) const;

  JudgedRows rows_;
  std::vector<double> sorted_;  ///< [width, rows], each column in ascending order
  std::vector<float> ranks_;    ///< [width, rows], from -1 to 1
};

}  // namespace fluxsbi::data
