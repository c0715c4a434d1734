#include <cmath>
#include <csignal>
#include <set>
#include <utility>

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

#include "data/data_options.hpp"
#include "data/dataset.hpp"
#include "data/errors.hpp"
#include "data/loaded.hpp"
#include "data/scratch.hpp"
#include "data/simulate/simulate.hpp"
#include "data/simulate/simulate_to_file.hpp"
#include "io/files.hpp"

using namespace fluxsbi;
using data::simulate;
using data::simulate_to_file;
using data::SimulateRequest;
using test::says;
using test::Scratch;

namespace {

SimulateRequest request_for(const std::string& output, int64_t rows) {
  SimulateRequest request;
  request.output = output;
  request.task = "two_moons";
  request.simulations = rows;
  request.seed = 11;
  request.stop = [] { return 0; };
  return request;
}

/// Asks to stop once `done` batches have ended.
void stop_after(SimulateRequest& request, int done) {
  auto ended = std::make_shared<std::atomic<int>>(0);
  request.progress = [ended](int64_t, int64_t, int64_t) { ++*ended; };
  request.stop = [ended, done] { return *ended >= done ? SIGTERM : 0; };
}

}  // namespace

TEST_CASE("simulations are the same for any number of workers", "[data][simulate]") {
  const auto task = data::make_task(GENERATE("two_moons", "gaussian_linear", "gaussian_mixture"));
  const auto one = simulate(*task, 20000, 3, 1);
  for (const int workers : {2, 5}) {
    const auto many = simulate(*task, 20000, 3, workers);
    REQUIRE(many.theta == one.theta);
    REQUIRE(many.x == one.x);
  }
  REQUIRE(one.failed == std::vector<uint8_t>(20000));
}

TEST_CASE("a row depends on the seed and its number alone", "[data][simulate]") {
  const auto task = data::make_task("two_moons");
  const auto all = simulate(*task, 10000, 3), part = simulate(*task, 20, 3, 1, 9000);
  REQUIRE(std::equal(part.theta.begin(), part.theta.end(), all.theta.begin() + 2 * 9000));
  REQUIRE(std::equal(part.x.begin(), part.x.end(), all.x.begin() + 2 * 9000));
  REQUIRE(simulate(*task, 10, 4).theta != simulate(*task, 10, 3).theta);
  REQUIRE(simulate(*task, 0, 3).theta.empty());
}

TEST_CASE("theta stays in the support after rounding", "[data][simulate]") {
  const auto draw = [](double low, double high, int64_t row) {
    const auto prior = data::make_prior({data::PriorKind::box, {low}, {high}, {}, {}}, 1);
    std::vector<double> theta(1);
    data::ThetaDraws(*prior, 0).draw(row, theta);
    REQUIRE(prior->between_exact_ends(theta));
    return theta[0];
  };
  for (int64_t row = 0; row < 100; ++row) {
    const double theta = draw(0.3, 0.4, row);  // 0.4 rounds up
    CHECK(static_cast<double>(static_cast<float>(theta)) == theta);
  }
}

TEST_CASE("a prior that float32 cannot resolve is drawn from in float64", "[data][simulate]") {
  for (const auto& [low, high] : {std::pair{1.7e9, 1.7e9 + 7200}, {0.1 - 2e-8, 0.1}, {1e40, 3e40}}) {
    const auto prior = data::make_prior({data::PriorKind::box, {low}, {high}, {}, {}}, 1);
    const data::ThetaDraws draws(*prior, 0);
    std::set<double> distinct;
    std::vector<double> theta(1);
    for (int64_t row = 0; row < 1000; ++row) {
      draws.draw(row, theta);
      distinct.insert(theta[0]);
    }
    CHECK(distinct.size() == 1000);
  }
}

TEST_CASE("a prior over sizes that float32 lacks is drawn from whole", "[data][simulate]") {
  data::PriorOptions options;
  options.kind = data::PriorKind::parameters;
  options.parameters = data::PriorParts{{{"loguniform", {}, {{"low", {1e-60}}, {"high", {1e-20}}}}}};
  const auto prior = data::make_prior(options, 1);
  const data::ThetaDraws draws(*prior, 0);
  constexpr int rows = 2000;
  const double four_sd = 4 * 0.5 / std::sqrt(rows);
  int below = 0;
  for (int row = 0; row < rows; ++row) {
    std::vector<double> theta(1);
    draws.draw(row, theta);
    below += theta[0] < 1e-40;
  }
  CHECK(std::abs(below / static_cast<double>(rows) - 0.5) < four_sd);
}

TEST_CASE("draws that crowd at an end are not rounded onto it", "[data][simulate]") {
  data::PriorOptions options;
  options.kind = data::PriorKind::parameters;
  options.parameters = data::PriorParts{{{"beta", {}, {{"alpha", {.3}}, {"beta", {.3}}}}}};
  const auto prior = data::make_prior(options, 1);
  const data::ThetaDraws draws(*prior, 0);
  int at_end = 0;
  for (int row = 0; row < 2000; ++row) {
    std::vector<double> theta(1);
    draws.draw(row, theta);
    at_end += theta[0] == 1;
  }
  CHECK(at_end == 0);  // in float32 six are expected
}

TEST_CASE("x of sizes that float32 lacks is kept in float64", "[data][simulate][command]") {
  const Scratch scratch;
  data::SimulateRequest request;
  request.output = scratch.path("a.npz");
  request.simulations = 100;
  request.prior = {data::PriorKind::box, {20}, {60}, {}, {}};
  request.simulator.command = "awk 'NR > 1 { print \"1e-\" int($1) }'";
  request.simulator.deterministic = true;
  request.stop = [] { return 0; };
  data::simulate_to_file(request);
  const auto arrays = io::load_arrays(request.output).arrays;
  const auto theta = arrays.at("theta").to_double(), x = arrays.at("x").to_double();
  for (size_t row = 0; row < x.size(); ++row)
    CHECK(std::abs(x[row] / std::pow(10, -std::floor(theta[row])) - 1) < 1e-9);
}

TEST_CASE("simulations of a command with large offsets keep their digits", "[data][simulate][command]") {
  const Scratch scratch;
  data::SimulateRequest request;
  request.output = scratch.path(GENERATE("a.npz", "a.csv"));
  request.simulations = 500;
  request.prior = {data::PriorKind::box, {1.7e9, -1}, {1.7e9 + 7200, 1}, {}, {}};
  request.simulator.command = "awk -F, 'NR > 1 { printf \"%.3f %.3f\\n\", $1 + 0.125, $2 }'";
  request.simulator.deterministic = true;
  request.stop = [] { return 0; };
  data::simulate_to_file(request);
  data::DataOptions options;
  options.file = request.output;
  const auto dataset = data::open_dataset(options, 0);
  std::vector<double> theta(1000), x(1000);
  dataset.rows->theta().read(0, 500, theta);
  dataset.rows->x().read(0, 500, x);
  std::set<double> times, shifted;
  for (size_t row = 0; row < 500; ++row) {
    times.insert(theta[2 * row]);
    shifted.insert(x[2 * row]);
    CHECK(std::abs(x[2 * row] - theta[2 * row] - 0.125) < 1e-3);
    CHECK(std::abs(x[2 * row + 1] - theta[2 * row + 1]) < 1e-3);
  }
  CHECK(times.size() == 500);
  CHECK(shifted.size() >= 499);  // two times may lie within a millisecond
}

TEST_CASE("a file of simulations holds what simulate gives", "[data][simulate]") {
  const Scratch scratch;
  const auto expected = simulate(*data::make_task("two_moons"), 5000, 11);
  const std::string name = GENERATE("a.npz", "a.h5", "a.csv", "a.npy");
  const auto outcome = simulate_to_file(request_for(scratch.path(name), 5000));
  REQUIRE(outcome.rows == 5000);
  REQUIRE(outcome.failed == 0);
  data::DataOptions options;
  options.file = scratch.path(name);
  const auto dataset = fluxsbi::test::load_dataset(options, 0);
  REQUIRE(dataset.theta == expected.theta);
  REQUIRE(dataset.x == expected.x);
  REQUIRE_FALSE(scratch.has(name + ".partial"));
}

TEST_CASE("a stopped simulation goes on to the same bytes", "[data][simulate]") {
  const Scratch scratch;
  simulate_to_file(request_for(scratch.path("whole.npz"), 30000));
  auto request = request_for(scratch.path("a.npz"), 30000);
  for (const int workers : {1, 2, 3}) {
    request.simulator.workers = workers;
    stop_after(request, 1);
    REQUIRE_THROWS_MATCHES(
        simulate_to_file(request), core::Stopped,
        Catch::Matchers::MessageMatches(says("SIGTERM") && says("run the same command again")));
    REQUIRE(scratch.has("a.npz.partial"));
    REQUIRE_FALSE(scratch.has("a.npz"));
  }
  request.stop = [] { return 0; };
  const auto outcome = simulate_to_file(request);
  REQUIRE(outcome.resumed >= 3 * 4096);
  REQUIRE(outcome.resumed < 30000);
  REQUIRE(scratch.read("a.npz") == scratch.read("whole.npz"));
  REQUIRE_FALSE(scratch.has("a.npz.partial"));
}

TEST_CASE("a resumed simulation may have another number of rows", "[data][simulate]") {
  const Scratch scratch;
  const int64_t rows = GENERATE(5000, 20000);
  simulate_to_file(request_for(scratch.path("whole.npz"), rows));
  auto request = request_for(scratch.path("a.npz"), 13000);
  stop_after(request, 2);
  request.simulator.workers = 1;
  REQUIRE_THROWS_AS(simulate_to_file(request), core::Stopped);
  auto other = request_for(scratch.path("a.npz"), rows);
  if (rows < 2 * 4096) {  // fewer than are kept: the others would be lost with the partial file
    REQUIRE_USER_ERROR(simulate_to_file(other), says("holds simulations up to row 8191"));
    REQUIRE(scratch.has("a.npz.partial"));
    other.force = true;
  }
  simulate_to_file(other);
  REQUIRE(scratch.read("a.npz") == scratch.read("whole.npz"));
}

TEST_CASE("a torn or damaged partial file costs its last rows only", "[data][simulate]") {
  const Scratch scratch;
  simulate_to_file(request_for(scratch.path("whole.npz"), 20000));
  auto request = request_for(scratch.path("a.npz"), 20000);
  request.simulator.workers = 1;
  stop_after(request, 3);
  REQUIRE_THROWS_AS(simulate_to_file(request), core::Stopped);
  auto bytes = scratch.read("a.npz.partial");
  const size_t cut =
      GENERATE(size_t{1}, size_t{30000}, size_t{200000});  // within the last, second, first record
  SECTION("torn") {
    bytes.resize(bytes.size() - std::min(cut, bytes.size() - 3));
  }
  SECTION("damaged") {
    bytes[bytes.size() - std::min(cut, bytes.size())] ^= 0x10;
  }
  scratch.write("a.npz.partial", bytes);
  const auto outcome = simulate_to_file(request_for(scratch.path("a.npz"), 20000));
  REQUIRE(outcome.resumed < 3 * 4096);
  REQUIRE(scratch.read("a.npz") == scratch.read("whole.npz"));
}

TEST_CASE("the beginning of other simulations is not mixed in", "[data][simulate]") {
  const Scratch scratch;
  auto request = request_for(scratch.path("a.npz"), 20000);
  stop_after(request, 1);
  REQUIRE_THROWS_AS(simulate_to_file(request), core::Stopped);
  auto other = request_for(scratch.path("a.npz"), 20000);
  other.seed = 12;
  REQUIRE_USER_ERROR(simulate_to_file(other), says("seed 11") && says("seed 12") && says("--force"));
  other.force = true;
  REQUIRE(simulate_to_file(other).resumed == 0);
  scratch.write("b.npz.partial", "something else entirely");
  REQUIRE_USER_ERROR(simulate_to_file(request_for(scratch.path("b.npz"), 10)), says("b.npz.partial"));
  REQUIRE(scratch.read("b.npz.partial") == "something else entirely");
}

TEST_CASE("a simulation that cannot begin leaves nothing behind", "[data][simulate]") {
  const Scratch scratch;
  auto request = request_for(scratch.path("a.npz"), 0);
  REQUIRE_USER_ERROR(simulate_to_file(request), says("at least 1"));
  request = request_for(scratch.path("a.txt"), 5);
  REQUIRE_USER_ERROR(simulate_to_file(request), says(".npz"));
  request = request_for(scratch.path("a.npz"), 5);
  request.task = "no_task";
  REQUIRE_USER_ERROR(simulate_to_file(request), says("no_task"));
  request = request_for(scratch.path("no/such/folder/a.npz"), 5);
  REQUIRE_USER_ERROR(simulate_to_file(request), says("no/such/folder"));
  request = request_for(scratch.path("a.npz"), 5);
  request.x_names = {"one"};
  REQUIRE_USER_ERROR(simulate_to_file(request), says("data.names.x"));
  request = request_for(scratch.path("a.npz"), 5);
  request.task.reset();
  REQUIRE_USER_ERROR(simulate_to_file(request), says("simulator.command"));
  REQUIRE(scratch.empty());
}

TEST_CASE("a table of theta and x of one name is not begun", "[data][simulate]") {
  const Scratch scratch;
  auto request = request_for(scratch.path("a.csv"), 100);
  request.theta_names = {"a", "b"};
  request.x_names = {"c", "a"};
  REQUIRE_USER_ERROR(simulate_to_file(request), says("theta and x both have the name 'a'"));
  REQUIRE(scratch.empty());
}

TEST_CASE("an existing output is replaced only by force", "[data][simulate]") {
  const Scratch scratch;
  scratch.write("a.npz", "precious");
  auto request = request_for(scratch.path("a.npz"), 5);
  REQUIRE_USER_ERROR(simulate_to_file(request), says("--force"));
  REQUIRE(scratch.read("a.npz") == "precious");
  request.force = true;
  simulate_to_file(request);
  REQUIRE(scratch.read("a.npz") != "precious");
}
