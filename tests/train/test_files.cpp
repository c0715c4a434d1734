#include <bit>
#include <cstring>
#include <filesystem>

#include "core/error.hpp"
#include "support/catch.hpp"
#include "support/temporary_folder.hpp"
#include "train/event_file.hpp"
#include "train/metrics_file.hpp"

namespace {

using namespace fluxsbi;
using namespace fluxsbi::train;
using Catch::Matchers::ContainsSubstring;

TEST_CASE("metrics are appended and cut back to a given length", "[train][metrics]") {
  const test::TemporaryFolder folder;
  const std::string path = folder.file("metrics.jsonl");
  int64_t after_two = 0;
  {
    MetricsFile file(path, 0);
    file.append("{\"step\":1}");
    file.append("{\"step\":2}");
    after_two = file.sync();
    file.append("{\"step\":3}");
  }
  CHECK(test::read_file(path) == "{\"step\":1}\n{\"step\":2}\n{\"step\":3}\n");
  {
    MetricsFile file(path, after_two);
    file.append("{\"step\":4}");
  }
  CHECK(test::read_file(path) == "{\"step\":1}\n{\"step\":2}\n{\"step\":4}\n");
  MetricsFile fresh(path, 0);
  CHECK(test::read_file(path).empty());
  CHECK_THROWS_WITH(MetricsFile(folder.file("no/such/folder"), 0), ContainsSubstring("no/such/folder"));
}

TEST_CASE("a full disk is an error that names the metrics file", "[train][metrics]") {
  if (!std::filesystem::exists("/dev/full")) SKIP("this system has no /dev/full");
  // /dev/full cannot be cut back, so it fails one call earlier than a disk would.
  CHECK_THROWS_WITH(([] { MetricsFile("/dev/full", 0).append("{}"); }()), ContainsSubstring("/dev/full"));
}

TEST_CASE("CRC-32C has its published check values", "[train][events]") {
  CHECK(crc32c("123456789") == 0xE3069283u);
  CHECK(crc32c(std::string(32, '\0')) == 0x8A9136AAu);  // RFC 3720, B.4
  CHECK(crc32c(std::string(32, '\xff')) == 0x62A8AB43u);
}

// Bytes of an events file by hand: step 300, tag "a", value 1.5 (0x3FC00000), wall time 2.0.
TEST_CASE("a scalar event has the bytes of its protobuf message", "[train][events]") {
  const std::string value = std::string("\x0a\x01", 2) + "a" + std::string("\x15\x00\x00\xc0\x3f", 5);
  const std::string summary = std::string("\x0a\x08", 2) + value;
  const std::string expected = std::string("\x09\x00\x00\x00\x00\x00\x00\x00\x40", 9) +
                               std::string("\x10\xac\x02", 3) + std::string("\x2a\x0a", 2) + summary;
  CHECK(scalars_event(2.0, 300, {{"a", 1.5}}) == expected);
}

TEST_CASE("an events file is a sequence of records that check out", "[train][events]") {
  const test::TemporaryFolder folder;
  {
    EventFile events(folder.path(), 20);
    events.write(21, {{"loss/train", 0.5}, {"lr", 1e-4}});
    events.write(22, {{"loss/train", 0.25}});
  }
  const auto entry = *std::filesystem::directory_iterator(folder.path());
  CHECK_THAT(entry.path().filename().string(), ContainsSubstring("events.out.tfevents."));
  const std::string bytes = test::read_file(entry.path().string());
  size_t place = 0;
  std::vector<std::string> payloads;
  while (place + 12 <= bytes.size()) {
    uint64_t length = 0;
    std::memcpy(&length, bytes.data() + place, 8);
    REQUIRE(place + 16 + length <= bytes.size());
    payloads.push_back(bytes.substr(place + 12, length));
    CHECK(event_record(payloads.back()) == bytes.substr(place, 16 + length));
    place += 16 + length;
  }
  CHECK(place == bytes.size());
  REQUIRE(payloads.size() == 4);
  CHECK_THAT(payloads[0], ContainsSubstring("brain.Event:2"));
  CHECK_THAT(payloads[2], ContainsSubstring("loss/train") && ContainsSubstring("lr"));
}

}  // namespace
