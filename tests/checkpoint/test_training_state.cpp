#include <filesystem>

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include "checkpoint/example.hpp"
#include "core/error.hpp"
#include "io/safetensors.hpp"
#include "support/temporary_folder.hpp"

namespace {

using namespace fluxsbi;
using Catch::Matchers::ContainsSubstring;

TEST_CASE("a training state comes back to the last bit", "[checkpoint][state]") {
  const test::TemporaryFolder folder;
  const auto state = test::example_state(42);
  checkpoint::save_state(folder.path(), state, 3);
  CHECK(checkpoint::state_path(folder.path(), 42) ==
        folder.path() + "/checkpoints/step_00000042.safetensors");
  const auto read = checkpoint::load_state(checkpoint::state_path(folder.path(), 42));
  CHECK(read.step == 42);
  CHECK(read.seed == state.seed);
  CHECK(read.scalars == state.scalars);
  CHECK(read.config == state.config);
  CHECK(read.metrics_bytes == state.metrics_bytes);
  CHECK(read.model.theta.mean == state.model.theta.mean);
  CHECK(read.model.config == state.config);
  REQUIRE(read.arrays.size() == 3);
  CHECK(read.arrays.at("moment2").bytes == state.arrays.at("moment2").bytes);
}

TEST_CASE("the last checkpoints are kept and the newest is loaded", "[checkpoint][state]") {
  const test::TemporaryFolder folder;
  CHECK_FALSE(checkpoint::load_latest_state(folder.path()).has_value());
  for (const int64_t step : {90, 100, 1000, 123456789})
    checkpoint::save_state(folder.path(), test::example_state(step), 2);
  CHECK(checkpoint::load_latest_state(folder.path())->step == 123456789);
  CHECK(std::filesystem::exists(checkpoint::state_path(folder.path(), 1000)));
  CHECK_FALSE(std::filesystem::exists(checkpoint::state_path(folder.path(), 100)));
  CHECK_FALSE(std::filesystem::exists(checkpoint::state_path(folder.path(), 90)));
}

TEST_CASE("a damaged checkpoint gives way to an older one", "[checkpoint][state]") {
  const test::TemporaryFolder folder;
  for (const int64_t step : {1, 2, 3}) checkpoint::save_state(folder.path(), test::example_state(step), 3);
  const std::string newest = checkpoint::state_path(folder.path(), 3),
                    middle = checkpoint::state_path(folder.path(), 2);
  const std::string good = test::read_file(newest);
  test::write_file(newest, good.substr(0, good.size() / 2));
  CHECK_THROWS_WITH(checkpoint::load_state(newest), ContainsSubstring(newest));
  CHECK(checkpoint::load_latest_state(folder.path())->step == 2);
  std::string flipped = test::read_file(middle);
  flipped[flipped.size() - 5] = static_cast<char>(flipped[flipped.size() - 5] ^ 1);
  test::write_file(middle, flipped);
  CHECK(checkpoint::load_latest_state(folder.path())->step == 1);
  test::write_file(checkpoint::state_path(folder.path(), 1), "");
  CHECK_THROWS_WITH(checkpoint::load_latest_state(folder.path()),
                    ContainsSubstring("none of the 3 checkpoints"));
}

TEST_CASE("a checkpoint of a newer version is refused, not skipped", "[checkpoint][state]") {
  const test::TemporaryFolder folder;
  for (const int64_t step : {1, 2}) checkpoint::save_state(folder.path(), test::example_state(step), 3);
  const std::string path = checkpoint::state_path(folder.path(), 2);
  io::Safetensors file = io::load_safetensors(path);
  file.metadata["fluxsbi.format_version"] = "7";
  io::save_safetensors(path, file);
  CHECK_THROWS_WITH(checkpoint::load_latest_state(folder.path()), ContainsSubstring(path) &&
                                                                      ContainsSubstring("format 7") &&
                                                                      ContainsSubstring("update fluxsbi"));
}

}  // namespace
