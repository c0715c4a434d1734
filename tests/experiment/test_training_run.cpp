// A run's weights are a function of its data, not of where they lie; a run goes on with its own data alone.
#include <algorithm>
#include <cmath>
#include <filesystem>
#include <utility>

#include <hdf5.h>

#include "checkpoint/model_file.hpp"
#include "checkpoint/training_state.hpp"
#include "core/log.hpp"
#include "core/philox.hpp"
#include "experiment/training_run.hpp"
#include "io/files.hpp"
#include "support/catch.hpp"
#include "support/temporary_folder.hpp"
#include "support/user_error.hpp"

namespace {

using namespace fluxsbi;
using Catch::Matchers::ContainsSubstring;
using test::TemporaryFolder;

constexpr int64_t run_rows = 700;

// theta [700, 2] and x [700, 3] of a small nonlinear model.
struct Simulated {
  std::vector<float> theta, x;
};

Simulated simulated(uint64_t seed) {
  core::Philox random(seed, core::Purpose::test);
  Simulated all;
  for (int64_t row = 0; row < run_rows; ++row) {
    const double a = random.normal(), b = random.normal();
    for (const double value : {a, b}) all.theta.push_back(static_cast<float>(value));
    for (const double value : {a * b, a + std::sin(b), 30 + b})
      all.x.push_back(static_cast<float>(value + 0.1 * random.normal()));
  }
  return all;
}

io::Array part_of(const std::vector<float>& values, int64_t width, int64_t first, int64_t count) {
  return io::Array::from(
      std::span(values).subspan(static_cast<size_t>(first * width), static_cast<size_t>(count * width)),
      {count, width});
}

io::Arrays pair_of(const Simulated& all, int64_t first = 0, int64_t count = run_rows) {
  return {{"theta", part_of(all.theta, 2, first, count)}, {"x", part_of(all.x, 3, first, count)}};
}

// Chunks of 64 rows, deflated.
void save_chunked(const std::string& path, const io::Arrays& arrays) {
  const hid_t file = H5Fcreate(path.c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
  for (const auto& [name, array] : arrays) {
    const std::vector<hsize_t> sizes(array.shape.begin(), array.shape.end()), chunk{64, sizes[1]};
    const hid_t space = H5Screate_simple(2, sizes.data(), nullptr),
                properties = H5Pcreate(H5P_DATASET_CREATE);
    H5Pset_chunk(properties, 2, chunk.data());
    H5Pset_deflate(properties, 4);
    const hid_t dataset =
        H5Dcreate2(file, name.c_str(), H5T_IEEE_F32LE, space, H5P_DEFAULT, properties, H5P_DEFAULT);
    REQUIRE(H5Dwrite(dataset, H5T_IEEE_F32LE, H5S_ALL, H5S_ALL, H5P_DEFAULT, array.bytes.data()) >= 0);
    H5Dclose(dataset);
    H5Pclose(properties);
    H5Sclose(space);
  }
  H5Fclose(file);
}

const experiment::Execution on_cpu{"cpu", "auto"};

experiment::Experiment experiment_of(const std::string& data, const std::string& model = "flux1",
                                     const std::string& method = "flow") {
  core::log::set_level(core::log::Level::warning);
  std::string section =
      "{depth: 1, depth_single_blocks: 1, num_heads: 2, axes_dim: [4], mlp_ratio: 2, param_dtype: "
      "float32, id_embedding_strategy: [absolute, absolute]}";
  if (model == "simformer")
    section = "{dim_value: 10, dim_id: 4, dim_condition: 2, num_heads: 2, num_layers: 2}";
  if (model == "flux1joint")
    section = "{depth_single_blocks: 1, num_heads: 2, axes_dim: [4], mlp_ratio: 2, param_dtype: float32}";
  return experiment::read_experiment(config::parse_yaml(
      "strategy: {method: " + method + ", model: " + model + "}\nmodel: " + section + "\ndata: " + data +
          "\ntraining: {nsteps: 40, batch_size: 16, multistep: 2, val_every: 20, save_every: 20}\n",
      "tiny.yaml"));
}

checkpoint::ModelFile trained(const std::string& run, const std::string& data,
                              const std::string& model = "flux1") {
  experiment::start_training(run, experiment_of(data, model), on_cpu);
  return checkpoint::load_model(run + "/model.safetensors");
}

void check_same(const checkpoint::ModelFile& a, const checkpoint::ModelFile& b) {
  REQUIRE(a.weights.size() == b.weights.size());
  for (const auto& [name, array] : a.weights) {
    INFO(name);
    CHECK((array.bytes == b.weights.at(name).bytes));
  }
  CHECK(a.theta.mean == b.theta.mean);
  CHECK(a.x.scale == b.x.scale);
  CHECK(a.validation_loss == b.validation_loss);
  CHECK(a.remarks.at("data_crc32") == b.remarks.at("data_crc32"));
}

TEST_CASE("levels are learned with every model and method, on both engines alike", "[experiment][levels]") {
  const TemporaryFolder folder;
  io::save_arrays(folder.file("data.npz"), pair_of(simulated(1)));
  for (const std::string model : {"flux1", "flux1joint", "simformer"}) {
    for (const std::string method : {"flow", "diffusion", "score_matching"}) {
      CAPTURE(model, method);
      const auto loss = [&](const std::string& engine, method::Levels levels) {
        auto config = experiment_of("{file: " + folder.file("data.npz") + "}", model, method);
        config.strategy.levels = levels;
        const std::string run = folder.file(model + method + engine + config::name_of(levels));
        core::log::set_level(core::log::Level::error);  // 40 steps are too few for the levels to move
        experiment::start_training(run, std::move(config), {"cpu", engine});
        return checkpoint::load_model(run + "/model.safetensors").validation_loss;
      };
      const double tile = loss("tile", method::Levels::learned),
                   reference = loss("reference", method::Levels::learned);
      CHECK(std::abs(tile / reference - 1) < 1e-3);
      CHECK(tile != loss("tile", method::Levels::fixed));
    }
  }
}

TEST_CASE("memory, .npy rows, HDF5 chunks and three files train to the same bits", "[experiment][source]") {
  const TemporaryFolder folder;
  const Simulated all = simulated(1);
  io::save_arrays(folder.file("memory.npz"), pair_of(all));
  io::save_arrays(folder.file("rows_theta.npy"), {{"theta", part_of(all.theta, 2, 0, run_rows)}});
  io::save_arrays(folder.file("rows_x.npy"), {{"x", part_of(all.x, 3, 0, run_rows)}});
  save_chunked(folder.file("chunks.h5"), pair_of(all));
  io::save_arrays(folder.file("part_1.npz"), pair_of(all, 0, 100));
  save_chunked(folder.file("part_2.h5"), pair_of(all, 100, 450));
  io::save_arrays(folder.file("part_3.h5"), pair_of(all, 550, 150));
  const auto named = [&](const std::string& name, const std::string& gb) {
    return "{file: " + folder.file(name) + ", memory_gb: " + gb + "}";
  };
  for (const char* model : {"flux1", "simformer"}) {
    CAPTURE(model);
    const auto expected =
        trained(folder.file(std::string(model) + "_memory"), named("memory.npz", "4"), model);
    const auto same = [&](const std::string& run, const std::string& data) {
      CAPTURE(run);
      check_same(expected, trained(folder.file(std::string(model) + "_" + run), data, model));
    };
    same("npy", named("rows.npy", "4"));
    same("npy_rows", named("rows.npy", "0"));
    same("hdf5", named("chunks.h5", "4"));
    same("hdf5_rows", named("chunks.h5", "0"));
    same("parts", "{files: ['" + folder.file("part_*") + "'], memory_gb: 0}");
  }
}

TEST_CASE("a run resumed from files is the run from memory", "[experiment][source][resume]") {
  const TemporaryFolder folder;
  const Simulated all = simulated(1);
  io::save_arrays(folder.file("a.h5"), pair_of(all));
  const std::string data = "{file: " + folder.file("a.h5") + ", memory_gb: ";
  const auto expected = trained(folder.file("whole"), data + "4}");
  trained(folder.file("run"), data + "4}");
  const auto state = checkpoint::load_state(checkpoint::state_path(folder.file("run"), 20));
  // Where the rows lie may change between the sessions of a run.
  experiment::continue_training(folder.file("run"), experiment_of(data + "0}"), on_cpu, state);
  check_same(expected, checkpoint::load_model(folder.file("run") + "/model.safetensors"));
}

TEST_CASE("a run trains on all forms of its rows, wherever they lie, and resumes to the same bits",
          "[experiment][symmetry][resume]") {
  const TemporaryFolder folder;
  Simulated all = simulated(1);  // x[2] has no partner, x[0] and x[1] measure theta
  for (size_t row = 0; row < static_cast<size_t>(run_rows); ++row) {
    for (size_t i = 0; i < 2; ++i) all.x[3 * row + i] = all.theta[2 * row + i] + all.x[3 * row + 2] - 30;
    all.x[3 * row + 2] = all.theta[2 * row] + all.theta[2 * row + 1];
  }
  save_chunked(folder.file("a.h5"), pair_of(all));
  const auto data = [&](const std::string& gb, const std::string& symmetries) {
    return "{file: " + folder.file("a.h5") + ", memory_gb: " + gb + ", symmetries: " + symmetries + "}";
  };
  const std::string named = "'exchange theta_0 x_0, theta_1 x_1; shift theta_0 x_0 x_2'";
  CHECK_THAT(test::error_of([&] { trained(folder.file("refused"), data("4", named)); }),
             ContainsSubstring("does not hold"));  // x[0] and x[1] share the noise of theta_1
  core::Philox random(2, core::Purpose::test);
  for (size_t row = 0; row < static_cast<size_t>(run_rows); ++row) {
    for (size_t i = 0; i < 2; ++i)
      all.x[3 * row + i] = static_cast<float>(all.theta[2 * row + i] + 0.3 * random.normal());
  }
  save_chunked(folder.file("a.h5"), pair_of(all));
  const auto expected = trained(folder.file("whole"), data("4", named));
  CHECK(expected.remarks.at("symmetries") == "exchange theta_0 x_0, theta_1 x_1; shift theta_0 x_0 x_2");
  check_same(expected, trained(folder.file("run"), data("0", named)));
  const auto state = checkpoint::load_state(checkpoint::state_path(folder.file("run"), 20));
  experiment::continue_training(folder.file("run"), experiment_of(data("4", named)), on_cpu, state);
  check_same(expected, checkpoint::load_model(folder.file("run") + "/model.safetensors"));
  CHECK(trained(folder.file("plain"), data("4", "none")).validation_loss != expected.validation_loss);
  // What a checkpoint was trained with stays, whatever a later version of the program finds in the rows.
  // Names with separators in them are no hindrance.
  const std::string names = "names: {theta: ['mass, a', 'mass b'], x: [u v, w, z]}";
  const std::string automatic = "{file: " + folder.file("a.h5") + ", symmetries: auto, " + names + "}",
                    run = folder.file("auto");
  const auto found = trained(run, automatic);
  CHECK(found.remarks.at("symmetries") ==
        "negate theta#0 theta#1 x#0 w z; exchange theta#0 x#0, theta#1 w; shift theta#0 x#0 z; "
        "shift theta#1 w z");
  auto of_other = checkpoint::load_state(checkpoint::state_path(run, 20));
  experiment::continue_training(run, experiment_of(automatic), on_cpu, of_other);
  check_same(found, checkpoint::load_model(run + "/model.safetensors"));
  of_other.model.remarks.erase("symmetries");
  experiment::continue_training(run, experiment_of(automatic), on_cpu, of_other);
  CHECK_FALSE(checkpoint::load_model(run + "/model.safetensors").remarks.contains("symmetries"));
}

TEST_CASE("a run does not go on with other data", "[experiment][resume]") {
  const TemporaryFolder folder;
  Simulated all = simulated(1);
  io::save_arrays(folder.file("a.npz"), pair_of(all));
  const std::string data = "{file: " + folder.file("a.npz") + "}";
  trained(folder.file("run"), data);
  const auto state = checkpoint::load_state(checkpoint::state_path(folder.file("run"), 20));
  all.x[1000] = std::nextafter(all.x[1000], 1e9F);
  io::save_arrays(folder.file("a.npz"), pair_of(all));
  const std::string message = test::error_of(
      [&] { experiment::continue_training(folder.file("run"), experiment_of(data), on_cpu, state); });
  CHECK_THAT(message, ContainsSubstring("a.npz) are not those that the checkpoint was trained on"));
  all.x[1000] = std::nextafter(all.x[1000], -1e9F);
  io::save_arrays(folder.file("a.npz"), pair_of(all));
  CHECK_NOTHROW(experiment::continue_training(folder.file("run"), experiment_of(data), on_cpu, state));
}

TEST_CASE("a run that simulates while training resumes to the same bits", "[experiment][online][resume]") {
  const TemporaryFolder folder;
  const std::string task = "{task: two_moons, online: true, simulations: 300, reuse: ";
  for (const char* reuse : {"1", "3"}) {
    CAPTURE(reuse);
    const std::string data = task + reuse + "}", run = folder.file(std::string("run_") + reuse);
    const auto expected = trained(run, data);
    CHECK(expected.remarks.at("training_rows") == "simulated while training");
    const auto state = checkpoint::load_state(checkpoint::state_path(run, 20));
    experiment::continue_training(run, experiment_of(data), on_cpu, state);
    check_same(expected, checkpoint::load_model(run + "/model.safetensors"));
  }
  const auto once = checkpoint::load_model(folder.file("run_1") + "/model.safetensors");
  const auto again = checkpoint::load_model(folder.file("run_3") + "/model.safetensors");
  CHECK(once.x.mean == again.x.mean);
}

// Fails for the rows from 900 on while the file `broken` exists; fails now and then besides.
std::string falling_command(const std::string& broken) {
  return "{task: null, online: true, simulations: 300}\nprior: {kind: box, low: [0, 0], high: [1, 1]}\n"
         "simulator:\n  batch: 50\n  workers: 2\n  command: >-\n    [ -e " +
         broken +
         " ] && [ $((FLUXSBI_ROW % 1099511627776)) -ge 900 ] && exit 3; awk -F, 'BEGIN { "
         "srand(ENVIRON[\"FLUXSBI_SEED\"]) } NR > 1 { "
         "if ($1 < 0.1) print \"nan,nan\"; else printf \"%.9g,%.9g\\n\", $1 + $2, $1 + rand() }'";
}

TEST_CASE("a simulator that breaks down stops training after a checkpoint, which goes on to the same bits",
          "[experiment][online][resume][errors]") {
  const TemporaryFolder folder;
  const std::string broken = folder.file("broken"), data = falling_command(broken), run = folder.file("run");
  const auto expected = trained(folder.file("whole"), data);
  test::write_file(broken, "");
  const std::string message = test::error_of([&] { trained(run, data); });
  CHECK_THAT(message, ContainsSubstring("simulator.command has broken down") &&
                          ContainsSubstring("exit status 3") &&
                          ContainsSubstring("Training stopped after step ") &&
                          ContainsSubstring("the checkpoint is saved"));
  const auto state = checkpoint::load_latest_state(run);
  REQUIRE(state);
  CHECK(state->step == 18);  // the next one takes the rows 876 ... 907
  std::filesystem::remove(broken);
  experiment::continue_training(run, experiment_of(data), on_cpu, state);
  check_same(expected, checkpoint::load_model(run + "/model.safetensors"));
}

TEST_CASE("data.online names one simulator and no file", "[experiment][online][errors]") {
  const auto error = [](const std::string& data) { return test::error_of([&] { experiment_of(data); }); };
  CHECK_THAT(error("{online: true}"),
             ContainsSubstring("data.online = true, but nothing is there to simulate with"));
  CHECK_THAT(error("{online: true, file: a.npz}"), ContainsSubstring("a file of simulations is named, too"));
  CHECK_THAT(error("{online: true, task: two_moons}\nsimulator: {command: ./run}"),
             ContainsSubstring("keep one of them"));
  CHECK(experiment_of("{task: two_moons, reuse: 2}").warnings.size() == 1);
}

}  // namespace
