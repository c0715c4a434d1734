// The files that a simulator command names: programs and tables, and what is said where they changed.
#include <csignal>
#include <memory>
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
using test::Scratch;

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
  SimulateRequest request;
  request.output = scratch.path("a.npz");
  request.simulations = 80;
  request.prior = {data::PriorKind::box, {-1}, {1}, {}, {}};
  request.simulator.command = "awk 'NR > 1 { print $1 }' && cat " + table + " > /dev/null";
  request.simulator.batch = 8;
  request.simulator.workers = 1;
  request.simulator.deterministic = true;
  auto batches = std::make_shared<int>(0);
  request.progress = [batches](int64_t, int64_t, int64_t) { ++*batches; };
  request.stop = [batches] { return *batches >= 2 ? SIGTERM : 0; };
  REQUIRE_THROWS_AS(simulate_to_file(request), core::Stopped);
  scratch.write("table.txt", "2");
  request.stop = [] { return 0; };
  core::log::tee(scratch.path("log"));
  REQUIRE(simulate_to_file(request).resumed == 16);
  core::log::tee("");
  CHECK(scratch.read("log").find("was begun with other files (" + table) != std::string::npos);
  // By force it begins anew.
  *batches = 0;
  request.force = true;
  request.stop = [batches] { return *batches >= 2 ? SIGTERM : 0; };
  REQUIRE_THROWS_AS(simulate_to_file(request), core::Stopped);
  scratch.write("table.txt", "3");
  request.stop = [] { return 0; };
  REQUIRE(simulate_to_file(request).resumed == 0);
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
