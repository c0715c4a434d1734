#include "data/source/row_source.hpp"

#include <algorithm>
#include <numeric>
#include <utility>
#include <vector>

#include "core/error.hpp"

namespace fluxsbi::data {

RowSource::RowSource(RowArrayPtr theta, RowArrayPtr x) : theta_(std::move(theta)), x_(std::move(x)) {
  core::require(theta_->rows() == x_->rows(), "theta and x have the same rows");
}

void read_rows(const RowArray& array, std::span<const int64_t> rows, std::span<double> out) {
  if (std::is_sorted(rows.begin(), rows.end())) {
    array.gather(rows, out);
    return;
  }
  std::vector<size_t> order(rows.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::sort(order.begin(), order.end(), [&](size_t a, size_t b) { return rows[a] < rows[b]; });
  std::vector<int64_t> sorted(rows.size());
  for (size_t i = 0; i < order.size(); ++i) sorted[i] = rows[order[i]];
  std::vector<double> values(out.size());
  array.gather(sorted, values);
  const auto width = static_cast<size_t>(array.row_size());
  for (size_t i = 0; i < order.size(); ++i) {
    std::copy_n(values.begin() + static_cast<ptrdiff_t>(i * width), width,
                out.begin() + static_cast<ptrdiff_t>(order[i] * width));
  }
}

}  // namespace fluxsbi::data
