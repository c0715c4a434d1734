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

CoarseColumns::CoarseColumns(int64_t draws, int64_t size)
    : of_group_(draws > 1 ? draws : 0), spreads_(static_cast<size_t>(size)) {}

std::optional<int64_t> CoarseColumns::of_group() const {
  const auto coarse = std::find_if(spreads_.begin(), spreads_.end(), [](const data::ColumnSpread& s) {
    return s.coarse_in_single(parts_of_spread);
  });
  if (coarse == spreads_.end()) return {};
  return coarse - spreads_.begin();
}

std::optional<int64_t> CoarseColumns::first() const {
  const auto now = of_group();
  return now && first_ ? std::min(*now, *first_) : now ? now : first_;
}

void CoarseColumns::add(std::span<const double> values) {
  const size_t size = spreads_.size();
  for (size_t draw = 0; size > 0 && draw < values.size() / size; ++draw) {
    for (size_t j = 0; j < size; ++j) spreads_[j].add(values[draw * size + j]);
    if (++in_group_ != of_group_) continue;
    first_ = first();
    std::fill(spreads_.begin(), spreads_.end(), data::ColumnSpread{});
    in_group_ = 0;
  }
}

std::vector<double> CoarseColumns::state() const {
  std::vector<double> state{static_cast<double>(in_group_), static_cast<double>(first_.value_or(-1))};
  for (const data::ColumnSpread& spread : spreads_) {
    const auto numbers = spread.numbers();
    state.insert(state.end(), numbers.begin(), numbers.end());
  }
  return state;
}

void CoarseColumns::restore(std::span<const double> state) {
  core::require(state.size() == 2 + 5 * spreads_.size(), "CoarseColumns: a state of as many columns");
  in_group_ = static_cast<int64_t>(state[0]);
  first_.reset();
  if (state[1] >= 0) first_ = static_cast<int64_t>(state[1]);
  for (size_t j = 0; j < spreads_.size(); ++j) {
    const double* from = &state[2 + 5 * j];
    spreads_[j] = data::ColumnSpread({from[0], from[1], from[2], from[3], from[4]});
  }
}

std::optional<int64_t> coarse_column(std::span<const double> values, int64_t draws, int64_t size) {
  CoarseColumns columns(draws, size);
  columns.add(values);
  return columns.first();
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
