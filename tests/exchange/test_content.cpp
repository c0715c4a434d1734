#include <cmath>
#include <filesystem>

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include "exchange/content.hpp"
#include "exchange/files.hpp"
#include "support/user_error.hpp"

using namespace fluxsbi;
using namespace fluxsbi::exchange;
using namespace fluxsbi::exchange::test;
using Catch::Matchers::ContainsSubstring;
using fluxsbi::test::error_of;
using fluxsbi::test::TemporaryFolder;
using Shape = std::vector<int64_t>;
using Names = std::vector<std::string>;

TEST_CASE("all observations are read, with NaN where a draw is not filled", "[exchange]") {
  const TemporaryFolder folder;
  io::save_arrays(folder.file("s.npz"), usual());
  const Content all = collect({folder.file("s.npz")});
  CHECK(all.observations == Shape{0, 1, 2});
  CHECK(all.names == Names{"a", "b"});
  CHECK(all.samples.shape == Shape{3, 4, 2});
  CHECK(all.samples.values[11] == 11);
  CHECK(std::isnan(all.samples.values[12]));
  CHECK(all.samples.values[14] == 14);
  REQUIRE(all.x);
  CHECK(all.x->shape == Shape{3, 2});
  CHECK(all.x_names == Names{"u", "v"});
}

TEST_CASE("of one observation the draws that are left are read, in every file alike", "[exchange]") {
  const TemporaryFolder folder;
  io::save_arrays(folder.file("s.npz"), usual());
  io::save_arrays(folder.file("lp.npz"), {{"log_prob", counting({3, 4}, -50)}});
  io::save_arrays(folder.file("w.csv"), {{"array", counting({12, 1})}}, {"weight"});
  Sources sources{folder.file("s.npz"), 1, {"b"}};
  sources.log_prob = folder.file("lp.npz");
  sources.weights = folder.file("w.csv");
  const Content one = collect(sources);
  CHECK(one.rows() == 1);
  CHECK(one.draws == 3);
  CHECK(one.names == Names{"b"});
  CHECK(one.samples.values == std::vector<double>{9, 11, 15});
  CHECK(one.log_prob->values == std::vector<double>{-46, -45, -43});
  CHECK(one.weights->values == std::vector<double>{4, 5, 7});
  CHECK(one.x->values == std::vector<double>{102, 103});
}

TEST_CASE("simulations at the draws find their draw", "[exchange]") {
  const TemporaryFolder folder;
  io::save_arrays(folder.file("s.npz"), usual());
  // simulate leaves out the draw that is not filled: 11 rows.
  std::vector<double> theta, x;
  for (int i = 0; i < 12; ++i) {
    if (i == 6) continue;
    theta.insert(theta.end(), {2.0 * i, 2.0 * i + 1});
    x.push_back(1000 + i);
  }
  io::save_arrays(folder.file("p.npz"), {{"theta", doubles(theta, {11, 2})}, {"x", doubles(x, {11, 1})}});
  Sources sources{folder.file("s.npz")};
  sources.predictive = folder.file("p.npz");
  const Content all = collect(sources);
  CHECK(all.predictive->shape == Shape{3, 4, 1});
  CHECK(all.predictive->values[5] == 1005);
  CHECK(std::isnan(all.predictive->values[6]));
  CHECK(all.predictive->values[7] == 1007);
  sources.row = 1;
  CHECK(collect(sources).predictive->values == std::vector<double>{1004, 1005, 1007});
  // Of one observation alone.
  io::save_arrays(folder.file("one.npz"), {{"x", doubles({1, 2, 3}, {3, 1})}});
  sources.predictive = folder.file("one.npz");
  CHECK(collect(sources).predictive->values == std::vector<double>{1, 2, 3});
  // At other draws.
  theta[4] += 1;
  io::save_arrays(folder.file("p.npz"), {{"theta", doubles(theta, {11, 2})}, {"x", doubles(x, {11, 1})}});
  sources.predictive = folder.file("p.npz");
  sources.row = 0;
  CHECK_THAT(error_of([&] { collect(sources); }), ContainsSubstring("theta of its row 2 is not draw 2 of"));
  io::save_arrays(folder.file("p.npz"), {{"x", doubles(x, {11, 1})}});
  io::save_arrays(folder.file("q.npz"), {{"x", counting({7, 1})}});
  sources.predictive = folder.file("q.npz");
  CHECK_THAT(error_of([&] { collect(sources); }),
             ContainsSubstring("holds 7 simulations, the samples 3 x 4 draws of which 11 are filled"));
}

TEST_CASE("a prior's draws are taken by name, or in order", "[exchange]") {
  const TemporaryFolder folder;
  io::save_arrays(folder.file("s.npz"), usual());
  io::save_arrays(folder.file("prior.csv"), {{"array", counting({3, 3})}}, {"b", "c", "a"});
  io::save_arrays(folder.file("prior.npz"), {{"theta", counting({3, 2})}, {"x", counting({3, 1})}});
  Sources sources{folder.file("s.npz"), 0};
  sources.prior = folder.file("prior.csv");
  const auto named = collect(sources);
  CHECK(named.prior->names == Names{"a", "b"});
  CHECK(named.prior->draws.values == std::vector<double>{2, 0, 5, 3, 8, 6});
  sources.prior = folder.file("prior.npz");
  CHECK(collect(sources).prior->draws.values == counting({3, 2}).to_double());
  io::save_arrays(folder.file("prior.npz"), {{"theta", counting({3, 5})}});
  CHECK_THAT(error_of([&] { collect(sources); }),
             ContainsSubstring("holds 5 columns without names, the samples 2"));
  io::save_arrays(folder.file("other.csv"), {{"array", counting({3, 1})}}, {"mass"});
  sources.prior = folder.file("other.csv");
  CHECK_THAT(error_of([&] { collect(sources); }),
             ContainsSubstring("none of which is a variable of the samples (a, b)"));
}

TEST_CASE("answers of a joint model keep what was given apart from what was inferred", "[exchange]") {
  const TemporaryFolder folder;
  io::Arrays arrays = usual();
  arrays.erase("x");
  arrays["meta"] = text(R"({"names": ["a", "b"], "theta_names": ["a"], "x_names": ["b"]})");
  arrays["given"] = doubles({nan_value, 7, nan_value, 8, nan_value, 9}, {3, 2});
  io::save_arrays(folder.file("s.npz"), arrays);
  const Content all = collect({folder.file("s.npz")});
  CHECK(all.names == Names{"a"});
  CHECK(all.given_names == Names{"b"});
  CHECK(all.given.values == std::vector<double>{7, 8, 9});
  arrays["given"] = doubles({nan_value, 7, 6, nan_value, nan_value, 9}, {3, 2});
  io::save_arrays(folder.file("s.npz"), arrays);
  CHECK_THAT(
      error_of([&] { collect({folder.file("s.npz")}); }),
      ContainsSubstring("observation 1 has b inferred, one before it a; choose one observation with --row"));
  CHECK(collect({folder.file("s.npz"), 1}).names == Names{"b"});
}

TEST_CASE("a run folder is its samples and its diagnostics", "[exchange]") {
  const TemporaryFolder folder;
  CHECK_THAT(error_of([&] { collect({folder.path()}); }),
             ContainsSubstring("holds no samples.npz or samples.h5"));
  io::save_arrays(folder.file("samples.npz"), usual());
  CHECK_FALSE(collect({folder.path()}).pit);
  std::filesystem::create_directory(folder.file("diagnostics"));
  io::save_arrays(folder.file("diagnostics/coverage.npz"), {{"level", counting({3})}});
  io::save_arrays(folder.file("diagnostics/sbc.npz"),
                  {{"pit", doubles({0, 0.5, nan_value, 0.2, 1, 0.3}, {3, 2})}});
  const Content run = collect({folder.path()});
  CHECK(run.pit->values == std::vector<double>{0, 0.5, 1, 0.3});  // without the pair that is not finite
  CHECK(run.pit_names == Names{"a", "b"});
  // Of another conditional of a joint model, whose pit.npz says what was inferred.
  const std::string names = R"(["b", "x_1"])";
  io::Array text{io::DType::u8, {std::ssize(names)}, {}};
  const auto bytes = std::as_bytes(std::span(names));
  text.bytes.assign(bytes.begin(), bytes.end());
  io::save_arrays(folder.file("diagnostics/sbc.npz"), {{"pit", doubles({0, 0.5}, {1, 2})}, {"names", text}});
  CHECK(collect({folder.path()}).pit_names == Names{"b", "x_1"});
}

TEST_CASE("what does not belong to the samples is refused by name", "[exchange][error]") {
  const TemporaryFolder folder;
  io::save_arrays(folder.file("s.npz"), usual());
  const auto refuses = [&](const Sources& sources, const std::string& part) {
    CHECK_THAT(error_of([&] { collect(sources); }), ContainsSubstring(part));
  };
  refuses({folder.file("s.npz"), 3}, "row 3 is not among its observations (0..2)");
  refuses({folder.file("s.npz"), 0, {"c"}}, "--columns names 'c'");
  io::save_arrays(folder.file("lp.npz"), {{"log_prob", counting({3})}});
  Sources sources{folder.file("s.npz")};
  sources.log_prob = folder.file("lp.npz");
  refuses(sources, "has the shape [3], " + folder.file("s.npz") + " holds 3 x 4 draws; give [3, 4]");
  sources.log_prob = folder.file("s.npz");
  refuses(sources, "holds no array called log_prob, only filled, meta, samples, x");
  sources = {folder.file("s.npz")};
  sources.weights = folder.file("w.npz");
  io::save_arrays(sources.weights, {{"weight", counting({3, 4}, -1)}});
  refuses(sources, "holds -1; weights are finite and not negative");
  sources = {folder.file("s.npz")};
  sources.pit = folder.file("pit.npz");
  io::save_arrays(sources.pit, {{"pit", counting({3, 2})}});
  refuses(sources, "holds 2; PIT values lie between 0 and 1");
  io::save_arrays(folder.file("n.npy"), {{"array", doubles({nan_value, 1, 2, nan_value}, {2, 2})}});
  refuses({folder.file("n.npy")}, "none of its 2 draws is filled and finite");
  io::save_arrays(folder.file("d.npy"), {{"array", counting({4, 2})}});
  refuses({folder.file("d.npy"), 0}, "holds draws [n, d] of one observation; leave out --row");
  io::Arrays twice = usual();
  twice["meta"] = text(R"({"theta_names": ["a", "a"]})");
  io::save_arrays(folder.file("twice.npz"), twice);
  refuses({folder.file("twice.npz")}, "two columns are called 'a'");
  CHECK(collect({folder.file("twice.npz"), {}, {"1"}}).names == Names{"a"});
}
