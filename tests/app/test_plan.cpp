// `fluxsbi plan`: what a training and many posteriors will take.
#include <catch2/catch_test_macros.hpp>
#include <nlohmann/json.hpp>

#include "app/expect.hpp"
#include "support/temporary_folder.hpp"

namespace fluxsbi::test {
namespace {

const std::vector<std::string> small_plan{"--task",
                                          "two_moons",
                                          "--seconds",
                                          "0.2",
                                          "--set",
                                          "data.simulations=300",
                                          "training.nsteps=500",
                                          "training.batch_size=8",
                                          "training.validation_evaluations=1",
                                          "training.val_every=100"};

std::vector<std::string> plan_with(const std::vector<std::string>& more) {
  std::vector<std::string> words{"plan"};
  words.insert(words.end(), small_plan.begin(), small_plan.end());
  words.insert(words.end(), more.begin(), more.end());
  return words;
}

TEST_CASE("plan says what a training and its posteriors take, and writes nothing", "[app][plan]") {
  const TemporaryFolder folder;
  const std::string said = succeed(plan_with({"--observations", "7", "-n", "100", "--json"}), Start::program);
  const auto json = nlohmann::json::parse(said.substr(said.find("{\n")));
  const auto& training = json.at("training");
  CHECK(training.at("steps") == 500);
  CHECK(training.at("rows") == 8);
  const double step = training.at("step_seconds"), validation = training.at("validation_seconds");
  CHECK(step > 0);
  CHECK(training.at("members") == 2);  // the recipe's, of so few simulations
  CHECK(std::abs(training.at("seconds").get<double>() - 2 * (500 * step + 5 * validation)) < 1e-6);
  const auto& sampling = json.at("sampling");
  CHECK(sampling.at("disk_bytes") == 7 * 100 * 2 * 4);
  const double rate = sampling.at("draws_per_second"), start = sampling.at("start_seconds");
  CHECK(std::abs(sampling.at("seconds").get<double>() - (start + 700 / rate)) < 1e-6);
  CHECK(std::filesystem::is_empty(folder.path()));
}

TEST_CASE("an ensemble is planned as its members, measured by one", "[app][plan]") {
  const auto plan_of = [](const std::string& members) {
    const std::string said = succeed(plan_with({"training.ensemble=" + members, "--json"}), Start::program);
    return nlohmann::json::parse(said.substr(said.find("{\n"))).at("training");
  };
  const auto one = plan_of("1"), three = plan_of("3");
  CHECK(three.at("members") == 3);
  CHECK(three.at("disk_bytes") == 3 * one.at("disk_bytes").get<double>());
  const double step = three.at("step_seconds"), validation = three.at("validation_seconds");
  CHECK(std::abs(three.at("seconds").get<double>() - 3 * (500 * step + 5 * validation)) < 1e-6);
}

TEST_CASE("plan divides observations among machines, and finds how many a limit of time needs",
          "[app][plan]") {
  const std::string said =
      succeed(plan_with({"--observations", "1000000", "--nodes", "16", "--hours", "1"}), Start::program);
  CHECK(said.find("16 machines like this one, --shard i/16") != std::string::npos);
  CHECK(said.find("; 62500 observations and 500 MB of samples each") != std::string::npos);
  CHECK(said.find("in 1 h 00 min: ") != std::string::npos);
}

TEST_CASE("plan refuses what it cannot plan, with a remedy", "[app][plan]") {
  const TemporaryFolder folder;
  refuses({"plan"}, "--data F");
  refuses(plan_with({"--nodes", "4"}), "give --observations");
  refuses({"plan", folder.path(), "--observations", "5"}, folder.path());
  refuses({"plan", folder.path()}, "give --observations");
  refuses(plan_with({"--observations", "3", "-n", "1000000000", "--hours", "0.001"}), "--hours");
}

}  // namespace
}  // namespace fluxsbi::test
