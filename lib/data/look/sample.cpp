#include "data/look/sample.hpp"

#include <algorithm>
#include <numeric>

#include "core/philox.hpp"
#include "data/look/column.hpp"
#include "data/missing.hpp"

namespace fluxsbi::data {

namespace {

std::vector<int64_t> chosen_rows(int64_t rows, int64_t wanted, uint64_t seed) {
  std::vector<int64_t> chosen(static_cast<size_t>(std::min(rows, wanted)));
  if (wanted >= rows) {
    std::iota(chosen.begin(), chosen.end(), int64_t{0});
    return chosen;
  }
  core::Philox random(seed, core::Purpose::split, 3);
  for (int64_t part = 0; part < wanted; ++part) {
    const int64_t first = part * rows / wanted, end = (part + 1) * rows / wanted;
    chosen[static_cast<size_t>(part)] =
        first + static_cast<int64_t>(random.below(static_cast<uint64_t>(end - first)));
  }
  return chosen;
}

}  // namespace

std::span<const double> RowSample::theta_row(int64_t row) const {
  return std::span(theta).subspan(static_cast<size_t>(row) * theta_size, theta_size);
}

std::span<const double> RowSample::x_row(int64_t row) const {
  return std::span(x).subspan(static_cast<size_t>(row) * x_size, x_size);
}

int64_t RowSample::failures() const {
  return std::count(failed.begin(), failed.end(), uint8_t{1});
}

RowSample sample_rows(const Dataset& dataset, const DataOptions& options, uint64_t seed,
                      int64_t most_numbers) {
  const RowSource& source = *dataset.rows;
  RowSample sample;
  sample.theta_size = static_cast<size_t>(source.theta().row_size());
  sample.x_size = static_cast<size_t>(source.x().row_size());
  const auto width = static_cast<int64_t>(std::max<size_t>(1, sample.theta_size + sample.x_size));
  const auto rows = chosen_rows(source.rows(), std::max<int64_t>(1, most_numbers / width), seed);
  sample.rows = std::ssize(rows);
  sample.theta.resize(rows.size() * sample.theta_size);
  sample.x.resize(rows.size() * sample.x_size);
  read_rows(source.theta(), rows, sample.theta);
  if (sample.x_size > 0) read_rows(source.x(), rows, sample.x);
  sample.failed_are_out = options.nan == NanPolicy::error || options.nan == NanPolicy::drop;
  sample.failed.resize(rows.size());
  for (int64_t row = 0; row < sample.rows; ++row) {
    const auto theta = sample.theta_row(row), x = sample.x_row(row);
    sample.failed[static_cast<size_t>(row)] =
        !std::all_of(theta.begin(), theta.end(), is_finite) || !std::all_of(x.begin(), x.end(), is_finite);
  }
  return sample;
}

}  // namespace fluxsbi::data
