#include <catch2/matchers/catch_matchers_string.hpp>
#include <hdf5.h>

#include "io/files.hpp"
#include "io/hdf5.hpp"
#include "io/named_axes.hpp"
#include "io/netcdf.hpp"
#include "io/support.hpp"

using namespace fluxsbi;
using namespace fluxsbi::io;
using namespace fluxsbi::io::test;
using Catch::Matchers::ContainsSubstring;

namespace {

// What the library itself says of a file; the program never calls it outside a child process.
class Opened {
 public:
  explicit Opened(const std::string& path) {
    H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr);  // an attribute that is not there is an answer
    file_ = H5Fopen(path.c_str(), H5F_ACC_RDONLY, H5P_DEFAULT);
    REQUIRE(file_ >= 0);
  }
  ~Opened() { H5Fclose(file_); }

  std::string text(const std::string& object, const char* attribute) const {
    const hid_t id = H5Aopen_by_name(file_, object.c_str(), attribute, H5P_DEFAULT, H5P_DEFAULT);
    if (id < 0) return "";
    const hid_t type = H5Aget_type(id);
    std::string value(H5Tget_size(type), '\0');
    H5Aread(id, type, value.data());
    H5Tclose(type);
    H5Aclose(id);
    return value.c_str();
  }

  // Names of the scales of a dataset's axes, by the references of DIMENSION_LIST.
  std::vector<std::string> axes(const std::string& dataset) const {
    const hid_t id = H5Aopen_by_name(file_, dataset.c_str(), "DIMENSION_LIST", H5P_DEFAULT, H5P_DEFAULT);
    if (id < 0) return {};
    const hid_t type = H5Aget_type(id), space = H5Aget_space(id);
    std::vector<hvl_t> lists(static_cast<size_t>(H5Sget_simple_extent_npoints(space)));
    H5Aread(id, type, lists.data());
    std::vector<std::string> names;
    for (const hvl_t& list : lists) {
      char name[256] = "";
      const hid_t scale = H5Rdereference2(file_, H5P_DEFAULT, H5R_OBJECT, list.p);
      H5Iget_name(scale, name, sizeof name);
      H5Oclose(scale);
      names.emplace_back(name);
    }
    H5Dvlen_reclaim(type, space, H5P_DEFAULT, lists.data());
    H5Sclose(space);
    H5Tclose(type);
    H5Aclose(id);
    return names;
  }

  // How many axes refer to a scale.
  int64_t uses(const std::string& scale) const {
    const hid_t id = H5Aopen_by_name(file_, scale.c_str(), "REFERENCE_LIST", H5P_DEFAULT, H5P_DEFAULT);
    if (id < 0) return 0;
    const hid_t space = H5Aget_space(id);
    const int64_t count = H5Sget_simple_extent_npoints(space);
    H5Sclose(space);
    H5Aclose(id);
    return count;
  }

 private:
  hid_t file_ = -1;
};

using Names = std::vector<std::string>;

}  // namespace

TEST_CASE("the axes of HDF5 arrays have names, which are no arrays", "[io][hdf5][netcdf]") {
  const Folder folder;
  const std::string path = folder.file("a.h5");
  const Arrays arrays{{"samples", random_array(DType::f32, {3, 4, 2})},
                      {"filled", random_array(DType::boolean, {3, 4})},
                      {"x", random_array(DType::f64, {3, 5})}};
  save_arrays_with_axes(path, arrays,
                        {{"samples", {"observation", "draw", "parameter"}},
                         {"filled", {"observation", "draw"}},
                         {"x", {"observation", "x_dim_0"}},
                         {"absent", {"nothing"}}});
  {
    const Opened file(path);
    CHECK(file.axes("samples") == Names{"/observation", "/draw", "/parameter"});
    CHECK(file.axes("x") == Names{"/observation", "/x_dim_0"});
    CHECK(file.uses("observation") == 3);
    CHECK(file.uses("parameter") == 1);
    CHECK(file.text("draw", "CLASS") == "DIMENSION_SCALE");
    CHECK(file.text("draw", "NAME") == "This is a netCDF dimension but not a netCDF variable.         4");
  }
  const Arrays found = load_hdf5(path);
  REQUIRE(found.size() == 3);
  CHECK(same(found.at("samples"), arrays.at("samples")));
  CHECK(list_hdf5(path).size() == 3);
  save_arrays_with_axes(folder.file("a.npz"), arrays, {{"x", {"observation", "x_dim_0"}}});
  CHECK(load_arrays(folder.file("a.npz")).arrays.size() == 3);
}

TEST_CASE("netCDF files hold groups, coordinates and attributes", "[io][netcdf]") {
  const Folder folder;
  const std::string path = folder.file("a.nc");
  const Array theta = random_array(DType::f64, {1, 4}), x = random_array(DType::f64, {2});
  save_netcdf(path, {{{"creation_library", "fluxsbi"}, {"empty", ""}},
                     {{"posterior",
                       {{"chain", 1, {}, 0}, {"draw", 4, {}, 10}},
                       {{"theta_0", theta, {"chain", "draw"}}, {"\xCE\xB8[1]", theta, {"chain", "draw"}}}},
                      {"observed_data",
                       {{"x_dim_0", 2, {"mass", "\xC3\xA4"}, 0}},
                       {{"x", x, {"x_dim_0"}}, {"one", random_array(DType::f64, {}), {}}}}}});
  CHECK(folder.entries() == 1);
  {
    const Opened file(path);
    CHECK(file.text("/", "creation_library") == "fluxsbi");
    CHECK(file.axes("posterior/theta_0") == Names{"/posterior/chain", "/posterior/draw"});
    CHECK(file.uses("posterior/draw") == 2);
    CHECK(file.text("posterior/draw", "NAME") == "draw");
    CHECK(file.axes("observed_data/one").empty());
  }
  const Arrays found = load_hdf5(path, Names{"posterior/theta_0", "posterior/draw", "posterior/\xCE\xB8[1]"});
  CHECK(same(found.at("posterior/theta_0"), theta));
  CHECK(found.at("posterior/draw").to_int64() == std::vector<int64_t>{10, 11, 12, 13});
}

TEST_CASE("a dimension may have more uses than an attribute of the oldest format holds", "[io][netcdf]") {
  const Folder folder;
  NetcdfGroup group{"posterior", {{"chain", 1, {}, 0}, {"draw", 1, {}, 0}}, {}};
  constexpr int many = 6000;
  for (int i = 0; i < many; ++i)
    group.variables.push_back({"v" + std::to_string(i), random_array(DType::f64, {1, 1}), {"chain", "draw"}});
  save_netcdf(folder.file("many.nc"), {{}, {std::move(group)}});
  CHECK(Opened(folder.file("many.nc")).uses("posterior/draw") == many);
}

TEST_CASE("a netCDF file that cannot be written leaves nothing", "[io][netcdf]") {
  const Folder folder;
  const Array one = random_array(DType::f32, {});
  CHECK_THAT(error_of([&] {
               save_netcdf(folder.file("a.nc"), {{}, {{"g", {}, {{"a", one, {}}, {"a", one, {}}}}}});
             }),
             ContainsSubstring("a.nc: the array 'a' cannot be written as HDF5"));
  CHECK_THAT(error_of([&] { save_netcdf("/nowhere/a.nc", {}); }), ContainsSubstring("/nowhere"));
  CHECK(folder.entries() == 0);
}
