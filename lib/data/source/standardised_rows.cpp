#include "data/source/standardised_rows.hpp"

#include <algorithm>
#include <utility>
#include <vector>

namespace fluxsbi::data {

namespace {

void read_side(const RowArray& array, const Standardiser& standardiser, std::span<const int64_t> rows,
               std::span<float> out) {
  if (out.empty()) return;
  std::vector<double> values(out.size());
  read_rows(array, rows, values);
  standardiser.apply(values, out);
}

}  // namespace

StandardisedRows::StandardisedRows(std::shared_ptr<const RowSource> rows, Standardiser theta, Standardiser x,
                                   Regression regression)
    : rows_(std::move(rows)),
      theta_(std::move(theta)),
      x_(std::move(x)),
      regression_(std::move(regression)) {}

void StandardisedRows::read(std::span<const int64_t> rows, std::span<float> theta, std::span<float> x) const {
  read_side(rows_->x(), x_, rows, x);
  if (regression_.empty()) return read_side(rows_->theta(), theta_, rows, theta);
  std::vector<double> values(theta.size());
  read_rows(rows_->theta(), rows, values);
  std::vector<double> z = theta_.standardised(values);
  regression_.to_residual(z, regression_.centres(x));
  std::transform(z.begin(), z.end(), theta.begin(), [](double r) { return static_cast<float>(r); });
}

}  // namespace fluxsbi::data
