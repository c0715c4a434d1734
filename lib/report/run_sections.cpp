#include <algorithm>
#include <cmath>

#include "core/text.hpp"
#include "report/graph.hpp"
#include "report/sections.hpp"
#include "report/style.hpp"

namespace fluxsbi::report {

namespace {

constexpr size_t most_columns_listed = 200, most_histograms = 48;  // of a side

void write_absent(Html& html, const std::string& why) {
  html.paragraph(why, "class=\"soft\"");
}

std::string range_text(const data::ColumnFacts& facts) {
  return facts.count == 0 ? "–"
                          : cell_text(facts.smallest, facts.deviation) + " to " +
                                cell_text(facts.largest, facts.deviation);
}

void write_column_table(Html& html, const DataContent::Side& side, const std::string& name) {
  HtmlTable table{
      "Variables of " + name,
      {{"variable", false}, {"range"}, {"median"}, {"mean"}, {"sd"}, {"missing"}, {"transform", false}},
      {}};
  for (size_t i = 0; i < std::min(side.columns.size(), most_columns_listed); ++i) {
    const data::ColumnFacts& facts = side.columns[i];
    const bool known = facts.count > 0;
    table.rows.push_back(
        {facts.name, range_text(facts), known ? cell_text(facts.median, facts.deviation) : "–",
         known ? cell_text(facts.mean, facts.deviation) : "–", known ? cell_text(facts.deviation) : "–",
         style::grouped(facts.missing), i < side.transforms.size() ? side.transforms[i] : "not known"});
  }
  html.table(table);
  if (side.columns.size() > table.rows.size())
    html.paragraph(core::and_more(side.columns.size() - table.rows.size()) + " variables.");
}

diagnose::Graph histogram_of(const data::ColumnFacts& facts) {
  diagnose::Graph graph;
  graph.kind = diagnose::Graph::Kind::histogram;
  graph.title = facts.name;
  graph.y_label = "values";
  const data::Histogram& histogram = facts.histogram;
  const double bins = static_cast<double>(histogram.counts.size());
  graph.curves.emplace_back();
  for (size_t i = 0; i <= histogram.counts.size(); ++i)
    graph.x.push_back(std::lerp(histogram.low, histogram.high, static_cast<double>(i) / bins));
  for (const int64_t count : histogram.counts) graph.curves[0].y.push_back(static_cast<double>(count));
  return graph;
}

void write_histograms(Html& html, const DataContent::Side& side) {
  size_t drawn = 0, with_histogram = 0;
  for (const data::ColumnFacts& facts : side.columns) with_histogram += !facts.histogram.counts.empty();
  if (with_histogram == 0) return;
  html.open("div", "class=\"figures small\"");
  for (const data::ColumnFacts& facts : side.columns) {
    if (facts.histogram.counts.empty() || drawn == most_histograms) continue;
    Figure figure = graph_figure(histogram_of(facts), {260, 170, 11});
    figure.title = "Histogram of " + facts.name;
    figure.description = "From " + cell_text(facts.histogram.low, facts.deviation) + " to " +
                         cell_text(facts.histogram.high, facts.deviation) + "; median " +
                         cell_text(facts.median, facts.deviation) + ".";
    html.figure(figure, {0, 340, false});
    ++drawn;
  }
  html.close("div");
  if (drawn < with_histogram)
    html.paragraph("Histograms of the first " + std::to_string(drawn) + "; " +
                   std::to_string(with_histogram - drawn) + " more are left out.");
}

void write_look(Html& html, const std::vector<data::Finding>& findings) {
  std::vector<std::string> lines;
  for (const data::Finding& finding : findings)
    lines.push_back(std::string(name_of(finding.severity)) + ": " + finding.line());
  if (lines.empty()) {
    html.paragraph("Nothing about the data is wrong or unusual.");
  } else {
    html.list(lines);
  }
}

}  // namespace

void write_training(Html& html, const Part<TrainingCurves>& curves) {
  if (!curves.content) return write_absent(html, curves.absent);
  const Figure figure = curves_figure(*curves.content, {460, 380, 12});
  html.paragraph(figure.description);
  html.figure(figure, {0, 620});
}

void write_data(Html& html, const Part<DataContent>& data) {
  if (!data.content) return write_absent(html, data.absent);
  const DataContent& content = *data.content;
  std::string text = (content.source.empty() ? "" : content.source + ": ") + style::grouped(content.rows) +
                     " rows of " + core::count_text(std::ssize(content.theta.columns), "number") +
                     " of theta and " + std::to_string(content.x.columns.size()) + " of x";
  if (content.looked_at < content.rows)
    text += ", of which " + style::grouped(content.looked_at) + " were looked at";
  if (content.failed > 0) text += "; " + style::grouped(content.failed) + " of them failed";
  html.paragraph(text + ".");
  write_look(html, content.findings);
  for (const auto& [name, side] : {std::pair<const char*, const DataContent::Side&>{"theta", content.theta},
                                   std::pair<const char*, const DataContent::Side&>{"x", content.x}}) {
    if (side.columns.empty()) continue;
    html.element("h3", name);
    write_column_table(html, side, name);
    write_histograms(html, side);
  }
}

void write_card_rules(Html& html, const Part<std::vector<std::string>>& rules) {
  if (!rules.content) return write_absent(html, rules.absent);
  if (rules.content->empty())
    return html.paragraph("The model keeps the rules of its card that trainings warn of.");
  html.list(*rules.content);
}

void write_config(Html& html, const Part<std::string>& config) {
  if (!config.content) return write_absent(html, config.absent);
  html.open_fold("config.yaml, every key as it was resolved");
  html.element("pre", *config.content, "tabindex=\"0\"");
  html.close_fold();
}

void write_versions(Html& html, const ReportContent& content) {
  html.open("dl");
  for (const auto& [what, which] : content.versions) {
    html.element("dt", what);
    html.element("dd", which);
  }
  html.close("dl");
}

void write_commands(Html& html, const ReportContent& content) {
  html.element("pre", core::join(content.commands, "\n"), "tabindex=\"0\"");
}

}  // namespace fluxsbi::report
