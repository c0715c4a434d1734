#include "benchmark/published.hpp"

#include <algorithm>
#include <string_view>
#include <utility>

#include "benchmark/embedded.hpp"
#include "core/error.hpp"
#include "core/text.hpp"

namespace fluxsbi::benchmark {

namespace {

std::vector<std::string> split_text(std::string_view text, char separator) {
  std::vector<std::string> parts;
  size_t begin = 0;
  for (size_t end = 0; end != std::string_view::npos; begin = end + 1) {
    end = text.find(separator, begin);
    parts.emplace_back(text.substr(begin, end - begin));
  }
  return parts;
}

struct PublishedContent {
  std::vector<PublishedFigure> figures;
  std::vector<std::string> sources, tasks;
};

PublishedFigure figure_of(const std::string& line) {
  const auto fields = split_text(line, ',');
  core::require(fields.size() == 9, "a line of published.csv has nine fields");
  const auto simulations = core::parse_whole_number(fields[1]), draws = core::parse_whole_number(fields[5]);
  const auto score = core::parse_number(fields[6]);
  core::require(simulations && draws && score, "a line of published.csv has its numbers");
  return {fields[0], *simulations, fields[2], fields[3], fields[4], *draws, *score, fields[7], fields[8]};
}

const PublishedContent& content() {
  static const PublishedContent content = [] {
    constexpr std::string_view source = "# source ";
    PublishedContent read;
    bool names = true;
    for (const std::string& line : split_text(published_file(), '\n')) {
      if (line.starts_with(source)) read.sources.push_back(line.substr(source.size()));
      if (line.empty() || line.front() == '#') continue;
      if (std::exchange(names, false)) continue;
      read.figures.push_back(figure_of(line));
      const std::string& task = read.figures.back().task;
      if (std::find(read.tasks.begin(), read.tasks.end(), task) == read.tasks.end())
        read.tasks.push_back(task);
    }
    return read;
  }();
  return content;
}

void keep_lower(const PublishedFigure*& best, const PublishedFigure& figure) {
  if (!best || figure.c2st < best->c2st) best = &figure;
}

}  // namespace

std::string PublishedFigure::text() const {
  return method + " (" + (classifier == "not stated" ? "classifier not stated" : classifier) + ", " +
         core::count_text(draws, "draw") + ")";
}

const std::vector<PublishedFigure>& published() {
  return content().figures;
}

const std::vector<std::string>& published_sources() {
  return content().sources;
}

const std::vector<std::string>& benchmark_tasks() {
  return content().tasks;
}

PublishedBest best_published(const std::string& task, int64_t simulations) {
  PublishedBest best;
  for (const PublishedFigure& figure : published()) {
    if (figure.task != task || figure.simulations != simulations) continue;
    if (figure.kind == "amortised") keep_lower(best.amortised, figure);
    if (figure.kind == "sequential") keep_lower(best.sequential, figure);
    if (figure.source == "GenSBI") keep_lower(best.gensbi, figure);
  }
  if (best.sequential && best.amortised && best.sequential->c2st >= best.amortised->c2st)
    best.sequential = nullptr;
  return best;
}

}  // namespace fluxsbi::benchmark
