// Batches that are read while training.
#include <cmath>
#include <filesystem>

#include "core/philox.hpp"
#include "data/dataset.hpp"
#include "io/files.hpp"
#include "support/catch.hpp"
#include "support/user_error.hpp"
#include "train/data_rows.hpp"
#include "train/toy_training.hpp"

namespace {

using namespace fluxsbi;
using Catch::Matchers::ContainsSubstring;

constexpr int64_t rows = 300;

io::Array random_array(uint64_t stream, int64_t width) {
  core::Philox random(1, core::Purpose::test, stream);
  std::vector<float> values(static_cast<size_t>(rows * width));
  for (float& value : values) value = static_cast<float>(random.normal());
  return io::Array::from(std::span<const float>(values), {rows, 1, width});
}

// A pair of .npy files of 300 rows of two channels on both sides.
std::shared_ptr<const data::StandardisedRows> npy_source(const test::TemporaryFolder& folder) {
  io::save_arrays(folder.file("a_theta.npy"), {{"array", random_array(1, 2)}});
  io::save_arrays(folder.file("a_x.npy"), {{"array", random_array(2, 2)}});
  data::DataOptions options;
  options.file = folder.file("a.npy");
  options.memory_gb = 0;
  const data::Standardiser units{{0.5, -1}, {2, 0.25}};
  return std::make_shared<const data::StandardisedRows>(data::open_dataset(options, 0).rows, units, units);
}

const data::DataShape shape{1, 2, 1, 2, {}, {}};

// Every third row is left out.
train::RowChoice choice() {
  return {200, [](int64_t i) { return i + i / 2; }};
}

TEST_CASE("streamed batches hold the bits of gathered ones, in any order of steps", "[train][rows]") {
  const test::TemporaryFolder folder;
  const auto source = npy_source(folder);
  for (const bool joint : {false, true}) {
    CAPTURE(joint);
    const train::RowLayout layout{shape, joint, at::kCPU};
    const auto gathered = train::gather_rows(*source, choice(), layout);
    const auto streamed = train::stream_rows(source, choice(), layout);
    CHECK(streamed->size() == 200);
    CHECK(streamed->theta_shape() == gathered->theta_shape());
    CHECK(streamed->x_shape() == gathered->x_shape());
    const auto same = [](const method::Batch& a, const method::Batch& b) {
      return at::equal(a.obs, b.obs) && a.cond.defined() == b.cond.defined() &&
             (!a.cond.defined() || at::equal(a.cond, b.cond));
    };
    CHECK(same(gathered->slice(20, 70), streamed->slice(20, 70)));
    const auto from_memory = gathered->feed(2, 16, 9, {0, 16}), from_file = streamed->feed(2, 16, 9, {0, 16});
    for (const int64_t step : {0, 1, 2, 40, 41, 3, 0}) {
      from_memory->prepare(step);
      from_file->prepare(step);
      for (const int64_t index : {1, 0}) {
        method::Batch a, b;
        from_memory->load(index, a);
        from_file->load(index, b);
        CHECK(same(a, b));
      }
    }
  }
}

TEST_CASE("what a step reads stays in its place", "[train][rows]") {
  const test::TemporaryFolder folder;
  const auto streamed = train::stream_rows(npy_source(folder), choice(), {shape, false, at::kCPU});
  const auto feed = streamed->feed(2, 8, 0, {0, 8});
  feed->prepare(0);
  method::Batch before, after;
  feed->load(1, before);
  feed->prepare(1);
  feed->load(1, after);
  CHECK(before.obs.data_ptr() == after.obs.data_ptr());
  CHECK(before.cond.data_ptr() == after.cond.data_ptr());
}

TEST_CASE("a file that becomes shorter ends training after a checkpoint, and resume goes on from it",
          "[train][rows][resume]") {
  const test::TemporaryFolder folder, whole;
  test::ToyRun run;
  run.training.save_every = 1000;
  const auto setup = [&](const std::string& path) {
    auto made = run.setup(path);
    made.data.training = train::stream_rows(npy_source(folder), choice(), {shape, false, at::kCPU});
    return made;
  };
  auto uninterrupted = setup(whole.path());
  train::train(uninterrupted, std::nullopt);

  auto cut = setup(folder.path());
  cut.stop_requested = [&, calls = 0]() mutable {
    if (++calls == 17) std::filesystem::resize_file(folder.file("a_x.npy"), 200);
    return 0;
  };
  const std::string message = test::error_of([&] { train::train(cut, std::nullopt); });
  CHECK_THAT(message, ContainsSubstring("a_x.npy: became shorter while it was read") &&
                          ContainsSubstring("the checkpoint is saved"));
  const auto state = checkpoint::load_latest_state(folder.path());
  REQUIRE(state.has_value());
  CHECK(state->step >= 17);
  CHECK(state->step <= 21);  // four steps may have been read before the file was cut
  auto resumed = setup(folder.path());
  train::train(resumed, state);
  CHECK(at::equal(resumed.engine->parameters().master, uninterrupted.engine->parameters().master));
}

}  // namespace
