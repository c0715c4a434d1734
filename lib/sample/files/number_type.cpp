#include "sample/files/number_type.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "core/error.hpp"
#include "core/log.hpp"
#include "core/text.hpp"

namespace fluxsbi::sample {

namespace {

// Parts of the spread that a file keeps apart.
constexpr double parts_of_spread = 100;

// Count, mean and squares of some draws of one column (Welford 1962), and the largest of them in size.
struct Spread {
  void add(double value) {
    if (!std::isfinite(value)) return;
    ++count;
    const double difference = value - mean;
    mean += difference / static_cast<double>(count);
    squares += difference * (value - mean);
    largest = std::max(largest, std::abs(value));
  }
  bool coarse() const {
    if (count < 2) return false;
    const double deviation = std::sqrt(squares / static_cast<double>(count));
    // Equal draws have no spread but that of rounding.
    if (!(deviation > 4 * std::numeric_limits<double>::epsilon() * largest)) return false;
    const auto single = static_cast<float>(largest);
    const double step = std::nextafter(single, std::numeric_limits<float>::infinity()) - single;
    return !(step <= deviation / parts_of_spread);  // NaN beyond float32's range
  }
  int64_t count = 0;
  double mean = 0, squares = 0, largest = 0;
};

}  // namespace

std::span<const std::string_view> enum_names(NumberType) {
  static constexpr std::string_view names[] = {"auto", "float32", "float64"};
  return names;
}

NumberType number_type(const std::string& word, const std::string& option) {
  const auto names = enum_names(NumberType{});
  const auto found = std::find(names.begin(), names.end(), word);
  if (found == names.end())
    throw core::UserError(option + " " + core::quoted(word) + " is unknown; use auto, float32 or float64");
  return static_cast<NumberType>(found - names.begin());
}

std::optional<int64_t> coarse_column(std::span<const double> values, int64_t rows, int64_t draws,
                                     int64_t size) {
  const bool by_row = draws > 1;
  const int64_t groups = by_row ? rows : 1, of_group = by_row ? draws : rows * draws;
  std::vector<Spread> spreads(static_cast<size_t>(size));
  std::optional<int64_t> first;
  for (int64_t group = 0; group < groups; ++group) {
    std::fill(spreads.begin(), spreads.end(), Spread{});
    const double* from = values.data() + group * of_group * size;
    for (int64_t draw = 0; draw < of_group; ++draw) {
      for (int64_t j = 0; j < size; ++j) spreads[static_cast<size_t>(j)].add(*from++);
    }
    const auto coarse =
        std::find_if(spreads.begin(), spreads.end(), [](const Spread& s) { return s.coarse(); });
    if (coarse == spreads.end()) continue;
    const int64_t column = coarse - spreads.begin();
    first = std::min(column, first.value_or(column));
  }
  return first;
}

io::Array array_of(std::span<const double> values, std::vector<int64_t> shape, bool as_float64) {
  if (as_float64) return io::Array::from(values, std::move(shape));
  const std::vector<float> single(values.begin(), values.end());
  return io::Array::from(std::span<const float>(single), std::move(shape));
}

bool fits_float32(std::span<const double> values) {
  return std::all_of(values.begin(), values.end(),
                     [](double v) { return std::isnan(v) || static_cast<float>(v) == v; });
}

bool choose_float64(NumberType type, const std::optional<int64_t>& coarse,
                    const std::vector<std::string>& columns, const std::string& path) {
  if (!coarse) return type == NumberType::float64;
  const std::string what = path + ": float32 cannot resolve a hundredth of the spread of " +
                           columns.at(static_cast<size_t>(*coarse));
  if (type == NumberType::automatic) core::log::info(what + ", so the file holds float64 (--dtype chooses)");
  if (type == NumberType::float32)
    core::log::warning(what + ", and --dtype float32 rounds it; use --dtype auto or float64");
  return type != NumberType::float32;
}

}  // namespace fluxsbi::sample
