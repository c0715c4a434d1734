#include <cmath>
#include <filesystem>
#include <fstream>
#include <set>

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_exception.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include "checkpoint/identity.hpp"
#include "checkpoint/model_file.hpp"
#include "core/error.hpp"
#include "core/philox.hpp"
#include "diagnose/finding_json.hpp"
#include "io/files.hpp"
#include "report/report.hpp"
#include "report/run_folder.hpp"
#include "report/xml.hpp"
#include "support/temporary_folder.hpp"

using namespace fluxsbi;
using namespace fluxsbi::report::test;
using Catch::Matchers::ContainsSubstring;
using Catch::Matchers::MessageMatches;
using fluxsbi::test::TemporaryFolder;

namespace {

const std::string hostile = "<b>&\"'ü\xFF";

void put(const std::string& path, const std::string& text) {
  std::filesystem::create_directories(std::filesystem::path(path).parent_path());
  std::ofstream(path, std::ios::binary) << text;
}

std::vector<double> report_draws(size_t count, uint64_t stream = 0) {
  core::Philox random(5, core::Purpose::test, stream);
  std::vector<double> values(count);
  for (double& value : values) value = random.normal();
  return values;
}

diagnose::Finding finding(const std::string& test, diagnose::Verdict verdict) {
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

// A model file of one weight, in a run folder of one parameter and one datum.
void save_small_model(const std::string& path) {
  checkpoint::ModelFile model;
  model.weights.emplace("w", io::Array::from(std::vector<float>{1, 2}, {2}));
  model.config = "strategy:\n  method: flow\n";
  model.shape.theta_dim = 1;
  model.shape.x_dim = 1;
  model.theta = {{0}, {1}};
  model.x = {{0}, {1}};
  model.theta_names = {"mass"};
  model.x_names = {"height"};
  model.step = 70;
  model.validation_loss = 0.5;
  model.version = "0.0";
  model.remarks["source"] = "rows.npz";
  std::filesystem::create_directories(std::filesystem::path(path).parent_path());
  checkpoint::save_model(path, model);
}

io::Array text_of_bytes(const std::string& text) {
  io::Array array{io::DType::u8, {static_cast<int64_t>(text.size())}, {}};
  const auto bytes = std::as_bytes(std::span(text));
  array.bytes.assign(bytes.begin(), bytes.end());
  return array;
}

std::string page_of(const report::ReportContent& content) {
  std::string page = report::report_page(content);
  CHECK_NOTHROW(read_xml(page));
  return page;
}

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

TEST_CASE("a run folder fills a report, and what it lacks is absent with a reason", "[report][run]") {
  const TemporaryFolder folder;
  const auto file = [&](const std::string& name) { return folder.file("run/" + name); };
  const std::string run = folder.file("run");
  const auto refuses = [&](const std::string& path, const std::string& part) {
    CHECK_THROWS_MATCHES(report::read_run(path), core::UserError, MessageMatches(ContainsSubstring(part)));
  };
  refuses(folder.file("nowhere"), "does not exist");
  std::filesystem::create_directories(run);
  refuses(run, "is not a run folder: it holds no config.yaml");
  put(folder.file("refined/rounds/1/config.yaml"), "");
  put(folder.file("refined/rounds/2/config.yaml"), "");
  refuses(folder.file("refined"), "give " + folder.file("refined/rounds/2"));

  put(file("config.yaml"), "strategy:\n  method: flow\n");
  report::ReportContent content = report::read_run(run + "/");
  CHECK(content.title == "run");
  REQUIRE(content.notices.size() == 1);
  CHECK_THAT(content.notices[0], ContainsSubstring("has no checkpoint yet"));
  CHECK_THAT(content.curves.absent, ContainsSubstring("holds no metrics.jsonl"));
  CHECK_THAT(content.data.absent, ContainsSubstring("holds no data.json"));
  CHECK_THAT(content.findings.absent, ContainsSubstring("fluxsbi diagnose"));
  CHECK_THAT(content.posterior.absent, ContainsSubstring("--samples"));
  page_of(content);

  save_small_model(file("checkpoints/best.safetensors"));
  put(file("metrics.jsonl"), "{\"step\": 1, \"lr\": 1}\n");
  put(file("data.json"), "{\"rows\": ");
  content = report::read_run(run);
  REQUIRE(content.notices.size() == 1);
  CHECK_THAT(content.notices[0], ContainsSubstring("has not finished") && ContainsSubstring("of step 70"));
  CHECK_THAT(content.curves.absent, ContainsSubstring("holds no losses yet"));
  CHECK_THAT(content.data.absent, ContainsSubstring("data.json cannot be read"));

  save_small_model(file("model.safetensors"));
  put(file("metrics.jsonl"), "{\"step\": 1, \"train_loss\": 1}\n");
  put(file("data.json"),
      R"({"rows": 10, "looked_at": 10, "failed": 1, "findings": [
          {"severity": "note", "text": "few rows", "remedy": null}],
          "theta": [{"name": "mass", "count": 9, "missing": 1, "smallest": 0, "largest": 1, "median": 0.5,
                     "mean": null,
                     "deviation": 0.1, "histogram": {"low": 0, "high": 1, "counts": [4, 5]}}],
          "x": [{"name": "height", "count": 0, "missing": 10, "smallest": null}]})");
  put(file("train.log"),
      "2026-11-28 23:05:46 warning: model.depth = 9, the model card advises at most 8: use less "
      "[flux1.depth]\n"
      "2026-11-28 23:05:46 finished\n");
  put(file("diagnostics/sbc.json"), diagnose::to_json(std::vector{finding("sbc", diagnose::Verdict::fail)}));
  content = report::read_run(run);
  CHECK(content.notices.empty());
  REQUIRE(content.data.content);
  CHECK(content.data.content->source == "rows.npz");
  CHECK(content.data.content->theta.columns.at(0).histogram.counts == std::vector<int64_t>{4, 5});
  CHECK(std::isnan(content.data.content->theta.columns[0].mean));
  CHECK(content.data.content->theta.transforms == std::vector<std::string>{"none"});
  CHECK(content.card_rules.content ==
        std::vector<std::string>{
            "warning: model.depth = 9, the model card advises at most 8: use less [flux1.depth]"});
  REQUIRE(content.findings.content);
  CHECK(content.findings.content->size() == 1);
  CHECK_THAT(page_of(content), ContainsSubstring("few rows") && ContainsSubstring("mass"));

  std::filesystem::last_write_time(
      file("diagnostics/sbc.json"),
      std::filesystem::last_write_time(file("model.safetensors")) - std::chrono::hours(1));
  content = report::read_run(run);
  REQUIRE(content.notices.size() == 1);
  CHECK_THAT(content.notices[0], ContainsSubstring("older than the model"));
  diagnose::Finding other = finding("sbc", diagnose::Verdict::pass);  // of another conditional
  other.given = "x_0 & x_1";
  content.findings.content = {other};
  CHECK_THAT(report::report_page(content), ContainsSubstring("given x_0 &amp; x_1"));
  put(file("diagnostics/bad.json"), "[1]");
  refuses(run, "bad.json: finding 0 is not an object");
  put(file("model.safetensors"), "no model");
  std::filesystem::remove(file("diagnostics/bad.json"));
  refuses(run, "model.safetensors");
}

TEST_CASE("samples fill the posterior of a report if the run's own model drew them", "[report][run]") {
  const TemporaryFolder folder;
  const std::string run = folder.file("run"), path = folder.file("samples.npz");
  put(run + "/config.yaml", "a: 1\n");
  save_small_model(run + "/model.safetensors");
  const std::string identity = checkpoint::identity(checkpoint::load_model(run + "/model.safetensors"));
  const auto write = [&](const std::string& model) {
    const std::string meta =
        R"({"seed": 9, "theta_names": ["mass"], "x_names": ["height"], "model": ")" + model + "\"}";
    io::save_arrays(path, {{"samples", io::Array::from(std::vector<float>{1, 2, 3, 4}, {2, 2, 1})},
                           {"filled", io::Array::from_bool(std::vector<uint8_t>{1, 1, 1, 0}, {2, 2})},
                           {"x", io::Array::from(std::vector<float>{10, 20}, {2, 1})},
                           {"meta", text_of_bytes(meta)}});
  };
  write(identity);
  report::ReportContent content = report::read_run(run);
  report::SamplesRequest request;
  request.path = path;
  const auto refuses = [&](const std::string& part) {
    CHECK_THROWS_MATCHES(report::add_samples(content, run, request), core::UserError,
                         MessageMatches(ContainsSubstring(part)));
  };
  refuses("choose one with --row (0..1)");
  request.row = 1;
  request.truth = {1, 2};
  refuses("--truth has 2 numbers, but");
  request.truth = {3.5};
  io::save_arrays(folder.file("prior.npz"),
                  {{"theta", io::Array::from(std::vector<float>{0, 5, 7}, {3, 1})}});
  request.prior = folder.file("prior.npz");
  report::add_samples(content, run, request);
  REQUIRE(content.posterior.content);
  const report::PosteriorContent& posterior = *content.posterior.content;
  CHECK(posterior.names == std::vector<std::string>{"mass"});
  CHECK(posterior.draws == std::vector<double>{3});
  CHECK(posterior.x == std::vector<double>{20});
  CHECK(posterior.x_names == std::vector<std::string>{"height"});
  CHECK(posterior.prior == std::vector<double>{0, 5, 7});
  REQUIRE(posterior.remarks.size() == 1);
  CHECK_THAT(posterior.remarks[0], ContainsSubstring("1 draw could not be filled"));
  CHECK_THAT(content.commands.back(), ContainsSubstring("--seed 9"));
  page_of(content);

  // A file without its origin has to fit, gets the model's names, and the page says so.
  io::save_arrays(folder.file("two.npy"),
                  {{"array", io::Array::from(std::vector<float>{1, 2, 3, 4}, {2, 2})}});
  io::save_arrays(folder.file("one.npy"),
                  {{"array", io::Array::from(std::vector<float>{1, 2, 3, 4}, {4, 1})}});
  request = {folder.file("two.npy"), -1, "", {}};
  refuses("holds draws of 2 numbers, but the model of");
  request.path = folder.file("one.npy");
  report::add_samples(content, run, request);
  CHECK(content.posterior.content->names == std::vector<std::string>{"mass"});
  CHECK_THAT(page_of(content), ContainsSubstring("does not say which model drew it"));

  request.path = path;
  request.row = 1;
  write("00000000");
  refuses("was drawn by another model (00000000) than that of");
}

TEST_CASE("of a joint model's answer the report shows what was inferred, given the rest", "[report][run]") {
  const TemporaryFolder folder;
  const std::string run = folder.file("run");
  put(run + "/config.yaml", "a: 1\n");
  save_small_model(run + "/model.safetensors");
  report::ReportContent content = report::read_run(run);
  const std::string meta = R"({"names": ["mass", "height", "time"], "model": ")" + content.model + "\"}";
  io::save_arrays(folder.file("s.npz"),
                  {{"samples", io::Array::from(std::vector<float>{1, 2, 3, 4, 2, 6}, {1, 2, 3})},
                   {"given", io::Array::from(std::vector<float>{NAN, 2, NAN}, {1, 3})},
                   {"meta", text_of_bytes(meta)}});
  report::add_samples(content, run, {folder.file("s.npz"), -1, "", {}});
  const report::PosteriorContent& posterior = *content.posterior.content;
  CHECK(posterior.names == std::vector<std::string>{"mass", "time"});
  CHECK(posterior.draws == std::vector<double>{1, 3, 4, 6});
  CHECK(posterior.x_names == std::vector<std::string>{"height"});
  CHECK(posterior.x == std::vector<double>{2});
  page_of(content);
}

TEST_CASE("words are quoted for a shell where they need it", "[report][run]") {
  CHECK(report::shell_word("runs/a-1.npz") == "runs/a-1.npz");
  CHECK(report::shell_word("") == "''");
  CHECK(report::shell_word("it's $HOME") == "'it'\\''s $HOME'");
}
