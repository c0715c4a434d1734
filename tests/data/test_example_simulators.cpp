// The simulators of docs/simulators.md, run as a reader copies them.
#include <cmath>
#include <cstdlib>
#include <set>

#include <catch2/catch_test_macros.hpp>

#include "config/reader.hpp"
#include "data/scratch.hpp"
#include "data/simulate/noise_check.hpp"
#include "data/simulate/simulate_to_file.hpp"
#include "io/files.hpp"

using namespace fluxsbi;
using test::Scratch;

namespace {

const std::string source = FLUXSBI_SOURCE_DIR;

std::string text_of(const std::string& path) {
  std::ostringstream text;
  text << std::ifstream(source + "/" + path, std::ios::binary).rdbuf();
  return text.str();
}

/// The block of a language in docs/simulators.md.
std::string block(const std::string& language) {
  const std::string page = text_of("docs/simulators.md"), mark = "```" + language + "\n";
  const size_t begin = page.find(mark);
  REQUIRE(begin != std::string::npos);
  const size_t first = begin + mark.size();
  return page.substr(first, page.find("```", first) - first);
}

bool runs(const std::string& command) {
  return std::system((command + " > /dev/null 2>&1").c_str()) == 0;
}

/// 300 balls whose noise is fresh, of the right size, and the same again for the same seed.
void check_simulator(const std::string& command) {
  const Scratch scratch;
  data::SimulateRequest request;
  request.output = scratch.path("a.npz");
  request.simulations = 300;
  request.seed = 3;
  request.prior = {data::PriorKind::box, {1, 0.5}, {10, 5}, {}, {}};
  request.theta_names = {"height", "speed"};
  request.simulator.command = command;
  request.simulator.batch = 50;
  request.simulator.workers = 2;
  request.stop = [] { return 0; };
  REQUIRE(data::simulate_to_file(request).failed == 0);
  request.output = scratch.path("b.npz");
  data::simulate_to_file(request);
  REQUIRE(scratch.read("a.npz") == scratch.read("b.npz"));
  const auto arrays = io::load_arrays(scratch.path("a.npz")).arrays;
  const auto theta = arrays.at("theta").to_double(), x = arrays.at("x").to_double();
  std::set<int64_t> residuals;
  double squares = 0;
  for (size_t row = 0; row < 300; ++row) {
    const double time = std::sqrt(2 * theta[2 * row] / 9.81);
    const double residual = (x[2 * row] - theta[2 * row + 1] * time) / 0.1;
    residuals.insert(std::llround(residual * 1e4));
    squares += residual * residual;
  }
  CHECK(residuals.size() > 290);                        // rounded to 1e-4, a few of 300 may agree by chance
  CHECK(std::abs(std::sqrt(squares / 300) - 1) < 0.2);  // 5 standard errors of a standard deviation
  data::CommandSimulator simulator(request.simulator, request.theta_names, 3, 2, request.stop);
  CHECK(data::noise_problem(simulator, 50, [](int64_t) { return std::vector<double>{5, 2}; }).empty());
}

}  // namespace

TEST_CASE("the simulator in Python runs from the docs", "[data][command][docs]") {
  CHECK(block("python") == text_of("examples/simulators/ball.py"));
  CHECK(block("yaml") == text_of("examples/simulators/ball.yaml"));
  if (!runs("python3 -c 'import csv'")) SKIP("there is no python3 here");
  const Scratch scratch;
  check_simulator("python3 " + scratch.write("ball.py", block("python")));
}

TEST_CASE("the noise of the shipped config is fresh and can be repeated", "[data][command][docs]") {
  data::SimulatorOptions options;
  config::Value document = config::load_yaml(source + "/configs/own_simulator.yaml");
  config::Reader reader(document);
  reader.read(data::simulator_table(), options);
  data::CommandSimulator simulator(options, {"height", "speed"}, 1, 0, [] { return 0; });
  CHECK(data::noise_problem(simulator, options.batch, [](int64_t) {
          return std::vector<double>{5, 2};
        }).empty());
}

TEST_CASE("the simulator in C++ runs from the docs", "[data][command][docs]") {
  CHECK(block("cpp") == text_of("examples/simulators/ball.cpp"));
  if (!runs("c++ --version")) SKIP("there is no c++ here");
  const Scratch scratch;
  const std::string program = scratch.path("ball");
  REQUIRE(std::system(
              ("c++ -O1 -std=c++17 " + scratch.write("ball.cpp", block("cpp")) + " -o " + program).c_str()) ==
          0);
  check_simulator(program);
}
