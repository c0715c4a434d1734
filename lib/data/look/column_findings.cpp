#include "data/look/column_findings.hpp"

#include <array>
#include <numbers>
#include <string>
#include <utility>

#include "core/text.hpp"
#include "data/prior/special_functions.hpp"

namespace fluxsbi::data {

namespace {

constexpr double mostly_missing = 0.99;
constexpr double least_middle = 0.2;  // of `middles`

using Items = std::vector<FindingItem>;

struct ColumnItems {
  Items fills, squeezed, extremes, coarse, limits, repeats, discrete, turns, constant, missing, empty;
};

// Spread of the middle half of each column as the network sees it, in units in which a normal column has 1.
std::vector<double> middles(const SideOfLook& side) {
  const size_t size = side.columns.size();
  std::vector<double> result;
  if (!side.standardiser) {
    for (const ColumnFacts& column : side.columns)
      result.push_back(column.deviation > 0 ? column.spread / column.deviation : 1);
    return result;
  }
  std::vector<double> rows;  // of lower quartiles, of upper quartiles
  for (const ColumnFacts& column : side.columns) rows.push_back(column.lower_quartile);
  for (const ColumnFacts& column : side.columns) rows.push_back(column.upper_quartile);
  std::vector<float> seen(rows.size());
  side.standardiser->apply(rows, seen);
  for (size_t i = 0; i < size; ++i)
    result.push_back(static_cast<double>(seen[size + i] - seen[i]) / quartiles_of_normal);
  return result;
}

// The turn that the values fill, as angles do, from end to end; "" for others.
std::string full_turn(const ColumnFacts& column) {
  constexpr double pi = std::numbers::pi;
  struct Turn {
    double low, high;
    const char* text;
  };
  constexpr std::array turns{Turn{0, 2 * pi, "0 to 2 pi"}, Turn{-pi, pi, "-pi to pi"},
                             Turn{0, 360, "0 to 360"}, Turn{-180, 180, "-180 to 180"}};
  constexpr int64_t fewest_values = 200;
  constexpr double near = 0.01, rounding = 1e-6;  // of the turn
  if (column.count < fewest_values || column.discrete()) return "";
  for (const Turn& turn : turns) {
    const double size = turn.high - turn.low;
    const double from_low = (column.smallest - turn.low) / size,
                 from_high = (turn.high - column.largest) / size;
    if (from_low >= -rounding && from_low <= near && from_high >= -rounding && from_high <= near)
      return turn.text;
  }
  return "";
}

bool find_fills(const ColumnFacts& column, Items& fills) {
  if (column.fills.empty()) return false;
  std::string detail;
  int64_t count = 0;
  for (const RepeatedValue& fill : column.fills) {
    const double share = static_cast<double>(fill.count) / static_cast<double>(column.count);
    detail += (detail.empty() ? "" : ", ") + percent_text(share) + " are " + core::brief_text(fill.value);
    count += fill.count;
  }
  fills.push_back({column.name, detail, static_cast<double>(count) / static_cast<double>(column.count)});
  return true;
}

void list_repeated(const ColumnFacts& column, const std::vector<RepeatedValue>& repeated, Items& items) {
  for (const RepeatedValue& run : repeated) {
    const double share = static_cast<double>(run.count) / static_cast<double>(column.count);
    items.push_back({column.name, percent_text(share) + " are " + core::brief_text(run.value), share});
  }
}

void report_columns(const SideOfLook& side, ColumnItems& found, std::vector<Finding>& findings) {
  const std::string standardise = "data.standardise_" + std::string(side.name);

  if (!found.fills.empty()) {
    findings.push_back(grouped(Severity::warning, "fill-values", std::move(found.fills),
                               "values that repeat far from all others, as programs write for \"none\": ", "",
                               std::string("write NaN in their place and set data.nan: drop") +
                                   (side.name == "theta" ? "" : " or impute") +
                                   ", or leave the column out; " + standardise +
                                   ": robust keeps them from setting the scale",
                               "data.nan"));
  }
  if (!found.squeezed.empty()) {
    const std::string remedy = side.kind == Standardise::robust
                                   ? "correct them if they are mistakes, or give the logarithm of the column"
                                   : "correct them if they are mistakes, else set " + standardise +
                                         ": robust, or data.transform_" + std::string(side.name) +
                                         ": log or asinh";
    findings.push_back(grouped(Severity::warning, "extremes", std::move(found.squeezed),
                               "extremes set the scale on which the network sees ", "", remedy, standardise));
  }
  if (!found.coarse.empty()) {
    findings.push_back(
        grouped(Severity::warning, "coarse", std::move(found.coarse),
                "the type of the file keeps too few digits of ", "",
                "save float64, and subtract a large offset before the numbers are rounded (float64 "
                "holds whole numbers up to 2^53)",
                ""));
  }
  if (!found.extremes.empty())
    findings.push_back(grouped(Severity::note, "heavy-tails", std::move(found.extremes),
                               "extreme values: ", "", "", standardise));
}

void report_facts(const SideOfLook& side, ColumnItems& found, std::vector<Finding>& findings) {
  const bool theta = side.name == "theta";
  if (!found.limits.empty()) {
    findings.push_back(grouped(Severity::note, "limits", std::move(found.limits),
                               "columns that repeat their smallest or largest value: ", "",
                               "a limit of detection, clipping, or a value for \"none\"?", ""));
  }
  if (!found.repeats.empty()) {
    findings.push_back(grouped(Severity::note, "repeated-values", std::move(found.repeats),
                               "columns that repeat one value among others that hardly repeat: ", "",
                               "a value for \"none\"? Then write NaN in its place", "data.nan"));
  }
  if (!found.discrete.empty()) {
    findings.push_back(grouped(
        theta ? Severity::warning : Severity::note, "discrete", std::move(found.discrete),
        "discrete columns: ", "",
        theta ? "samples are continuous; add noise of the width of a step to them, or train a model for each "
                "value"
              : "",
        ""));
  }
  if (!found.turns.empty()) {
    findings.push_back(grouped(
        Severity::note, "angles", std::move(found.turns), "angles, by their range: ", "",
        std::string("the network does not know that both ends are one place; ") +
            (theta ? "a posterior there has two halves, one at each end, unless the angle is counted from "
                     "elsewhere"
                   : "give sine and cosine of the angle as two values in its place"),
        ""));
  }
  if (!found.constant.empty())
    findings.push_back(grouped(Severity::note, "constant", std::move(found.constant),
                               "constant columns: ", "", "leave them out", "data.constant"));
  if (!found.missing.empty())
    findings.push_back(
        grouped(Severity::note, "missing", std::move(found.missing), "missing values: ", "", "", "data.nan"));
  if (!found.empty.empty())
    findings.push_back(grouped(Severity::warning, "mostly-missing", std::move(found.empty),
                               "hardly any values: missing in ", "",
                               "leave these columns out, or see why they are missing", "data.nan"));
}

}  // namespace

std::vector<Finding> find_column_findings(const SideOfLook& side, bool failed_are_out) {
  const std::vector<double> of_middle = middles(side);
  ColumnItems found;
  auto& [fills, squeezed, extremes, coarse, limits, repeats, discrete, turns, constant, missing, empty] =
      found;
  for (size_t i = 0; i < side.columns.size(); ++i) {
    const ColumnFacts& column = side.columns[i];
    const auto all = static_cast<double>(column.count + (failed_are_out ? 0 : column.missing));
    const double gone = all > 0 ? static_cast<double>(column.missing) / all : 0;
    if (!failed_are_out && column.missing > 0)
      (gone > mostly_missing ? empty : missing).push_back({column.name, percent_text(gone), gone});
    if (column.count == 0) continue;
    if (column.constant()) constant.push_back({column.name, "= " + core::brief_text(column.smallest), 1});
    if (column.discrete()) discrete.push_back({column.name, std::to_string(column.distinct) + " values", 1});
    if (const std::string turn = full_turn(column); !turn.empty()) turns.push_back({column.name, turn, 1});
    list_repeated(column, column.limits, limits);
    list_repeated(column, column.repeats, repeats);
    if (column.coarse() && !column.constant())
      coarse.push_back({column.name,
                        "steps of " + core::brief_text(column.step) + ", and its spread is " +
                            core::brief_text(column.spread),
                        column.step / column.spread});
    if (find_fills(column, fills)) continue;
    if (column.extremes == 0) continue;
    const double share = static_cast<double>(column.extremes) / static_cast<double>(column.count);
    const double seen = of_middle[i];
    const FindingItem item{
        column.name,
        "up to " + core::brief_text(column.farthest) + ", " + core::brief_text(column.largest_z) +
            " spreads from the median; " + percent_text(share) + " beyond " + core::brief_text(extreme_z) +
            (seen < least_middle ? "; the middle half has a spread of " + core::brief_text(seen) : ""),
        column.largest_z};
    (seen < least_middle ? squeezed : extremes).push_back(item);
  }
  std::vector<Finding> findings;
  report_columns(side, found, findings);
  report_facts(side, found, findings);
  return findings;
}

}  // namespace fluxsbi::data
