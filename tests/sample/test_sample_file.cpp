#include <cmath>
#include <filesystem>
#include <limits>
#include <numeric>
#include <string>
#include <vector>

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <catch2/matchers/catch_matchers_exception.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <unistd.h>

#include "core/error.hpp"
#include "io/files.hpp"
#include "sample/sample_file.hpp"

using namespace fluxsbi;
using Catch::Matchers::ContainsSubstring;

namespace {

namespace fs = std::filesystem;
using Shape = std::vector<int64_t>;

// A folder of its own that goes when the test ends.
class Folder {
 public:
  Folder() : path_(fs::temp_directory_path() / ("fluxsbi-samples-" + std::to_string(::getpid()))) {
    fs::create_directories(path_);
  }
  ~Folder() { fs::remove_all(path_); }
  std::string operator/(const std::string& name) const { return (path_ / name).string(); }

 private:
  fs::path path_;
};

constexpr int64_t total = 7, draws = 3, dim = 2, cond = 2;

// Numbers that name their row, draw and component.
void save_rows(const std::string& path, int64_t first, int64_t rows, uint64_t seed = 1,
               std::string model = "0a", int64_t channels = 1) {
  sample::Samples samples;
  samples.rows = rows;
  samples.draws = draws;
  samples.shape = {dim, channels, cond, 1, {}, {}};
  samples.drawn = rows * draws + 1;
  samples.values.resize(static_cast<size_t>(rows * draws * dim * channels));
  std::iota(samples.values.begin(), samples.values.end(), static_cast<float>(first * draws * dim * channels));
  samples.filled.assign(static_cast<size_t>(rows * draws), 1);
  if (rows > 0) samples.filled[0] = 0;
  std::vector<float> x(static_cast<size_t>(rows * cond));
  std::iota(x.begin(), x.end(), static_cast<float>(first * cond));
  sample::save_samples(path, samples, x,
                       {seed, std::move(model), first, total, {0, 1}, {"a", "b"}, {"x_0", "x_1"}});
}

void save_shard(const std::string& path, const std::string& shard) {
  const auto range = sample::rows_of(sample::parse_shard(shard), total);
  save_rows(path, range.first, range.rows);
}

std::string merge_error(const std::vector<std::string>& paths, const std::string& out) {
  try {
    sample::merge_files(paths, out, false);
  } catch (const core::UserError& error) {
    return error.what();
  }
  return "no error";
}

}  // namespace

TEST_CASE("shards cover all rows once, in order, with sizes that differ by one at most", "[sample][shard]") {
  const int64_t count = GENERATE(1, 2, 3, 7, 10), all = GENERATE(0, 1, 7, 100);
  int64_t next = 0;
  for (int64_t i = 0; i < count; ++i) {
    const auto range = sample::rows_of({i, count}, all);
    CHECK(range.first == next);
    CHECK((range.rows == all / count || range.rows == all / count + 1));
    next += range.rows;
  }
  CHECK(next == all);
}

TEST_CASE("a shard is written i/n with i below n", "[sample][shard]") {
  CHECK(sample::parse_shard("2/3").index == 2);
  CHECK(sample::parse_shard("2/3").count == 3);
  for (const char* bad : {"3/3", "-1/3", "1", "1/", "/3", "a/b", "0/0", "1/3 ", ""}) {
    CHECK_THROWS_AS(sample::parse_shard(bad), core::UserError);
  }
}

TEST_CASE("sample files hold samples, filled, x and meta in their shapes", "[sample][file]") {
  const Folder folder;
  const std::string path = folder / GENERATE(std::string("a.npz"), std::string("a.h5"));
  save_rows(path, 0, total);
  auto arrays = io::load_arrays(path).arrays;
  CHECK(arrays.at("samples").shape == Shape({total, draws, dim}));
  CHECK(arrays.at("filled").shape == Shape({total, draws}));
  CHECK(arrays.at("filled").to_int64().front() == 0);
  CHECK(arrays.at("filled").to_int64().back() == 1);
  CHECK(arrays.at("x").shape == Shape({total, cond}));
  const auto& bytes = arrays.at("meta").bytes;
  const std::string meta(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  CHECK_THAT(meta, ContainsSubstring("\"theta_names\":[\"a\",\"b\"]") && ContainsSubstring("\"seed\":1"));
  save_rows(folder / "channels.npz", 0, total, 1, "0a", 2);
  CHECK(io::load_arrays(folder / "channels.npz").arrays.at("samples").shape == Shape({total, draws, dim, 2}));
}

TEST_CASE("an npy file holds the samples alone", "[sample][file]") {
  const Folder folder;
  save_rows(folder / "a.npy", 0, total);
  CHECK(io::load_arrays(folder / "a.npy").arrays.at("array").shape == Shape({total, draws, dim}));
  CHECK_THAT(merge_error({folder / "a.npy"}, folder / "out.npz"), ContainsSubstring(".npz or .h5"));
}

TEST_CASE("shards merged in any order are the whole", "[sample][merge]") {
  const Folder folder;
  const int64_t count = GENERATE(1, 3, 9);  // of 9 shards two are empty
  const std::string extension = GENERATE(std::string(".npz"), std::string(".h5"));
  std::vector<std::string> paths;
  for (int64_t i = 0; i < count; ++i) {
    paths.insert(paths.begin(), folder / (std::to_string(i) + extension));
    save_shard(paths.front(), std::to_string(i) + "/" + std::to_string(count));
  }
  sample::merge_files(paths, folder / "out.npz", false);
  save_rows(folder / "whole.npz", 0, total);
  auto merged = io::load_arrays(folder / "out.npz").arrays,
       whole = io::load_arrays(folder / "whole.npz").arrays;
  CHECK(merged.at("samples").shape == whole.at("samples").shape);
  CHECK(merged.at("samples").to_float() == whole.at("samples").to_float());
  CHECK(merged.at("x").to_float() == whole.at("x").to_float());
  CHECK(merged.at("filled").shape == whole.at("filled").shape);
}

TEST_CASE("merge refuses what does not belong together and writes nothing", "[sample][merge]") {
  const Folder folder;
  const std::string out = folder / "out.npz";
  save_shard(folder / "0.npz", "0/3");
  save_shard(folder / "1.npz", "1/3");
  save_shard(folder / "2.npz", "2/3");
  save_rows(folder / "seed.npz", 3, 2, 2);
  save_rows(folder / "model.npz", 3, 2, 1, "0b");
  CHECK_THAT(merge_error({folder / "0.npz", folder / "2.npz"}, out), ContainsSubstring("rows 3 to 4"));
  CHECK_THAT(merge_error({folder / "0.npz", folder / "1.npz"}, out), ContainsSubstring("rows 5 to 6"));
  CHECK_THAT(merge_error({folder / "1.npz", folder / "2.npz"}, out), ContainsSubstring("rows 0 to 2"));
  CHECK_THAT(merge_error({folder / "0.npz", folder / "0.npz", folder / "1.npz", folder / "2.npz"}, out),
             ContainsSubstring("give each shard once"));
  CHECK_THAT(merge_error({folder / "0.npz", folder / "seed.npz", folder / "2.npz"}, out),
             ContainsSubstring("its seed is 2, not 1"));
  CHECK_THAT(merge_error({folder / "0.npz", folder / "model.npz"}, out),
             ContainsSubstring("its model is 0b"));
  CHECK_THAT(merge_error({}, out), ContainsSubstring("at least one"));
  CHECK_FALSE(fs::exists(out));
}

TEST_CASE("merge refuses files that sample did not write", "[sample][merge]") {
  const Folder folder;
  const float one[] = {1};
  io::save_arrays(folder / "other.npz", {{"samples", io::Array::from(one, {1, 1, 1})}});
  CHECK_THAT(merge_error({folder / "other.npz"}, folder / "out.npz"), ContainsSubstring("no array 'filled'"));
  save_rows(folder / "a.npz", 0, total);
  auto arrays = io::load_arrays(folder / "a.npz").arrays;
  arrays.at("meta").bytes[0] = std::byte{'x'};
  io::save_arrays(folder / "meta.npz", arrays);
  CHECK_THAT(merge_error({folder / "meta.npz"}, folder / "out.npz"), ContainsSubstring("damaged"));
}

TEST_CASE("an output that exists or has an unknown extension is refused early", "[sample][file]") {
  const Folder folder;
  save_rows(folder / "a.npz", 0, total);
  CHECK_THROWS_WITH(sample::check_output(folder / "a.npz", false), ContainsSubstring("--force"));
  CHECK_NOTHROW(sample::check_output(folder / "a.npz", true));
  CHECK_THROWS_WITH(sample::check_output(folder / "a.txt", false), ContainsSubstring(".npz"));
}
