// What tests of reports share.
#pragma once

#include <string>

#include <catch2/catch_test_macros.hpp>

#include "diagnose/finding.hpp"
#include "report/report.hpp"
#include "report/xml.hpp"

namespace fluxsbi::report::test {

inline diagnose::Finding finding(const std::string& test, diagnose::Verdict verdict) {
  diagnose::Finding found;
  found.test = test;
  found.variable = "mass";
  found.statistic = "KS distance";
  found.value = 0.25;
  found.high = 0.1;
  found.p_value = 0.001;
  found.verdict = verdict;
  found.meaning = "The posterior is too narrow.";
  found.next = "Train longer.";
  diagnose::Graph graph;
  graph.title = "ranks of " + test;
  graph.x = {0, 1};
  graph.curves = {{"mass", {0, 1}}};
  found.graphs = {graph};
  return found;
}

/// The page, which is well-formed.
inline std::string page_of(const ReportContent& content) {
  std::string page = report_page(content);
  CHECK_NOTHROW(read_xml(page));
  return page;
}

}  // namespace fluxsbi::report::test
