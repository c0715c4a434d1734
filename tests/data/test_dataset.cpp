#include <limits>
#include <numeric>

#include <catch2/catch_approx.hpp>
#include <catch2/catch_test_macros.hpp>

#include "data/data_options.hpp"
#include "data/dataset.hpp"
#include "data/errors.hpp"
#include "data/files/dataset_file.hpp"
#include "data/loaded.hpp"
#include "data/scratch.hpp"
#include "data/simulate/simulate.hpp"
#include "data/survey.hpp"
#include "io/atomic_file.hpp"
#include "io/files.hpp"

using namespace fluxsbi;
using data::DataOptions;
using test::load_dataset;
using test::says;
using test::Scratch;

namespace {

using Shape = std::vector<int64_t>;

/// 0, 1, 2, ... in a shape.
io::Array counting(Shape shape, double first = 0) {
  std::vector<double> values(
      static_cast<size_t>(std::accumulate(shape.begin(), shape.end(), int64_t{1}, std::multiplies<>())));
  std::iota(values.begin(), values.end(), first);
  return io::Array::from(std::span<const double>(values), std::move(shape));
}

DataOptions from_file(const std::string& path) {
  DataOptions options;
  options.file = path;
  return options;
}

}  // namespace

TEST_CASE("npz and h5 files of any supported rank are read", "[data][dataset]") {
  const Scratch scratch;
  const struct {
    Shape theta, x;
    data::DataShape shape;
  } cases[] = {{{4, 2}, {4, 3}, {2, 1, 3, 1, {}, {}}},
               {{4}, {4}, {1, 1, 1, 1, {}, {}}},
               {{4, 2, 5}, {4, 3, 2}, {2, 5, 3, 2, {}, {}}},
               {{4, 2}, {4, 3, 5, 2}, {2, 1, 15, 2, {}, {3, 5}}},
               {{4, 2, 2, 1}, {4, 1}, {4, 1, 1, 1, {2, 2}, {}}}};
  for (const auto& [theta, x, shape] : cases) {
    for (const char* name : {"a.npz", "a.h5"}) {
      io::save_arrays(scratch.path(name), {{"theta", counting(theta, 0.5)}, {"x", counting(x)}});
      const auto dataset = load_dataset(from_file(scratch.path(name)), 0);
      REQUIRE(dataset.rows == 4);
      REQUIRE(dataset.shape.theta_dim == shape.theta_dim);
      REQUIRE(dataset.shape.theta_channels == shape.theta_channels);
      REQUIRE(dataset.shape.x_dim == shape.x_dim);
      REQUIRE(dataset.shape.x_channels == shape.x_channels);
      REQUIRE(dataset.shape.x_grid == shape.x_grid);
      REQUIRE(dataset.shape.theta_grid == shape.theta_grid);
      REQUIRE(std::ssize(dataset.theta) == 4 * shape.theta_size());
      REQUIRE(dataset.theta[1] == 1.5f);
      REQUIRE(std::ssize(dataset.x) == 4 * shape.x_size());
      REQUIRE(dataset.x.back() == static_cast<float>(dataset.x.size() - 1));
      REQUIRE(std::ssize(dataset.x_names) == shape.x_dim);
      REQUIRE(dataset.prior.kind == data::PriorKind::none);
    }
  }
}

TEST_CASE("integer arrays are read", "[data][dataset]") {
  const Scratch scratch;
  const std::vector<int64_t> counts{1, 2, 3, 4};
  io::save_arrays(scratch.path("a.npz"), {{"theta", counting({2, 1})},
                                          {"x", io::Array::from(std::span<const int64_t>(counts), {2, 2})}});
  REQUIRE(load_dataset(from_file(scratch.path("a.npz")), 0).x == std::vector<float>{1, 2, 3, 4});
}

TEST_CASE("a pair of npy files is read, by two names or by their common one", "[data][dataset]") {
  const Scratch scratch;
  io::save_arrays(scratch.path("a_theta.npy"), {{"array", counting({3, 2})}});
  io::save_arrays(scratch.path("a_x.npy"), {{"array", counting({3, 1})}});
  DataOptions options;
  options.theta_file = scratch.path("a_theta.npy");
  REQUIRE_USER_ERROR(load_dataset(options, 0), says("data.x_file is missing"));
  options.x_file = scratch.path("a_x.npy");
  REQUIRE(load_dataset(options, 0).rows == 3);
  REQUIRE(load_dataset(from_file(scratch.path("a.npy")), 0).theta.size() == 6);
  REQUIRE_USER_ERROR(load_dataset(from_file(scratch.path("a_x.npy")), 0), says("holds one array"));
}

TEST_CASE("csv columns are found by their numbers or by the given names", "[data][dataset]") {
  const Scratch scratch;
  const auto path = scratch.write("a.csv", "x_0,theta_1,note,theta_0\n1,2,9,3\n4,5,9,6\n");
  const auto dataset = load_dataset(from_file(path), 0);
  REQUIRE(dataset.theta == std::vector<float>{3, 2, 6, 5});
  REQUIRE(dataset.x == std::vector<float>{1, 4});
  auto options = from_file(path);
  options.theta_names = {"note"};
  options.x_names = {"theta_1", "x_0"};
  const auto named = load_dataset(options, 0);
  REQUIRE(named.theta == std::vector<float>{9, 9});
  REQUIRE(named.x == std::vector<float>{2, 1, 5, 4});
  REQUIRE(named.x_names == options.x_names);
  options.x_names = {"missing"};
  REQUIRE_USER_ERROR(load_dataset(options, 0), says("no column 'missing'") && says("theta_1"));
  const auto gap = scratch.write("b.csv", "theta_0,x_0,x_2\n1,2,3\n");
  REQUIRE_USER_ERROR(load_dataset(from_file(gap), 0), says("data.names.x"));
  auto ignoring = from_file(scratch.write("i.csv", "id,theta_0,x_0,x_1,x_2\na,1,2,3,4\nb,5,6,7,8\n"));
  ignoring.ignore = {"x_1", "id"};
  const auto rest = load_dataset(ignoring, 0);
  CHECK(rest.x == std::vector<float>{2, 4, 6, 8});
  CHECK(rest.x_names == std::vector<std::string>{"x_0", "x_2"});
  ignoring.ignore = {"x_7"};
  REQUIRE_USER_ERROR(load_dataset(ignoring, 0), says("no column 'x_7' of data.ignore"));
  auto others = from_file(scratch.write("o.csv", "mass,id,flux,width\n1,a,2,3\n4,b,5,6\n"));
  others.theta_names = {"mass"};
  others.ignore = {"id"};
  CHECK(load_dataset(others, 0).x_names == std::vector<std::string>{"flux", "width"});
}

TEST_CASE("missing cells of text obey data.nan as those of arrays do", "[data][dataset]") {
  const Scratch scratch;
  auto options =
      from_file(scratch.write("a.csv", "theta_0,x_0,x_1\n1,2,3\n4,,NA\n5,6,NULL\n7,8,9\n10,11,12\n"));
  REQUIRE_USER_ERROR(load_dataset(options, 0), says("2 of 5 rows") && says("first: row 1") && says("x_0"));
  options.nan = data::NanPolicy::drop;
  const auto dataset = load_dataset(options, 0);
  REQUIRE(dataset.dropped == 2);
  REQUIRE(dataset.theta == std::vector<float>{1, 7, 10});
  REQUIRE(dataset.x == std::vector<float>{2, 3, 8, 9, 11, 12});
  REQUIRE_USER_ERROR(load_dataset(from_file(scratch.write("b.csv", "theta_0,x_0\n1,2\n1,soon\n")), 0),
                     says("b.csv:3: column 2 (x_0)") && says("'soon'"));
}

TEST_CASE("text is read as numpy, pandas and R write it", "[data][dataset]") {
  const Scratch scratch;
  for (const char* text : {"# theta_0 theta_1 x_0\n1 2 3\n4 5 6\n7 8 9\n",
                           ",theta_0,theta_1,x_0,note\n0,1,2,3,good\n1,4,5,6,\n2,7,8,9,bad\n",
                           "theta_0\ttheta_1\tx_0\n1\t2\t3\n4\t5\t6\n7\t8\t9\n",
                           "x_0;theta_1;theta_0\n3;2;1\n6;5;4\n9;8;0.7D+01\n"}) {
    INFO(text);
    const auto dataset = load_dataset(from_file(scratch.write("a.txt", text)), 0);
    REQUIRE(dataset.theta == std::vector<float>{1, 2, 4, 5, 7, 8});
    REQUIRE(dataset.x == std::vector<float>{3, 6, 9});
  }
  auto bare = from_file(scratch.write("b.txt", "1 2 3\n4 5 6\n7 8 9\n"));
  REQUIRE_USER_ERROR(load_dataset(bare, 0), says("no line names its 3 columns") && says("data.names"));
  bare.theta_names = {"mass", "spin"};
  const auto dataset = load_dataset(bare, 0);
  REQUIRE(dataset.theta == std::vector<float>{1, 2, 4, 5, 7, 8});
  REQUIRE(dataset.x_names == std::vector<std::string>{"x_0"});
  bare.x_names = {"a", "b"};
  REQUIRE_USER_ERROR(load_dataset(bare, 0), says("3 columns"));
}

TEST_CASE("an x that is there and cannot be read is not absent", "[data][dataset]") {
  const Scratch scratch;
  io::save_arrays(scratch.path("a.npz"), {{"theta", counting({4, 2})}, {"x", counting({4, 3})}});
  std::string bytes = scratch.read("a.npz");
  // The type of x's member, which comes last, becomes Python objects, as numpy writes ragged rows.
  const size_t at = bytes.find("'<f", bytes.find("x.npy"));
  REQUIRE(at != std::string::npos);
  bytes.replace(at, 5, "'|O' ");
  const auto options = from_file(scratch.write("b.npz", bytes));
  REQUIRE_USER_ERROR(load_dataset(options, 0), says("'x': holds Python objects") && says("data.nan: pad"));
  REQUIRE_USER_ERROR(data::dataset_shape(options), says("data.nan: pad"));
}

TEST_CASE("keys of text are refused for arrays, and those of arrays for text", "[data][dataset]") {
  const Scratch scratch;
  io::save_arrays(scratch.path("a.npz"), {{"theta", counting({3, 2})}, {"x", counting({3, 2})}});
  auto arrays = from_file(scratch.path("a.npz"));
  arrays.ignore = {"x_0"};
  REQUIRE_USER_ERROR(load_dataset(arrays, 0),
                     says("data.ignore leaves out columns of text files") && says("save them without"));
  io::write_text(scratch.path("a.csv"), "theta_0,x_0\n1,2\n3,4\n");
  auto text = from_file(scratch.path("a.csv"));
  text.x_key = "data";
  REQUIRE_USER_ERROR(load_dataset(text, 0), says("data.x_key is for files of arrays"));
  auto turned = from_file(scratch.path("a.csv"));
  turned.transposed = true;
  REQUIRE_USER_ERROR(load_dataset(turned, 0), says("data.transposed is for files of arrays"));
}

TEST_CASE("theta and x may have other keys", "[data][dataset]") {
  const Scratch scratch;
  for (const char* name : {"a.NPZ", "a.H5"}) {
    io::save_arrays(scratch.path(name),
                    {{"run/params", counting({4, 2})}, {"run/sub/data", counting({4, 3})}});
    auto options = from_file(scratch.path(name));
    REQUIRE_USER_ERROR(load_dataset(options, 0), says("'theta'; it holds run/params, run/sub/data"));
    options.theta_key = "run/params";
    options.x_key = "run/sub/data";
    for (const double memory_gb : {4.0, 0.0}) {
      options.memory_gb = memory_gb;
      REQUIRE(load_dataset(options, 0).x.size() == 12);
    }
    REQUIRE(data::dataset_shape(options).x_dim == 3);
    options.x_key = "run/sub/dat";
    REQUIRE_USER_ERROR(load_dataset(options, 0), says("'run/sub/dat'; it holds"));
  }
}

TEST_CASE("arrays whose rows lie in columns are noticed, and turned where that is asked for",
          "[data][dataset]") {
  const Scratch scratch;
  const io::Array theta = counting({2, 50}), x = counting({3, 2, 50});
  io::save_arrays(scratch.path("a.h5"), {{"theta", theta}, {"x", x}});
  auto options = from_file(scratch.path("a.h5"));
  REQUIRE_USER_ERROR(load_dataset(options, 0),
                     says("[2, 50]") && says("[3, 2, 50]") && says("data.transposed: true"));
  options.transposed = true;
  for (const double memory_gb : {4.0, 0.0}) {
    options.memory_gb = memory_gb;
    const auto dataset = load_dataset(options, 0);
    REQUIRE(dataset.rows == 50);
    REQUIRE(dataset.shape.x_dim == 2);
    REQUIRE(dataset.shape.x_channels == 3);
    const auto values = theta.to_float(), cells = x.to_float();
    for (size_t row = 0; row < 50; ++row) {
      REQUIRE(dataset.theta[2 * row + 1] == values[50 + row]);
      // row, token 1, channel 2 is [2, 1, row] in the file
      REQUIRE(dataset.x[6 * row + 3 * 1 + 2] == cells[(2 * 2 + 1) * 50 + row]);
    }
  }
  REQUIRE(data::dataset_shape(options).theta_dim == 2);
  // As many parameters as data: only the lengths tell.
  io::save_arrays(scratch.path("b.npz"), {{"theta", theta}, {"x", counting({2, 50})}});
  auto square = from_file(scratch.path("b.npz"));
  REQUIRE_USER_ERROR(load_dataset(square, 0), says("data.transposed"));
  square.transposed = false;
  REQUIRE(data::dataset_shape(square).theta_dim == 50);
}

TEST_CASE("channels in the second axis are noticed", "[data][dataset]") {
  const auto problem = [](std::vector<int64_t> shape) {
    data::Side side;
    side.shape = std::move(shape);
    return data::channels_first_problem(side);
  };
  for (const auto& shape :
       std::vector<std::vector<int64_t>>{{9, 3, 64, 64}, {9, 1, 28, 28}, {9, 3, 1000}, {9, 1, 64}}) {
    CAPTURE(shape);
    REQUIRE(problem(shape).find("numpy.moveaxis(x, 1, -1)") != std::string::npos);
  }
  for (const auto& shape : std::vector<std::vector<int64_t>>{
           {9, 64, 64, 3}, {9, 28, 28, 1}, {9, 1000, 3}, {9, 4, 4, 8}, {9, 5, 12}, {9, 100}, {}})
    REQUIRE(problem(shape).empty());
}

TEST_CASE("a file of theta alone is data without x", "[data][dataset]") {
  const Scratch scratch;
  io::save_arrays(scratch.path("a.npz"), {{"theta", counting({4, 3, 2})}});
  io::save_arrays(scratch.path("a.h5"), {{"theta", counting({4, 3, 2})}});
  for (const char* name : {"a.npz", "a.h5"}) {
    const auto dataset = load_dataset(from_file(scratch.path(name)), 0);
    REQUIRE(dataset.rows == 4);
    REQUIRE(dataset.shape.theta_dim == 3);
    REQUIRE(dataset.shape.x_dim == 0);
    REQUIRE(dataset.shape.x_channels == 2);
    REQUIRE(dataset.x.empty());
    REQUIRE(dataset.x_names.empty());
  }
  auto options = from_file(scratch.write("a.csv", "theta_1,theta_0\n1,2\nnan,2\n3,4\n"));
  options.nan = data::NanPolicy::drop;
  const auto csv = load_dataset(options, 0);
  REQUIRE(csv.shape.x_dim == 0);
  REQUIRE(csv.theta == std::vector<float>{2, 1, 4, 3});
  auto named = from_file(scratch.write("b.csv", "mass,spin\n1,2\n3,4\n"));
  named.theta_names = {"spin", "mass"};
  REQUIRE(load_dataset(named, 0).theta == std::vector<float>{2, 1, 4, 3});
  // Beside anything else a missing x is more likely a wrong name.
  REQUIRE_USER_ERROR(load_dataset(from_file(scratch.write("c.csv", "theta_0,y_0\n1,2\n")), 0), says("y_0"));
  named.x_names = {"charge"};
  REQUIRE_USER_ERROR(load_dataset(named, 0), says("no column 'charge'"));
}

TEST_CASE("a task is simulated with its own prior", "[data][dataset]") {
  DataOptions options;
  options.task = "gaussian_linear";
  options.simulations = 50;
  const auto dataset = load_dataset(options, 3);
  REQUIRE(dataset.rows == 50);
  REQUIRE(dataset.prior.kind == data::PriorKind::normal);
  REQUIRE(dataset.source == "task gaussian_linear, 50 simulations");
  REQUIRE(dataset.theta == data::simulate(*data::make_task("gaussian_linear"), 50, 3).theta);
  REQUIRE(dataset.theta != load_dataset(options, 4).theta);
}

TEST_CASE("one source of data is needed", "[data][dataset]") {
  REQUIRE_USER_ERROR(load_dataset({}, 0), says("no data"));
  auto options = from_file("a.npz");
  options.task = "two_moons";
  REQUIRE_USER_ERROR(load_dataset(options, 0), says("more than one source"));
}

TEST_CASE("what is wrong with a file is said", "[data][dataset]") {
  const Scratch scratch;
  const auto path = scratch.path("a.npz");
  const auto load = [&](io::Array theta, io::Array x) {
    io::save_arrays(path, {{"theta", std::move(theta)}, {"x", std::move(x)}});
    return load_dataset(from_file(path), 0);
  };
  REQUIRE_USER_ERROR(load_dataset(from_file(scratch.path("none.npz")), 0), says("none.npz"));
  REQUIRE_USER_ERROR(load(counting({3, 2}), counting({4, 2})), says("theta has 3 rows, x has 4"));
  REQUIRE_USER_ERROR(load(counting({3, 2, 1, 1, 1}), counting({3, 2})), says("[3, 2, 1, 1, 1]"));
  REQUIRE_USER_ERROR(load(counting({}), counting({3, 2})), says("theta"));
  REQUIRE_USER_ERROR(load(counting({0, 2}), counting({0, 2})), says("no rows"));
  REQUIRE_USER_ERROR(load(counting({3, 0}), counting({3, 2})), says("a row holds nothing"));
  io::save_arrays(path, {{"theta", counting({3, 2})}, {"y", counting({3, 2})}});
  REQUIRE_USER_ERROR(load_dataset(from_file(path), 0), says("y"));
  auto options = from_file(path);
  io::save_arrays(path, {{"theta", counting({3, 2})}, {"x", counting({3, 2})}});
  options.theta_names = {"one"};
  REQUIRE_USER_ERROR(load_dataset(options, 0), says("data.names.theta has 1 names, theta has 2"));
  options.theta_names = {"one", "one"};
  REQUIRE_USER_ERROR(load_dataset(options, 0), says("'one' twice"));
}

TEST_CASE("rows that are not finite are refused with count and place, or dropped", "[data][dataset]") {
  const Scratch scratch;
  const auto path = scratch.path("a.npz");
  constexpr double nan = std::numeric_limits<double>::quiet_NaN();
  const std::vector<double> theta{0, 1, 2, 3, 4}, x{0, 0, 1, nan, 2, 2, 1e300, 3, 4, 4};
  io::save_arrays(path, {{"theta", io::Array::from(std::span<const double>(theta), {5})},
                         {"x", io::Array::from(std::span<const double>(x), {5, 2})}});
  auto options = from_file(path);
  REQUIRE_USER_ERROR(load_dataset(options, 0),
                     says("2 of 5 rows") && says("row 1, counted from 0, x_1") && says("data.nan: drop"));
  options.nan = data::NanPolicy::drop;
  const auto dataset = load_dataset(options, 0);
  REQUIRE(dataset.dropped == 2);
  REQUIRE(dataset.rows == 3);
  REQUIRE(dataset.theta == std::vector<float>{0, 2, 4});
  REQUIRE(dataset.x == std::vector<float>{0, 0, 2, 2, 4, 4});
  const std::vector<double> nothing(5, nan);
  io::save_arrays(
      path, {{"theta", io::Array::from(std::span<const double>(nothing), {5})}, {"x", counting({5, 2})}});
  REQUIRE_USER_ERROR(load_dataset(options, 0), says("every row"));
}

TEST_CASE("values far beyond float32's range are data as others are", "[data][dataset]") {
  const Scratch scratch;
  const auto path = scratch.path("a.npz");
  const std::vector<double> theta{0, 1, 2, 3, 4, 5, 7, 6}, x{2, 3, 5, 7, 11, 13, 17, 19};
  const auto surveyed = [&](double unit) {
    const auto save = [&](std::vector<double> values) {
      for (double& value : values) value *= unit;
      return io::Array::from(std::span<const double>(values), {8, 1});
    };
    io::save_arrays(path, {{"theta", save(theta)}, {"x", save(x)}});
    auto options = from_file(path);
    data::resolve(options, "per_feature");
    return data::survey(data::open_dataset(options, 0), options, 0);
  };
  const auto plain = surveyed(1);
  for (const double unit : {1e45, 1e73, 1e-50}) {
    INFO(unit);
    const auto scaled = surveyed(unit);
    CHECK(scaled.kept.size() == 8);
    CHECK(scaled.x.scale[0] == Catch::Approx(unit * plain.x.scale[0]));
    CHECK(scaled.theta.apply(std::vector<double>{3 * unit})[0] ==
          Catch::Approx(plain.theta.apply(std::vector<double>{3})[0]));
  }
  REQUIRE_USER_ERROR(surveyed(1e76), says("beyond 1e75"));
}

TEST_CASE("absent elements of sets are taken, half absent ones and empty sets are not", "[data][dataset]") {
  const Scratch scratch;
  const auto path = scratch.path("a.npz");
  constexpr float nan = std::numeric_limits<float>::quiet_NaN(), inf = std::numeric_limits<float>::infinity();
  const auto load = [&](const std::vector<float>& x,
                        data::NanPolicy policy) {  // sets of up to two pairs
    io::save_arrays(path, {{"theta", counting({std::ssize(x) / 4, 1})},
                           {"x", io::Array::from(std::span(x), {std::ssize(x) / 4, 2, 2})}});
    auto options = from_file(path);
    options.nan = policy;
    return load_dataset(options, 0);
  };
  const std::vector<float> good{1, 2, nan, nan, 3, 4, 5, 6, 7, 8, 9, 10};
  REQUIRE(load(good, data::NanPolicy::pad).shape.padded);
  REQUIRE(load(good, data::NanPolicy::pad).rows == 3);
  REQUIRE_FALSE(load(good, data::NanPolicy::drop).shape.padded);
  REQUIRE(load(good, data::NanPolicy::drop).rows == 2);
  REQUIRE_USER_ERROR(load(good, data::NanPolicy::error), says("data.nan: pad"));
  REQUIRE_USER_ERROR(load({1, 2, 1, nan, 3, 4, 5, 6}, data::NanPolicy::pad),
                     says("row 0 (counted from 0): element 1 of x"));
  REQUIRE_USER_ERROR(load({1, 2, 1, inf, 3, 4, 5, 6}, data::NanPolicy::pad), says("infinite"));
  // A row without any element is no set, as that of a failed simulation.
  REQUIRE(load({1, 2, 1, 2, nan, nan, nan, nan, 5, 6, 7, 9}, data::NanPolicy::pad).rows == 2);
  REQUIRE_USER_ERROR(load({nan, nan, nan, nan, nan, nan, nan, nan}, data::NanPolicy::pad),
                     says("all elements"));
}
