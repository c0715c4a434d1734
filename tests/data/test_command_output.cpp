// What a simulator command may write, beside rows of numbers.
#include <cmath>
#include <functional>
#include <string>

#include <catch2/catch_test_macros.hpp>

#include "core/log.hpp"
#include "core/philox.hpp"
#include "data/errors.hpp"
#include "data/scratch.hpp"
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

// What the log says while `work` runs.
std::string said_by(const std::function<void()>& work) {
  const test::Scratch scratch;
  core::log::tee(scratch.path("log"));
  work();
  core::log::tee("");
  return scratch.read("log");
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
  CHECK(batch.first_failure == "row 0: value 1 of x, counted from 0, is not finite (nan)");
  REQUIRE(batch.x.size() == 6);
  CHECK(batch.x[2] == 2);
  CHECK(batch.x[3] == 3);
}

TEST_CASE("a first row of another length costs no other row", "[data][command]") {
  const auto batch = run("cat > /dev/null; echo 1; echo '2 3'; echo '4 5'", 3);
  CHECK(batch.x_dim == 2);
  CHECK(batch.failed == std::vector<uint8_t>{1, 0, 0});
  CHECK(batch.first_failure ==
        "row 0: 1 value of x instead of 2 (rows of different length need simulator.max_length)");
}

TEST_CASE("a command that takes one row at a time is told what that costs", "[data][command]") {
  const std::string one_row = "head -n 2 | tail -n 1";
  const std::string said = said_by([&] { CHECK(run(one_row, 4).failed == std::vector<uint8_t>(4, 0)); });
  CHECK(said.find("rows 0 to 3 failed together and succeeded each by itself") != std::string::npos);
  CHECK(said.find("wrote 1 row of x for 4 of theta") != std::string::npos);
  CHECK(said.find("simulator.batch: 1") != std::string::npos);
  // Where a row fails by itself, it is the reason.
  CHECK(said_by([&] { run("exit 1", 4); }).find("together") == std::string::npos);
}

TEST_CASE("words between rows are named, and no number of lines is advised for them", "[data][command]") {
  const auto batch = run("cat > /dev/null; echo Loading; echo Loaded 3 tables; echo 1 2", 1);
  CHECK(batch.first_failure.find("one of them holds words ('Loaded' is not a number)") != std::string::npos);
  CHECK(batch.first_failure.find("simulator.lines") == std::string::npos);
}

TEST_CASE("a name with a line break cannot be written to a command", "[data][command]") {
  const auto make = [](const std::string& name) {
    return data::CommandSimulator({}, {"a", name}, 5, 0, [] { return 0; });
  };
  REQUIRE_USER_ERROR(make("b\nc"), says("holds a line break"));
}
