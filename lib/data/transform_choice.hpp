// Which transform each variable gets: as the config says, or by a look at the data.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "config/rules.hpp"
#include "data/look/tally.hpp"
#include "data/standardise.hpp"
#include "data/transform.hpp"

namespace fluxsbi::data {

/// A word of data.transform_theta and data.transform_x. robust: standardised by median and quartiles, and
/// logarithmic (asinh) from about 5 standard deviations on, so that a few extremes spoil nothing.
enum class TransformWord { automatic, none, log, logit, asinh, robust };
std::span<const std::string_view> enum_names(TransformWord);

/// One word for all variables, or one for each.
using TransformWords = std::vector<TransformWord>;

/// Thresholds of `auto` (docs/data.md). log, or asinh from 0, is taken from this gain on: how much better the
/// log-likelihood of a normal distribution is for the transformed values than for the values themselves, in
/// nats a value. A lognormal gains .035 with a sigma of .2, .19 with .5 and .74 with 1, an exponential .35,
/// half a normal .12, uniform numbers nothing.
inline constexpr double least_gain = 0.15;
inline constexpr double log_ahead = 0.02;  ///< asinh from 0 is taken where it gains so much more than log
/// Over the built-in tasks the tails reach 4.6 (slcp_distractors' Student t), and no value stands apart;
/// Cauchy tails reach 15.
inline constexpr double heavy_tail = 6;  ///< distance of an outer 0.5 % quantile, in a normal's, for asinh
inline constexpr double far_away = 30;   ///< robust standard deviations that make an extreme,
inline constexpr double gap = 3;         ///< if it stands this often as far away as what is no extreme
inline constexpr double most_extremes = 0.05;  ///< share of a variable's values
inline constexpr int64_t least_distinct = 50;  ///< variables of fewer different values stay as they are

/// What one variable gets, and why where `auto` chose something.
struct VariableChoice {
  Transform transform;
  bool robust = false;
  std::string reason;
};

/// What `auto` chooses for a variable with these finite values (a sample of its training values). `all`: the
/// tally of all values, whose ends, signs and rare extremes then count; or null.
VariableChoice choose_transform(std::vector<double> values, const ColumnTally* all = nullptr);

/// What is known of one side before its transforms are chosen.
struct SideFacts {
  std::string key;  ///< "data.transform_theta" or "data.transform_x"
  TransformWords words;
  Standardise kind = Standardise::per_feature;
  std::vector<std::string> names;  ///< of the features, [size]
  Range ends;                      ///< logit's, [size] or empty: none are known
  bool logit = false;              ///< prior.transform: logit: what `auto` means is logit between the ends
  bool ordered = false;            ///< images and sets, whose features `auto` leaves alike
};

/// The transforms of a side; all lists but the remarks are empty where no feature has one.
struct SideChoice {
  std::vector<Transform> transforms;
  std::vector<uint8_t> robust;
  std::vector<uint8_t> guessed;      ///< [size] or empty: 1 where auto chose by a look at some rows
  std::vector<std::string> remarks;  ///< what auto chose, in a line for each kind of choice
};

/// Chooses by a sample of rows [*, size] (NaN and infinite values are left out). Throws UserError, naming the
/// key, for lists of another length than the variables, for logit without two ends, for log of values of both
/// signs, and for words that do not go with the standardisation.
/// `tallies` of all values [size], or empty.
SideChoice choose_transforms(const SideFacts& facts, std::span<const double> sample,
                             std::span<const ColumnTally> tallies = {});

}  // namespace fluxsbi::data

namespace fluxsbi::config {

/// One word may come without the brackets of a list.
template <>
Problem read(const Value& value, std::vector<data::TransformWord>& out);
template <>
std::string emit(const std::vector<data::TransformWord>& words);

}  // namespace fluxsbi::config
