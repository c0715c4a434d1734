// Embedding networks from data to samples, and their mistakes.
#include <algorithm>
#include <filesystem>
#include <limits>
#include <sstream>

#include <catch2/catch_test_macros.hpp>
#include <nlohmann/json.hpp>

#include "app/expect.hpp"
#include "io/atomic_file.hpp"
#include "io/files.hpp"
#include "support/temporary_folder.hpp"

namespace fluxsbi::test {
namespace {

std::string config_of(const std::string& embedding, const std::string& data, const std::string& strategies,
                      int64_t steps) {
  return "model: {depth: 1, depth_single_blocks: 1, num_heads: 2, mlp_ratio: 2, param_dtype: float32, " +
         strategies + "}\nembedding: {" + embedding + "}\ndata: {" + data +
         "}\noptimizer: {max_lr: 3.0e-3}\ntraining: {batch_size: 64, val_every: 50, "
         "nsteps: " +
         std::to_string(steps) + ", ema_decay: 0.98, save_every: 1000}\n";
}

const std::string plain_ids = "axes_dim: [8], id_embedding_strategy: [absolute, absolute]";

Outcome good(const std::vector<std::string>& command) {
  const Outcome outcome = run(command);
  INFO(outcome.output);
  REQUIRE(outcome.code == 0);
  return outcome;
}

double best_loss(const std::string& run) {
  double best = 1e9;
  std::istringstream lines(read_file(run + "/metrics.jsonl"));
  for (std::string line; std::getline(lines, line);) {
    const auto json = nlohmann::json::parse(line);
    if (json.contains("val_loss")) best = std::min(best, json.at("val_loss").get<double>());
  }
  return best;
}

void save_x(const std::string& path, const std::vector<float>& x, std::vector<int64_t> shape) {
  io::save_arrays(path, {{"x", io::Array::from(std::span<const float>(x), std::move(shape))}});
}

/// Mean of the first parameter over all draws.
double mean_of_first(const std::vector<float>& samples, size_t dim) {
  double sum = 0;
  for (size_t i = 0; i < samples.size(); i += dim) sum += samples[i];
  return sum / static_cast<double>(samples.size() / dim);
}

TEST_CASE("a set model learns from its sets, and samples follow them in any order and padding",
          "[app][embedding]") {
  const TemporaryFolder folder;
  const auto path = [&](const std::string& name) { return folder.file(name); };
  good({"simulate", "normal_set", "-n", "3000", "--seed", "1", "-o", path("own.npz")});
  auto arrays = io::load_arrays(path("own.npz")).arrays;
  std::rotate(arrays["x"].bytes.begin(), arrays["x"].bytes.begin() + 20 * sizeof(float),
              arrays["x"].bytes.end());
  io::save_arrays(path("others.npz"), arrays);  // the x of other rows say nothing about theta
  io::write_text(path("set.yaml"),
                 config_of("network: set, features: 8, hidden: 16, layers: 1", "nan: pad", plain_ids, 400));
  for (const std::string data : {"own", "others"}) {
    good({"train", path("set.yaml"), "--data", path(data + ".npz"), "-o", path(data), "-q"});
  }
  CHECK(best_loss(path("own")) < 0.8 * best_loss(path("others")));

  const float nan = std::numeric_limits<float>::quiet_NaN();
  save_x(path("high.npz"), {1.2f, 1.6f, 0.9f}, {1, 3, 1});
  save_x(path("low.npz"), {-1.2f, -1.6f, -0.9f}, {3});
  std::vector<float> padded(20, nan);
  padded[3] = 0.9f;
  padded[11] = 1.2f;
  padded[19] = 1.6f;
  save_x(path("padded.npz"), padded, {1, 20, 1});
  const auto sample = [&](const std::string& name) {
    good({"sample", path("own"), "--x", path(name + ".npz"), "-n", "200", "-o", path(name + "_samples.npz")});
    return samples_in(path(name + "_samples.npz"));
  };
  const auto high = sample("high");
  CHECK(mean_of_first(high, 2) > mean_of_first(sample("low"), 2) + 1);
  CHECK(sample("padded") == high);

  save_x(path("large.npz"), std::vector<float>(21, 1), {1, 21, 1});
  refuses({"sample", path("own"), "--x", path("large.npz"), "-n", "5", "-o", path("no.npz")},
          "sets of up to 20 elements");
  CHECK(run({"info", path("own")}).output.find("network: \"set\"") != std::string::npos);
}

TEST_CASE("an image model trains on tokens with places and refuses images of another size",
          "[app][embedding]") {
  const TemporaryFolder folder;
  const auto path = [&](const std::string& name) { return folder.file(name); };
  const std::string ids = "axes_dim: [2, 4, 4], id_embedding_strategy: [absolute, rope2d]";
  io::write_text(path("cnn2d.yaml"), config_of("network: cnn2d, channels: [4, 4], features: 8",
                                               "task: blurred_source, simulations: 100", ids, 4));
  io::write_text(path("patchify.yaml"), config_of("network: patchify, patch: [8, 4], features: 8",
                                                  "task: blurred_source, simulations: 100", ids, 4));
  good({"simulate", "blurred_source", "-n", "2", "--seed", "3", "-o", path("x.npz")});
  for (const std::string name : {"cnn2d", "patchify"}) {
    const Outcome trained = good({"train", path(name + ".yaml"), "-o", path(name)});
    CHECK(trained.output.find("embedding " + name + ": x [16, 16] of 1 channel becomes") !=
          std::string::npos);
    good({"sample", path(name), "--x", path("x.npz"), "-n", "3", "-o", path(name + ".npz")});
    CHECK(samples_in(path(name + ".npz")).size() == 2 * 3 * 3);
  }
  save_x(path("large.npz"), std::vector<float>(32 * 32), {1, 32, 32, 1});
  refuses({"sample", path("cnn2d"), "--x", path("large.npz"), "-n", "5", "-o", path("no.npz")},
          "images of 16 x 16 pixels");
  refuses({"train", path("patchify.yaml"), "-o", path("bad"), "--set", "embedding.patch=[5,5]"},
          "does not divide [16, 16]");
}

TEST_CASE("a series model trains and its exact posterior is there to compare with", "[app][embedding]") {
  const TemporaryFolder folder;
  const auto path = [&](const std::string& name) { return folder.file(name); };
  io::write_text(path("series.yaml"), config_of("network: cnn1d, channels: [4], features: 8, output: vector",
                                                "task: ar1_series, simulations: 100", plain_ids, 4));
  good({"train", path("series.yaml"), "-o", path("series"), "-q"});
  good({"simulate", "ar1_series", "-n", "2", "--seed", "3", "-o", path("x.npz")});
  good({"sample", path("series"), "--x", path("x.npz"), "-n", "50", "-o", path("samples.npz")});
  good({"simulate", "ar1_series", "--posterior", path("x.npz"), "-n", "50", "-o", path("exact.npz")});
  CHECK(samples_in(path("exact.npz")).size() == samples_in(path("samples.npz")).size());
}

TEST_CASE("what an embedding cannot do is said before a run is made", "[app][embedding][mistake]") {
  const TemporaryFolder folder;
  const auto train = [&](const std::string& embedding, const std::string& data) {
    io::write_text(folder.file("a.yaml"), config_of(embedding, data, plain_ids, 4));
    return std::vector<std::string>{"train", folder.file("a.yaml"), "-o", folder.file("run")};
  };
  const std::string sets = "task: normal_set, simulations: 50";
  refuses(train("network: set", sets), "data.nan: pad");
  refuses(train("network: set", sets + ", nan: pad, standardise_x: per_feature"), "use per_channel");
  refuses(train("network: cnn2d", "task: ar1_series, simulations: 50"), "[n, height, width, channels]");
  refuses(train("network: cnn1d, kernel: 2", "task: ar1_series, simulations: 50"), "odd number");
  CHECK_FALSE(std::filesystem::exists(folder.file("run")));
}

}  // namespace
}  // namespace fluxsbi::test
