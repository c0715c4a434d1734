#include <cmath>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <limits>
#include <string>
#include <vector>

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include "core/error.hpp"
#include "io/files.hpp"
#include "sample/files/sample_writer.hpp"
#include "support/temporary_folder.hpp"

using namespace fluxsbi;
using Catch::Matchers::ContainsSubstring;

namespace {

std::string bytes_of_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

constexpr int64_t writer_rows = 4, writer_draws = 60, writer_dim = 2;

// Draws of four observations; those of the third lie at `offset`.
struct Drawn {
  std::vector<double> values, x{0.5, 1.5, 2.5, 3.5};
  std::vector<uint8_t> filled;

  explicit Drawn(double offset) {
    for (int64_t i = 0; i < writer_rows * writer_draws * writer_dim; ++i) {
      const bool third = i / (writer_draws * writer_dim) == 2;
      values.push_back((third ? offset : 0) + std::sin(static_cast<double>(i)));
    }
    filled.assign(static_cast<size_t>(writer_rows * writer_draws), 1);
    filled[3] = 0;
  }
  sample::SamplePlan plan(sample::NumberType type = sample::NumberType::automatic) const {
    return {writer_rows,
            writer_draws,
            writer_dim,
            1,
            {sample::Question::Kind::x, x, 1, 1},
            {7, "0a", 0, writer_rows, {0, 1}, {"a", "b"}, {"x_0"}, 1, "steps: 4\n"},
            type};
  }
  // Appends `items` draws from `first` on.
  void give(sample::SampleWriter& writer, int64_t first, int64_t items) const {
    writer.append(std::span(values).subspan(static_cast<size_t>(first * writer_dim),
                                            static_cast<size_t>(items * writer_dim)),
                  std::span(filled).subspan(static_cast<size_t>(first), static_cast<size_t>(items)));
  }
};

// Writes in blocks of `block` draws, each by a writer of its own, which loses what a killed one may have
// written beyond its state.
void write_in_runs(const Drawn& drawn, const std::string& path, int64_t block) {
  std::string state;
  const int64_t all = writer_rows * writer_draws;
  for (int64_t done = 0; done < all; done += block) {
    sample::SampleWriter writer(path, "sample", drawn.plan(), state);
    REQUIRE(writer.items() == done);
    drawn.give(writer, done, std::min(block, all - done));
    writer.sync();
    state = writer.state();
    if (done + 2 * block < all) drawn.give(writer, done + block, block);  // is not in the state
    if (done + block >= all) writer.commit(all + 1);
  }
}

}  // namespace

TEST_CASE("samples that are written in blocks and runs give one file, in every format",
          "[sample][file][stream]") {
  const test::TemporaryFolder folder;
  const std::string extension = GENERATE(".npz", ".h5", ".npy");
  const Drawn drawn(0);
  const std::string whole = folder.file("whole" + extension), parts = folder.file("parts" + extension);
  write_in_runs(drawn, whole, writer_rows * writer_draws);
  write_in_runs(drawn, parts, 37);
  CHECK(bytes_of_file(whole) == bytes_of_file(parts));
  const auto arrays = io::load_arrays(parts).arrays;
  const auto& samples = arrays.at(extension == ".npy" ? "array" : "samples");
  CHECK(samples.shape == std::vector<int64_t>{writer_rows, writer_draws, writer_dim});
  CHECK(samples.to_float() == std::vector<float>(drawn.values.begin(), drawn.values.end()));
  if (extension == ".npy") return;
  CHECK(arrays.at("x").to_double() == drawn.x);
  const auto filled = arrays.at("filled").to_int64();
  CHECK(filled[3] == 0);
  CHECK(filled[4] == 1);
}

TEST_CASE("a column that turns out too fine for float32 makes the file float64, whatever was interrupted",
          "[sample][file][stream][dtype]") {
  const test::TemporaryFolder folder;
  const Drawn drawn(5e7);
  const std::string extension = GENERATE(".npz", ".h5");
  const std::string whole = folder.file("whole" + extension), parts = folder.file("parts" + extension);
  write_in_runs(drawn, parts, 30);
  {
    sample::SampleWriter writer(whole, "sample", drawn.plan());
    for (int64_t done = 0; done < writer_rows * writer_draws; done += 30) drawn.give(writer, done, 30);
    writer.commit(writer_rows * writer_draws + 1);
  }
  CHECK(bytes_of_file(whole) == bytes_of_file(parts));
  for (const auto& entry : std::filesystem::directory_iterator(folder.path()))
    CHECK_THAT(entry.path().filename().string(), !ContainsSubstring("partial"));
  const auto samples = io::load_arrays(parts).arrays.at("samples");
  REQUIRE(samples.dtype == io::DType::f64);
  const auto values = samples.to_double();
  for (size_t i = 0; i < values.size(); ++i) {
    const bool rounded =
        static_cast<int64_t>(i) < 2 * writer_draws * writer_dim;  // written before it was seen
    CHECK(values[i] ==
          (rounded ? static_cast<double>(static_cast<float>(drawn.values[i])) : drawn.values[i]));
  }
}

TEST_CASE("what cannot fit onto the disk is refused before the work", "[sample][file][stream]") {
  const test::TemporaryFolder folder;
  const Drawn drawn(0);
  auto plan = drawn.plan();
  plan.draws = int64_t{1} << 50;
  CHECK_THROWS_WITH(sample::SampleWriter(folder.file("a.npz"), "sample", plan),
                    ContainsSubstring("of disk, but") && ContainsSubstring("draw fewer (-n)"));
  CHECK(std::filesystem::is_empty(folder.path()));
}
