// The looks of the commands: at data before training, at observations before answers, at samples before they
// are kept.
#include <filesystem>
#include <fstream>
#include <iterator>

#include <catch2/catch_test_macros.hpp>

#include "app/expect.hpp"
#include "core/philox.hpp"
#include "io/array.hpp"
#include "io/atomic_file.hpp"
#include "io/files.hpp"
#include "support/temporary_folder.hpp"

namespace fluxsbi::test {
namespace {

// theta [n, 2] uniform on (low, high)^2, x = theta + 0.1 noise.
struct BoxPairs {
  std::vector<float> theta, x;
  BoxPairs(int64_t rows, double low, double high) {
    core::Philox random(21, core::Purpose::test);
    for (int64_t i = 0; i < 2 * rows; ++i) {
      const double value = low + (high - low) * random.uniform();
      theta.push_back(static_cast<float>(value));
      x.push_back(static_cast<float>(value + 0.1 * random.normal()));
    }
  }
  void save(const std::string& path) const {
    const auto rows = std::ssize(theta) / 2;
    io::save_arrays(path, {{"theta", io::Array::from(std::span(theta), {rows, 2})},
                           {"x", io::Array::from(std::span(x), {rows, std::ssize(x) / rows})}});
  }
};

std::string config_with(const TemporaryFolder& folder, const std::string& more, int64_t steps = 60) {
  const std::string path = folder.file("tiny.yaml");
  io::write_text(
      path,
      "strategy: {method: flow, model: flux1}\n"
      "model: {depth: 1, depth_single_blocks: 1, num_heads: 2, val_emb_dim: 4, id_emb_dim: 4, id_merge_mode: "
      "concat, id_embedding_strategy: [absolute, absolute], mlp_ratio: 2, param_dtype: float32}\n"
      "training: {nsteps: " +
          std::to_string(steps) +
          ", batch_size: 64, val_every: 50, save_every: 50}\n"
          "optimizer: {max_lr: 1.0e-3}\n" +
          more);
  return path;
}

void save_x(const std::string& path, const std::vector<float>& x) {
  io::save_arrays(path, {{"x", io::Array::from(std::span(x), {std::ssize(x) / 2, 2})}});
}

std::string text_of(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

Outcome run_check(const std::string& config, const std::string& data) {
  return test::run({"check", config, "--data", data});
}

const std::string box = "prior: {kind: box, low: [-1, -1], high: [1, 1]}\n";

}  // namespace

TEST_CASE("train warns of what check finds and keeps it in the run folder", "[app][look]") {
  const TemporaryFolder folder;
  const std::string data = folder.file("fill.npz"), run = folder.file("run");
  BoxPairs pairs(1000, -1, 1);
  for (size_t row = 0; row < 1000; row += 100) pairs.x[2 * row + 1] = 1e20f;
  pairs.save(data);
  const std::string said = succeed({"train", config_with(folder, box, 2), "--data", data, "-o", run});
  CHECK(holds(said, "x_1 (1 % are 1e+20)"));
  CHECK(holds(said, "data.standardise_x: robust"));
  CHECK(holds(text_of(run + "/data.json"), "\"kind\": \"fill-values\""));
  CHECK(holds(text_of(run + "/train.log"), "1e+20"));
  const std::string json = folder.file("look.json");
  const std::string table = succeed({"check", "--data", data, "--json", json});
  CHECK(holds(table, "warning: values that repeat far from all others"));
  CHECK(holds(table, "theta_1"));
  CHECK(holds(text_of(json), "\"looked_at\": 1000"));
}

TEST_CASE("ordinary data are one line of train's log", "[app][look]") {
  const TemporaryFolder folder;
  const std::string said = succeed({"train", config_with(folder, "", 2), "--task", "two_moons", "--set",
                                    "data.simulations=2000", "-o", folder.file("run")});
  CHECK(holds(said, "nothing to warn of"));
  CHECK_FALSE(holds(said, "warning"));
}

TEST_CASE("a prior in other units is told by check and train, and sample ends after a pass or two",
          "[app][look]") {
  const TemporaryFolder folder;
  const std::string data = folder.file("units.npz"), run = folder.file("run"),
                    out = folder.file("samples.npz");
  BoxPairs(1000, -3, 0).save(data);
  const std::string config = config_with(folder, "prior: {kind: box, low: [0.5, 0.5], high: [1, 1]}\n", 300);
  const Outcome checked = run_check(config, data);
  CHECK(checked.code == 2);
  CHECK(holds(checked.output, "error: 100 % of theta lie outside the prior's support"));
  CHECK(holds(succeed({"train", config, "--data", data, "-o", run}),
              "100 % of theta lie outside the prior's support"));
  save_x(folder.file("x.npz"), {-1.5f, -1.5f});
  const std::vector<std::string> sample{"sample", run,  "--x", folder.file("x.npz"), "-n", "2000", "--steps",
                                        "4",      "-o", out,   "--solver",           "rk4"};
  const Outcome sampled = test::run(sample);
  INFO(sampled.output);
  CHECK(sampled.code == 1);
  CHECK(holds(sampled.output, "after the first pass"));
  CHECK(holds(sampled.output, "the prior in [0.5, 1]"));
  CHECK(holds(sampled.output, "not one of 2000 samples could be filled"));
  CHECK_FALSE(std::filesystem::exists(out));
  std::vector<std::string> partial = sample;
  partial.emplace_back("--partial");
  succeed(partial);
  CHECK(std::filesystem::exists(out));
}

TEST_CASE("observations unlike the training data are warned of, and strict refuses them", "[app][look]") {
  const TemporaryFolder folder;
  const std::string data = folder.file("base.npz"), run = folder.file("run"), far = folder.file("far.npz"),
                    near = folder.file("near.npz"), theta = folder.file("theta.npz");
  BoxPairs(2000, -1, 1).save(data);
  succeed({"train", config_with(folder, ""), "--data", data, "-o", run});
  save_x(far, {50, 50});
  save_x(near, {0.3f, -0.2f});
  const std::vector<float> point{0, 0};
  io::save_arrays(theta, {{"theta", io::Array::from(std::span(point), {1, 2})}});
  const std::vector<std::vector<std::string>> commands{
      {"sample", run, "-n", "5", "-o", folder.file("s.npz"), "--force"},
      {"log-prob", run, "--theta", theta},
      {"map", run, "-n", "20", "--top", "1", "-o", folder.file("m.npz"), "--force"}};
  for (auto command : commands) {
    INFO(command.front());
    command.insert(command.end(), {"--x", near});
    CHECK_FALSE(holds(succeed(command), "training standard deviations"));
    command.back() = far;
    const std::string said = succeed(command);
    CHECK(holds(said, "= 50 is 8"));
    CHECK(holds(said, "training standard deviations from the mean"));
    command.emplace_back("--strict");
    const Outcome strict = test::run(command);
    CHECK(strict.code == 2);
    CHECK(holds(strict.output, "nothing was computed"));
  }
}

TEST_CASE("a step of many tokens is estimated before it is taken, with an embedding section to paste",
          "[app][look]") {
  const TemporaryFolder folder;
  const std::string data = folder.file("wide.npz");
  BoxPairs pairs(200, -1, 1);
  core::Philox random(8, core::Purpose::test);
  pairs.x.clear();
  for (int64_t i = 0; i < 200 * 6000; ++i) pairs.x.push_back(static_cast<float>(random.normal()));
  pairs.save(data);
  const std::string config = config_with(folder, "");
  const std::string said = run_check(config, data).output;
  INFO(said);
  CHECK(holds(said, "6000 of x takes about"));
  const std::string section =
      "embedding: {network: patchify, patch: [375], positions: learned, features: 32}";
  REQUIRE(holds(said, section));
  const std::string mended = run_check(config_with(folder, section + "\n"), data).output;
  INFO(mended);
  CHECK_FALSE(holds(mended, "takes about"));
}

}  // namespace fluxsbi::test
