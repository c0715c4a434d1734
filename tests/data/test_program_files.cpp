// The files that a simulator command names: programs and tables, and what is said where they changed.
#include <csignal>
#include <filesystem>
#include <string>
#include <vector>

#include <catch2/catch_test_macros.hpp>

#include "core/log.hpp"
#include "data/errors.hpp"
#include "data/scratch.hpp"
#include "data/simulate/likelihood.hpp"
#include "data/simulate/program_files.hpp"
#include "data/simulate/simulate_to_file.hpp"

using namespace fluxsbi;
using data::simulate_to_file;
using data::SimulateRequest;
using test::says;
using test::Scratch;

namespace {

SimulateRequest request_for(const std::string& output, const std::string& command) {
  SimulateRequest request;
  request.output = output;
  request.simulations = 80;
  request.prior = {data::PriorKind::box, {-1}, {1}, {}, {}};
  request.simulator.command = command;
  request.simulator.batch = 8;
  request.simulator.workers = 1;
  request.simulator.deterministic = true;
  request.stop = [] { return 0; };
  return request;
}

/// Two batches, which OUT.partial then holds.
void begin(SimulateRequest request) {
  int batches = 0;
  request.progress = [&](int64_t, int64_t, int64_t) { ++batches; };
  request.stop = [&] { return batches >= 2 ? SIGTERM : 0; };
  REQUIRE_THROWS_AS(simulate_to_file(request), core::Stopped);
}

/// The rows of begin() are there, and all others succeed.
void goes_on(const SimulateRequest& request) {
  const auto outcome = simulate_to_file(request);
  CHECK(outcome.resumed == 16);
  CHECK(outcome.failed == 0);
}

}  // namespace

TEST_CASE("the files of a command are those that it runs, not those that it writes", "[data][command]") {
  const Scratch scratch;
  const std::string script = scratch.write("sim.py", "print(1)"), data = scratch.write("table.dat", "1"),
                    log = scratch.write("log.sh", "");
  const std::string command =
      "python3 " + script + " --table=" + data + " 2>>" + log + " | cat; sh '" + script + "'";
  REQUIRE(data::program_files(command) == std::vector<std::string>{script});
  const std::string before = data::program_text(command);
  scratch.write("sim.py", "print(2)");
  REQUIRE(data::program_text(command) != before);
  REQUIRE(data::data_files(command) == std::vector<std::string>{data});
}

TEST_CASE("files with blanks and quotes in their names are found as the shell finds them",
          "[data][command]") {
  const Scratch scratch;
  const std::string blank = scratch.write("my sim.py", ""), quote = scratch.write("it's.sh", "");
  const std::string escaped = scratch.path("my\\ sim.py");
  using Files = std::vector<std::string>;
  CHECK(data::program_files("python3 '" + blank + "'") == Files{blank});
  CHECK(data::program_files("python3 \"" + blank + "\" --fast") == Files{blank});
  CHECK(data::program_files("python3 " + escaped) == Files{blank});
  CHECK(data::program_files("bash -c \"sh '" + blank + "' && true\"") == Files{blank});
  CHECK(data::program_files("sh \"" + quote + "\"") == Files{quote});
  CHECK(data::program_files("true > '" + blank + "'").empty());
}

TEST_CASE("a table that changed between two runs is told", "[data][command]") {
  const Scratch scratch;
  const std::string table = scratch.write("table.txt", "1");
  auto request =
      request_for(scratch.path("a.npz"), "awk 'NR > 1 { print $1 }' && cat " + table + " > /dev/null");
  begin(request);
  scratch.write("table.txt", "2");
  core::log::tee(scratch.path("log"));
  REQUIRE(simulate_to_file(request).resumed == 16);
  core::log::tee("");
  CHECK(scratch.read("log").find("was begun with other files (" + table) != std::string::npos);
  // By force it begins anew.
  request.force = true;
  begin(request);
  scratch.write("table.txt", "3");
  REQUIRE(simulate_to_file(request).resumed == 0);
}

TEST_CASE("a command that is no longer there costs no rows", "[data][command]") {
  const Scratch scratch;
  const std::string there = scratch.path("there");
  const auto request = request_for(scratch.path("a.npz"), "[ -e " + there +
                                                              " ] || [ $FLUXSBI_ROW -lt 16 ] || exit 127; "
                                                              "awk 'NR > 1 { print $1 }'");
  REQUIRE_USER_ERROR(simulate_to_file(request), says("worked before and is not there any more"));
  scratch.write("there", "");
  goes_on(request);
}

TEST_CASE("a run that lacks what the one before had keeps none of its failures", "[data][command]") {
  const Scratch scratch;
  const std::string there = scratch.write("there", "");
  const auto request =
      request_for(scratch.path("a.npz"), "[ -e " + there + " ] || exit 1; awk 'NR > 1 { print $1 }'");
  begin(request);
  std::filesystem::remove(there);
  REQUIRE_USER_ERROR(simulate_to_file(request), says("16 of 16 rows of an earlier run succeeded"));
  scratch.write("there", "");
  goes_on(request);
}

TEST_CASE("rows that were simulated under other names are not mixed in", "[data][command]") {
  const Scratch scratch;
  auto request = request_for(scratch.path("a.npz"), "awk 'NR > 1 { print $1 }'");
  request.theta_names = {"mass"};
  begin(request);
  request.theta_names = {"age"};
  REQUIRE_USER_ERROR(simulate_to_file(request), says("names mass"));
}

TEST_CASE("a likelihood whose program was mended is another one", "[data][command]") {
  const Scratch scratch;
  const std::string script = scratch.write("density.awk", "NR > 1 { print $1 }"),
                    config = scratch.write("mine.yaml", "likelihood: {command: awk -f " + script + "}\n");
  const auto text = [&] { return data::open_likelihood(config, {}, {"a", "x_0"})->text(); };
  const std::string before = text();
  REQUIRE(text() == before);
  scratch.write("density.awk", "NR > 1 { print 2 * $1 }");
  REQUIRE(text() != before);
}
