// What a report takes from a run folder and from a file of samples.
#include <cmath>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_exception.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include "checkpoint/identity.hpp"
#include "checkpoint/model_file.hpp"
#include "core/error.hpp"
#include "diagnose/finding_json.hpp"
#include "io/files.hpp"
#include "report/page.hpp"
#include "report/report.hpp"
#include "report/run_folder.hpp"
#include "sample/files/sample_file.hpp"
#include "support/temporary_folder.hpp"

using namespace fluxsbi;
using namespace fluxsbi::report::test;
using Catch::Matchers::ContainsSubstring;
using Catch::Matchers::MessageMatches;
using fluxsbi::test::TemporaryFolder;

namespace {

void put(const std::string& path, const std::string& text) {
  std::filesystem::create_directories(std::filesystem::path(path).parent_path());
  std::ofstream(path, std::ios::binary) << text;
}

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

}  // namespace

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
  CHECK_THAT(content.findings.absent, ContainsSubstring("need a model"));
  CHECK_THAT(content.posterior.absent, ContainsSubstring("needs a model"));
  page_of(content);

  save_small_model(file("checkpoints/best.safetensors"));
  put(file("metrics.jsonl"), "{\"step\": 1, \"lr\": 1}\n");
  put(file("data.json"), "{\"rows\": ");
  content = report::read_run(run);
  REQUIRE(content.notices.size() == 1);
  CHECK_THAT(content.notices[0], ContainsSubstring("has not finished") && ContainsSubstring("of step 70"));
  CHECK_THAT(content.findings.absent, ContainsSubstring("fluxsbi diagnose"));
  CHECK_THAT(content.posterior.absent, ContainsSubstring("--samples"));
  CHECK_THAT(content.curves.absent, ContainsSubstring("holds no losses yet"));
  CHECK_THAT(content.data.absent, ContainsSubstring("data.json cannot be read"));

  save_small_model(file("model.safetensors"));
  put(file("metrics.jsonl"), "{\"step\": 1, \"train_loss\": 1}\n");
  put(file("data.json"),
      R"({"rows": 10, "looked_at": 10, "failed": 1, "findings": [
          {"severity": "note", "text": "few rows", "remedy": null}],
          "theta": [{"name": "mass", "count": 9, "missing": 1, "smallest": 5000000,
                     "largest": 5000001, "median": 5000000.53,
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
  CHECK_THAT(page_of(content), ContainsSubstring("5000000 to 5000001") && ContainsSubstring("5000000.53"));

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
                           {"meta", sample::text_array(meta)}});
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
                   {"meta", sample::text_array(meta)}});
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
