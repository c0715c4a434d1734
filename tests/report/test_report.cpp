#include <cmath>
#include <set>

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_exception.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include "core/error.hpp"
#include "core/philox.hpp"
#include "report/page.hpp"
#include "report/report.hpp"
#include "report/xml.hpp"

using namespace fluxsbi;
using namespace fluxsbi::report::test;
using Catch::Matchers::ContainsSubstring;
using Catch::Matchers::MessageMatches;

namespace {

const std::string hostile = "<b>&\"'ü\xFF";

std::vector<double> report_draws(size_t count, uint64_t stream = 0) {
  core::Philox random(5, core::Purpose::test, stream);
  std::vector<double> values(count);
  for (double& value : values) value = random.normal();
  return values;
}

// Everything that a report can hold, in names that try to break out of it.
report::ReportContent full_content() {
  report::ReportContent content;
  content.title = hostile;
  content.made = "Made now.";
  content.notices = {hostile};
  content.findings.content = {finding("sbc", diagnose::Verdict::fail),
                              finding("ppc", diagnose::Verdict::pass),
                              finding(hostile, diagnose::Verdict::not_enough)};
  report::PosteriorContent posterior;
  posterior.observation = hostile;
  posterior.names = {"theta_0", hostile};
  posterior.x_names = {hostile, "x_1"};
  posterior.x = {1, NAN};
  posterior.draws = report_draws(400);
  posterior.draws[7] = NAN;
  posterior.prior = report_draws(200, 1);
  posterior.truth = {0.5, NAN};
  posterior.mode = {0, 0};
  posterior.remarks = {hostile};
  content.posterior.content = posterior;
  report::TrainingCurves curves;
  curves.train_loss = {{1, 2}, {2, 1}};
  curves.validation_loss = {{2, 1.5}};
  content.curves.content = curves;
  report::DataContent data;
  data.source = hostile;
  data.rows = 1000;
  data.looked_at = 500;
  data.failed = 3;
  data.theta.columns = {data::column_facts(hostile, report_draws(500, 2)), data::column_facts("none", {})};
  data.theta.transforms = {"log", "none"};
  data.x.columns = {data::column_facts("x", report_draws(500, 3), 12)};
  data.findings = {{data::Severity::warning, "k", {}, 0, hostile, "do this", ""}};
  content.data.content = data;
  content.card_rules.content = {hostile};
  content.config.content = "a: \"<&>\"\n" + hostile;
  content.versions = {{hostile, hostile}};
  content.commands = {"fluxsbi report '" + hostile + "'"};
  return content;
}

std::vector<std::string> headings(const Element& page) {
  std::vector<std::string> found;
  for (const Element* heading : elements(page, "h2")) found.push_back(heading->text);
  return found;
}

const std::vector<std::string> section_titles{
    "Verdict", "Posterior",  "Calibration",   "Predictive check", "Training",
    "Data",    "Model card", "Configuration", "Versions",         "Commands that repeat it"};

}  // namespace

TEST_CASE("a report holds its sections in order, well-formed, with names that try to break out of it",
          "[report][html]") {
  const std::string page = page_of(full_content());
  const auto root = read_xml(page);
  CHECK(headings(*root) == section_titles);
  CHECK(elements(*root, "b").empty());
  CHECK(elements(*root, "script").empty());
  CHECK(root->attribute("lang") == "en");
  CHECK(elements(*root, "h1").at(0)->text == "<b>&\"'ü\uFFFD");
  CHECK_THAT(page, ContainsSubstring("1 of 2 findings failed") && ContainsSubstring("Train longer.") &&
                       ContainsSubstring("1 finding had too few data"));
  CHECK(page.size() < 400'000);

  std::set<std::string> ids;
  for (const Element* element : elements(*root, "")) {
    if (const std::string id = element->attribute("id"); !id.empty()) CHECK(ids.insert(id).second);
  }
  for (const Element* link : elements(*root, "a")) {  // nothing outside this file
    const std::string address = link->attribute("href");
    const bool within = address.starts_with("#") && ids.contains(address.substr(1));
    CHECK((within || address.starts_with("data:text/csv;charset=utf-8,")));
  }
  for (const char* outside : {"http:", "https:", "//", "url(", "@import", " src="})
    CHECK(page.find(outside) == std::string::npos);
}

TEST_CASE("every figure of a report has words and numbers, and every table names its columns",
          "[report][html]") {
  const auto root = read_xml(report::report_page(full_content()));
  const auto figures = elements(*root, "figure");
  REQUIRE(figures.size() >= 6);  // corner, three graphs, curves, histograms
  for (const Element* figure : figures) {
    const auto pictures = elements(*figure, "svg", "figure");
    REQUIRE(pictures.size() == 1);
    CHECK(pictures[0]->attribute("role") == "img");
    CHECK_FALSE(elements(*figure, "title").at(0)->text.empty());
    CHECK_FALSE(elements(*figure, "desc").at(0)->text.empty());
    CHECK(elements(*figure, "a").size() == 1);
  }
  for (const Element* table : elements(*root, "table")) {
    CHECK_FALSE(elements(*table, "th").empty());
    for (const Element* row : elements(*table, "tr"))
      CHECK(row->children.size() == elements(*table, "tr").at(0)->children.size());
  }
  for (const Element* scroll : elements(*root, "div", "scroll")) CHECK(scroll->attribute("tabindex") == "0");
}

TEST_CASE("a report without anything says for each part that it was made without it", "[report][html]") {
  report::ReportContent content;
  content.title = "empty";
  const char* const reason = "Made without, on purpose.";
  content.findings.absent = content.posterior.absent = content.curves.absent = content.data.absent =
      content.card_rules.absent = content.config.absent = reason;
  const std::string page = page_of(content);
  size_t count = 0;
  for (size_t at = page.find(reason); at != std::string::npos; at = page.find(reason, at + 1)) ++count;
  CHECK(count == 8);  // findings stand in three sections
  CHECK(headings(*read_xml(page)) == section_titles);
  CHECK_THAT(page, ContainsSubstring("No test has judged this posterior."));
}

TEST_CASE("a report of one draw, of many parameters and of many tests is made", "[report][html]") {
  report::ReportContent content;
  report::PosteriorContent posterior;
  posterior.names = {"a"};
  posterior.draws = {3};
  content.posterior.content = posterior;
  page_of(content);
  posterior.names.clear();
  for (int j = 0; j < 13; ++j) posterior.names.push_back("a_name_of_many_letters_" + std::to_string(j));
  posterior.draws = report_draws(13 * 500);
  content.posterior.content = posterior;
  std::vector<diagnose::Finding> many(40, finding("sbc", diagnose::Verdict::pass));
  content.findings.content = many;
  const std::string page = page_of(content);
  CHECK_THAT(page, ContainsSubstring("first 12 of 13 parameters") &&
                       ContainsSubstring("All 40 findings passed") &&
                       ContainsSubstring("40 figures of tests that did not fail"));
  CHECK(page.size() < 3'000'000);

  content.posterior.content->truth = {1, 2};
  CHECK_THROWS_MATCHES(report::report_page(content), core::UserError,
                       MessageMatches(ContainsSubstring("13 parameters, but 2 numbers of true parameters")));
  content.posterior.content->truth.clear();
  content.posterior.content->draws.assign(13, NAN);
  CHECK_THROWS_MATCHES(report::report_page(content), core::UserError,
                       MessageMatches(ContainsSubstring("no finite draw")));
}
