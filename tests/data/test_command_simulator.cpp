#include <cmath>
#include <csignal>
#include <cstdlib>

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <sys/wait.h>
#include <unistd.h>

#include "core/system.hpp"
#include "data/errors.hpp"
#include "data/scratch.hpp"
#include "data/simulate/noise_check.hpp"
#include "data/simulate/simulate.hpp"
#include "data/simulate/simulate_to_file.hpp"
#include "io/files.hpp"

using namespace fluxsbi;
using data::simulate_to_file;
using data::SimulateRequest;
using test::says;
using test::Scratch;

namespace {

/// x = (theta_0 + theta_1, theta_0 - theta_1), the way a user would write it.
const std::string good = "awk -F, 'NR > 1 { printf \"%.9g,%.9g\\n\", $1 + $2, $1 - $2 }'";

SimulateRequest request_for(const std::string& output, const std::string& command, int64_t rows) {
  SimulateRequest request;
  request.output = output;
  request.simulations = rows;
  request.seed = 5;
  request.prior = {data::PriorKind::box, {-1}, {1, 2}, {}, {}};
  request.simulator.command = command;
  request.simulator.batch = 8;
  request.simulator.workers = 2;
  request.simulator.deterministic = true;  // no runs beside those of the batches
  request.stop = [] { return 0; };
  return request;
}

struct Result {
  std::vector<float> theta, x;
  std::vector<int64_t> failed;
};

Result load(const std::string& path) {
  const auto arrays = io::load_arrays(path).arrays;
  return {arrays.at("theta").to_float(), arrays.at("x").to_float(), arrays.at("failed").to_int64()};
}

const auto never = [] { return 0; };

}  // namespace

TEST_CASE("a command simulates every row of theta", "[data][command]") {
  const Scratch scratch;
  auto request = request_for(scratch.path("a.npz"), good, 50);
  const auto outcome = simulate_to_file(request);
  REQUIRE(outcome.failed == 0);
  const auto result = load(scratch.path("a.npz"));
  REQUIRE(result.x.size() == 100);
  constexpr float nine_digits = 1e-6f;  // theta and x pass through decimal text
  for (size_t row = 0; row < 50; ++row) {
    REQUIRE(std::abs(result.x[2 * row] - (result.theta[2 * row] + result.theta[2 * row + 1])) < nine_digits);
    REQUIRE(std::abs(result.theta[2 * row]) <= 1);
    REQUIRE(result.failed[row] == 0);
  }
  request.output = scratch.path("b.npz");
  request.simulator.workers = 5;
  simulate_to_file(request);
  REQUIRE(scratch.read("a.npz") == scratch.read("b.npz"));
}

TEST_CASE("rows that fail are marked and cost their neighbours nothing", "[data][command]") {
  const Scratch scratch;
  // Negative theta_0 fails in four ways: the whole run dies, no line, text, NaN.
  const std::string ways[] = {"{ if ($1 < 0) exit 3; print $2 }", "{ if ($1 >= 0) print $2 }",
                              "{ if ($1 < 0) print \"oops\"; else print $2 }",
                              "{ if ($1 < 0) print \"nan\"; else print $2 }"};
  for (const auto& way : ways) {
    CAPTURE(way);
    auto request = request_for(scratch.path("a.npz"), "echo y; awk -F, 'NR > 1 " + way + "'", 40);
    request.force = true;
    const auto outcome = simulate_to_file(request);
    const auto result = load(scratch.path("a.npz"));
    int64_t negative = 0;
    for (size_t row = 0; row < 40; ++row) {
      const bool bad = result.theta[2 * row] < 0;
      negative += bad;
      REQUIRE(result.failed[row] == bad);
      REQUIRE(std::isnan(result.x[row]) == bad);
      if (!bad) REQUIRE(std::abs(result.x[row] - result.theta[2 * row + 1]) < 1e-5f);  // awk prints 6 digits
    }
    REQUIRE(negative > 5);
    REQUIRE(negative < 35);
    REQUIRE(outcome.failed == negative);
    REQUIRE_FALSE(outcome.first_failure.empty());
  }
}

TEST_CASE("csv output marks failed rows", "[data][command]") {
  const Scratch scratch;
  auto request = request_for(scratch.path("a.csv"), "awk -F, 'NR > 1 { print ($1 < 0 ? \"nan\" : $2) }'", 20);
  request.theta_names = {"mass", "spin"};
  simulate_to_file(request);
  const auto content = io::load_arrays(scratch.path("a.csv"));
  REQUIRE(content.columns == std::vector<std::string>{"mass", "spin", "x_0", "failed"});
  const auto values = content.arrays.at("array").to_double();
  for (size_t row = 0; row < 20; ++row) REQUIRE(values[4 * row + 3] == (values[4 * row] < 0));
}

TEST_CASE("rows with another number of values fail", "[data][command]") {
  const Scratch scratch;
  auto request =
      request_for(scratch.path("a.npz"), "awk -F, 'NR > 1 { print (NR == 3 ? \"1,2,3\" : \"1,2\") }'", 8);
  const auto outcome = simulate_to_file(request);
  REQUIRE(outcome.failed == 1);
  REQUIRE(outcome.first_failure ==
          "row 1: 3 values of x instead of 2 (rows of different length need simulator.max_length)");
  request.output = scratch.path("b.npz");
  request.x_names = {"a", "b", "c"};
  REQUIRE(simulate_to_file(request).failed == 7);
}

TEST_CASE("a command that never succeeds is an error with its last words", "[data][command]") {
  const Scratch scratch;
  REQUIRE_USER_ERROR(
      simulate_to_file(request_for(scratch.path("a.npz"), "echo no license >&2; exit 4", 1200)),
      says("no row has succeeded of 100") && says("exit status 4") && says("no license"));
  REQUIRE_USER_ERROR(simulate_to_file(request_for(scratch.path("a.npz"), "./no_such_simulator", 1000)),
                     says("exit status 127"));
  REQUIRE_USER_ERROR(simulate_to_file(request_for(scratch.path("a.npz"), "cat > /dev/null", 60)),
                     says("all 60 simulations failed") && says("wrote 0 rows"));
  REQUIRE_USER_ERROR(simulate_to_file(request_for(scratch.path("a.npz"), "sed '1d; s/.*/nan/'", 60)),
                     says("all 60") && says("not finite"));
  REQUIRE_USER_ERROR(simulate_to_file(request_for(scratch.path("a.npz"), "exit 1", 3)),
                     says("all 3 simulations"));
  REQUIRE(scratch.empty());
}

TEST_CASE("a command that succeeds seldom is not given up", "[data][command]") {
  const Scratch scratch;
  // Rows 40, 140, ... of 200 succeed: one in a hundred, the first long after eight failures.
  const std::string command =
      "awk 'NR > 1 { row = ENVIRON[\"FLUXSBI_ROW\"] + NR - 2; if (row % 100 != 40) { print \"no root\" > "
      "\"/dev/stderr\"; exit 1 } print row }'";
  auto request = request_for(scratch.path("a.npz"), command, 200);
  const auto outcome = simulate_to_file(request);
  REQUIRE(outcome.failed == 198);
  REQUIRE(outcome.first_failure.find("exit status 1; standard error ends with: no root") !=
          std::string::npos);
  const auto result = load(scratch.path("a.npz"));
  REQUIRE(result.x[40] == 40);
  REQUIRE(result.x[140] == 140);
}

TEST_CASE("rows that failed are run again where that is asked for", "[data][command]") {
  const Scratch scratch;
  const std::string script = scratch.path("sim.sh"), log = scratch.path("log");
  const std::string broken = "awk -F, 'NR > 1 { if ($1 < 0) exit 1; print $2 }'";
  const std::string mended = "echo $FLUXSBI_ROW >> " + log + "; awk -F, 'NR > 1 { print $2 }'";
  const std::string name = GENERATE("a.npz", "a.csv", "a.npy");
  CAPTURE(name);
  auto request = request_for(scratch.path(name), "sh " + script, 40);
  SECTION("of a finished output") {
    scratch.write("sim.sh", broken);
    const int64_t failed = simulate_to_file(request).failed;
    REQUIRE(failed > 5);
    scratch.write("sim.sh", mended);
    REQUIRE_USER_ERROR(simulate_to_file(request), says("exists"));
    request.retry_failed = true;
    const auto outcome = simulate_to_file(request);
    REQUIRE(outcome.failed == 0);
    REQUIRE(outcome.resumed == 40 - failed);
  }
  SECTION("of a partial output, whose program has changed") {
    scratch.write("sim.sh", broken);
    int ended = 0;
    request.simulator.workers = 1;
    request.progress = [&](int64_t, int64_t, int64_t) { ++ended; };
    request.stop = [&] { return ended >= 2 ? 15 : 0; };
    REQUIRE_THROWS_AS(simulate_to_file(request), core::Stopped);
    request.stop = never;
    scratch.write("sim.sh", mended);
    REQUIRE_USER_ERROR(simulate_to_file(request), says("another program") && says("sim.sh") &&
                                                      says("--retry-failed") && says("--force"));
    request.retry_failed = true;
    const auto outcome = simulate_to_file(request);
    REQUIRE(outcome.failed == 0);
    REQUIRE(outcome.resumed > 0);
    REQUIRE(outcome.resumed < 16);
  }
  auto whole = request_for(scratch.path("whole_" + name), "sh " + script, 40);
  simulate_to_file(whole);
  for (const std::string half : {"", "_theta", "_x"}) {
    const std::string file = name.substr(0, 1) + half + name.substr(1);
    if (scratch.has(file)) REQUIRE(scratch.read(file) == scratch.read("whole_" + file));
  }
}

TEST_CASE("rows are only kept for the simulations that are asked for", "[data][command]") {
  const Scratch scratch;
  auto request = request_for(scratch.path("a.npz"), good, 20);
  simulate_to_file(request);
  request.retry_failed = true;
  request.seed = 6;
  REQUIRE_USER_ERROR(simulate_to_file(request), says("theta of row 0"));
  request.seed = 5;
  request.simulations = 10;
  REQUIRE_USER_ERROR(simulate_to_file(request), says("holds 20 simulations"));
  request.simulations = 30;
  REQUIRE(simulate_to_file(request).resumed == 20);
  REQUIRE(load(scratch.path("a.npz")).x.size() == 60);
}

TEST_CASE("noise that repeats or cannot be repeated is noticed", "[data][command][noise]") {
  const auto problem = [](const std::string& command, int64_t batch) {
    data::SimulatorOptions options;
    options.command = command;
    options.batch = batch;
    data::CommandSimulator simulator(options, {"a"}, 1, 0, never);
    return data::noise_problem(simulator, batch,
                               [](int64_t row) { return std::vector<double>{static_cast<double>(row)}; });
  };
  const auto says = [](const std::string& text, const std::string& part) {
    CAPTURE(text, part);
    REQUIRE(text.find(part) != std::string::npos);
  };
  const auto noisy = [](const std::string& seed) {
    return "awk 'BEGIN { srand(" + seed + ") } NR > 1 { print $1 + rand() }'";
  };
  const std::string seeded = noisy("ENVIRON[\"FLUXSBI_SEED\"] + 0");
  for (const int64_t batch : {1, 10}) {
    REQUIRE(problem(seeded, batch).empty());
    says(problem("awk 'NR > 1 { print 2 * $1 }'", batch), "simulator.deterministic: true");
    REQUIRE(problem("exit 1", batch).empty());  // a command that fails is not judged
  }
  says(problem(noisy("7"), 10), "does not depend on FLUXSBI_SEED");
  says(problem(noisy("7"), 1), "FLUXSBI_SEED");
  says(problem("awk 'NR > 1 { \"od -An -N2 -tu2 /dev/urandom\" | getline x; print x }'", 1),
       "cannot be repeated");
}

TEST_CASE("a worker's libraries get one thread each, unless the user has chosen", "[data][command]") {
  const Scratch scratch;
  const std::string command =
      "awk 'NR > 1 { print ENVIRON[\"OMP_NUM_THREADS\"] + 0, ENVIRON[\"MKL_NUM_THREADS\"] + 0 }'";
  const char* old = std::getenv("OMP_NUM_THREADS");
  const std::string kept = old ? old : "";
  unsetenv("MKL_NUM_THREADS");
  setenv("OMP_NUM_THREADS", "3", 1);
  simulate_to_file(request_for(scratch.path("a.npz"), command, 4));
  if (old) {
    setenv("OMP_NUM_THREADS", kept.c_str(), 1);
  } else {
    unsetenv("OMP_NUM_THREADS");
  }
  const auto x = load(scratch.path("a.npz")).x;
  REQUIRE(x[0] == 3);
  REQUIRE(x[1] == 1);
}

TEST_CASE("a run beyond the time limit fails by itself", "[data][command]") {
  const Scratch scratch;
  // Row 2 hangs; the limit is wide for the others, which need milliseconds.
  const std::string command =
      "read header; row=$FLUXSBI_ROW; while read line; do [ $row = 2 ] && sleep 60; echo $row; "
      "row=$((row + 1)); done";
  auto request = request_for(scratch.path("a.npz"), command, 5);
  request.simulator.timeout_seconds = 3;
  const auto outcome = simulate_to_file(request);
  REQUIRE(outcome.failed == 1);
  REQUIRE(outcome.first_failure == "row 2: ran longer than simulator.timeout_seconds = 3");
  REQUIRE(load(scratch.path("a.npz")).failed == std::vector<int64_t>{0, 0, 1, 0, 0});
}

TEST_CASE("retries run a failed row again", "[data][command]") {
  const Scratch scratch;
  // Every row fails when it is run for the first time.
  const std::string command = "cat > /dev/null; f=" + scratch.path("tried") +
                              "_$FLUXSBI_ROW; [ -e $f ] && echo 1 || "
                              "{ touch $f; exit 1; }";
  auto request = request_for(scratch.path("a.npz"), command, 4);
  request.simulator.batch = 1;
  request.simulator.retries = 1;
  REQUIRE(simulate_to_file(request).failed == 0);
}

TEST_CASE("a stopped command simulation goes on with the rows that are missing", "[data][command]") {
  const Scratch scratch;
  const std::string log = scratch.path("log");
  const std::string command = "echo $FLUXSBI_ROW >> " + log + "; " + good;
  simulate_to_file(request_for(scratch.path("whole.npz"), command, 40));
  std::filesystem::remove(log);
  auto request = request_for(scratch.path("a.npz"), command, 40);
  request.simulator.workers = 1;
  int ended = 0;
  request.progress = [&](int64_t, int64_t, int64_t) { ++ended; };
  request.stop = [&] { return ended >= 2 ? 15 : 0; };
  REQUIRE_THROWS_AS(simulate_to_file(request), core::Stopped);
  request.stop = never;
  REQUIRE(simulate_to_file(request).resumed == 16);
  REQUIRE(scratch.read("log") == "0\n8\n16\n24\n32\n");
  REQUIRE(scratch.read("a.npz") == scratch.read("whole.npz"));
}

TEST_CASE("the command sees a seed that differs between batches and not between runs", "[data][command]") {
  const Scratch scratch;
  const std::string command = "awk -v seed=$FLUXSBI_SEED 'NR > 1 { print seed % 65536 }'";
  simulate_to_file(request_for(scratch.path("a.npz"), command, 16));
  simulate_to_file(request_for(scratch.path("b.npz"), command, 16));
  const auto x = load(scratch.path("a.npz")).x;
  REQUIRE(x[0] == x[7]);
  REQUIRE(x[0] != x[8]);
  REQUIRE(scratch.read("a.npz") == scratch.read("b.npz"));
}

TEST_CASE("a command needs a prior with a density, of a known length", "[data][command]") {
  const Scratch scratch;
  auto request = request_for(scratch.path("a.npz"), good, 5);
  request.prior = {};
  REQUIRE_USER_ERROR(simulate_to_file(request), says("prior.kind"));
  request.prior = {data::PriorKind::box, {}, {}, {}, {}};
  REQUIRE_USER_ERROR(simulate_to_file(request), says("no numbers"));
  request.prior = {data::PriorKind::box, {0}, {1}, {}, {}};
  request.theta_names = {"a", "b"};
  REQUIRE(simulate_to_file(request).rows == 5);
  REQUIRE(load(scratch.path("a.npz")).theta.size() == 10);
}

TEST_CASE("a killed simulation goes on to the same file", "[data][command]") {
  const Scratch scratch;
  // Rows from 40 on wait for a file, so that the kill always finds the run half done.
  const std::string wait =
      "while [ $FLUXSBI_ROW -ge 40 ] && [ ! -e " + scratch.path("go") + " ]; do sleep 0.02; done; ";
  const auto request = request_for(scratch.path("a.npz"), wait + good, 80);
  const pid_t child = fork();
  if (child == 0) {
    simulate_to_file(request);
    _exit(0);
  }
  const auto some_rows = [&] {
    return scratch.has("a.npz.partial") && scratch.read("a.npz.partial").size() > 600;
  };
  while (!some_rows()) usleep(10000);
  kill(child, SIGKILL);
  waitpid(child, nullptr, 0);
  REQUIRE_FALSE(scratch.has("a.npz"));
  scratch.write("go", "");
  const auto outcome = simulate_to_file(request);
  REQUIRE(outcome.resumed > 0);
  REQUIRE(outcome.resumed <= 40);
  simulate_to_file(request_for(scratch.path("whole.npz"), wait + good, 80));
  REQUIRE(scratch.read("a.npz") == scratch.read("whole.npz"));
}

TEST_CASE("rows of different length up to a stated maximum end in NaN", "[data][command]") {
  const Scratch scratch;
  // One to three values a row, then one too many.
  const std::string ragged =
      "awk -F, 'NR > 1 { n = ($1 > 0) + 2 * ($2 > 1.2) + 1; for (i = 1; i <= n; ++i) printf \"%d \", i; "
      "print \"\" }'";
  auto request = request_for(scratch.path("ragged.npz"), ragged, 60);
  request.simulator.max_length = 3;
  const auto outcome = simulate_to_file(request);
  const auto result = load(scratch.path("ragged.npz"));
  REQUIRE(result.x.size() == 180);
  REQUIRE(outcome.first_failure.find("4 values of x, more than simulator.max_length = 3") !=
          std::string::npos);
  std::vector<int64_t> of_length(5);
  for (size_t row = 0; row < 60; ++row) {
    const size_t length = 1 + (result.theta[2 * row] > 0) + 2 * (result.theta[2 * row + 1] > 1.2F);
    ++of_length[length];
    REQUIRE(result.failed[row] == (length > 3));
    for (size_t i = 0; i < 3; ++i) {
      const float value = result.x[3 * row + i];
      REQUIRE((length <= 3 && i < length ? value == static_cast<float>(i + 1) : std::isnan(value)));
    }
  }
  for (size_t length = 1; length <= 4; ++length) REQUIRE(of_length[length] > 0);
}
