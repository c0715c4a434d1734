#include <cmath>
#include <filesystem>
#include <limits>
#include <sstream>

#include <catch2/catch_approx.hpp>
#include <catch2/catch_test_macros.hpp>
#include <nlohmann/json.hpp>

#include "benchmark/outcome.hpp"
#include "benchmark/table.hpp"
#include "io/files.hpp"
#include "support/temporary_folder.hpp"
#include "support/user_error.hpp"

namespace fluxsbi::benchmark {
namespace {

namespace fs = std::filesystem;
using Catch::Approx;

constexpr double nothing = std::numeric_limits<double>::quiet_NaN();

Outcome done_outcome(uint64_t seed, double score) {
  Outcome outcome;
  outcome.entry = {"two_moons", "flux1", "flow", 10000, seed, ""};
  outcome.scores["benchmark_mlp"] = {score, score + 0.02};
  outcome.log_density = 3.5;
  outcome.log_density_error = 0.05;
  outcome.sbc = "pass";
  outcome.tarp = "FAIL";
  outcome.width = -0.03125;
  outcome.width_error = 0.0078125;
  outcome.minutes = 4.25;
  outcome.threads = "2";
  outcome.steps = 12000;
  outcome.parameters = 230921;
  outcome.evaluations = 30;
  return outcome;
}

bool holds(const std::string& text, const std::string& part) {
  INFO(text);
  return text.find(part) != std::string::npos;
}

TEST_CASE("the table shows scores beside published ones, and whose they are", "[benchmark][table]") {
  const std::string text = table({done_outcome(1, 0.52)}, "terminal");
  CHECK(holds(text, ".530"));
  CHECK(holds(text, "3.50 +- 0.05"));
  CHECK(holds(text, ".513 f"));
  CHECK(holds(text, "-0.031 +- 0.008"));
  CHECK(holds(text, "two_moons 10000: .513 f NPSE (forest, 2000 draws), Simformer; read off a figure"));
  CHECK(holds(text, ".522 f"));  // GenSBI's best
  CHECK_FALSE(holds(text, "fresh MLP"));
  CHECK_FALSE(holds(text, "variant"));
}

TEST_CASE("several seeds of one training have a row of their means", "[benchmark][table]") {
  Outcome other = done_outcome(2, 0.54);
  other.sbc = "FAIL";
  const std::string text = table({done_outcome(1, 0.52), other}, "markdown");
  CHECK(holds(text, "| mean of 2 | .540 |"));
  CHECK(holds(text, "| 1 of 2 | 0 of 2 | -0.031 |"));
  CHECK(holds(text, "|---|---|"));
}

TEST_CASE("what is not finished is told, and means are of whole sets alone", "[benchmark][table]") {
  Outcome outcome = done_outcome(1, 0.52);
  outcome.scores["benchmark_mlp"][1] = nothing;
  outcome.state = "scoring";
  CHECK(holds(table({outcome}, "terminal"), "(1 of 2)"));
  CHECK(holds(table({outcome}, "terminal"), "scoring"));
  CHECK(std::isnan(outcome.score("benchmark_mlp")));
}

TEST_CASE("csv and json hold every number, and nothing where there is none", "[benchmark][table]") {
  Outcome outcome = done_outcome(1, 0.52);
  outcome.log_density = outcome.log_density_error = nothing;
  outcome.state = "FAILED: train: no space, none";
  std::istringstream csv(table({outcome, done_outcome(2, 0.5)}, "csv"));
  std::string names, first, second;
  std::getline(csv, names);
  std::getline(csv, first);
  std::getline(csv, second);
  CHECK(holds(names, "benchmark_mlp,benchmark_mlp_1,benchmark_mlp_2,benchmark_forest,fresh_mlp"));
  CHECK(holds(
      first,
      "two_moons,10000,flux1,flow,,1,0.53,0.52,0.54,,,,,,0,pass,FAIL,-0.03125,0.0078125,4.25,2,12000,230921,"
      "30,0.513,"));
  CHECK(first.ends_with("\"FAILED: train: no space, none\""));
  CHECK(second.ends_with(",done"));
  const auto json = nlohmann::json::parse(table({outcome}, "json"));
  CHECK(json[0]["c2st"]["benchmark_mlp"]["mean"].get<double>() == Approx(0.53));
  CHECK(json[0]["log_density"]["mean"].is_null());
  CHECK(json[0]["published"]["gensbi"]["classifier"] == "forest");
  CHECK(json[0]["published"]["sequential"].is_null());
}

TEST_CASE("scores at each observation stand in a table of their own", "[benchmark][table]") {
  const std::string text = table({done_outcome(1, 0.52)}, "markdown", true);
  CHECK(holds(text, "| two_moons/flux1_flow_10000_seed1 | C2ST MLP | .520 | .540 | .530 |"));
}

TEST_CASE("an entry's folder is read as it stands", "[benchmark][outcome]") {
  const test::TemporaryFolder folder;
  const Entry entry{"two_moons", "flux1", "flow", 1000, 1, ""};
  const Protocol protocol{2, 0, 1000, 4};
  const std::string notes = entry.notes(folder.path());
  fs::create_directories(notes);
  REQUIRE(read_outcome(folder.path(), entry, protocol).state == "not begun");
  test::write_file(entry.folder(folder.path()) + "/metrics.jsonl",
                   "{\"step\":100,\"time\":30.0}\n{\"step\":200,\"time\":60.0}\n{\"step\":3");
  test::write_file(notes + "/steps.jsonl",
                   "{\"step\":\"train\",\"threads\":1}\n{\"step\":\"train\",\"threads\":2}\n");
  Outcome outcome = read_outcome(folder.path(), entry, protocol);
  CHECK(outcome.state == "training, step 200");
  CHECK(outcome.minutes == 1);
  CHECK(outcome.threads == "1-2");
  test::write_file(notes + "/benchmark_mlp_1.json", "{\"c2st\": 0.6}\n");
  test::write_file(notes + "/benchmark_samples.json", "{\"evaluations\": 30}\n");
  constexpr double infinity = std::numeric_limits<double>::infinity();
  const std::vector<double> densities{1, 3, -infinity, 2};
  io::save_arrays(notes + "/log_prob.npz",
                  {{"log_prob", io::Array::from(std::span<const double>(densities), {4})}});
  test::write_file(notes + "/calibration.json",
                   R"([{"test":"sbc","variable":"theta_0","verdict":"pass"},
                       {"test":"sbc","variable":"theta_1","verdict":"fail"},
                       {"test":"tarp","verdict":"pass"},
                       {"test":"tarp","verdict":"measured","value":-0.02,"standard_error":0.01}])");
  outcome = read_outcome(folder.path(), entry, protocol);
  CHECK(outcome.scores.at("benchmark_mlp")[0] == 0.6);
  CHECK(std::isnan(outcome.scores.at("benchmark_mlp")[1]));
  CHECK(outcome.evaluations == 30);
  CHECK(outcome.log_density == 2);
  CHECK(outcome.log_density_error == Approx(1 / std::sqrt(3.0)));
  CHECK(outcome.without_density == 1);
  CHECK(outcome.sbc == "FAIL");
  CHECK(outcome.tarp == "pass");
  CHECK(outcome.width == -0.02);
  test::write_file(notes + "/failure.txt", "train: no luck\n");
  CHECK(read_outcome(folder.path(), entry, protocol).state == "FAILED: train: no luck");
  test::write_file(notes + "/benchmark_mlp_1.json", "");
  CHECK(test::error_of([&] { read_outcome(folder.path(), entry, protocol); }).find("damaged") !=
        std::string::npos);
}

}  // namespace
}  // namespace fluxsbi::benchmark
