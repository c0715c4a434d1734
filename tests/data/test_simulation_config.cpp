// What `simulate --config` takes from a config, without the sections of its model.
#include <catch2/catch_test_macros.hpp>

#include "data/errors.hpp"
#include "data/scratch.hpp"
#include "data/simulate/simulation_config.hpp"

using namespace fluxsbi;
using data::take_simulator;
using test::says;
using test::Scratch;

TEST_CASE("a simulator, its prior and the names are taken from a config", "[data][simulate][config]") {
  const Scratch scratch;
  const auto config = scratch.write("own.yaml",
                                    "simulator: {command: ./run, batch: 7}\n"
                                    "prior:\n  parameters: {speed: {kind: box, low: 0, high: 1}}\n"
                                    "data: {names: {x: [time, place]}}\n");
  data::SimulateRequest request;
  take_simulator(config, request);
  CHECK(request.simulator.command == "./run");
  CHECK(request.simulator.batch == 7);
  CHECK(request.prior.kind == data::PriorKind::parameters);
  CHECK(request.theta_names == std::vector<std::string>{"speed"});
  CHECK(request.x_names == std::vector<std::string>{"time", "place"});
  CHECK_FALSE(request.task);
}

TEST_CASE("a config without a command names a task, in data or beside the sections",
          "[data][simulate][config]") {
  const Scratch scratch;
  for (const char* text : {"data: {task: slcp}\n", "task_name: slcp\n"}) {
    data::SimulateRequest request;
    take_simulator(scratch.write("a.yaml", text), request);
    CHECK(request.task == "slcp");
  }
  data::SimulateRequest request;
  REQUIRE_USER_ERROR(
      take_simulator(scratch.write("none.yaml", "prior: {kind: box, low: [0], high: [1]}\n"), request),
      says("none.yaml: simulator.command is missing"));
}

TEST_CASE("mistakes of a config's simulations are reported together, those of its model are left to train",
          "[data][simulate][config]") {
  const Scratch scratch;
  data::SimulateRequest request;
  const std::string command = "simulator: {command: ./run}\n";
  take_simulator(scratch.write("model.yaml", command + "model: {depth: many}\ntraining: {nstep: 1}\n"),
                 request);
  CHECK(request.simulator.command == "./run");

  const auto mistakes = scratch.write(
      "a.yaml", "simulator: {comand: ./run}\nprior: {kind: bx}\ntrainin: {nsteps: 1}\ndata: {tusk: slcp}\n");
  REQUIRE_USER_ERROR(take_simulator(mistakes, request),
                     says("a.yaml:1:13: unknown key 'simulator.comand' (did you mean 'command'?)") &&
                         says("a.yaml:2:15: prior.kind") && says("a.yaml:4:8: unknown key 'data.tusk'") &&
                         says("a.yaml:3:1: unknown section 'trainin' (did you mean 'training'?)"));
}
