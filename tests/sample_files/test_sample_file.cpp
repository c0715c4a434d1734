#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <limits>
#include <numeric>
#include <string>
#include <vector>

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <catch2/matchers/catch_matchers_exception.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include "core/error.hpp"
#include "io/atomic_file.hpp"
#include "io/files.hpp"
#include "io/text_file.hpp"
#include "sample/files/sample_file.hpp"
#include "sample/files/sample_head.hpp"
#include "support/temporary_folder.hpp"

using namespace fluxsbi;
using Catch::Matchers::ContainsSubstring;

namespace {

namespace fs = std::filesystem;
using Shape = std::vector<int64_t>;

constexpr int64_t total = 7, draws = 3, dim = 2, cond = 2;

// Numbers that name their row, draw and component.
void save_rows(const std::string& path, int64_t first, int64_t rows, uint64_t seed = 1,
               std::string model = "0a", int64_t channels = 1) {
  sample::Samples samples;
  samples.rows = rows;
  samples.draws = draws;
  samples.tokens = dim;
  samples.channels = channels;
  samples.drawn = rows * draws + 1;
  samples.values.resize(static_cast<size_t>(rows * draws * dim * channels));
  std::iota(samples.values.begin(), samples.values.end(),
            static_cast<double>(first * draws * dim * channels));
  samples.filled.assign(static_cast<size_t>(rows * draws), 1);
  if (rows > 0) samples.filled[0] = 0;
  std::vector<double> x(static_cast<size_t>(rows * cond));
  std::iota(x.begin(), x.end(), static_cast<double>(first * cond));
  sample::save_samples(path, samples, {sample::Question::Kind::x, x, cond, 1},
                       {seed, std::move(model), first, total, {0, 1}, {"a", "b"}, {"x_0", "x_1"}});
}

void save_shard(const std::string& path, const std::string& shard) {
  const auto range = sample::rows_of_shard(sample::parse_shard(shard), total);
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
    const auto range = sample::rows_of_shard({i, count}, all);
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

TEST_CASE("the launcher gives --shard auto its part, and the output's name says which", "[sample][shard]") {
  setenv("PMI_RANK", "2", 1);
  setenv("PMI_SIZE", "8", 1);
  const auto shard = sample::parse_shard("auto");
  unsetenv("PMI_RANK");
  unsetenv("PMI_SIZE");
  CHECK(shard.index == 2);
  CHECK(shard.count == 8);
  CHECK(sample::output_of_shard("a/post.npz", "auto", shard) == "a/post.2-of-8.npz");
  CHECK(sample::output_of_shard("a/post.npz", "2/8", shard) == "a/post.npz");
  CHECK_THROWS_WITH(sample::parse_shard("auto"), ContainsSubstring("no launcher started this program"));
}

TEST_CASE("sample files hold samples, filled, x and meta in their shapes", "[sample][file]") {
  const test::TemporaryFolder folder;
  const std::string path = folder.file(GENERATE(std::string("a.npz"), std::string("a.h5")));
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
  save_rows(folder.file("channels.npz"), 0, total, 1, "0a", 2);
  CHECK(io::load_arrays(folder.file("channels.npz")).arrays.at("samples").shape ==
        Shape({total, draws, dim, 2}));
}

TEST_CASE("an npy file holds the samples alone", "[sample][file]") {
  const test::TemporaryFolder folder;
  save_rows(folder.file("a.npy"), 0, total);
  CHECK(io::load_arrays(folder.file("a.npy")).arrays.at("array").shape == Shape({total, draws, dim}));
  CHECK_THAT(merge_error({folder.file("a.npy")}, folder.file("out.npz")), ContainsSubstring(".npz or .h5"));
}

TEST_CASE("shards merged in any order are the whole", "[sample][merge]") {
  const test::TemporaryFolder folder;
  const int64_t count = GENERATE(1, 3, 9);  // of 9 shards two are empty
  const std::string extension = GENERATE(std::string(".npz"), std::string(".h5"));
  std::vector<std::string> paths;
  for (int64_t i = 0; i < count; ++i) {
    paths.insert(paths.begin(), folder.file(std::to_string(i) + extension));
    save_shard(paths.front(), std::to_string(i) + "/" + std::to_string(count));
  }
  sample::merge_files(paths, folder.file("out.npz"), false);
  save_rows(folder.file("whole.npz"), 0, total);
  auto merged = io::load_arrays(folder.file("out.npz")).arrays,
       whole = io::load_arrays(folder.file("whole.npz")).arrays;
  CHECK(merged.at("samples").shape == whole.at("samples").shape);
  CHECK(merged.at("samples").to_float() == whole.at("samples").to_float());
  CHECK(merged.at("x").to_float() == whole.at("x").to_float());
  CHECK(merged.at("filled").shape == whole.at("filled").shape);
}

TEST_CASE("a merge leaves alone what a sampling that was stopped has kept beside the same output",
          "[sample][merge]") {
  const test::TemporaryFolder folder;
  save_shard(folder.file("0.npz"), "0/2");
  save_shard(folder.file("1.npz"), "1/2");
  const std::string kept = folder.file("out.npz.partial-rows");
  io::write_text(kept, "samples so far");
  sample::merge_files({folder.file("0.npz"), folder.file("1.npz")}, folder.file("out.npz"), false);
  CHECK(io::read_text(kept) == "samples so far");
}

TEST_CASE("answers to questions hold what was given, with a name for each column", "[sample][file][given]") {
  const test::TemporaryFolder folder;
  const auto save = [&](const std::string& name, int64_t first, int64_t rows, sample::Question::Kind kind) {
    sample::Samples samples;
    samples.rows = rows;
    samples.draws = draws;
    samples.tokens = dim + cond;
    samples.values.assign(static_cast<size_t>(rows * draws * (dim + cond)), static_cast<double>(first));
    samples.filled.assign(static_cast<size_t>(rows * draws), 1);
    const std::vector<double> given(static_cast<size_t>(rows * (dim + cond)),
                                    std::numeric_limits<double>::quiet_NaN());
    sample::save_samples(folder.file(name), samples, {kind, given, dim + cond, 1},
                         {1, "0a", first, 3, {0, 1}, {"a", "b"}, {"x_0", "x_1"}});
  };
  save("0.npz", 0, 2, sample::Question::Kind::given);
  save("1.npz", 2, 1, sample::Question::Kind::given);
  save("x.npz", 2, 1, sample::Question::Kind::x);
  sample::merge_files({folder.file("1.npz"), folder.file("0.npz")}, folder.file("out.npz"), false);
  auto arrays = io::load_arrays(folder.file("out.npz")).arrays;
  CHECK(arrays.count("x") == 0);
  CHECK(arrays.at("given").shape == Shape({3, dim + cond}));
  CHECK(std::isnan(arrays.at("given").to_float().front()));
  CHECK(arrays.at("samples").shape == Shape({3, draws, dim + cond}));
  const auto& bytes = arrays.at("meta").bytes;
  CHECK_THAT(std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size()),
             ContainsSubstring("\"names\":[\"a\",\"b\",\"x_0\",\"x_1\"]"));
  CHECK_THAT(merge_error({folder.file("0.npz"), folder.file("x.npz")}, folder.file("no.npz")),
             ContainsSubstring("its question is x, not given"));
}

TEST_CASE("files are float64 where float32 cannot resolve a hundredth of the spread",
          "[sample][file][dtype]") {
  const test::TemporaryFolder folder;
  const auto save = [&](const std::string& name, int64_t first, double offset, sample::NumberType type) {
    sample::Samples samples;
    samples.rows = 1;
    samples.draws = draws;
    samples.tokens = dim;
    for (int64_t i = 0; i < draws * dim; ++i) samples.values.push_back(offset + static_cast<double>(i));
    samples.filled.assign(static_cast<size_t>(draws), 1);
    const std::vector<double> x{0.5, 0.25};
    sample::save_samples(folder.file(name), samples, {sample::Question::Kind::x, x, cond, 1},
                         {1, "0a", first, 2, {0, 1}, {"a", "b"}, {"x_0", "x_1"}}, type);
    return io::load_arrays(folder.file(name)).arrays;
  };
  using enum sample::NumberType;
  auto plain = save("0.npz", 0, 0, automatic), far = save("1.npz", 1, 1.7e9, automatic);
  CHECK(plain.at("samples").dtype == io::DType::f32);
  CHECK(far.at("samples").dtype == io::DType::f64);
  CHECK(far.at("samples").to_double().back() == 1.7e9 + draws * dim - 1);
  CHECK(far.at("x").dtype == io::DType::f32);
  CHECK(save("2.npz", 1, 1.7e9, float32).at("samples").dtype == io::DType::f32);
  CHECK(save("3.npz", 0, 0, float64).at("samples").dtype == io::DType::f64);
  sample::merge_files({folder.file("0.npz"), folder.file("1.npz")}, folder.file("out.npz"), false);
  const auto merged = io::load_arrays(folder.file("out.npz")).arrays.at("samples");
  CHECK(merged.dtype == io::DType::f64);
  CHECK(merged.to_double().front() == 0);
  CHECK(merged.to_double().back() == 1.7e9 + draws * dim - 1);
}

TEST_CASE("merge refuses what does not belong together and writes nothing", "[sample][merge]") {
  const test::TemporaryFolder folder;
  const std::string out = folder.file("out.npz");
  save_shard(folder.file("0.npz"), "0/3");
  save_shard(folder.file("1.npz"), "1/3");
  save_shard(folder.file("2.npz"), "2/3");
  save_rows(folder.file("seed.npz"), 3, 2, 2);
  save_rows(folder.file("model.npz"), 3, 2, 1, "0b");
  CHECK_THAT(merge_error({folder.file("0.npz"), folder.file("2.npz")}, out),
             ContainsSubstring("rows 3 to 4"));
  CHECK_THAT(merge_error({folder.file("0.npz"), folder.file("1.npz")}, out),
             ContainsSubstring("rows 5 to 6"));
  CHECK_THAT(merge_error({folder.file("1.npz"), folder.file("2.npz")}, out),
             ContainsSubstring("rows 0 to 2"));
  CHECK_THAT(
      merge_error({folder.file("0.npz"), folder.file("0.npz"), folder.file("1.npz"), folder.file("2.npz")},
                  out),
      ContainsSubstring("give each shard once"));
  CHECK_THAT(merge_error({folder.file("0.npz"), folder.file("seed.npz"), folder.file("2.npz")}, out),
             ContainsSubstring("its seed is 2, not 1"));
  CHECK_THAT(merge_error({folder.file("0.npz"), folder.file("model.npz")}, out),
             ContainsSubstring("its model is 0b"));
  CHECK_THAT(merge_error({}, out), ContainsSubstring("at least one"));
  CHECK_FALSE(fs::exists(out));
}

TEST_CASE("shards of other observations or options are refused by what differs", "[sample][merge]") {
  const test::TemporaryFolder folder;
  const auto save = [&](const std::string& name, int64_t row, const std::string& work) {
    sample::Samples samples{
        1, draws, dim, 1, std::vector<double>(draws * dim, 1), std::vector<uint8_t>(draws, 1)};
    const std::vector<double> x{0.5, 0.25};
    sample::save_samples(folder.file(name), samples, {sample::Question::Kind::x, x, cond, 1},
                         {1, "0a", row, 2, {0, 1}, {"a", "b"}, {"x_0", "x_1"}, 1, work});
  };
  save("0.npz", 0, "values of all rows: 4 numbers\nsteps: 5\n");
  save("1.npz", 1, "values of all rows: 4 numbers\nsteps: 8\n");
  save("old.npz", 1, "");
  const std::string message = merge_error({folder.file("0.npz"), folder.file("1.npz")}, folder.file("o.npz"));
  CHECK_THAT(message, ContainsSubstring("steps is 5 there and 8 here") && ContainsSubstring("1.npz"));
  CHECK(merge_error({folder.file("0.npz"), folder.file("old.npz")}, folder.file("o.npz")) == "no error");
}

TEST_CASE("a file of samples says where it is of other work", "[sample][file]") {
  const test::TemporaryFolder folder;
  save_rows(folder.file("a.npz"), 0, total);
  std::vector<double> x(total * cond);
  std::iota(x.begin(), x.end(), 0.0);
  sample::Origin origin;
  origin.seed = 1;
  origin.model = "0a";
  const auto differences = [&](const std::vector<double>& values, int64_t asked = draws) {
    return sample::differences_of_samples(folder.file("a.npz"), origin, asked, values);
  };
  CHECK(differences(x).empty());
  CHECK(differences({}).empty());
  CHECK(differences(x, 5) == "draws is 3 there and 5 here");
  x.back() += 1;
  CHECK(differences(x) == "the observations are others");
  x.pop_back();
  CHECK(differences(x) == "the observations are others");
  origin.seed = 2;
  origin.model = "0b";
  CHECK(differences({}) == "model is 0a there and 0b here; seed is 1 there and 2 here");
}

TEST_CASE("merge refuses files that sample did not write", "[sample][merge]") {
  const test::TemporaryFolder folder;
  const float one[] = {1};
  io::save_arrays(folder.file("other.npz"), {{"samples", io::Array::from(one, {1, 1, 1})}});
  CHECK_THAT(merge_error({folder.file("other.npz")}, folder.file("out.npz")),
             ContainsSubstring("no array 'filled'"));
  save_rows(folder.file("a.npz"), 0, total);
  auto arrays = io::load_arrays(folder.file("a.npz")).arrays;
  arrays.at("meta").bytes[0] = std::byte{'x'};
  io::save_arrays(folder.file("meta.npz"), arrays);
  CHECK_THAT(merge_error({folder.file("meta.npz")}, folder.file("out.npz")), ContainsSubstring("damaged"));
}
