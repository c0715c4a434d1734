#include <algorithm>
#include <csignal>
#include <filesystem>

#include <catch2/catch_test_macros.hpp>

#include "benchmark/work.hpp"
#include "core/error.hpp"
#include "io/lock.hpp"
#include "support/temporary_folder.hpp"

namespace fluxsbi::benchmark {
namespace {

namespace fs = std::filesystem;

// Every run of the step adds a line to the file.
Step counted(const std::string& file) {
  return {"count",
          {"/bin/sh", "-c", "echo run >> " + file + " && mv " + file + " " + file + ".done"},
          file + ".done"};
}

std::vector<Work> parts_in(const test::TemporaryFolder& folder, int64_t count) {
  std::vector<Work> parts;
  for (int64_t i = 0; i < count; ++i) {
    const std::string own = folder.file(std::to_string(i));
    parts.push_back({"part " + std::to_string(i), own, {}, {counted(own + "/a"), counted(own + "/b")}});
  }
  return parts;
}

int64_t lines_in(const std::string& file) {
  const std::string text = test::read_file(file);
  return std::count(text.begin(), text.end(), '\n');
}

TEST_CASE("work is done once, by any number of jobs, and nothing of it again", "[benchmark][work]") {
  const test::TemporaryFolder folder;
  auto parts = parts_in(folder, 5);
  auto shared =
      std::make_shared<Work>(Work{"shared", folder.file("shared"), {}, {counted(folder.file("shared/s"))}});
  for (Work& part : parts) part.before = {shared};
  WorkOptions options;
  options.jobs = 3;
  REQUIRE(work_through(parts, options).done == 5);
  REQUIRE(work_through(parts, options).done == 5);
  REQUIRE(lines_in(folder.file("shared/s.done")) == 1);
  for (const Work& part : parts) {
    REQUIRE(is_done(part));
    REQUIRE(lines_in(part.folder + "/a.done") == 1);
  }
}

TEST_CASE("a part that fails leaves its reason, the others go on, and the next call mends it",
          "[benchmark][work]") {
  const test::TemporaryFolder folder;
  auto parts = parts_in(folder, 2);
  parts[0].steps[1].command = {"/bin/sh", "-c", "echo 'error: no space' >&2; exit 1"};
  WorkResult result = work_through(parts, {});
  REQUIRE(result.done == 1);
  REQUIRE(result.failed == 1);
  REQUIRE(test::read_file(parts[0].folder + "/failure.txt") == "count: no space\n");
  parts[0].steps[1] = counted(parts[0].folder + "/b");
  REQUIRE(work_through(parts, {}).done == 2);
  REQUIRE_FALSE(fs::exists(parts[0].folder + "/failure.txt"));
  REQUIRE(lines_in(parts[0].folder + "/a.done") == 1);
}

TEST_CASE("a part that another process has is left to it", "[benchmark][work]") {
  const test::TemporaryFolder folder;
  const auto parts = parts_in(folder, 2);
  fs::create_directories(parts[0].folder);
  const auto lock = io::lock_folder(parts[0].folder);
  WorkOptions options;
  options.patience = 0.1;
  const WorkResult result = work_through(parts, options);
  REQUIRE(result.elsewhere == 1);
  REQUIRE(result.done == 1);
  REQUIRE_FALSE(is_done(parts[0]));
}

TEST_CASE("a prepared part is prepared under its lock, and a mistake there is its failure",
          "[benchmark][work]") {
  const test::TemporaryFolder folder;
  auto parts = parts_in(folder, 2);
  parts[0].prepare = [] { throw core::UserError("another config"); };
  parts[1].prepare = [file = folder.file("prepared")] { test::write_file(file, "yes"); };
  const WorkResult result = work_through(parts, {});
  REQUIRE(result.failed == 1);
  REQUIRE(result.done == 1);
  REQUIRE(fs::exists(folder.file("prepared")));
  REQUIRE(test::read_file(parts[0].folder + "/failure.txt") == "another config\n");
}

TEST_CASE("a stop leaves the rest for the next call", "[benchmark][work]") {
  const test::TemporaryFolder folder;
  auto parts = parts_in(folder, 3);
  WorkOptions options;
  options.stop = [&] { return fs::exists(parts[1].folder) ? SIGTERM : 0; };
  const WorkResult result = work_through(parts, options);
  REQUIRE(result.done == 1);
  REQUIRE(result.stopped == 2);
  REQUIRE(work_through(parts, {}).done == 3);
}

}  // namespace
}  // namespace fluxsbi::benchmark
