#include <cmath>
#include <filesystem>

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include "diagnose/samples.hpp"
#include "exchange/export.hpp"
#include "exchange/files.hpp"
#include "exchange/names.hpp"
#include "exchange/netcdf_layout.hpp"
#include "io/hdf5.hpp"
#include "support/user_error.hpp"

using namespace fluxsbi;
using namespace fluxsbi::exchange;
using namespace fluxsbi::exchange::test;
using Catch::Matchers::ContainsSubstring;
using fluxsbi::test::error_of;
using fluxsbi::test::read_file;
using fluxsbi::test::TemporaryFolder;
using Shape = std::vector<int64_t>;
using Names = std::vector<std::string>;

namespace {

Content content_of(const TemporaryFolder& folder, std::optional<int64_t> row = {}) {
  io::save_arrays(folder.file("s.npz"), usual());
  io::save_arrays(folder.file("lp.npz"), {{"log_prob", counting({3, 4}, -50)}});
  io::save_arrays(folder.file("prior.npz"), {{"theta", counting({5, 2})}});
  io::save_arrays(folder.file("pit.npz"), {{"pit", doubles({0, 0.5, 1, 0.25}, {2, 2})}});
  Sources sources{folder.file("s.npz"), row};
  sources.log_prob = folder.file("lp.npz");
  sources.prior = folder.file("prior.npz");
  sources.pit = folder.file("pit.npz");
  return collect(sources);
}

}  // namespace

TEST_CASE("netCDF has a group for each kind of data and a dataset for each variable", "[exchange][netcdf]") {
  const TemporaryFolder folder;
  const std::string path = folder.file("a.nc");
  write_content(content_of(folder), {path});
  const io::Arrays found = io::load_hdf5(path, Names{"posterior/b", "posterior/draw", "sample_stats/lp",
                                                     "prior/a", "prior_sbc/b", "observed_data/x"});
  CHECK(found.at("posterior/b").shape == Shape{1, 4, 3});  // chain, draw, observation
  CHECK(found.at("posterior/b").to_double()[1 * 3 + 2] == 2 * (2 * 4 + 1) + 1);
  CHECK(std::isnan(found.at("posterior/b").to_double()[2 * 3 + 1]));
  CHECK(found.at("sample_stats/lp").to_double()[1 * 3 + 2] == -50 + 2 * 4 + 1);
  CHECK(found.at("prior/a").to_double() == std::vector<double>{0, 2, 4, 6, 8});
  CHECK(found.at("prior_sbc/b").to_double() == std::vector<double>{0.5, 0.25});
  CHECK(found.at("observed_data/x").shape == Shape{3, 2});
  write_content(content_of(folder, 2), {path});
  const io::Arrays one = io::load_hdf5(path, Names{"posterior/b", "observed_data/x"});
  CHECK(one.at("posterior/b").shape == Shape{1, 4});
  CHECK(one.at("observed_data/x").to_double() == std::vector<double>{104, 105});
}

TEST_CASE("names that netCDF cannot hold are changed and stay apart", "[exchange][netcdf]") {
  const TemporaryFolder folder;
  Content content = content_of(folder, 0);
  content.prior.reset();
  content.pit.reset();
  content.names = {"draw", "mass/radius"};
  const io::NetcdfFile file = netcdf_layout(content);
  CHECK(file.groups.at(0).variables.at(0).name == "draw_");
  CHECK(file.groups.at(0).variables.at(1).name == "mass_radius");
  content.names = {"mass_radius", "mass/radius"};
  CHECK_THAT(
      error_of([&] { netcdf_layout(content); }),
      ContainsSubstring("cannot hold the name 'mass/radius', and 'mass_radius' is another variable's"));
}

TEST_CASE("a table has a row a draw, with log-density and weight under ChainConsumer's names", "[exchange]") {
  const TemporaryFolder folder;
  Content content = content_of(folder, 1);
  content.weights = Numbers{{1, 3}, {0.5, 1, 2}};
  write_content(content, {folder.file("a.csv")});
  CHECK(read_file(folder.file("a.csv")) ==
        "a,b,log_posterior,weight\n8,9,-46,0.5\n10,11,-45,1\n14,15,-43,2\n");
  content.names = {"weight", "b"};
  CHECK_THAT(error_of([&] { write_content(content, {folder.file("a.csv")}); }),
             ContainsSubstring("a variable is called weight"));
  // The table is a file of draws again.
  CHECK(diagnose::load_samples(folder.file("a.csv")).columns == Names{"a", "b", "log_posterior", "weight"});
}

TEST_CASE("getdist gets weight, minus the log-posterior, labels and the prior's ends",
          "[exchange][getdist]") {
  const TemporaryFolder folder;
  Content content = content_of(folder, 1);
  content.names = {"theta_0", "my mass"};
  content.bounds = {{-1, 2.5}, {0, INFINITY}};
  write_content(content, {folder.file("root.txt")});
  CHECK(read_file(folder.file("root.txt")) == "1 46 8 9\n1 45 10 11\n1 43 14 15\n");
  CHECK(read_file(folder.file("root.paramnames")) == "theta_0\t\\theta_{0}\nmy_mass\t\\mathrm{my mass}\n");
  CHECK(read_file(folder.file("root.ranges")) == "theta_0 -1 2.5\nmy_mass 0 N\n");
  CHECK(latex_label("Omega_12") == "\\Omega_{12}");
  CHECK(latex_label("m") == "m");
  CHECK(latex_label("mass_ratio") == "\\mathrm{mass\\_ratio}");
}

TEST_CASE("an npz file reads back as samples, and draws first does not", "[exchange]") {
  const TemporaryFolder folder;
  const Content content = content_of(folder);
  write_content(content, {folder.file("a.npz")});
  const auto set = diagnose::load_samples(folder.file("a.npz"), 1);
  CHECK(set.columns == Names{"a", "b"});
  CHECK(set.unfilled == 1);
  CHECK(set.values == std::vector<double>{8, 9, 10, 11, 14, 15});
  write_content(content, {folder.file("f.npz"), false, true});
  const auto arrays = io::load_arrays(folder.file("f.npz")).arrays;
  CHECK(arrays.at("samples_draws_first").shape == Shape{4, 3, 2});
  CHECK(arrays.at("samples_draws_first").to_double()[(1 * 3 + 2) * 2] == 2 * (2 * 4 + 1));
  CHECK(arrays.at("log_prob").shape == Shape{4, 3});
  CHECK(arrays.at("log_prob").to_double()[1 * 3 + 2] == -50 + 2 * 4 + 1);
  CHECK_THAT(error_of([&] { diagnose::load_samples(folder.file("f.npz")); }),
             ContainsSubstring("holds no array called samples"));
}

TEST_CASE("an export that cannot be written is refused before anything is read", "[exchange][error]") {
  const TemporaryFolder folder;
  const auto refuses = [&](const Target& target, const std::string& part) {
    CHECK_THAT(error_of([&] { check_target(target); }), ContainsSubstring(part));
  };
  refuses({folder.file("a.zarr")},
          "has the unknown extension '.zarr'; export writes .nc (netCDF-4: ArviZ, xarray), .csv");
  refuses({folder.file("a")}, "has no extension; export writes .nc");
  refuses({folder.file("a.nc"), false, true}, "--draws-first orders the axes of an .npz file");
  fluxsbi::test::write_file(folder.file("root.ranges"), "");
  refuses({folder.file("root.txt")}, "root.ranges: exists; use --force to replace it");
  check_target({folder.file("root.txt"), true});
  const Content many = content_of(folder);
  for (const char* name : {"a.csv", "a.txt"}) {
    CHECK_THAT(error_of([&] { write_content(many, {folder.file(name)}); }),
               ContainsSubstring("choose one with --row (0..2)"));
    CHECK_FALSE(std::filesystem::exists(folder.file(name)));
  }
}
