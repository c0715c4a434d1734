#include "data/source/standardised_rows.hpp"

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

StandardisedRows::StandardisedRows(std::shared_ptr<const RowSource> rows, Standardiser theta, Standardiser x)
    : rows_(std::move(rows)), theta_(std::move(theta)), x_(std::move(x)) {}

void StandardisedRows::read(std::span<const int64_t> rows, std::span<float> theta, std::span<float> x) const {
  read_side(rows_->theta(), theta_, rows, theta);
  read_side(rows_->x(), x_, rows, x);
}

}  // namespace fluxsbi::data
