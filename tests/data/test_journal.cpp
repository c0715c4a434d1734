#include <catch2/catch_test_macros.hpp>

#include "data/errors.hpp"
#include "data/scratch.hpp"
#include "data/simulate/journal.hpp"

using namespace fluxsbi;
using data::Journal;
using data::JournalRecord;
using test::says;
using test::Scratch;

namespace {

const JournalRecord first{0, 2, 1, {1, 2, 3, 4}, {5, 6}, {0, 0}}, second{7, 2, 0, {8, 9}, {}, {1}};

std::vector<JournalRecord> open_and_read(const std::string& path) {
  std::vector<JournalRecord> found;
  const Journal journal(path, "d", false, [&](const JournalRecord& record) { found.push_back(record); });
  return found;
}

}  // namespace

TEST_CASE("a journal gives its records back, now and after it was reopened", "[data][journal]") {
  const Scratch scratch;
  {
    Journal journal(scratch.path("j"), "d", false, [](const JournalRecord&) {});
    journal.append(first);
    journal.append(second);
    std::vector<int64_t> rows;
    journal.replay([&](const JournalRecord& record) { rows.push_back(record.first_row); });
    REQUIRE(rows == std::vector<int64_t>{0, 7});
  }
  const auto found = open_and_read(scratch.path("j"));
  REQUIRE(found.size() == 2);
  REQUIRE(found[0].theta == first.theta);
  REQUIRE(found[0].x == first.x);
  REQUIRE(found[1].theta == second.theta);
  REQUIRE(found[1].x.empty());
  REQUIRE(found[1].failed == second.failed);
}

TEST_CASE("cut or damaged at any byte, a journal gives its whole records and takes new ones",
          "[data][journal]") {
  const Scratch scratch;
  {
    Journal journal(scratch.path("j"), "d", false, [](const JournalRecord&) {});
    journal.append(first);
    journal.append(second);
  }
  const auto whole = scratch.read("j");
  for (size_t size = 0; size < whole.size(); ++size) {
    CAPTURE(size);
    scratch.write("cut", whole.substr(0, size));
    REQUIRE(open_and_read(scratch.path("cut")).size() < 2);
    auto damaged = whole;
    damaged[size] ^= 0x40;
    scratch.write("damaged", damaged);
    size_t found = 0;
    try {
      Journal journal(scratch.path("damaged"), "d", false, [&](const JournalRecord&) { ++found; });
      journal.append(second);
    } catch (const core::UserError&) {
      REQUIRE(size < 8);  // the mark at the beginning: not a file of ours
      continue;
    }
    REQUIRE(found < 2);
    REQUIRE(open_and_read(scratch.path("damaged")).size() == found + 1);
  }
}

TEST_CASE("a journal is written by one process at a time and removed when it is empty", "[data][journal]") {
  const Scratch scratch;
  {
    const Journal journal(scratch.path("j"), "d", false, [](const JournalRecord&) {});
    REQUIRE_USER_ERROR(open_and_read(scratch.path("j")), says("another fluxsbi simulate"));
  }
  REQUIRE_FALSE(scratch.has("j"));
}
