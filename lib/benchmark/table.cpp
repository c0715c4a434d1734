#include "benchmark/table.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <limits>
#include <map>
#include <tuple>

#include "benchmark/published.hpp"
#include "benchmark/table_data.hpp"
#include "core/table_text.hpp"
#include "core/text.hpp"

namespace fluxsbi::benchmark {

namespace {

constexpr std::array<std::pair<const char*, const char*>, 4> score_columns{
    {{"benchmark_mlp", "C2ST MLP"},
     {"benchmark_forest", "forest"},
     {"fresh_mlp", "fresh MLP"},
     {"fresh_forest", "fresh forest"}}};

// ".513", as tables of this test write it.
std::string score_text(double score) {
  if (std::isnan(score)) return "";
  const std::string text = core::decimals_text(score, 3);
  return text.starts_with("0.") ? text.substr(1) : text;
}

std::string letter_of(const PublishedFigure& figure) {
  return figure.classifier == "mlp" ? " m" : figure.classifier == "forest" ? " f" : " ?";
}

std::string published_text(const PublishedFigure* figure) {
  return figure ? score_text(figure->c2st) + letter_of(*figure) : "";
}

std::string published_cell(const PublishedBest& best) {
  std::string text = published_text(best.amortised);
  if (best.sequential) text += " [" + published_text(best.sequential) + "]";
  return text;
}

// The mean where all observations have a score, else how many have one.
std::string score_cell(const Outcome& outcome, const std::string& name) {
  const auto found = outcome.scores.find(name);
  if (found == outcome.scores.end()) return "";
  const double mean = outcome.score(name);
  if (!std::isnan(mean)) return score_text(mean);
  const auto done = std::count_if(found->second.begin(), found->second.end(),
                                  [](double score) { return !std::isnan(score); });
  return "(" + std::to_string(done) + " of " + std::to_string(found->second.size()) + ")";
}

std::string with_error(double value, double error, int decimals) {
  return std::isnan(value)
             ? ""
             : core::decimals_text(value, decimals) + " +- " + core::decimals_text(error, decimals);
}

std::string density_cell(const Outcome& outcome) {
  const std::string text = with_error(outcome.log_density, outcome.log_density_error, 2);
  return outcome.without_density == 0 ? text
                                      : text + " (" + std::to_string(outcome.without_density) + " without)";
}

std::string number_cell(double value, int decimals) {
  return std::isnan(value) ? "" : core::decimals_text(value, decimals);
}

std::string whole_cell(int64_t value) {
  return value < 0 ? "" : std::to_string(value);
}

std::vector<std::string> row_of(const Outcome& outcome) {
  const Entry& entry = outcome.entry;
  const PublishedBest best = best_published(entry.task, entry.simulations);
  std::vector<std::string> row{entry.task,  std::to_string(entry.simulations), entry.model, entry.method,
                               entry.label, std::to_string(entry.seed)};
  for (const auto& [name, title] : score_columns) row.push_back(score_cell(outcome, name));
  row.insert(row.end(), {density_cell(outcome), outcome.sbc, outcome.tarp,
                         with_error(outcome.width, outcome.width_error, 3), number_cell(outcome.minutes, 1),
                         outcome.threads, whole_cell(outcome.steps), whole_cell(outcome.parameters),
                         whole_cell(outcome.evaluations), published_cell(best), published_text(best.gensbi),
                         outcome.state});
  return row;
}

double mean_over(const std::vector<const Outcome*>& outcomes,
                 const std::function<double(const Outcome&)>& value) {
  double sum = 0;
  for (const Outcome* outcome : outcomes) sum += value(*outcome);
  return sum / static_cast<double>(outcomes.size());
}

std::string passes(const std::vector<const Outcome*>& outcomes, std::string Outcome::*verdict) {
  const auto passed = std::count_if(outcomes.begin(), outcomes.end(),
                                    [&](const Outcome* outcome) { return outcome->*verdict == "pass"; });
  return std::to_string(passed) + " of " + std::to_string(outcomes.size());
}

// The means over the seeds of one training.
std::vector<std::string> mean_row(const std::vector<const Outcome*>& outcomes) {
  std::vector<std::string> row = row_of(*outcomes.front());
  size_t at = 5;
  row[at++] = "mean of " + std::to_string(outcomes.size());
  for (const auto& [name, title] : score_columns)
    row[at++] = score_text(
        mean_over(outcomes, [&, key = name](const Outcome& outcome) { return outcome.score(key); }));
  row[at++] = number_cell(mean_over(outcomes, [](const Outcome& outcome) { return outcome.log_density; }), 2);
  row[at++] = passes(outcomes, &Outcome::sbc);
  row[at++] = passes(outcomes, &Outcome::tarp);
  row[at++] = number_cell(mean_over(outcomes, [](const Outcome& outcome) { return outcome.width; }), 3);
  row[at++] = number_cell(mean_over(outcomes, [](const Outcome& outcome) { return outcome.minutes; }), 1);
  row.back().clear();
  return row;
}

using Rows = std::vector<std::vector<std::string>>;

Rows main_rows(const std::vector<Outcome>& outcomes) {
  Rows rows{{"task", "simulations", "model", "method", "variant", "seed"}};
  for (const auto& [name, title] : score_columns) rows.front().emplace_back(title);
  for (const char* title : {"log-density", "SBC", "TARP", "width", "minutes", "threads", "steps",
                            "parameters", "evaluations", "best published", "GenSBI", "state"})
    rows.front().emplace_back(title);
  const auto same = [](const Entry& a, const Entry& b) {
    return std::tie(a.task, a.simulations, a.model, a.method, a.label) ==
           std::tie(b.task, b.simulations, b.model, b.method, b.label);
  };
  std::vector<const Outcome*> group;
  for (size_t i = 0; i < outcomes.size(); ++i) {
    rows.push_back(row_of(outcomes[i]));
    group.push_back(&outcomes[i]);
    if (i + 1 < outcomes.size() && same(outcomes[i].entry, outcomes[i + 1].entry)) continue;
    if (group.size() > 1) rows.push_back(mean_row(group));
    group.clear();
  }
  return rows;
}

Rows each_rows(const std::vector<Outcome>& outcomes) {
  size_t most = 0;
  for (const Outcome& outcome : outcomes) {
    for (const auto& [name, scores] : outcome.scores) most = std::max(most, scores.size());
  }
  Rows rows{{"entry", "C2ST"}};
  for (size_t k = 1; k <= most; ++k) rows.front().push_back(std::to_string(k));
  rows.front().emplace_back("mean");
  for (const Outcome& outcome : outcomes) {
    for (const auto& [name, title] : score_columns) {
      const auto found = outcome.scores.find(name);
      if (found == outcome.scores.end()) continue;
      std::vector<std::string> row{outcome.entry.title(), title};
      for (size_t k = 0; k < most; ++k)
        row.push_back(k < found->second.size() ? score_text(found->second[k]) : "");
      row.push_back(score_text(outcome.score(name)));
      rows.push_back(std::move(row));
    }
  }
  return rows;
}

// Without the columns that hold nothing but their title.
Rows without_empty(const Rows& rows) {
  Rows kept(rows.size());
  for (size_t j = 0; j < rows.front().size(); ++j) {
    const bool any =
        std::any_of(rows.begin() + 1, rows.end(), [&](const auto& row) { return !row[j].empty(); });
    for (size_t i = 0; any && i < rows.size(); ++i) kept[i].push_back(rows[i][j]);
  }
  return kept;
}

std::string markdown(const Rows& rows) {
  std::string text;
  for (size_t i = 0; i < rows.size(); ++i) {
    text += "|";
    for (const std::string& cell : rows[i]) text += " " + cell + " |";
    text += "\n";
    if (i > 0) continue;
    text += "|";
    for (size_t j = 0; j < rows[i].size(); ++j) text += "---|";
    text += "\n";
  }
  return text;
}

// Whose the published figures are, a line each.
std::vector<std::string> notes_of(const std::vector<Outcome>& outcomes) {
  std::vector<std::string> lines;
  for (const Outcome& outcome : outcomes) {
    const std::string name = outcome.entry.task + " " + std::to_string(outcome.entry.simulations) + ": ";
    const PublishedBest best = best_published(outcome.entry.task, outcome.entry.simulations);
    for (const PublishedFigure* figure : {best.amortised, best.sequential, best.gensbi}) {
      if (!figure) continue;
      const std::string line = name + score_text(figure->c2st) + letter_of(*figure) + " " + figure->text() +
                               ", " + figure->source + (figure->note.empty() ? "" : "; " + figure->note);
      if (std::find(lines.begin(), lines.end(), line) == lines.end()) lines.push_back(line);
    }
  }
  return lines;
}

std::string for_people(const std::vector<Outcome>& outcomes, bool as_markdown, bool each) {
  const auto print = [&](const Rows& rows, size_t left) {
    return as_markdown ? markdown(rows) : core::aligned_table(rows, "", left);
  };
  std::string text = print(without_empty(main_rows(outcomes)), 1);
  if (each) text += "\n" + print(without_empty(each_rows(outcomes)), 2);
  const auto notes = notes_of(outcomes);
  if (notes.empty()) return text;
  text +=
      "\nC2ST: 0.5 is perfect. Published: the lowest for as many simulations, one model for all "
      "observations, and in brackets\none model for each where that is "
      "lower. m: MLP, f: random forest, ?: not stated.\n";
  for (const std::string& line : notes) text += (as_markdown ? "- " : "  ") + line + "\n";
  text += "Sources:\n";
  for (const std::string& line : published_sources()) text += (as_markdown ? "- " : "  ") + line + "\n";
  return text;
}

}  // namespace

const std::vector<std::string>& table_formats() {
  static const std::vector<std::string> formats{"terminal", "markdown", "csv", "json"};
  return formats;
}

std::string table(const std::vector<Outcome>& outcomes, const std::string& format, bool each) {
  if (format == "csv") return table_csv(outcomes);
  if (format == "json") return table_json(outcomes);
  return for_people(outcomes, format == "markdown", each);
}

}  // namespace fluxsbi::benchmark
