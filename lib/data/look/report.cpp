#include "data/look/report.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <string_view>
#include <utility>

#include "core/table_text.hpp"
#include "core/text.hpp"
#include "data/json_text.hpp"

namespace fluxsbi::data {

namespace {

constexpr size_t most_variables = 20;

std::string json_number(double value) {
  return std::isfinite(value) ? core::number_text(value) : "null";
}

std::string json_object(const std::vector<std::pair<std::string_view, std::string>>& members) {
  std::string out;
  for (const auto& [name, value] : members) out += (out.empty() ? "" : ", ") + json_text(name) + ": " + value;
  return "{" + out + "}";
}

template <class List, class Render>
std::string json_list(const List& list, Render render, const std::string& separator = ", ") {
  std::string out;
  for (const auto& item : list) out += (out.empty() ? "" : separator) + render(item);
  return "[" + out + "]";
}

std::string repeated_json(const std::vector<RepeatedValue>& values) {
  return json_list(values, [](const RepeatedValue& run) {
    return json_object({{"value", json_number(run.value)}, {"count", std::to_string(run.count)}});
  });
}

std::string histogram_json(const Histogram& histogram) {
  return json_object(
      {{"low", json_number(histogram.low)},
       {"high", json_number(histogram.high)},
       {"counts", json_list(histogram.counts, [](int64_t count) { return std::to_string(count); })}});
}

std::string column_json(const ColumnFacts& column, const char* side) {
  return json_object({{"name", json_text(column.name)},
                      {"side", json_text(side)},
                      {"count", std::to_string(column.count)},
                      {"missing", std::to_string(column.missing)},
                      {"distinct", std::to_string(column.distinct)},
                      {"smallest", json_number(column.smallest)},
                      {"lower_quartile", json_number(column.lower_quartile)},
                      {"median", json_number(column.median)},
                      {"upper_quartile", json_number(column.upper_quartile)},
                      {"largest", json_number(column.largest)},
                      {"mean", json_number(column.mean)},
                      {"deviation", json_number(column.deviation)},
                      {"spread", json_number(column.spread)},
                      {"constant", column.constant() ? "true" : "false"},
                      {"discrete", column.discrete() ? "true" : "false"},
                      {"extremes", std::to_string(column.extremes)},
                      {"largest_z", json_number(column.largest_z)},
                      {"outside_prior", json_number(column.outside)},
                      {"fills", repeated_json(column.fills)},
                      {"limits", repeated_json(column.limits)},
                      {"repeats", repeated_json(column.repeats)},
                      {"step", json_number(column.step)},
                      {"histogram", histogram_json(column.histogram)}});
}

std::string finding_json(const Finding& finding) {
  return json_object({{"severity", json_text(name_of(finding.severity))},
                      {"kind", json_text(finding.kind)},
                      {"variables", json_list(finding.variables, json_text)},
                      {"number", json_number(finding.number)},
                      {"text", json_text(finding.text)},
                      {"remedy", json_text(finding.remedy)},
                      {"key", json_text(finding.key)}});
}

using Row = std::vector<std::string>;

Row table_row(const ColumnFacts& column) {
  Row row{column.name, std::to_string(column.count), std::to_string(column.missing),
          std::to_string(column.distinct)};
  // All digits where four would make one number of several.
  const bool alike = column.smallest != column.largest &&
                     core::brief_text(column.smallest) == core::brief_text(column.largest);
  const auto text = [&](double value, bool all) {
    return column.count == 0 ? "-" : all ? core::number_text(value) : core::brief_text(value);
  };
  for (const double value : {column.smallest, column.median, column.largest, column.mean})
    row.push_back(text(value, alike));
  for (const double value : {column.deviation, column.spread}) row.push_back(text(value, false));
  return row;
}

}  // namespace

std::string summary_line(const Look& look) {
  std::string line = "look at the data: " + core::count_text(look.rows, "row");
  if (look.looked_at < look.rows && look.exact) {
    line += " (counts, ends and means of all; quantiles of " + std::to_string(look.looked_at) + " at random)";
  } else if (look.looked_at < look.rows) {
    line += ", of which " + std::to_string(look.looked_at) + " at random were looked at";
  }
  line += ", " + core::count_text(std::ssize(look.theta), "number") + " of theta and " +
          std::to_string(look.x.size()) + " of x";
  const int64_t errors = look.count(Severity::error), warnings = look.count(Severity::warning);
  if (errors > 0) line += "; " + core::count_text(errors, "error");
  if (warnings > 0) line += "; " + core::count_text(warnings, "warning");
  return line + (errors + warnings == 0 ? "; nothing to warn of" : "");
}

std::string variable_table(const Look& look) {
  std::vector<Row> rows{{"variable", "count", "missing", "distinct", "smallest", "median", "largest", "mean",
                         "deviation", "spread"}};
  std::string left;
  for (const auto* side : {&look.theta, &look.x}) {
    for (size_t i = 0; i < std::min(side->size(), most_variables); ++i) rows.push_back(table_row((*side)[i]));
    if (side->size() > most_variables)
      left += (left.empty() ? "" : ", ") + core::and_more(side->size() - most_variables) + " of " +
              (side == &look.theta ? "theta" : "x");
  }
  return core::aligned_table(rows) + (left.empty() ? "" : left + " (--json writes all)\n");
}

std::string look_json(const Look& look) {
  const auto theta = [](const ColumnFacts& column) { return column_json(column, "theta"); };
  const auto x = [](const ColumnFacts& column) { return column_json(column, "x"); };
  return "{\"rows\": " + std::to_string(look.rows) + ", \"looked_at\": " + std::to_string(look.looked_at) +
         ", \"failed\": " + std::to_string(look.failed) +
         ",\n\"findings\": " + json_list(look.findings, finding_json, ",\n  ") +
         ",\n\"theta\": " + json_list(look.theta, theta, ",\n  ") +
         ",\n\"x\": " + json_list(look.x, x, ",\n  ") + "}\n";
}

}  // namespace fluxsbi::data
