// What a simulator command may write, beside rows of numbers.
#include <cmath>

#include <catch2/catch_test_macros.hpp>

#include "core/philox.hpp"
#include "data/errors.hpp"
#include "data/simulate/command_simulator.hpp"

using namespace fluxsbi;
using test::says;

namespace {

data::SimulatedBatch run(const std::string& command, int64_t rows, double timeout_seconds = 0) {
  data::SimulatorOptions options;
  options.command = command;
  options.timeout_seconds = timeout_seconds;
  options.workers = 1;
  data::CommandSimulator simulator(options, {"a", "b"}, 5, 0, [] { return 0; });
  return simulator.run(0, std::vector<double>(static_cast<size_t>(2 * rows), 0.5));
}

}  // namespace

TEST_CASE("a command that writes without an end fails and takes no memory", "[data][command]") {
  // Ended after ten million lines: as rows of numbers they would take a gigabyte.
  const auto ended = run("cat > /dev/null; yes 1 2 | head -n 10000000", 1);
  REQUIRE(ended.failed == std::vector<uint8_t>{1});
  CHECK(ended.first_failure == "row 0: wrote more than 1000001 lines of x for 1 row of theta");
  // Stopped in the midst of it: what it wrote is not looked at.
  const auto stopped = run("cat > /dev/null; while :; do echo 1 2; done", 1, 0.2);
  REQUIRE(stopped.failed == std::vector<uint8_t>{1});
  CHECK(stopped.first_failure == "row 0: ran longer than simulator.timeout_seconds = 0.2");
}

TEST_CASE("NA is a number that is missing, and no header", "[data][command]") {
  const auto batch = run("cat > /dev/null; echo '1 NA'; echo '2 3'; echo 'None,4'", 3);
  CHECK(batch.failed == std::vector<uint8_t>{1, 0, 1});
  CHECK(batch.first_failure == "row 0: x is not finite");
  REQUIRE(batch.x.size() == 6);
  CHECK(batch.x[2] == 2);
  CHECK(batch.x[3] == 3);
}

TEST_CASE("a first row of another length costs no other row", "[data][command]") {
  const auto batch = run("cat > /dev/null; echo 1; echo '2 3'; echo '4 5'", 3);
  CHECK(batch.x_dim == 2);
  CHECK(batch.failed == std::vector<uint8_t>{1, 0, 0});
  CHECK(batch.first_failure == "row 0: 1 value of x instead of 2");
}
