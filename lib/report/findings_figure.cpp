#include "report/findings_figure.hpp"

#include <algorithm>
#include <utility>
#include <vector>

#include "core/error.hpp"
#include "report/graph.hpp"

namespace fluxsbi::report {

namespace {

constexpr FigureSize graph_size{440, 300, 12};
constexpr size_t many_graphs = 12;  // more stand four in a row, others two
constexpr double title_letters = 16;

std::vector<Figure> graphs_of(std::span<const diagnose::Finding> findings) {
  std::vector<Figure> figures;
  for (const diagnose::Finding& finding : findings) {
    for (diagnose::Graph graph : finding.graphs) {
      graph.title += ": " + std::string(diagnose::text_of(finding.verdict));
      figures.push_back(graph_figure(graph, graph_size));
    }
  }
  return figures;
}

}  // namespace

Figure findings_figure(std::span<const diagnose::Finding> findings, const std::string& title) {
  std::vector<Figure> graphs = graphs_of(findings);
  if (graphs.empty()) throw core::UserError("none of the findings has a graph to draw");
  const size_t side_by_side = graphs.size() > many_graphs ? 4 : 2;
  Figure figure;
  figure.title = title.empty() ? "Tests of a posterior" : title;
  figure.width = graph_size.width * static_cast<double>(std::min(graphs.size(), side_by_side));
  if (!title.empty()) {
    figure.marks.text({title}, {title_letters, 1.5 * title_letters}, {title_letters});
    figure.height = 2.2 * title_letters;
  }
  for (size_t first = 0; first < graphs.size(); first += side_by_side) {
    double height = 0;
    for (size_t k = first; k < std::min(graphs.size(), first + side_by_side); ++k) {
      figure.marks.place(graphs[k].marks, {graph_size.width * static_cast<double>(k - first), figure.height});
      figure.description += (k > 0 ? " " : "") + graphs[k].title + ". " + graphs[k].description;
      auto& columns = graphs[k].numbers.columns;
      std::move(columns.begin(), columns.end(), std::back_inserter(figure.numbers.columns));
      height = std::max(height, graphs[k].height);
    }
    figure.height += height;
  }
  return figure;
}

}  // namespace fluxsbi::report
