#include "sample/files/number_type.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "core/error.hpp"
#include "core/log.hpp"
#include "core/text.hpp"
#include "data/precision.hpp"

namespace fluxsbi::sample {

namespace {

// Parts of the spread that a file keeps apart.
constexpr double parts_of_spread = 100;

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
  std::vector<data::ColumnSpread> spreads(static_cast<size_t>(size));
  std::optional<int64_t> first;
  for (int64_t group = 0; group < groups; ++group) {
    std::fill(spreads.begin(), spreads.end(), data::ColumnSpread{});
    const double* from = values.data() + group * of_group * size;
    for (int64_t draw = 0; draw < of_group; ++draw) {
      for (int64_t j = 0; j < size; ++j) spreads[static_cast<size_t>(j)].add(*from++);
    }
    const auto coarse = std::find_if(spreads.begin(), spreads.end(), [](const data::ColumnSpread& s) {
      return s.coarse_in_single(parts_of_spread);
    });
    if (coarse == spreads.end()) continue;
    const int64_t column = coarse - spreads.begin();
    first = std::min(column, first.value_or(column));
  }
  return first;
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
