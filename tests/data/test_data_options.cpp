#include <catch2/catch_test_macros.hpp>

#include "config/reader.hpp"
#include "data/data_options.hpp"
#include "data/dataset.hpp"
#include "data/errors.hpp"
#include "data/simulate/command_simulator.hpp"

using namespace fluxsbi;
using test::says;

namespace {

data::DataOptions read(const std::string& yaml) {
  const auto document = config::parse_yaml(yaml, "a.yaml");
  config::Reader reader(document);
  data::DataOptions options;
  reader.read(data::data_table(), options);
  reader.read(data::data_names_table(), options);
  reader.finish();
  return options;
}

}  // namespace

TEST_CASE("the data section is read with its aliases and names", "[data][options]") {
  const auto options = read("data:\n  task: two_moons\n  n: 1e3\n  nan: drop\n  names:\n    theta: [a, b]\n");
  REQUIRE(options.task == "two_moons");
  REQUIRE(options.simulations == 1000);
  REQUIRE(options.nan == data::NanPolicy::drop);
  REQUIRE(options.theta_names == std::vector<std::string>{"a", "b"});
  REQUIRE(read("data:\n  theta_names: [c]\n").theta_names == std::vector<std::string>{"c"});
  REQUIRE(read("data:\n  num_simulations: 5\n").simulations == 5);
  REQUIRE_USER_ERROR(read("data:\n  nan: ignore\n"), says("a.yaml:2") && says("data.nan"));
  REQUIRE_USER_ERROR(read("data:\n  simulations: 0\n"), says("data.simulations"));
}

TEST_CASE("a written data section reads back the same", "[data][options]") {
  const auto options =
      read("data:\n  file: a.npz\n  max_validation: 3\n  names: {theta: [a], x: ['b, c']}\n");
  config::Writer writer;
  writer.add(data::data_table(), options);
  writer.add(data::data_names_table(), options);
  const auto again = read(writer.text());
  REQUIRE(again.file == "a.npz");
  REQUIRE_FALSE(again.task);
  REQUIRE(again.max_validation == 3);
  REQUIRE(again.x_names == options.x_names);
}

TEST_CASE("the simulator section is read", "[data][options]") {
  const auto document = config::parse_yaml("simulator:\n  command: ./sim --fast\n  workers: 3\n", "a.yaml");
  config::Reader reader(document);
  data::SimulatorOptions options;
  reader.read(data::simulator_table(), options);
  REQUIRE(reader.finish().empty());
  REQUIRE(options.command == "./sim --fast");
  REQUIRE(options.workers == 3);
}
