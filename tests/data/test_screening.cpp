// Which values of x have to do with theta, and a model that sees these alone.
#include <cmath>
#include <numeric>

#include <catch2/catch_test_macros.hpp>

#include "core/philox.hpp"
#include "data/dataset.hpp"
#include "data/dataset_size.hpp"
#include "data/errors.hpp"
#include "data/files/observations.hpp"
#include "data/scratch.hpp"
#include "data/screening/choose_x.hpp"
#include "data/screening/linear_summaries.hpp"
#include "data/screening/screening.hpp"
#include "io/files.hpp"

using namespace fluxsbi;
using test::says;
using test::Scratch;

namespace {

using Places = std::vector<int64_t>;

// Rows of one theta, uniform on (-1, 1), and the values that `simulate(random, theta)` makes of it.
template <class Simulator>
data::JudgedRows simulated(int64_t rows, uint64_t seed, const Simulator& simulate) {
  data::JudgedRows judged{1, 0, {}};
  core::Philox random(seed, core::Purpose::test);
  for (int64_t row = 0; row < rows; ++row) {
    const double theta = 2 * random.uniform() - 1;
    const std::vector<double> x = simulate(random, theta);
    judged.x_size = x.size();
    judged.values.push_back(theta);
    judged.values.insert(judged.values.end(), x.begin(), x.end());
  }
  return judged;
}

void add_noise(core::Philox& random, size_t size, std::vector<double>& x) {
  while (x.size() < size) x.push_back(random.normal());
}

Places all_of(int64_t count) {
  Places places(static_cast<size_t>(count));
  std::iota(places.begin(), places.end(), int64_t{0});
  return places;
}

data::DataOptions of_task(const std::string& task, int64_t simulations) {
  data::DataOptions options;
  options.task = task;
  options.simulations = simulations;
  return options;
}

const std::vector<std::string> slcp_values{"x_16", "x_21", "x_22", "x_23", "x_33", "x_42", "x_67", "x_90"};

}  // namespace

TEST_CASE("the values of slcp are found among its distractors", "[data][screening]") {
  data::DataOptions options = of_task("slcp_distractors", 1000);
  const data::ChosenX chosen = data::choose_x(options, 3);
  REQUIRE(options.use_x.names == slcp_values);
  REQUIRE(chosen.choice.ends_with("x_90 (8 of 100 values)"));
  REQUIRE(chosen.reason == "the others show no dependence on theta or on these in 1000 rows");
}

TEST_CASE("values that all tell of theta are kept", "[data][screening]") {
  for (const char* task : {"bernoulli_glm_raw", "lotka_volterra"}) {
    data::DataOptions options = of_task(task, 600);
    const data::ChosenX chosen = data::choose_x(options, 1);
    INFO(task << ": " << chosen.choice);
    // What lotka_volterra begins with is the same for all theta, but for its noise.
    const std::vector<std::string> of_lotka_volterra = options.use_x.names;
    if (options.task == "bernoulli_glm_raw") {
      REQUIRE(options.use_x.all());
    } else {
      REQUIRE(of_lotka_volterra.size() == 18);
      REQUIRE(std::find(of_lotka_volterra.begin(), of_lotka_volterra.end(), "x_0") ==
              of_lotka_volterra.end());
      REQUIRE(std::find(of_lotka_volterra.begin(), of_lotka_volterra.end(), "x_10") ==
              of_lotka_volterra.end());
    }
  }
}

TEST_CASE("a value that tells the noise of another one is kept", "[data][screening]") {
  const auto rows = simulated(1000, 5, [](core::Philox& random, double theta) {
    const double noise = random.normal();
    std::vector<double> x{theta + noise, noise};
    add_noise(random, 30, x);
    return x;
  });
  REQUIRE(data::screen_values(rows).kept == Places{0, 1});
}

TEST_CASE("values that tell of theta in pairs alone are kept", "[data][screening]") {
  const auto rows = simulated(1000, 6, [](core::Philox& random, double theta) {
    const double sign = random.uniform() < 0.5 ? -1 : 1;
    std::vector<double> x;
    add_noise(random, 28, x);
    x.push_back(sign);
    x.push_back(sign * theta);
    return x;
  });
  REQUIRE(data::screen_values(rows).kept == Places{28, 29});
}

TEST_CASE("values that tell of theta by their spread alone are kept", "[data][screening]") {
  const auto rows = simulated(2000, 7, [](core::Philox& random, double theta) {
    std::vector<double> x{random.normal() * std::exp(theta)};
    add_noise(random, 30, x);
    return x;
  });
  REQUIRE(data::screen_values(rows).kept == Places{0});
}

TEST_CASE("many values that each tell too little are kept together", "[data][screening]") {
  const auto rows = simulated(1000, 8, [](core::Philox& random, double theta) {
    std::vector<double> x{theta + 0.5 * random.normal()};
    while (x.size() < 60) x.push_back(theta + 8 * random.normal());
    return x;
  });
  const data::Screening found = data::screen_values(rows);
  REQUIRE(found.kept == all_of(60));
  REQUIRE(found.reason.starts_with("some show no dependence on theta by themselves, but do so together"));
}

TEST_CASE("nothing is left out where nothing tells of theta", "[data][screening]") {
  const auto rows = simulated(1000, 9, [](core::Philox& random, double) {
    std::vector<double> x;
    add_noise(random, 30, x);
    return x;
  });
  const data::Screening found = data::screen_values(rows);
  REQUIRE(found.kept == all_of(30));
  REQUIRE(found.reason.starts_with("none of them shows a dependence on theta"));
}

TEST_CASE("a value that does not vary is left for the look at the data", "[data][screening]") {
  const auto rows = simulated(600, 10, [](core::Philox& random, double theta) {
    std::vector<double> x{theta, 7};
    add_noise(random, 30, x);
    return x;
  });
  REQUIRE(data::screen_values(rows).kept == Places{0, 1});
}

// One in a hundred screenings keeps a value that chance made, by screening_level.
TEST_CASE("noise is seldom taken for data", "[data][screening]") {
  int64_t noise = 0, together = 0;
  for (uint64_t seed = 0; seed < 40; ++seed) {
    const auto rows = simulated(500, 100 + seed, [](core::Philox& random, double theta) {
      std::vector<double> x{theta + random.normal()};
      add_noise(random, 25, x);
      return x;
    });
    const auto kept = data::screen_values(rows).kept;
    together += kept.size() == 25;
    noise += kept.size() < 25 && kept != Places{0};
  }
  REQUIRE(noise <= 3);
  REQUIRE(together <= 3);
}

TEST_CASE("a dataset holds the values that are used, under their names", "[data][screening]") {
  const Scratch scratch;
  data::DataOptions options = of_task("slcp_distractors", 20);
  const data::Dataset all = data::open_dataset(options, 4);
  options.use_x.names = {"x_90", "x_16"};
  const data::Dataset some = data::open_dataset(options, 4);
  REQUIRE(some.shape.x_dim == 2);
  REQUIRE(some.shape.x_given == 100);
  REQUIRE(some.shape.x_places == Places{16, 90});
  REQUIRE(some.x_names == std::vector<std::string>{"x_16", "x_90"});
  std::vector<double> whole(20 * 100), part(20 * 2), gathered(2 * 2);
  all.rows->x().read(0, 20, whole);
  some.rows->x().read(0, 20, part);
  some.rows->x().gather(Places{3, 17}, gathered);
  for (size_t row = 0; row < 20; ++row) {
    REQUIRE(part[2 * row] == whole[100 * row + 16]);
    REQUIRE(part[2 * row + 1] == whole[100 * row + 90]);
  }
  REQUIRE(gathered == std::vector<double>{part[6], part[7], part[34], part[35]});
  REQUIRE(data::dataset_shape(options).x_dim == 2);
  REQUIRE(data::dataset_size(options).shape.x_given == 100);

  data::DataOptions named;
  named.file = scratch.write("d.csv", "theta_0,mass,redshift,colour\n1,2,3,4\n5,6,7,9\n2,3,4,1\n");
  named.theta_names = {"theta_0"};
  named.x_names = {"mass", "redshift", "colour"};
  named.use_x.names = {"colour", "mass"};
  REQUIRE(data::open_dataset(named, 0).x_names == std::vector<std::string>{"mass", "colour"});
  named.use_x.names = {"color"};
  REQUIRE_USER_ERROR(data::open_dataset(named, 0), says("data.use_x") && says("did you mean 'colour'?"));
  named.use_x.names = {"mass", "mass"};
  REQUIRE_USER_ERROR(data::open_dataset(named, 0), says("data.use_x names mass twice"));
}

TEST_CASE("use_x is for vectors", "[data][screening]") {
  data::DataShape series{1, 1, 10, 2}, image{1, 1, 6, 1, {}, {2, 3}};
  REQUIRE_USER_ERROR(data::see_some(series, {1}), says("data.use_x: all"));
  REQUIRE_USER_ERROR(data::see_some(image, {1}), says("an image"));
}

TEST_CASE("observations of all values are taken as the model sees them", "[data][screening][observations]") {
  const Scratch scratch;
  data::DataShape shape{1, 1, 4, 1};
  data::see_some(shape, {1, 3});
  const std::vector<std::string> names{"b", "d"};
  const std::vector<double> two_rows{10, 11, 12, 13, 20, 21, 22, 23}, seen{11, 13, 21, 23};
  const auto read = [&](const std::string& file) { return data::load_observations(file, shape, names); };
  const auto save = [&](const std::vector<double>& values, std::vector<int64_t> dims) {
    io::save_arrays(scratch.path("x.npy"),
                    {{"array", io::Array::from(std::span<const double>(values), dims)}});
    return scratch.path("x.npy");
  };
  REQUIRE(read(save(two_rows, {2, 4})).x == seen);
  REQUIRE(read(save(seen, {2, 2})).x == seen);
  REQUIRE(read(save({10, 11, 12, 13}, {4})).x == std::vector<double>{11, 13});
  REQUIRE_USER_ERROR(read(save({1, 2, 3}, {1, 3})), says("some of 4 values of x (data.use_x)"));
  REQUIRE(read(scratch.write("x.csv", "a,b,c,d\n10,11,12,13\n20,21,22,23\n")).x == seen);
  REQUIRE(read(scratch.write("x.csv", "d,b\n13,11\n23,21\n")).x == seen);
  REQUIRE(read(scratch.write("x.csv", "data_1,data_2,data_3,data_4\n10,11,12,13\n20,21,22,23\n")).x == seen);
  REQUIRE(read(scratch.write("x.csv", "10,11,12,13\n20,21,22,23\n")).x == seen);
  REQUIRE(read(scratch.write("x.csv", "11,13\n21,23\n")).x == seen);
  // A value that the model does not see may be missing.
  REQUIRE(read(save({std::nan(""), 11, 12, 13}, {1, 4})).x == std::vector<double>{11, 13});
}

TEST_CASE("rows that cannot be screened say why", "[data][screening][errors]") {
  data::DataOptions few = of_task("slcp_distractors", 300);
  REQUIRE(data::choose_x(few, 1).reason == "there are fewer than 500 complete rows");
  REQUIRE(few.use_x.all());
  data::DataOptions online = of_task("slcp_distractors", 1000);
  online.online = true;
  REQUIRE(data::choose_x(online, 1).reason == "rows are simulated while training");
  data::DataOptions gaps = of_task("slcp_distractors", 1000);
  gaps.nan = data::NanPolicy::impute;
  REQUIRE(data::choose_x(gaps, 1).reason == "values of x may be missing");
}

TEST_CASE("linear functions tell what x tells of a linear simulator", "[data][screening]") {
  // 20 values of x, each theta plus noise.
  const auto linear = [](core::Philox& random, double theta) {
    std::vector<double> x;
    while (x.size() < 20) x.push_back(theta + 3 * random.normal());
    return x;
  };
  REQUIRE(data::told_beyond_linear(simulated(2000, 11, linear)) < 0.01);
  // The spread of x tells of theta, which no linear function of them does.
  const auto spread = [](core::Philox& random, double theta) {
    std::vector<double> x;
    while (x.size() < 20) x.push_back(std::exp(theta) * random.normal());
    return x;
  };
  REQUIRE(data::told_beyond_linear(simulated(2000, 12, spread)) > 0.5);
}

TEST_CASE("what linear functions of x leave of the built-in tasks", "[data][screening]") {
  const auto of = [](const char* task) {
    return data::told_beyond_linear(data::rows_about_x(of_task(task, 4000), 1).rows);
  };
  REQUIRE(of("gaussian_linear") < 0.01);
  REQUIRE(of("bernoulli_glm_raw") < data::most_beyond_linear);
  REQUIRE(of("slcp") > data::most_beyond_linear);
  REQUIRE(of("sir") > data::most_beyond_linear);
}
