#include "data/transform_choice.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <utility>

#include "core/error.hpp"
#include "core/text.hpp"
#include "data/look/finding.hpp"
#include "data/missing.hpp"
#include "data/prior/special_functions.hpp"

namespace fluxsbi::data {

namespace {

constexpr double outer_of_normal = 2.5758293035489004;  // its 99.5 % quantile
// robust damps from here on, in standard deviations: the middle stays as it is within a few per cent.
constexpr double robust_width = 4;
constexpr int64_t least_values = 100;  // the outer quantiles of fewer tell nothing

double at_share(std::span<const double> sorted, double share) {
  const double at = share * static_cast<double>(sorted.size() - 1);
  const auto below = static_cast<size_t>(at);
  const double low = sorted[below], high = sorted[std::min(below + 1, sorted.size() - 1)];
  return low + (high - low) * (at - static_cast<double>(below));
}

/// Median and robust standard deviation of sorted values.
struct Middle {
  explicit Middle(std::span<const double> sorted)
      : centre(at_share(sorted, 0.5)),
        spread((at_share(sorted, 0.75) - at_share(sorted, 0.25)) / quartiles_of_normal) {}
  double centre, spread;
};

bool is_discrete(std::span<const double> sorted) {
  int64_t distinct = 1;
  for (size_t i = 1; i < sorted.size(); ++i) distinct += sorted[i] != sorted[i - 1];
  return distinct < least_distinct;
}

bool is_whole(std::span<const double> values) {
  return std::all_of(values.begin(), values.end(), [](double value) { return value == std::round(value); });
}

Transform log_from_zero(bool positive) {
  return positive ? between(0, infinity) : between(-infinity, 0);
}

Transform asinh_of(const Middle& middle, double widths) {
  Transform transform;
  transform.kind = TransformKind::asinh;
  transform.centre = middle.centre;
  transform.width = widths * middle.spread;
  return transform;
}

// Of values v that a transform takes to u, the log-likelihood per value of a normal distribution of u with
// their moments, but for a constant: mean log du/dv - log sd(u) (Box and Cox 1964).
double normality(std::span<const double> values, const Transform& transform) {
  const auto n = static_cast<double>(values.size());
  std::vector<double> line;
  line.reserve(values.size());
  double mean = 0, squares = 0, slope = 0;
  for (const double value : values) {
    line.push_back(transform.forward(value));
    mean += line.back() / n;
    slope += transform.log_slope(value) / n;
  }
  for (const double u : line) squares += (u - mean) * (u - mean) / n;
  return squares > 0 ? slope - std::log(squares) / 2 : -infinity;
}

// Linear below `width` on both sides of 0, logarithmic above.
Transform asinh_from_zero(double width) {
  Transform transform;
  transform.kind = TransformKind::asinh;
  transform.width = width;
  return transform;
}

// log, or asinh from 0, where a normal distribution describes values of one sign so much better; none where
// it does not. The zeros of measurements stay zeros and say nothing; those of counts are counts.
Transform chosen_from_zero(std::span<const double> sorted, bool zero_is_inside) {
  const bool positive = sorted.back() > 0;
  const bool whole = is_whole(sorted);
  std::vector<double> sizes;  // that are not 0, ascending
  for (const double value : sorted) {
    if (value != 0) sizes.push_back(std::abs(value));
  }
  if (!positive) std::reverse(sizes.begin(), sizes.end());
  if (std::ssize(sizes) < least_values) return {};
  std::vector<double> values = whole ? std::vector<double>(sorted.begin(), sorted.end()) : sizes;
  for (double& value : values) value = std::abs(value);

  const double before = normality(values, {});
  Transform best;
  double most = least_gain;
  if (!zero_is_inside) {
    if (const double gain = normality(values, between(0, infinity)) - before; gain > most) {
      most = gain + log_ahead;
      best = log_from_zero(positive);
    }
  }
  for (const double share : {0.01, 0.05, 0.1, 0.25, 0.5}) {
    const double width = at_share(sizes, share);
    const Transform transform = asinh_from_zero(whole ? std::max(width, 1.0) : width);
    const double gain = normality(values, transform) - before;
    if (gain <= most) continue;
    most = gain;
    best = transform;
  }
  return best;
}

// Far values of all rows, where the few that a tally holds of each end are all of them.
struct FarValues {
  FarValues(const ColumnTally& all, const Middle& middle) {
    for (const ColumnEnd* end : {&all.low(), &all.high()}) {
      for (const RepeatedValue& run : end->values()) {
        const double distance = std::abs(run.value - middle.centre) / middle.spread;
        if (distance <= far_away) {
          ordinary = std::max(ordinary, distance);
          continue;
        }
        count += run.count;
        nearest = std::min(nearest, distance);
        known = known && !(end->full() && &run == &end->values().back());
      }
    }
    share = static_cast<double>(count) / static_cast<double>(all.count());
  }
  int64_t count = 0;
  double nearest = infinity, ordinary = 0, share = 0;
  bool known = true;
};

// The share of values that stand far away from all others, 0 where there is none or no gap.
double extremes(std::span<const double> sorted, const Middle& middle, const ColumnTally* all) {
  int64_t count = 0;
  double nearest = infinity, ordinary = 0;
  for (const double value : sorted) {
    const double distance = std::abs(value - middle.centre) / middle.spread;
    if (distance > far_away) {
      ++count;
      nearest = std::min(nearest, distance);
    } else {
      ordinary = std::max(ordinary, distance);
    }
  }
  double share = static_cast<double>(count) / static_cast<double>(sorted.size());
  if (all && all->count() > std::ssize(sorted)) {
    const FarValues far(*all, middle);
    if (far.known) {
      share = far.share;
      nearest = far.nearest;
      ordinary = std::max(ordinary, far.ordinary);
    }
  }
  return share <= most_extremes && nearest > gap * ordinary ? share : 0;
}

VariableChoice robust_choice(const Middle& middle, std::string reason) {
  return {asinh_of(middle, robust_width), true, std::move(reason)};
}

// Whether the smallest and the largest of all values are ordinary ones after the transform.
bool brings_in(const Transform& transform, std::span<const double> sorted, double smallest, double largest) {
  std::vector<double> line;
  for (const double value : sorted) line.push_back(transform.forward(value));
  const Middle middle(line);
  const auto distance = [&](double value) { return std::abs(transform.forward(value) - middle.centre); };
  return std::max(distance(smallest), distance(largest)) <= far_away * middle.spread;
}

// A word that was given, for a variable with these values.
VariableChoice as_told(TransformWord word, const SideFacts& facts, size_t i, std::vector<double> values) {
  const auto refuse = [&](const std::string& why) -> VariableChoice {
    throw core::UserError(facts.key + ": " + config::name_of(word) + " does not fit " + facts.names[i] +
                          ": " + why);
  };
  if (word == TransformWord::none || values.empty()) return {};
  std::sort(values.begin(), values.end());
  if (word == TransformWord::log) {
    const bool has_end =
        !facts.ends.empty() && std::isfinite(facts.ends.low[i]) != std::isfinite(facts.ends.high[i]);
    if (has_end) return {between(facts.ends.low[i], facts.ends.high[i]), false, ""};
    if (values.front() < 0 && values.back() > 0)
      return refuse("its values have both signs (" + core::number_text(values.front()) + " to " +
                    core::number_text(values.back()) + "); use asinh");
    return {log_from_zero(values.back() > 0), false, ""};
  }
  if (word == TransformWord::logit) {
    if (!facts.ends.empty() && std::isfinite(facts.ends.low[i]) && std::isfinite(facts.ends.high[i]))
      return {between(facts.ends.low[i], facts.ends.high[i]), false, ""};
    if (facts.key == "data.transform_x" && values.front() >= 0 && values.back() <= 1)
      return {between(0, 1), false, ""};
    return refuse(
        facts.key == "data.transform_x"
            ? "logit of x is for values between 0 and 1"
            : "it needs the ends of a bounded prior; give prior.low and prior.high, or use log or none");
  }
  if (facts.kind != Standardise::per_feature && facts.kind != Standardise::robust)
    return refuse("it has a centre for each variable, which data.standardise_theta or standardise_x = " +
                  config::name_of(facts.kind) + " does not; use per_feature");
  const Middle middle(values);
  if (!(middle.spread > 0))
    return refuse("half of its values are equal, so that its quartiles tell no width");
  if (word == TransformWord::robust) return robust_choice(middle, "");
  return {asinh_of(middle, 1), false, ""};
}

void remark(const SideFacts& facts, const std::map<std::string, std::vector<std::string>>& by_reason,
            SideChoice& choice) {
  for (const auto& [reason, names] : by_reason) {
    choice.remarks.push_back(facts.key + " (auto): " + core::list_first(names, 6) + ": " + reason + "; set " +
                             facts.key + ": none to leave " + (names.size() == 1 ? "it" : "them") + " alone");
  }
}

}  // namespace

std::span<const std::string_view> enum_names(TransformWord) {
  static constexpr std::string_view names[] = {"auto", "none", "log", "logit", "asinh", "robust"};
  return names;
}

VariableChoice choose_transform(std::vector<double> values, const ColumnTally* all) {
  if (std::ssize(values) < least_values) return {};
  std::sort(values.begin(), values.end());
  if (is_discrete(values)) return {};
  const bool more = all && all->count() > std::ssize(values);
  const double smallest = more ? all->low().values()[0].value : values.front(),
               largest = more ? all->high().values()[0].value : values.back();
  const Middle middle(values);
  const double share = middle.spread > 0 ? extremes(values, middle, all) : 0;

  if (smallest >= 0 || largest <= 0) {
    std::vector<double> ordinary = values;
    if (share > 0) {
      std::erase_if(ordinary,
                    [&](double value) { return std::abs(value - middle.centre) > far_away * middle.spread; });
    }
    const Transform chosen = chosen_from_zero(ordinary, smallest == 0 || largest == 0);
    if (chosen.kind != TransformKind::none &&
        (share == 0 || brings_in(chosen, ordinary, smallest, largest))) {
      return {chosen, false,
              config::name_of(chosen.kind) + ", because the values have one sign and are skewed"};
    }
  }
  if (!(middle.spread > 0)) return {};
  if (share > 0) {
    return robust_choice(middle, "robust, because " + percent_text(share) +
                                     " of its values stand far away from all others (" +
                                     core::brief_text(smallest) + " to " + core::brief_text(largest) + ")");
  }
  const double outer = outer_of_normal * middle.spread;
  const double up = (at_share(values, 0.995) - middle.centre) / outer,
               down = (middle.centre - at_share(values, 0.005)) / outer;
  if (std::max(up, down) <= heavy_tail) return {};
  return {asinh_of(middle, 1), false, "asinh, because the tails are heavy"};
}

SideChoice choose_transforms(const SideFacts& facts, std::span<const double> sample,
                             std::span<const ColumnTally> tallies) {
  const size_t size = facts.names.size();
  const TransformWords& words = facts.words;
  if (size == 0) return {};
  if (words.size() != 1 && words.size() != size) {
    throw core::UserError(facts.key + " has " + std::to_string(words.size()) + " words for " +
                          std::to_string(size) + " variables; give one word for each, or one for all");
  }
  SideChoice choice;
  choice.transforms.resize(size);
  choice.robust.assign(size, 0);
  choice.guessed.assign(size, 0);
  std::map<std::string, std::vector<std::string>> by_reason;
  bool any = false;
  for (size_t i = 0; i < size; ++i) {
    const TransformWord word = words[words.size() == 1 ? 0 : i];
    std::vector<double> values;
    for (size_t at = i; at < sample.size(); at += size) {
      if (is_finite(sample[at])) values.push_back(sample[at]);
    }
    VariableChoice chosen;
    if (word != TransformWord::automatic) {
      chosen = as_told(word, facts, i, std::move(values));
    } else if (facts.logit) {
      chosen.transform = between(facts.ends.low[i], facts.ends.high[i]);
    } else if (facts.kind == Standardise::per_feature && !facts.ordered) {
      chosen = choose_transform(std::move(values), tallies.empty() ? nullptr : &tallies[i]);
      choice.guessed[i] = 1;
    }
    if (!chosen.reason.empty()) by_reason[chosen.reason].push_back(facts.names[i]);
    choice.transforms[i] = chosen.transform;
    choice.robust[i] = chosen.robust;
    any = any || chosen.transform.kind != TransformKind::none;
  }
  if (!any) return {};
  remark(facts, by_reason, choice);
  return choice;
}

}  // namespace fluxsbi::data

namespace fluxsbi::config {

template <>
Problem read(const Value& value, std::vector<data::TransformWord>& out) {
  const bool one = value.kind != Value::Kind::list;
  std::vector<data::TransformWord> words;
  for (const Value& item : one ? std::vector<Value>{value} : value.list) {
    data::TransformWord word{};
    if (auto problem = read(item, word)) return problem;
    words.push_back(word);
  }
  if (words.empty()) return "must name a transform, found an empty list";
  out = std::move(words);
  return {};
}

template <>
std::string emit(const std::vector<data::TransformWord>& words) {
  if (words.size() == 1) return emit(words.front());
  std::string text;
  for (const data::TransformWord word : words) text += (text.empty() ? "" : ", ") + emit(word);
  return "[" + text + "]";
}

}  // namespace fluxsbi::config
