#include "data/precision.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

namespace fluxsbi::data {

double single_step(double size) {
  const auto single = static_cast<float>(std::abs(size));
  return std::nextafter(single, std::numeric_limits<float>::infinity()) - single;
}

bool holds_size_in_single(double value) {
  using Single = std::numeric_limits<float>;
  const double size = std::abs(value);
  return size == 0 || (size >= Single::min() && size <= Single::max());
}

ColumnSpread::ColumnSpread(const std::array<double, 5>& numbers)
    : count_(static_cast<int64_t>(numbers[0])),
      mean_(numbers[1]),
      squares_(numbers[2]),
      largest_(numbers[3]),
      not_single_(static_cast<int64_t>(numbers[4])) {}

std::array<double, 5> ColumnSpread::numbers() const {
  return {static_cast<double>(count_), mean_, squares_, largest_, static_cast<double>(not_single_)};
}

void ColumnSpread::add(double value) {
  if (!std::isfinite(value)) return;
  ++count_;
  const double difference = value - mean_;
  mean_ += difference / static_cast<double>(count_);
  squares_ += difference * (value - mean_);
  largest_ = std::max(largest_, std::abs(value));
  not_single_ += !holds_size_in_single(value);
}

double ColumnSpread::deviation() const {
  return count_ > 0 ? std::sqrt(squares_ / static_cast<double>(count_)) : 0;
}

bool ColumnSpread::coarse_in_single(double parts) const {
  if (count_ < 2) return false;
  if (static_cast<double>(not_single_) * parts > static_cast<double>(count_)) return true;
  // Equal values have no spread but that of rounding.
  if (!(deviation() > 4 * std::numeric_limits<double>::epsilon() * largest_)) return false;
  return !(single_step(largest_) <= deviation() / parts);  // NaN beyond float32's range
}

std::optional<size_t> coarse_in_single(std::span<const double> values, size_t size) {
  std::vector<ColumnSpread> spreads(size);
  for (size_t i = 0; i < values.size(); ++i) spreads[i % size].add(values[i]);
  for (size_t column = 0; column < size; ++column) {
    if (spreads[column].coarse_in_single(parts_of_simulations)) return column;
  }
  return {};
}

bool fits_single(std::span<const double> values) {
  return std::all_of(values.begin(), values.end(),
                     [](double v) { return std::isnan(v) || static_cast<float>(v) == v; });
}

io::Array array_of(std::span<const double> values, std::vector<int64_t> shape, bool as_float64) {
  if (as_float64) return io::Array::from(values, std::move(shape));
  const std::vector<float> single(values.begin(), values.end());
  return io::Array::from(std::span<const float>(single), std::move(shape));
}

}  // namespace fluxsbi::data
