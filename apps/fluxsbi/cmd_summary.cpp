#include <algorithm>
#include <cmath>
#include <iostream>
#include <memory>
#include <optional>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "command.hpp"
#include "core/error.hpp"
#include "core/log.hpp"
#include "core/table_text.hpp"
#include "core/text.hpp"
#include "diagnose/draw_numbers.hpp"
#include "diagnose/summary.hpp"
#include "io/csv.hpp"
#include "number_range.hpp"
#include "sample/files/sample_file.hpp"

namespace fluxsbi::app {

namespace {

constexpr int64_t shown_rows = 10;         // of a table for people
constexpr size_t shown_correlations = 12;  // columns that fit a screen

struct SummaryArguments {
  std::string samples, log_prob;
  std::optional<int64_t> row;
  std::vector<std::string> columns;
  std::vector<double> quantiles{0.025, 0.16, 0.5, 0.84, 0.975};
  bool csv = false, json = false;
};

// The summary of one observation.
struct RowSummary {
  int64_t row;
  diagnose::Summary summary;
};

std::string percent_text(double quantile) {
  return core::number_text(std::round(quantile * 1e6) / 1e4) + "%";
}

// Three digits of the standard deviation, which is what a mean is known to at best.
int decimals_for(double deviation) {
  if (!(deviation > 0)) return 4;
  return std::max(0, 2 - static_cast<int>(std::floor(std::log10(deviation))));
}

std::string mode_text(const diagnose::Summary& summary) {
  return summary.mode_is == diagnose::Summary::Mode::density
             ? "mode: the draw of the highest log-density"
             : "mode: the peak of a kernel density estimate of each parameter by itself";
}

void print_table(const RowSummary& found, const std::vector<double>& quantiles, bool by_observation) {
  const diagnose::Summary& summary = found.summary;
  std::cout << (by_observation ? "observation " + std::to_string(found.row) + ": " : "")
            << core::count_text(summary.draws, "draw");
  if (summary.unfilled > 0) std::cout << ", " << summary.unfilled << " more were not filled";
  if (summary.not_finite > 0) std::cout << ", " << summary.not_finite << " more are not finite";
  std::cout << "\n";
  std::vector<std::vector<std::string>> rows{{"", "mean", "sd"}};
  for (const double quantile : quantiles) rows[0].push_back(percent_text(quantile));
  rows[0].emplace_back("mode");
  for (const auto& variable : summary.variables) {
    const int decimals = decimals_for(variable.deviation);
    auto& row = rows.emplace_back(std::vector<std::string>{variable.name});
    row.push_back(core::decimals_text(variable.mean, decimals));
    row.push_back(core::decimals_text(variable.deviation, decimals));
    for (const double value : variable.quantiles) row.push_back(core::decimals_text(value, decimals));
    row.push_back(core::decimals_text(variable.mode, decimals));
  }
  std::cout << core::aligned_table(rows, "  ");
}

// The lower triangle, without its diagonal of ones.
void print_correlations(const diagnose::Summary& summary) {
  const size_t d = summary.variables.size();
  if (d < 2) return;
  const size_t shown = std::min(d, shown_correlations);
  std::vector<std::vector<std::string>> rows{{"correlation"}};
  for (size_t j = 0; j + 1 < shown; ++j) rows[0].push_back(summary.variables[j].name);
  for (size_t i = 1; i < shown; ++i) {
    auto& row = rows.emplace_back(std::vector<std::string>{summary.variables[i].name});
    for (size_t j = 0; j < i; ++j) row.push_back(core::decimals_text(summary.correlations[i * d + j], 3));
    row.resize(rows[0].size());
  }
  std::cout << core::aligned_table(rows, "  ");
  if (shown < d)
    std::cout << "  correlations of the first " << shown << " of " << d
              << " parameters; --columns chooses others, --csv and --json give all\n";
}

void print_csv(const std::vector<RowSummary>& all, const std::vector<double>& quantiles) {
  std::vector<std::string> header{"observation", "name", "draws", "unfilled", "not_finite", "mean", "sd"};
  for (const double quantile : quantiles) header.push_back("q" + core::number_text(quantile));
  header.emplace_back("mode");
  for (const auto& variable : all.front().summary.variables) header.push_back("correlation_" + variable.name);
  std::string text;
  const auto add = [&](std::vector<std::string> cells) {
    for (std::string& cell : cells) cell = io::csv_field(cell);
    text += core::join(cells, ",") + "\n";
  };
  const auto number = [](double value) { return std::isnan(value) ? "nan" : core::number_text(value); };
  add(header);
  for (const auto& [row, summary] : all) {
    const size_t d = summary.variables.size();
    for (size_t i = 0; i < d; ++i) {
      const auto& variable = summary.variables[i];
      std::vector<std::string> cells{std::to_string(row),
                                     variable.name,
                                     std::to_string(summary.draws),
                                     std::to_string(summary.unfilled),
                                     std::to_string(summary.not_finite),
                                     number(variable.mean),
                                     number(variable.deviation)};
      for (const double value : variable.quantiles) cells.push_back(number(value));
      cells.push_back(number(variable.mode));
      for (size_t j = 0; j < d; ++j) cells.push_back(number(summary.correlations[i * d + j]));
      add(std::move(cells));
    }
  }
  std::cout << text;
}

nlohmann::ordered_json json_of(const RowSummary& found, const std::vector<double>& quantiles) {
  using nlohmann::ordered_json;
  const auto& [row, summary] = found;
  const size_t d = summary.variables.size();
  ordered_json variables = ordered_json::array(), correlations = ordered_json::array();
  for (size_t i = 0; i < d; ++i) {
    const auto& variable = summary.variables[i];
    ordered_json levels;
    for (size_t k = 0; k < quantiles.size(); ++k)
      levels[core::number_text(quantiles[k])] = variable.quantiles[k];
    variables.push_back({{"name", variable.name},
                         {"mean", variable.mean},
                         {"sd", variable.deviation},
                         {"quantiles", levels},
                         {"mode", variable.mode}});
    // NaN, of a constant, becomes null.
    correlations.push_back(
        std::vector<double>(summary.correlations.begin() + static_cast<int64_t>(i * d),
                            summary.correlations.begin() + static_cast<int64_t>((i + 1) * d)));
  }
  return {{"observation", row},
          {"draws", summary.draws},
          {"unfilled", summary.unfilled},
          {"not_finite", summary.not_finite},
          {"mode", summary.mode_is == diagnose::Summary::Mode::density ? "density" : "kernel"},
          {"variables", variables},
          {"correlations", correlations}};
}

// The observations to look at: one, or all; a table for people shows the first ten.
std::vector<int64_t> rows_to_show(const SummaryArguments& arguments, const diagnose::SampleFile& file) {
  if (arguments.row && !file.by_observation())
    throw core::UserError(file.path() + " holds draws [n, d] of one observation; leave out --row");
  if (arguments.row) return {*arguments.row};
  const bool all = arguments.csv || arguments.json;
  std::vector<int64_t> rows;
  for (int64_t row = 0; row < file.observations() && (all || row < shown_rows); ++row) rows.push_back(row);
  return rows;
}

void check_arguments(const SummaryArguments& arguments) {
  if (arguments.csv && arguments.json)
    throw core::UserError("--csv and --json are two formats; give one of them");
  for (const double quantile : arguments.quantiles) {
    if (!(quantile >= 0 && quantile <= 1))
      throw core::UserError("--quantiles names " + core::number_text(quantile) +
                            "; quantiles lie between 0 and 1");
  }
}

int summary_command(const SummaryArguments& arguments) {
  check_arguments(arguments);
  const diagnose::SampleFile file(arguments.samples);
  const std::vector<double> log_density =
      arguments.log_prob.empty() ? std::vector<double>() : diagnose::load_log_prob(arguments.log_prob, file);
  if (!arguments.log_prob.empty()) {
    const std::string other = sample::other_target(file.path(), arguments.log_prob);
    if (!other.empty()) core::log::warning(other + ": the densest draw is that of the other posterior");
  }
  std::vector<RowSummary> all;
  for (const int64_t row : rows_to_show(arguments, file)) {
    if (file.finite_draws(row).empty() && !arguments.row && file.observations() > 1) {
      core::log::warning(file.path() + " row " + std::to_string(row) + ": no draw is filled and finite");
      continue;
    }
    diagnose::SampleSet set = file.set(file.by_observation() ? row : -1);
    if (!arguments.columns.empty()) set = diagnose::with_columns(set, arguments.columns);
    std::span<const double> of_row(log_density);
    if (!of_row.empty())
      of_row = of_row.subspan(static_cast<size_t>(row * file.draws()), static_cast<size_t>(file.draws()));
    all.push_back({row, diagnose::summarise(std::move(set), arguments.quantiles, of_row)});
  }
  if (all.empty())
    throw core::UserError(file.path() + ": no observation has a draw that is filled and finite");
  const std::string target = sample::target_of(file.path());
  if (arguments.csv) {
    print_csv(all, arguments.quantiles);
  } else if (arguments.json) {
    nlohmann::ordered_json list = nlohmann::ordered_json::array();
    for (const RowSummary& found : all) list.push_back(json_of(found, arguments.quantiles));
    nlohmann::ordered_json json{{"file", file.path()}};
    if (!target.empty()) json["target"] = target;
    json["observations"] = list;
    std::cout << json.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace) << "\n";
  } else {
    if (!target.empty()) std::cout << "samples of " << target << "\n";
    for (const RowSummary& found : all) {
      print_table(found, arguments.quantiles, file.by_observation());
      print_correlations(found.summary);
      std::cout << "\n";
    }
    std::cout << mode_text(all.front().summary) << "\n";
    if (!arguments.row && file.observations() > shown_rows)
      std::cout << "these are the first " << shown_rows << " of " << file.observations()
                << " observations; --row chooses one, --csv and --json give all\n";
  }
  std::cout.flush();
  return 0;
}

}  // namespace

Action declare_summary(CLI::App& app) {
  auto arguments = std::make_shared<SummaryArguments>();
  app.add_option("samples", arguments->samples, "file of samples (.npz, .h5, .npy, .csv)")->required();
  app.add_option("--row", arguments->row, "one observation of 'samples' [rows, n, d], counted from 0")
      ->check(at_least_zero());
  app.add_option(
         "--columns", arguments->columns,
         "parameters to look at, by name or by number from 0, such as mass,spin or 0,3 (default: all)")
      ->delimiter(',')
      ->allow_extra_args(false);
  app.add_option("--quantiles", arguments->quantiles, "quantiles to print, between 0 and 1")
      ->delimiter(',')
      ->allow_extra_args(false)
      ->default_str("0.025,0.16,0.5,0.84,0.975");
  app.add_option(
      "--log-prob", arguments->log_prob,
      "log-density of each draw, as log-prob --theta SAMPLES writes it: the mode is then the densest draw");
  app.add_flag("--csv", arguments->csv, "print CSV, a line for each parameter of all observations");
  app.add_flag("--json", arguments->json, "print one JSON object of all observations");
  return [arguments] { return summary_command(*arguments); };
}

}  // namespace fluxsbi::app
