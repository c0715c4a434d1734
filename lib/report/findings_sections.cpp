#include <algorithm>
#include <array>
#include <cmath>
#include <string_view>

#include "core/text.hpp"
#include "report/graph.hpp"
#include "report/sections.hpp"

namespace fluxsbi::report {

namespace {

using diagnose::Finding;
using diagnose::Verdict;
using Findings = std::vector<const Finding*>;

// Tests that look at x, not at pairs of theta and x.
constexpr std::array<std::string_view, 2> predictive_tests{"ppc", "inside"};
constexpr size_t most_open_graphs = 12;  // of tests that did not fail; more are folded

std::string_view word_of(Verdict verdict) {
  switch (verdict) {
    case Verdict::pass:
      return "passed";
    case Verdict::fail:
      return "FAILED";
    case Verdict::not_enough:
      return "not enough data";
    case Verdict::measured:
      break;
  }
  return "measured";
}

std::string name_of(const Finding& finding) {
  return finding.test + (finding.variable.empty() ? "" : ", " + finding.variable) +
         (finding.given.empty() ? "" : ", given " + finding.given);
}

std::string bounds_of(const Finding& finding) {
  const bool low = !std::isnan(finding.low), high = !std::isnan(finding.high);
  if (low && high) return core::brief_text(finding.low) + " to " + core::brief_text(finding.high);
  return low    ? "at least " + core::brief_text(finding.low)
         : high ? "at most " + core::brief_text(finding.high)
                : "";
}

std::string value_of(const Finding& finding) {
  return cell_text(finding.value) +
         (finding.standard_error ? " ± " + core::brief_text(*finding.standard_error) : "");
}

HtmlTable table_of(const Findings& findings, const std::string& caption) {
  HtmlTable table{
      caption,
      {{"test", false}, {"of", false}, {"verdict", false}, {"statistic", false}, {"value"}, {"right"}, {"p"}},
      {}};
  for (const Finding* finding : findings)
    table.rows.push_back({finding->test,
                          (finding->variable.empty() ? "all" : finding->variable) +
                              (finding->given.empty() ? "" : " given " + finding->given),
                          std::string(word_of(finding->verdict)), finding->statistic, value_of(*finding),
                          bounds_of(*finding), finding->p_value ? core::brief_text(*finding->p_value) : ""});
  return table;
}

Findings chosen(const std::vector<Finding>& findings, const auto& wanted) {
  Findings found;
  for (const Finding& finding : findings)
    if (wanted(finding)) found.push_back(&finding);
  return found;
}

Findings of_verdict(const std::vector<Finding>& findings, Verdict verdict) {
  return chosen(findings, [&](const Finding& finding) { return finding.verdict == verdict; });
}

void write_headline(Html& html, const std::vector<Finding>& findings) {
  const auto count = [&](Verdict verdict) { return of_verdict(findings, verdict).size(); };
  const size_t failed = count(Verdict::fail), passed = count(Verdict::pass),
               open = count(Verdict::not_enough);
  const size_t judged = failed + passed;
  std::string text;
  if (failed > 0) {
    text = std::to_string(failed) + " of " + core::count_text(static_cast<int64_t>(judged), "finding") +
           " failed. Do what is said below before you rely on this posterior.";
  } else if (judged > 0) {
    text = judged == 1 ? "The one finding with a verdict passed."
                       : "All " + std::to_string(judged) + " findings passed.";
  } else {
    text = "No test has judged this posterior.";
  }
  if (open > 0)
    text +=
        " " + core::count_text(static_cast<int64_t>(open), "finding") + " had too few data for a verdict.";
  html.paragraph(text, failed > 0   ? "class=\"verdict bad\""
                       : judged > 0 ? "class=\"verdict good\""
                                    : "class=\"verdict\"");
}

void write_actions(Html& html, const Findings& findings) {
  for (const Finding* finding : findings) {
    html.open("div", "class=\"failed\"");
    html.element("h3", name_of(*finding) + ": " + std::string(word_of(finding->verdict)));
    html.paragraph(finding->statistic + ": " + value_of(*finding) +
                   (bounds_of(*finding).empty() ? "" : " (right: " + bounds_of(*finding) + ")") +
                   (finding->p_value ? ", p = " + core::brief_text(*finding->p_value) : "") + ".");
    if (!finding->meaning.empty()) html.paragraph(finding->meaning);
    if (!finding->next.empty()) html.paragraph("What to do: " + finding->next);
    html.close("div");
  }
}

// Graphs of findings that failed stand open; many others are folded.
void write_graphs(Html& html, const Findings& findings) {
  Findings failed, others;
  size_t graphs = 0;
  for (const Finding* finding : findings) {
    (finding->verdict == Verdict::fail ? failed : others).push_back(finding);
    if (finding->verdict != Verdict::fail) graphs += finding->graphs.size();
  }
  const auto draw = [&](const Findings& some) {
    html.open("div", "class=\"figures\"");
    for (const Finding* finding : some) {
      for (const diagnose::Graph& graph : finding->graphs) {
        Figure figure = graph_figure(graph);
        if (figure.title.empty()) figure.title = name_of(*finding);
        figure.description += " " + name_of(*finding) + ": " + std::string(word_of(finding->verdict)) + ".";
        html.figure(figure, {});
      }
    }
    html.close("div");
  };
  if (std::any_of(failed.begin(), failed.end(), [](const Finding* f) { return !f->graphs.empty(); }))
    draw(failed);
  if (graphs == 0) return;
  if (graphs > most_open_graphs)
    html.open_fold(core::count_text(static_cast<int64_t>(graphs), "figure") + " of tests that did not fail");
  draw(others);
  if (graphs > most_open_graphs) html.close_fold();
}

void write_tests(Html& html, const Findings& findings, const std::string& caption) {
  html.table(table_of(findings, caption));
  std::vector<std::string> sentences;
  for (const Finding* finding : findings)
    if (!finding->meaning.empty()) sentences.push_back(name_of(*finding) + ": " + finding->meaning);
  if (!sentences.empty()) {
    html.open_fold("What each of them means");
    html.list(sentences);
    html.close_fold();
  }
  write_graphs(html, findings);
}

bool is_predictive(const Finding& finding) {
  return std::find(predictive_tests.begin(), predictive_tests.end(), finding.test) != predictive_tests.end();
}

}  // namespace

void write_verdict(Html& html, const Part<std::vector<Finding>>& findings) {
  if (!findings.content) {
    html.paragraph("No test has judged this posterior.", "class=\"verdict\"");
    html.paragraph(findings.absent, "class=\"soft\"");
    return;
  }
  write_headline(html, *findings.content);
  write_actions(html, of_verdict(*findings.content, Verdict::fail));
  const Findings open = of_verdict(*findings.content, Verdict::not_enough);
  std::vector<std::string> sentences;
  for (const Finding* finding : open) sentences.push_back(name_of(*finding) + ": " + finding->next);
  if (!sentences.empty()) {
    html.element("h3", "Too few data for a verdict");
    html.list(sentences);
  }
}

void write_calibration(Html& html, const Part<std::vector<Finding>>& findings) {
  if (!findings.content) return html.paragraph(findings.absent, "class=\"soft\"");
  const Findings found = chosen(*findings.content, [](const Finding& f) { return !is_predictive(f); });
  if (found.empty()) return html.paragraph("Made without tests of calibration.", "class=\"soft\"");
  write_tests(html, found, "Tests of calibration");
}

void write_predictive(Html& html, const Part<std::vector<Finding>>& findings) {
  if (!findings.content) return html.paragraph(findings.absent, "class=\"soft\"");
  const Findings found = chosen(*findings.content, is_predictive);
  if (found.empty())
    return html.paragraph(
        "Made without a predictive check. fluxsbi diagnose makes one where an observation and a simulator "
        "are at hand.",
        "class=\"soft\"");
  write_tests(html, found, "Predictive checks");
}

}  // namespace fluxsbi::report
