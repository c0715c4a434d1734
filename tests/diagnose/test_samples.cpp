#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <limits>
#include <span>
#include <sstream>

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_exception.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <unistd.h>

#include "core/error.hpp"
#include "diagnose/c2st.hpp"
#include "diagnose/samples.hpp"
#include "io/files.hpp"
#include "io/netcdf.hpp"

using namespace fluxsbi;
using Catch::Matchers::ContainsSubstring;
using Catch::Matchers::MessageMatches;

namespace {

// The benchmark's agreement with scikit-learn that docs/c2st.md promises.
constexpr double mean_difference_limit = 0.005;
constexpr double pair_difference_limit = 0.02;

struct Folder {
  std::filesystem::path path =
      std::filesystem::temp_directory_path() / ("fluxsbi-samples-" + std::to_string(getpid()));
  Folder() { std::filesystem::create_directories(path); }
  ~Folder() { std::filesystem::remove_all(path); }
  std::string file(const std::string& name) const { return (path / name).string(); }
};

// 3 observations, 4 draws, 2 parameters: the values 0, 1, ..., 23.
io::Array counting(std::vector<int64_t> shape) {
  std::vector<float> values(24);
  for (size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(i);
  return io::Array::from(std::span<const float>(values), std::move(shape));
}

void fails(const std::string& path, int64_t row, const std::string& part) {
  CHECK_THROWS_MATCHES(diagnose::load_samples(path, row), core::UserError,
                       MessageMatches(ContainsSubstring(part)));
}

}  // namespace

TEST_CASE("draws that are not finite or not filled are left out, counted together, and never all of them",
          "[diagnose][samples]") {
  const Folder folder;
  const std::string path = folder.file("holes.npz");
  constexpr float nan = std::numeric_limits<float>::quiet_NaN(),
                  infinite = std::numeric_limits<float>::infinity();
  const std::vector<float> values{0, 1, nan, 3, 4, 5, 6, infinite, /*row 1:*/ nan, 1, nan, 3, nan, 5, 6, 7};
  const std::vector<uint8_t> filled{0, 1, 1, 1, 1, 1, 1, 0};
  io::Array marks{io::DType::boolean, {2, 4}, {}};
  for (const uint8_t mark : filled) marks.bytes.push_back(std::byte{mark});
  io::save_arrays(path, {{"samples", io::Array::from(std::span<const float>(values), {2, 4, 2})},
                         {"filled", std::move(marks)}});
  const auto set = diagnose::load_finite_samples(path, 0);
  CHECK(set.rows == 1);
  CHECK(set.unfilled == 3);
  CHECK(set.values == std::vector<double>{4, 5});
  CHECK(set.places == std::vector<int64_t>{2});
  CHECK_THROWS_MATCHES(
      diagnose::load_finite_samples(path, 1), core::UserError,
      MessageMatches(ContainsSubstring("holes.npz row 1: none of its 4 draws is filled and finite")));
}

TEST_CASE("samples of every format are read alike", "[diagnose][samples]") {
  const Folder folder;
  for (const char* name : {"a.npy", "a.csv", "a.npz", "a.h5"}) {
    CAPTURE(name);
    const bool keyed = std::string(name) == "a.npz" || std::string(name) == "a.h5";
    const std::vector<std::string> columns =
        std::string(name) == "a.csv" ? std::vector<std::string>{"x", "y"} : std::vector<std::string>{};
    io::save_arrays(folder.file(name), {{keyed ? "samples" : "array", counting({12, 2})}}, columns);
    const auto set = diagnose::load_samples(folder.file(name));
    CHECK(set.rows == 12);
    CHECK(set.dimensions == 2);
    CHECK(set.values == counting({12, 2}).to_double());
    CHECK(set.columns == columns);
    CHECK(diagnose::load_samples(folder.file(name), 7).values ==
          set.values);  // one set: there is no row to choose
    CHECK(set.unfilled == 0);
  }
}

TEST_CASE("a CSV of CmdStan is draws of its parameters", "[diagnose][samples]") {
  const Folder folder;
  std::ofstream(folder.file("stan.csv"))
      << "# method = sample\nlp__,accept_stat__,theta.1,theta.2\n# Adaptation "
         "terminated\n-1,0.9,1,2\n-2,0.8,3,4\n#  Elapsed Time: 1 seconds\n";
  const auto set = diagnose::load_samples(folder.file("stan.csv"));
  CHECK(set.columns == std::vector<std::string>{"theta.1", "theta.2"});
  CHECK(set.values == std::vector<double>{1, 2, 3, 4});
  std::ofstream(folder.file("r.csv")) << "\"mu\",\".chain\"\n0.5,1\n0.25,2\n";
  CHECK(diagnose::load_samples(folder.file("r.csv")).values == std::vector<double>{0.5, 0.25});
  std::ofstream(folder.file("none.csv")) << "lp__\n-1\n";
  fails(folder.file("none.csv"), -1, "holds no column of draws, only lp__");
  std::ofstream(folder.file("bare.txt")) << "1 2\n3 4\n";
  CHECK(diagnose::load_samples(folder.file("bare.txt")).values == std::vector<double>{1, 2, 3, 4});
}

TEST_CASE("modes and simulations are draws, too", "[diagnose][samples]") {
  const Folder folder;
  io::save_arrays(folder.file("map.npz"), {{"map", counting({12, 2})}, {"log_prob", counting({24})}});
  CHECK(diagnose::load_samples(folder.file("map.npz")).values == counting({12, 2}).to_double());
  const std::string meta = R"({"theta_names": ["b", "a"]})";
  const auto bytes = std::as_bytes(std::span(meta));
  io::save_arrays(folder.file("named.npz"),
                  {{"map", counting({12, 2})},
                   {"meta", {io::DType::u8, {std::ssize(bytes)}, {bytes.begin(), bytes.end()}}}});
  CHECK(diagnose::load_samples(folder.file("named.npz")).columns == std::vector<std::string>{"b", "a"});
  io::save_arrays(folder.file("sims.npz"), {{"theta", counting({4, 3, 2})}, {"x", counting({24})}});
  CHECK(diagnose::load_samples(folder.file("sims.npz")).dimensions == 6);
  io::save_arrays(folder.file("lp.npz"), {{"log_prob", counting({24})}});
  fails(folder.file("lp.npz"), -1, "holds no array called samples, only log_prob");
}

TEST_CASE("dimensions are chosen by name and by number", "[diagnose][samples]") {
  diagnose::SampleSet set{"s", 2, 3, {1, 2, 3, 4, 5, 6}, {"a", "b", "c"}, 0};
  const auto picked = diagnose::with_columns(set, {"c", "0"});
  CHECK(picked.values == std::vector<double>{3, 1, 6, 4});
  CHECK(picked.columns == std::vector<std::string>{"c", "a"});
  const auto refused = [&](const std::vector<std::string>& wanted, const std::string& part) {
    CHECK_THROWS_MATCHES(diagnose::with_columns(set, wanted), core::UserError,
                         MessageMatches(ContainsSubstring(part)));
  };
  refused({"3"}, "numbers from 0 to 2");
  refused({"a", "0"}, "twice");
}

TEST_CASE("columns without names keep their number when they are chosen", "[diagnose][samples]") {
  const diagnose::SampleSet set{"s", 2, 3, {1, 2, 3, 4, 5, 6}, {}, 0};
  for (const std::string word : {"1", "theta_1"}) {
    const auto picked = diagnose::with_columns(set, {word});
    CHECK(picked.values == std::vector<double>{2, 5});
    CHECK(picked.columns == std::vector<std::string>{"theta_1"});
  }
}

TEST_CASE("columns of the same names are compared in one order", "[diagnose][samples]") {
  const diagnose::SampleSet set{"s", 2, 3, {1, 2, 3, 4, 5, 6}, {"a", "b", "c"}, 0};
  CHECK(diagnose::in_order_of(set, {"b", "c", "a"}).values == std::vector<double>{2, 3, 1, 5, 6, 4});
  CHECK(diagnose::in_order_of(set, {"a", "b", "d"}).values == set.values);
  CHECK(diagnose::in_order_of(set, {}).values == set.values);
}

TEST_CASE("ArviZ's files are draws of their variables, in natural order", "[diagnose][samples][netcdf]") {
  const Folder folder;
  const auto group = [&](std::vector<io::NetcdfDimension> dimensions,
                         std::vector<io::NetcdfVariable> variables) {
    io::save_netcdf(folder.file("a.nc"), {{}, {{"posterior", std::move(dimensions), std::move(variables)}}});
    return folder.file("a.nc");
  };
  const io::NetcdfDimension chain{"chain", 2, {}, 0}, draw{"draw", 3, {}, 0};
  const auto vectors = diagnose::load_samples(
      group({chain, draw, {"k", 2, {"u", "v"}, 0}, {"observation", 2, {}, 0}},
            {{"a_10",
              io::Array::from(std::span<const double>(std::vector<double>{0, 1, 2, 3, 4, 5}), {2, 3}),
              {"chain", "draw"}},
             {"a_2", counting({2, 3, 2, 2}), {"chain", "draw", "observation", "k"}}}));
  CHECK(vectors.columns == std::vector<std::string>{"a_2[0]", "a_2[1]", "a_2[2]", "a_2[3]", "a_10"});
  CHECK(vectors.rows == 6);
  CHECK(std::vector<double>(vectors.values.begin() + 5, vectors.values.begin() + 10) ==
        std::vector<double>{4, 5, 6, 7, 1});
  // Several observations: one at a time.
  const std::string many = group({chain, draw, {"observation", 4, {}, 0}},
                                 {{"a", counting({2, 3, 4}), {"chain", "draw", "observation"}}});
  CHECK(diagnose::load_samples(many, 3).values == std::vector<double>{3, 7, 11, 15, 19, 23});
  fails(many, -1, "holds samples for 4 observations");
  io::save_netcdf(folder.file("b.nc"), {{}, {{"prior", {chain, draw}, {}}}});
  fails(folder.file("b.nc"), -1, "holds no array called samples, only prior/chain, prior/draw");
}

TEST_CASE("a getdist chain is its parameters, if its weights are equal", "[diagnose][samples][getdist]") {
  const Folder folder;
  std::ofstream(folder.file("root.paramnames")) << "m\tm_{1}\nderived*\t\\sigma\n";
  std::ofstream(folder.file("root.txt")) << "2 10 0.5 1\n2 11 0.25 3\n";
  const auto set = diagnose::load_samples(folder.file("root.txt"));
  CHECK(set.columns == std::vector<std::string>{"m", "derived"});
  CHECK(set.values == std::vector<double>{0.5, 1, 0.25, 3});
  std::ofstream(folder.file("root.txt")) << "2 10 0.5 1\n1 11 0.25 3\n";
  fails(folder.file("root.txt"), -1, "its weights differ (2 and 1)");
  std::ofstream(folder.file("root.txt")) << "2 10 0.5\n1 11 0.25\n";
  fails(folder.file("root.txt"), -1, "holds 3 columns");
}

TEST_CASE("weights that differ are refused, unless the caller has them", "[diagnose][samples]") {
  const Folder folder;
  const auto save = [&](const std::vector<double>& weights) {
    io::save_arrays(folder.file("w.npz"),
                    {{"samples", counting({1, 12, 2})},
                     {"weight", io::Array::from(std::span<const double>(weights), {1, 12})}});
    return folder.file("w.npz");
  };
  std::vector<double> weights(12, 2);
  weights[3] = std::numeric_limits<double>::quiet_NaN();  // a draw that was not filled
  CHECK(diagnose::load_samples(save(weights)).rows == 12);
  weights[7] = 1;
  fails(save(weights), -1, "its weights differ (2 and 1)");
  CHECK(diagnose::SampleFile(folder.file("w.npz"), true).set().rows == 12);
}

TEST_CASE("one observation's samples are read without the unfilled draws", "[diagnose][samples]") {
  const Folder folder;
  const std::vector<uint8_t> filled = {1, 1, 1, 1, 1, 0, 1, 0, 0, 0, 0, 0};
  for (const char* name : {"a.npz", "a.h5"}) {
    CAPTURE(name);
    io::save_arrays(folder.file(name),
                    {{"filled", io::Array::from_bool(filled, {3, 4})}, {"samples", counting({3, 4, 2})}});
    const auto set = diagnose::load_samples(folder.file(name), 1);
    CHECK(set.name == folder.file(name) + " row 1");
    CHECK(set.rows == 2);
    CHECK(set.unfilled == 2);
    CHECK(set.values == std::vector<double>{8, 9, 12, 13});
    fails(folder.file(name), -1, "holds samples for 3 observations; choose one with --row (0..2)");
    fails(folder.file(name), 3, "row 3 is not among its observations (0..2)");
    fails(folder.file(name), 2, "none of its 4 draws is filled");
  }
}

TEST_CASE("channels are folded into the dimensions and a single observation needs no row",
          "[diagnose][samples]") {
  const Folder folder;
  io::save_arrays(folder.file("a.npz"), {{"samples", counting({1, 4, 3, 2})}});
  const auto set = diagnose::load_samples(folder.file("a.npz"));
  CHECK(set.name == folder.file("a.npz"));
  CHECK(set.rows == 4);
  CHECK(set.dimensions == 6);
}

TEST_CASE("of answers to a question the inferred columns are read, under their names",
          "[diagnose][samples][given]") {
  const Folder folder;
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const std::vector<float> given = {nan, 1, 8, nan, nan, nan};  // [3, 2]
  const std::string text = R"({"theta_names": ["a"], "x_names": ["b"], "names": ["a", "b"]})";
  io::Array meta{io::DType::u8, {std::ssize(text)}, {}};
  const auto bytes = std::as_bytes(std::span(text));
  meta.bytes.assign(bytes.begin(), bytes.end());
  io::save_arrays(folder.file("a.npz"), {{"samples", counting({3, 4, 2})},
                                         {"given", io::Array::from(std::span(given), {3, 2})},
                                         {"meta", meta}});
  const auto first = diagnose::load_samples(folder.file("a.npz"), 0),
             second = diagnose::load_samples(folder.file("a.npz"), 1),
             third = diagnose::load_samples(folder.file("a.npz"), 2);
  CHECK(first.dimensions == 1);
  CHECK(first.values == std::vector<double>{0, 2, 4, 6});
  CHECK(first.columns == std::vector<std::string>{"a"});
  CHECK(second.values == std::vector<double>{9, 11, 13, 15});
  CHECK(second.columns == std::vector<std::string>{"b"});
  CHECK(third.dimensions == 2);
  CHECK(third.columns == std::vector<std::string>{"a", "b"});
  io::save_arrays(folder.file("bad.npz"),
                  {{"samples", counting({3, 4, 2})}, {"given", io::Array::from(std::span(given), {2, 3})}});
  fails(folder.file("bad.npz"), 0, "given has the shape [2, 3]");
}

TEST_CASE("files without samples are refused with what they hold", "[diagnose][samples][error]") {
  const Folder folder;
  io::save_arrays(folder.file("a.npz"), {{"u", counting({12, 2})}, {"x", counting({12, 2})}});
  fails(folder.file("a.npz"), -1, "holds no array called samples, only u, x");
  io::save_arrays(folder.file("flat.npy"), {{"array", counting({24})}});
  fails(folder.file("flat.npy"), -1, "shape [24]; need [n, d] or [rows, n, d]");
  io::save_arrays(folder.file("odd.npz"), {{"filled", counting({24})}, {"samples", counting({3, 4, 2})}});
  fails(folder.file("odd.npz"), 0, "filled has the shape [24]");
  CHECK_THROWS_AS(diagnose::load_samples(folder.file("missing.npy")), core::UserError);
}

TEST_CASE("c2st agrees with scikit-learn on the pairs of a folder", "[diagnose][c2st][reference]") {
  const char* folder = std::getenv("FLUXSBI_C2ST_PAIRS");
  if (folder == nullptr)
    SKIP("set FLUXSBI_C2ST_PAIRS to a folder that scripts/c2st_pairs.py has filled (docs/c2st.md)");
  std::ifstream scores(std::string(folder) + "/scores.csv");
  std::string line;
  REQUIRE(std::getline(scores, line));
  double difference = 0;
  int pairs = 0;
  std::ostringstream table;
  for (; std::getline(scores, line); ++pairs) {
    const std::string name = line.substr(0, line.find(','));
    const double expected = std::stod(line.substr(line.find(',') + 1));
    const std::string stem = std::string(folder) + "/" + name;
    const auto result = diagnose::c2st(diagnose::load_samples(stem + ".reference.npy"),
                                       diagnose::load_samples(stem + ".samples.npy"));
    table << name << " d=" << result.dimensions << " n=" << result.rows << ": " << expected << " there, "
          << result.mean << " here, " << result.seconds << " s\n";
    CHECK(std::abs(result.mean - expected) < pair_difference_limit);
    difference += result.mean - expected;
  }
  WARN(table.str());
  REQUIRE(pairs > 0);
  CHECK(std::abs(difference / pairs) < mean_difference_limit);
}
