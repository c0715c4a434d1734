#include <cstddef>
#include <filesystem>
#include <string>
#include <vector>

#include <catch2/catch_test_macros.hpp>

#include "io/journal.hpp"
#include "support/temporary_folder.hpp"
#include "support/user_error.hpp"

using namespace fluxsbi;

namespace {

const io::Journal::Kind kind{"FLXTEST1", "tests", "test"};

std::vector<std::byte> record(const std::string& text) {
  const auto* begin = reinterpret_cast<const std::byte*>(text.data());
  return {begin, begin + text.size()};
}

}  // namespace

TEST_CASE("a record that does not fit is not read and is replaced by the next one", "[io][journal]") {
  const fluxsbi::test::TemporaryFolder folder;
  const std::string path = folder.file("j");
  {
    io::Journal journal(path, kind, "a: 1\n", false);
    for (const char* text : {"first", "second", "third"}) journal.append(record(text));
  }
  {
    io::Journal journal(path, kind, "a: 1\n", false);
    CHECK(journal.next() == record("first"));
    CHECK(journal.next() == record("second"));
    journal.unread();
    journal.append(record("other"));
    CHECK(journal.at_end());
  }
  io::Journal journal(path, kind, "a: 1\n", false);
  CHECK(journal.next() == record("first"));
  CHECK(journal.next() == record("other"));
  CHECK_FALSE(journal.next().has_value());
}

TEST_CASE("a journal of other work is refused with the lines that differ, or dropped by force",
          "[io][journal]") {
  const fluxsbi::test::TemporaryFolder folder;
  const std::string path = folder.file("j");
  {
    io::Journal journal(path, kind, "draws: 300\nseed: 1\n", false);
    journal.append(record("first"));
  }
  const std::string message =
      fluxsbi::test::error_of([&] { io::Journal(path, kind, "draws: 200\nseed: 1\nsteps: 5\n", false); });
  CHECK(message.find("draws is 300 there and 200 here; steps is nothing there and 5 here") !=
        std::string::npos);
  CHECK(message.find("seed") == std::string::npos);
  CHECK(message.find("--force") != std::string::npos);
  {
    io::Journal journal(path, kind, "draws: 300\nseed: 1\n", true);
    CHECK(journal.next() == record("first"));  // the same work: force drops nothing
  }
  io::Journal forced(path, kind, "draws: 200\nseed: 1\n", true);
  CHECK_FALSE(forced.next().has_value());
}

TEST_CASE("a record that replaces all others is the first one, and the lock stays", "[io][journal]") {
  const fluxsbi::test::TemporaryFolder folder;
  const std::string path = folder.file("j");
  {
    io::Journal journal(path, kind, "a: 1\n", false);
    for (const char* text : {"first", "second", "third"}) journal.append(record(text));
    journal.replace(record("state"));
    journal.append(record("fourth"));
    CHECK(fluxsbi::test::error_of([&] {
            io::Journal(path, kind, "a: 1\n", false);
          }).find("another fluxsbi") != std::string::npos);
  }
  CHECK(std::distance(std::filesystem::directory_iterator(folder.path()), {}) == 1);
  io::Journal journal(path, kind, "a: 1\n", false);
  CHECK(journal.next() == record("state"));
  CHECK(journal.next() == record("fourth"));
  CHECK_FALSE(journal.next().has_value());
}

TEST_CASE("a journal whose folder was removed takes no more records", "[io][journal]") {
  const fluxsbi::test::TemporaryFolder folder;
  const std::string inner = folder.file("inner");
  std::filesystem::create_directory(inner);
  io::Journal journal(inner + "/j", kind, "a: 1\n", false);
  journal.append(record("first"));
  std::filesystem::remove_all(inner);
  CHECK(fluxsbi::test::error_of([&] { journal.append(record("second")); }).find("folder was removed") !=
        std::string::npos);
}
