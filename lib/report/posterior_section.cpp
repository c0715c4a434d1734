#include <algorithm>
#include <cmath>
#include <utility>

#include "core/text.hpp"
#include "diagnose/summary.hpp"
#include "report/corner.hpp"
#include "report/sections.hpp"

namespace fluxsbi::report {

namespace {

constexpr size_t most_in_corner = 12;  // parameters in the corner plot
constexpr size_t most_x_shown = 24;
constexpr double observed_spread = 1e-5;  // of a value: seven digits of an observed one
constexpr double letters_around = 110;    // pixels beside the panels

std::vector<double> first_columns(const std::vector<double>& values, size_t width, size_t kept) {
  std::vector<double> found;
  for (size_t row = 0; row + width <= values.size(); row += width)
    found.insert(found.end(), values.begin() + static_cast<std::ptrdiff_t>(row),
                 values.begin() + static_cast<std::ptrdiff_t>(row + kept));
  return found;
}

std::vector<double> first_of(const std::vector<double>& values, size_t kept) {
  return {values.begin(), values.begin() + static_cast<std::ptrdiff_t>(std::min(values.size(), kept))};
}

void write_observation(Html& html, const PosteriorContent& posterior) {
  html.paragraph("Given " + (posterior.observation.empty() ? "x_o" : posterior.observation) + ".");
  if (posterior.x.empty()) return;
  HtmlTable table{"The observation", {{"x", false}, {"value"}}, {}};
  for (size_t i = 0; i < std::min(posterior.x.size(), most_x_shown); ++i)
    table.rows.push_back({i < posterior.x_names.size() ? posterior.x_names[i] : "x_" + std::to_string(i),
                          std::isnan(posterior.x[i])
                              ? "not observed"
                              : cell_text(posterior.x[i], observed_spread * std::abs(posterior.x[i]))});
  const size_t left = posterior.x.size() - table.rows.size();
  html.open_fold(core::count_text(std::ssize(posterior.x), "observed value"));
  html.table(table);
  if (left > 0) html.paragraph(core::and_more(left) + ".");
  html.close_fold();
}

// Panels are small enough for a phone where there are few of them, and large enough to be read where there
// are many.
int panel_size(size_t d) {
  return d == 1 ? 300 : d == 2 ? 165 : d <= 4 ? 130 : 105;
}

void write_corner(Html& html, const PosteriorContent& posterior) {
  const size_t d = posterior.names.size(), shown = std::min(d, most_in_corner);
  const std::vector<double> draws = first_columns(posterior.draws, d, shown),
                            prior = first_columns(posterior.prior, d, shown);
  CornerPlot plot;
  plot.names = {posterior.names.begin(), posterior.names.begin() + static_cast<std::ptrdiff_t>(shown)};
  plot.samples = {"posterior", draws};
  plot.prior = {"prior", prior};
  plot.truth = first_of(posterior.truth, shown);
  plot.panel = panel_size(shown);
  const Figure figure = corner_figure(plot);
  if (shown < d)
    html.paragraph("The figure shows the first " + std::to_string(shown) + " of " + std::to_string(d) +
                   " parameters; fluxsbi plot --columns draws others.");
  const double least = shown <= 2 ? 0 : letters_around + 85.0 * static_cast<double>(shown);
  html.figure(figure, {least, std::min(1.4 * figure.width, 1080.0), false});
}

// "0.0%" of a prior that is a single point stays out.
std::string ratio_text(double deviation, double prior_deviation) {
  return prior_deviation > 0 ? core::brief_text(deviation / prior_deviation) : "–";
}

// One for each name; none where there is no draw.
std::vector<diagnose::VariableSummary> summaries_of(const std::vector<double>& draws,
                                                    const std::vector<std::string>& names) {
  if (std::none_of(draws.begin(), draws.end(), [](double value) { return std::isfinite(value); })) return {};
  const auto d = std::ssize(names);
  diagnose::SampleSet set{"draws", std::ssize(draws) / d, d, draws, names};
  return diagnose::summarise(std::move(set), {0.05, 0.25, 0.5, 0.75, 0.95}).variables;
}

void write_summaries(Html& html, const PosteriorContent& posterior) {
  const auto summaries = summaries_of(posterior.draws, posterior.names);
  const auto priors = summaries_of(posterior.prior, posterior.names);
  HtmlTable table{
      "Summaries of the posterior",
      {{"parameter", false}, {"mean"}, {"sd"}, {"5 %"}, {"25 %"}, {"median"}, {"75 %"}, {"95 %"}, {"peak"}},
      {}};
  if (!posterior.mode.empty()) table.columns.push_back({"mode"});
  if (!posterior.truth.empty()) table.columns.push_back({"truth"});
  if (!priors.empty()) table.columns.push_back({"sd / prior sd"});
  for (size_t j = 0; j < summaries.size(); ++j) {
    const diagnose::VariableSummary& summary = summaries[j];
    const auto near = [&](double value) { return cell_text(value, summary.deviation); };
    std::vector<std::string> row{summary.name, near(summary.mean), cell_text(summary.deviation)};
    for (const double quantile : summary.quantiles) row.push_back(near(quantile));
    row.push_back(near(summary.mode));
    if (!posterior.mode.empty()) row.push_back(near(posterior.mode[j]));
    if (!posterior.truth.empty()) row.push_back(near(posterior.truth[j]));
    if (!priors.empty()) row.push_back(ratio_text(summary.deviation, priors[j].deviation));
    table.rows.push_back(std::move(row));
  }
  html.table(table);
  html.paragraph("Peak: the highest point of a kernel estimate, for each parameter by itself." +
                     std::string(posterior.mode.empty() ? "" : " Mode: where the joint density is highest."),
                 "class=\"soft\"");
}

}  // namespace

void write_posterior(Html& html, const Part<PosteriorContent>& posterior) {
  if (!posterior.content) return html.paragraph(posterior.absent, "class=\"soft\"");
  write_observation(html, *posterior.content);
  html.list(posterior.content->remarks);
  write_corner(html, *posterior.content);
  write_summaries(html, *posterior.content);
}

}  // namespace fluxsbi::report
