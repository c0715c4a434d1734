#include "benchmark/table_data.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <utility>

#include <nlohmann/json.hpp>

#include "benchmark/published.hpp"
#include "core/text.hpp"
#include "io/csv.hpp"

namespace fluxsbi::benchmark {

namespace {

using TableJson = nlohmann::ordered_json;

constexpr std::array score_names{"benchmark_mlp", "benchmark_forest", "fresh_mlp", "fresh_forest"};

TableJson number_or_null(double value) {
  return std::isfinite(value) ? TableJson(value) : TableJson(nullptr);
}

TableJson count_or_null(int64_t value) {
  return value < 0 ? TableJson(nullptr) : TableJson(value);
}

TableJson text_or_null(const std::string& text) {
  return text.empty() ? TableJson(nullptr) : TableJson(text);
}

TableJson published_json(const PublishedFigure* figure) {
  if (!figure) return nullptr;
  return {{"c2st", figure->c2st},   {"method", figure->method}, {"classifier", figure->classifier},
          {"draws", figure->draws}, {"source", figure->source}, {"note", figure->note}};
}

TableJson scores_json(const Outcome& outcome) {
  TableJson json = TableJson::object();
  for (const char* name : score_names) {
    const auto found = outcome.scores.find(name);
    if (found == outcome.scores.end()) continue;
    TableJson each = TableJson::array();
    for (const double score : found->second) each.push_back(number_or_null(score));
    json[name] = {{"mean", number_or_null(outcome.score(name))}, {"each", std::move(each)}};
  }
  return json;
}

TableJson outcome_json(const Outcome& outcome) {
  const Entry& entry = outcome.entry;
  const PublishedBest best = best_published(entry.task, entry.simulations);
  return {{"task", entry.task},
          {"simulations", entry.simulations},
          {"model", entry.model},
          {"method", entry.method},
          {"variant", entry.label},
          {"seed", entry.seed},
          {"state", outcome.state.empty() ? "done" : outcome.state},
          {"c2st", scores_json(outcome)},
          {"log_density",
           {{"mean", number_or_null(outcome.log_density)},
            {"standard_error", number_or_null(outcome.log_density_error)},
            {"without_density", outcome.without_density}}},
          {"calibration",
           {{"sbc", text_or_null(outcome.sbc)},
            {"tarp", text_or_null(outcome.tarp)},
            {"width", number_or_null(outcome.width)},
            {"width_standard_error", number_or_null(outcome.width_error)}}},
          {"training",
           {{"minutes", number_or_null(outcome.minutes)},
            {"threads", text_or_null(outcome.threads)},
            {"steps", count_or_null(outcome.steps)},
            {"parameters", count_or_null(outcome.parameters)}}},
          {"evaluations_per_draw", count_or_null(outcome.evaluations)},
          {"published",
           {{"amortised", published_json(best.amortised)},
            {"sequential", published_json(best.sequential)},
            {"gensbi", published_json(best.gensbi)}}}};
}

// Names and cells of one line.
using Cells = std::vector<std::pair<std::string, std::string>>;

std::string cell_of(double value) {
  return std::isfinite(value) ? core::number_text(value) : "";
}

std::string cell_of(int64_t value) {
  return value < 0 ? "" : std::to_string(value);
}

void add_published(const std::string& kind, const PublishedFigure* figure, Cells& cells) {
  cells.emplace_back(kind + "_c2st", figure ? core::number_text(figure->c2st) : "");
  cells.emplace_back(kind + "_method", figure ? figure->method : "");
  cells.emplace_back(kind + "_classifier", figure ? figure->classifier : "");
}

Cells cells_of(const Outcome& outcome, const std::map<std::string, size_t>& observations) {
  const Entry& entry = outcome.entry;
  Cells cells{{"task", entry.task},     {"simulations", cell_of(entry.simulations)},
              {"model", entry.model},   {"method", entry.method},
              {"variant", entry.label}, {"seed", std::to_string(entry.seed)}};
  for (const char* name : score_names) {
    const auto found = outcome.scores.find(name);
    cells.emplace_back(name, cell_of(outcome.score(name)));
    for (size_t k = 0; k < observations.at(name); ++k) {
      const bool there = found != outcome.scores.end() && k < found->second.size();
      cells.emplace_back(std::string(name) + "_" + std::to_string(k + 1),
                         there ? cell_of(found->second[k]) : "");
    }
  }
  cells.insert(cells.end(), {{"log_density", cell_of(outcome.log_density)},
                             {"log_density_standard_error", cell_of(outcome.log_density_error)},
                             {"without_density", cell_of(outcome.without_density)},
                             {"sbc", outcome.sbc},
                             {"tarp", outcome.tarp},
                             {"width", cell_of(outcome.width)},
                             {"width_standard_error", cell_of(outcome.width_error)},
                             {"minutes", cell_of(outcome.minutes)},
                             {"threads", outcome.threads},
                             {"steps", cell_of(outcome.steps)},
                             {"parameters", cell_of(outcome.parameters)},
                             {"evaluations_per_draw", cell_of(outcome.evaluations)}});
  const PublishedBest best = best_published(entry.task, entry.simulations);
  add_published("published_amortised", best.amortised, cells);
  add_published("published_sequential", best.sequential, cells);
  add_published("gensbi", best.gensbi, cells);
  cells.emplace_back("state", outcome.state.empty() ? "done" : outcome.state);
  return cells;
}

}  // namespace

std::string table_csv(const std::vector<Outcome>& outcomes) {
  std::map<std::string, size_t> observations;
  for (const char* name : score_names) {
    observations[name] = 0;
    for (const Outcome& outcome : outcomes) {
      const auto found = outcome.scores.find(name);
      if (found != outcome.scores.end())
        observations[name] = std::max(observations[name], found->second.size());
    }
  }
  std::string text;
  for (const Outcome& outcome : outcomes) {
    const Cells cells = cells_of(outcome, observations);
    std::string names, line;
    for (const auto& [name, cell] : cells) {
      names += (names.empty() ? "" : ",") + name;
      line += (&cell == &cells.front().second ? "" : ",") + io::csv_field(cell);
    }
    text += (text.empty() ? names + "\n" : "") + line + "\n";
  }
  return text;
}

std::string table_json(const std::vector<Outcome>& outcomes) {
  TableJson json = TableJson::array();
  for (const Outcome& outcome : outcomes) json.push_back(outcome_json(outcome));
  return json.dump(1) + "\n";
}

}  // namespace fluxsbi::benchmark
