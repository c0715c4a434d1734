#include "data/look/column.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <span>
#include <utility>

#include "data/missing.hpp"
#include "data/prior/special_functions.hpp"

namespace fluxsbi::data {

namespace {

constexpr double hundredths_of_normal = 4.652695748081682;  // between its 1 % and 99 % quantiles
constexpr double far_gap = 5;     // a fill value lies this many ranges of the other values away from them
constexpr double repeated_z = 5;  // a repeated value this far out is a fill value
constexpr double rarely = 0.9;    // distinct values of a continuous column, as a share of all
constexpr double often = 1e-3;    // share of a value that is repeated in one
constexpr int64_t least_repeats = 5;
constexpr double outside_histogram = 0.005;  // share of the values at each side
constexpr int64_t histogram_bins = 24;
constexpr double most_of_column = 0.95;  // a value of more rows than this is what the column is about

// The value below which the share of sorted values lies, linear between neighbours.
double sorted_quantile(std::span<const double> sorted, double share) {
  const double at = share * static_cast<double>(sorted.size() - 1);
  const auto below = static_cast<size_t>(at);
  const double low = sorted[below], high = sorted[std::min(below + 1, sorted.size() - 1)];
  return low + (high - low) * (at - static_cast<double>(below));
}

// Numbers that programs write for "none".
bool customary(double value) {
  constexpr std::array codes{99.0, 999.0, 9999.0, 99999.0, 999999.0, 99.99, 999.9, 9999.9, 999.99, 999.25};
  const double size = std::abs(value);
  return size >= 1e10 || std::find(codes.begin(), codes.end(), size) != codes.end();
}

std::vector<RepeatedValue> runs_of(std::span<const double> sorted) {
  std::vector<RepeatedValue> runs;
  for (const double value : sorted) {
    if (runs.empty() || runs.back().value != value) runs.push_back({value, 0});
    ++runs.back().count;
  }
  return runs;
}

// Takes repeated values off both ends of the runs as long as they lie far from all that is left.
std::vector<RepeatedValue> isolated(std::span<const RepeatedValue> runs, int64_t total) {
  std::vector<RepeatedValue> found;
  size_t first = 0, last = runs.empty() ? 0 : runs.size() - 1;
  const auto is_far = [&](const RepeatedValue& run, double gap, double range) {
    return run.count >= 2 && static_cast<double>(run.count) < most_of_column * static_cast<double>(total) &&
           range > 0 && gap > far_gap * range;
  };
  while (last >= first + 2) {
    if (is_far(runs[first], runs[first + 1].value - runs[first].value,
               runs[last].value - runs[first + 1].value)) {
      found.push_back(runs[first++]);
    } else if (is_far(runs[last], runs[last].value - runs[last - 1].value,
                      runs[last - 1].value - runs[first].value)) {
      found.push_back(runs[last--]);
    } else {
      break;
    }
  }
  return found;
}

bool holds(std::span<const RepeatedValue> list, double value) {
  return std::any_of(list.begin(), list.end(), [&](const RepeatedValue& run) { return run.value == value; });
}

// The distance of the smallest or largest value from the nearest other one; -1 for a value between others.
// Values that were cut at a limit come close to it, those that stand for "none" do not.
double gap_inwards(std::span<const RepeatedValue> runs, double value) {
  if (runs.size() < 2) return -1;
  if (value == runs.front().value) return runs[1].value - value;
  return value == runs.back().value ? value - runs[runs.size() - 2].value : -1;
}

// Repeated values of a column whose other values hardly repeat.
void find_repeated(ColumnFacts& facts, std::span<const RepeatedValue> runs) {
  const auto least =
      std::max<int64_t>(least_repeats, static_cast<int64_t>(often * static_cast<double>(facts.count)));
  std::vector<RepeatedValue> repeated;
  int64_t others = facts.count, kinds = std::ssize(runs);
  for (const RepeatedValue& run : runs) {
    if (run.count < least) continue;
    repeated.push_back(run);
    others -= run.count;
    --kinds;
  }
  const bool continuous = others >= 100 && static_cast<double>(kinds) >= rarely * static_cast<double>(others);
  if (!continuous || repeated.size() > 3) return;
  for (const RepeatedValue& run : repeated) {
    if (holds(facts.fills, run.value)) continue;
    const double gap = gap_inwards(runs, run.value);
    const double z = facts.spread > 0 ? std::abs(run.value - facts.median) / facts.spread : 0;
    const bool alone = facts.spread > 0 && gap > facts.spread;
    const bool lone_negative =
        run.value < 0 && runs.size() > 1 && run.value == runs[0].value && runs[1].value >= 0;
    if (customary(run.value) || z > repeated_z || alone || lone_negative) {
      facts.fills.push_back(run);
    } else if (gap >= 0) {
      facts.limits.push_back(run);
    } else {
      facts.repeats.push_back(run);
    }
  }
}

// The runs of a sample between the ends that are known of all values.
std::vector<RepeatedValue> with_ends(std::span<const RepeatedValue> sample, const ColumnTally& all) {
  const auto low = all.low().values(), high = all.high().values();
  std::vector<RepeatedValue> runs(low.begin(), low.end());
  for (const RepeatedValue& run : sample) {
    if (run.value > low.back().value && run.value < high.back().value) runs.push_back(run);
  }
  for (auto run = high.rbegin(); run != high.rend(); ++run) {
    if (run->value > runs.back().value) runs.push_back(*run);  // few different values are in both ends
  }
  return runs;
}

// A repeated end that is too rare for a sample.
void find_rare(ColumnFacts& facts, std::span<const RepeatedValue> runs) {
  for (const RepeatedValue& run : {runs.front(), runs.back()}) {
    const double gap = gap_inwards(runs, run.value);
    if (run.count < 2 || holds(facts.fills, run.value) || !(facts.spread > 0) || !(gap > facts.spread))
      continue;
    if (customary(run.value) || std::abs(run.value - facts.median) / facts.spread > repeated_z)
      facts.fills.push_back(run);
  }
}

void find_farthest(ColumnFacts& facts) {
  if (!(facts.spread > 0)) return;
  const bool below = facts.median - facts.smallest > facts.largest - facts.median;
  facts.farthest = below ? facts.smallest : facts.largest;
  facts.largest_z = std::abs(facts.farthest - facts.median) / facts.spread;
}

// Puts the facts about all values in place of those about a sample of them.
void complete_facts(ColumnFacts& facts, std::span<const RepeatedValue> sample, const ColumnTally& all) {
  const double scale = static_cast<double>(all.count()) / static_cast<double>(facts.count);
  const bool continuous = static_cast<double>(sample.size()) >= rarely * static_cast<double>(facts.count);
  const auto runs = with_ends(sample, all);
  const auto count_of_all = [&](RepeatedValue& run) {
    run.count = std::llround(scale * static_cast<double>(run.count));
    for (const auto& end : {all.low().values(), all.high().values()}) {
      for (const RepeatedValue& exact : end) {
        if (exact.value == run.value) run.count = exact.count;
      }
    }
  };
  for (auto* list : {&facts.fills, &facts.limits, &facts.repeats})
    std::for_each(list->begin(), list->end(), count_of_all);
  facts.extremes = std::llround(scale * static_cast<double>(facts.extremes));
  facts.count = all.count();
  facts.missing = all.missing();
  facts.smallest = runs.front().value;
  facts.largest = runs.back().value;
  facts.mean = all.mean();
  facts.deviation = all.deviation();
  facts.whole = all.whole();
  facts.distinct = std::max(facts.distinct, std::ssize(runs));
  find_farthest(facts);
  if (facts.largest_z > extreme_z) facts.extremes = std::max<int64_t>(facts.extremes, 1);
  for (const RepeatedValue& run : isolated(runs, all.count())) {
    if (!holds(facts.fills, run.value)) facts.fills.push_back(run);
  }
  if (continuous) find_rare(facts, runs);
  std::erase_if(facts.limits, [&](const RepeatedValue& run) { return holds(facts.fills, run.value); });
}

void find_extremes(ColumnFacts& facts, std::span<const double> sorted) {
  if (!(facts.spread > 0)) return;
  const double reach = extreme_z * facts.spread;
  const auto low = std::lower_bound(sorted.begin(), sorted.end(), facts.median - reach);
  const auto high = std::upper_bound(sorted.begin(), sorted.end(), facts.median + reach);
  facts.extremes = (low - sorted.begin()) + (sorted.end() - high);
  find_farthest(facts);
}

void find_histogram(ColumnFacts& facts, std::span<const double> sorted) {
  Histogram& histogram = facts.histogram;
  histogram.low = sorted_quantile(sorted, outside_histogram);
  histogram.high = sorted_quantile(sorted, 1 - outside_histogram);
  if (!(histogram.low < histogram.high)) return;
  histogram.counts.assign(histogram_bins, 0);
  for (const double value : sorted) {
    if (value < histogram.low || value > histogram.high) continue;
    const double share = (value - histogram.low) / (histogram.high - histogram.low);
    const auto bin = static_cast<int64_t>(share * static_cast<double>(histogram_bins));
    ++histogram.counts[static_cast<size_t>(std::min(bin, histogram_bins - 1))];
  }
}

void find_moments(ColumnFacts& facts, std::span<const double> values) {
  // Of differences from the first value: a constant column then has no deviation, whatever it holds.
  for (const double value : values) facts.mean += value - values.front();
  facts.mean = values.front() + facts.mean / static_cast<double>(values.size());
  double squares = 0;
  for (const double value : values) squares += (value - facts.mean) * (value - facts.mean);
  facts.deviation = std::sqrt(squares / static_cast<double>(values.size()));
}

}  // namespace

ColumnFacts column_facts(std::string name, std::vector<double> values, int64_t missing,
                         const ColumnTally* all) {
  ColumnFacts facts;
  facts.name = std::move(name);
  facts.missing =
      missing + static_cast<int64_t>(std::erase_if(values, [](double v) { return !is_finite(v); }));
  facts.count = std::ssize(values);
  if (values.empty()) return facts;
  find_moments(facts, values);
  std::sort(values.begin(), values.end());
  facts.smallest = values.front();
  facts.largest = values.back();
  facts.lower_quartile = sorted_quantile(values, 0.25);
  facts.median = sorted_quantile(values, 0.5);
  facts.upper_quartile = sorted_quantile(values, 0.75);
  facts.spread = (facts.upper_quartile - facts.lower_quartile) / quartiles_of_normal;
  if (facts.spread == 0)
    facts.spread = (sorted_quantile(values, 0.99) - sorted_quantile(values, 0.01)) / hundredths_of_normal;
  facts.whole = std::all_of(values.begin(), values.end(), [](double v) { return v == std::floor(v); });
  const auto runs = runs_of(values);
  facts.distinct = std::ssize(runs);
  find_extremes(facts, values);
  facts.fills = isolated(runs, facts.count);
  find_repeated(facts, runs);
  find_histogram(facts, values);
  if (all && all->count() > facts.count) complete_facts(facts, runs, *all);
  return facts;
}

}  // namespace fluxsbi::data
