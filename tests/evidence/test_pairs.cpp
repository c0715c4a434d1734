// Where pairs come from: validation rows of a run, a file, fresh simulations.
#include <algorithm>
#include <cmath>
#include <filesystem>

#include "core/log.hpp"
#include "data/files/dataset_file.hpp"
#include "evidence/kept_diagnosis.hpp"
#include "evidence/pairs.hpp"
#include "evidence/tiny_model.hpp"
#include "experiment/open_posterior.hpp"
#include "experiment/runs.hpp"
#include "io/atomic_file.hpp"
#include "io/files.hpp"
#include "support/catch.hpp"
#include "support/temporary_folder.hpp"
#include "support/user_error.hpp"

using namespace fluxsbi;
using Catch::Matchers::ContainsSubstring;
using evidence::load_pairs;
using evidence::Pairs;
using evidence::PairsRequest;

namespace {

const data::DataShape still_shape{2, 1, 3, 1, {}, {}};

// A run of a few steps on simulations of a task, or on a file.
class Run {
 public:
  explicit Run(const std::string& data, int64_t members = 1) {
    core::log::set_level(core::log::Level::warning);
    const std::string config =
        "strategy: {method: flow, model: flux1}\n"
        "model: {depth: 1, depth_single_blocks: 1, num_heads: 2, axes_dim: [4], param_dtype: float32, "
        "id_embedding_strategy: [absolute, absolute]}\n"
        "data: " +
        data + "\ntraining: {nsteps: 2, batch_size: 16, val_every: 1, save_every: 2, ensemble: " +
        std::to_string(members) + "}\n";
    experiment::start_run(config::parse_yaml(config, "pairs.yaml"), {path(), false, {"cpu", "auto"}});
  }
  std::string path() const { return folder_.file("run"); }
  PairsRequest request() const {
    PairsRequest request;
    request.model = path();
    request.folder = folder_.file("diagnostics");
    return request;
  }
  data::DataShape shape() const {
    return experiment::open_posterior(path(), {"cpu", "auto"}, "float32").shape();
  }
  std::string file(const std::string& name) const { return folder_.file(name); }

 private:
  test::TemporaryFolder folder_;
};

}  // namespace

TEST_CASE("pairs are validation rows of the run, which training never saw", "[evidence]") {
  const test::TemporaryFolder folder;
  const Pairs all = test::still_pairs(400, 0, 1);
  test::save_still_pairs(folder.file("all.npz"), all);
  const Run run("{file: " + folder.file("all.npz") + "}");
  PairsRequest request = run.request();
  const Pairs pairs = load_pairs(request, run.shape());
  CHECK(pairs.rows >= 10);
  CHECK(pairs.rows < 400);
  CHECK_THAT(pairs.source, ContainsSubstring("validation rows of") && ContainsSubstring(run.path()));
  // Each is a row of the file, theta and x together, and none is there twice.
  std::vector<int64_t> found;
  for (int64_t n = 0; n < pairs.rows; ++n) {
    for (int64_t row = 0; row < all.rows; ++row) {
      if (pairs.theta[2 * n] == all.theta[2 * row] && pairs.theta[2 * n + 1] == all.theta[2 * row + 1] &&
          pairs.x[3 * n + 2] == all.x[3 * row + 2])
        found.push_back(row);
    }
  }
  REQUIRE(std::ssize(found) == pairs.rows);
  CHECK(std::adjacent_find(found.begin(), found.end()) == found.end());
  request.most = 7;
  CHECK(load_pairs(request, run.shape()).rows == 7);

  test::save_still_pairs(folder.file("all.npz"), test::still_pairs(400, 0, 2));
  CHECK_THAT(test::error_of([&] { load_pairs(request, run.shape()); }),
             ContainsSubstring("have changed since the model was trained on them") &&
                 ContainsSubstring("--data FILE") && ContainsSubstring("--simulations N"));
  std::filesystem::remove(folder.file("all.npz"));
  CHECK_THAT(test::error_of([&] { load_pairs(request, run.shape()); }),
             ContainsSubstring("all.npz") && ContainsSubstring("--data FILE"));
}

TEST_CASE("pairs of an ensemble are rows that no member was trained or validated with", "[evidence]") {
  const test::TemporaryFolder folder;
  test::save_still_pairs(folder.file("all.npz"), test::still_pairs(400, 0, 1));
  const Run run("{file: " + folder.file("all.npz") + "}", 3);
  PairsRequest request = run.request();
  const Pairs whole = load_pairs(request, run.shape());
  CHECK(whole.rows == 20);
  for (const char* member : {"/members/1", "/members/3"}) {
    request.model = run.path() + member;
    const Pairs own = load_pairs(request, run.shape());
    CHECK(own.rows == 20);
    for (int64_t n = 0; n < own.rows; ++n)
      CHECK(std::find(whole.theta.begin(), whole.theta.end(), own.theta[2 * n]) == whole.theta.end());
  }
}

TEST_CASE("pairs of a file are its rows in order, without those that lack values", "[evidence]") {
  const test::TemporaryFolder folder;
  Pairs all = test::still_pairs(30, 0, 1);
  all.x[0] = std::nan("");
  all.theta[2 * 4] = std::nan("");
  test::save_still_pairs(folder.file("some.npz"), all);
  PairsRequest request;
  request.data = folder.file("some.npz");
  const Pairs pairs = load_pairs(request, still_shape);
  REQUIRE(pairs.rows == 28);
  CHECK(pairs.theta[0] == all.theta[2]);
  CHECK(pairs.theta[2 * 3] == all.theta[2 * 5]);
  CHECK(pairs.x[3 * 27] == all.x[3 * 29]);
  // A model that knows missing values takes the row whose x lacks one; a missing theta is no true value.
  data::DataShape gaps = still_shape;
  gaps.missing = true;
  const Pairs with_gaps = load_pairs(request, gaps);
  REQUIRE(with_gaps.rows == 29);
  CHECK(std::isnan(with_gaps.x[0]));

  std::fill(all.x.begin(), all.x.end(), std::nan(""));
  test::save_still_pairs(folder.file("none.npz"), all);
  request.data = folder.file("none.npz");
  CHECK_THAT(test::error_of([&] { load_pairs(request, still_shape); }), ContainsSubstring("none.npz"));
}

TEST_CASE("pairs in a text file are found by the model's names", "[evidence]") {
  const test::TemporaryFolder folder;
  const std::vector<double> rows{30, 2, 10, 1, 20, 31, 2.5, 11, 1.5, 21};
  PairsRequest request;
  request.data = folder.file("some.csv");
  const auto save = [&](const std::vector<std::string>& columns) {
    io::save_arrays(request.data, {{"array", io::Array::from(std::span<const double>(rows), {2, 5})}},
                    columns);
  };
  request.theta_names = {"mass", "age"};
  request.x_names = {"u", "v", "w"};
  const std::vector<double> theta{1, 2, 1.5, 2.5}, x{10, 20, 30, 11, 21, 31};
  save({"w", "age", "u", "mass", "v"});
  CHECK(load_pairs(request, still_shape).theta == theta);
  CHECK(load_pairs(request, still_shape).x == x);
  save({"x_2", "theta_1", "x_0", "theta_0", "x_1"});  // a file that only numbers them
  CHECK(load_pairs(request, still_shape).theta == theta);
  CHECK(load_pairs(request, still_shape).x == x);
  save({"w", "age", "u", "weight", "v"});
  CHECK_THAT(test::error_of([&] { load_pairs(request, still_shape); }), ContainsSubstring("mass"));
}

TEST_CASE("pairs that do not fit, or come from nowhere, say what would do", "[evidence]") {
  const test::TemporaryFolder folder;
  test::save_still_pairs(folder.file("some.npz"), test::still_pairs(30, 0, 1));
  PairsRequest request;
  request.model = folder.file("model.safetensors");
  request.folder = folder.path();
  CHECK_THAT(test::error_of([&] { load_pairs(request, still_shape); }), ContainsSubstring("--data FILE"));
  request.simulations = 10;
  CHECK_THAT(test::error_of([&] { load_pairs(request, still_shape); }),
             ContainsSubstring("is no run folder, so it names neither data nor simulator"));
  request.data = folder.file("some.npz");
  CHECK_THAT(test::error_of([&] { load_pairs(request, still_shape); }), ContainsSubstring("not both"));
  request.simulations = 0;
  CHECK_THAT(test::error_of([&] {
               load_pairs(request, {4, 1, 3, 1, {}, {}});
             }),
             ContainsSubstring("2 numbers of theta and 3 of x") &&
                 ContainsSubstring("4 numbers of theta and 3 of x"));
}

TEST_CASE("fresh simulations depend on the seed and are kept in the folder", "[evidence]") {
  const Run run("{task: two_moons, simulations: 200}");
  PairsRequest request = run.request();
  request.simulations = 40;
  const Pairs pairs = load_pairs(request, run.shape());
  CHECK(pairs.rows == 40);
  CHECK(pairs.source == "fresh simulations");
  CHECK(io::load_arrays(request.folder + "/simulations.npz").arrays.at("theta").shape ==
        std::vector<int64_t>{40, 2});
  request.seed = 2;
  CHECK(load_pairs(request, run.shape()).theta != pairs.theta);
  request.seed = 1;
  CHECK(load_pairs(request, run.shape()).theta == pairs.theta);
}

TEST_CASE("simulations of an unfinished diagnosis are taken, those of another simulator made anew",
          "[evidence]") {
  const Run run("{task: two_moons, simulations: 200}");
  PairsRequest request = run.request();
  request.simulations = 40;
  const Pairs pairs = load_pairs(request, run.shape());
  // What is in the file tells whether it is read or made again.
  const std::string file = request.folder + "/simulations.npz";
  auto arrays = io::load_arrays(file).arrays;
  std::vector<double> theta = arrays.at("theta").to_double();
  theta[0] = 0.125;
  arrays["theta"] = io::Array::from(std::span<const double>(theta), {40, 2});
  const auto mark = [&] { io::save_arrays(file, arrays); };
  mark();
  CHECK(load_pairs(request, run.shape()).theta[0] == 0.125);
  evidence::forget_simulations(request.folder);
  CHECK(load_pairs(request, run.shape()).theta == pairs.theta);
  mark();
  io::write_text(run.path() + "/config.yaml", test::read_file(run.path() + "/config.yaml") + "# changed\n");
  CHECK(load_pairs(request, run.shape()).theta == pairs.theta);
  mark();
  request.seed = 5;
  CHECK(load_pairs(request, run.shape()).theta[0] != 0.125);
}
