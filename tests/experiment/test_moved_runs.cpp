// Runs and data that were moved, and more steps than were asked for at first.
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "core/log.hpp"
#include "experiment/runs.hpp"
#include "io/array.hpp"
#include "io/atomic_file.hpp"
#include "io/files.hpp"
#include "support/catch.hpp"
#include "support/temporary_folder.hpp"
#include "support/user_error.hpp"

using namespace fluxsbi;
namespace fs = std::filesystem;

namespace {

std::string contents(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

bool holds(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

void write_pairs(const std::string& path, float shift) {
  std::vector<float> theta, x;
  for (int i = 0; i < 200; ++i) {
    theta.push_back(static_cast<float>(i % 17) / 17 + shift);
    x.push_back(static_cast<float>(i % 13) / 13 + theta.back());
  }
  io::save_arrays(path, {{"theta", io::Array::from(theta, {200, 1})}, {"x", io::Array::from(x, {200, 1})}});
}

// A run of 40 steps on pairs.npz in `folder`, which is told of by a relative path.
struct MovedRun {
  test::TemporaryFolder folder;
  fs::path before = fs::current_path();

  MovedRun() {
    write_pairs(folder.file("pairs.npz"), 0);
    fs::current_path(folder.path());
    const config::Value config = config::parse_yaml(
        "strategy: {method: flow, model: flux1}\n"
        "model: {depth: 1, depth_single_blocks: 0, num_heads: 1, val_emb_dim: 4, id_emb_dim: 4, mlp_ratio: "
        "1, "
        "id_merge_mode: concat, id_embedding_strategy: [absolute, absolute], param_dtype: float32}\n"
        "data: {file: pairs.npz}\n"
        "optimizer: {max_lr: 1.0e-3, min_lr: 1.0e-6}\n"
        "training: {nsteps: 40, batch_size: 16, val_every: 20, save_every: 20}\n",
        "a test");
    experiment::start_run(config, {"run", false, {"cpu", "auto"}});
    fs::current_path(before);
  }
  ~MovedRun() { fs::current_path(before); }

  std::string at(const std::string& name) const { return folder.file(name); }
};

experiment::Continuation longer(int64_t steps) {
  experiment::Continuation how;
  how.steps = steps;
  return how;
}

// The rate of the last line of metrics.
std::string last_rate(const std::string& run) {
  const std::string text = contents(run + "/metrics.jsonl");
  const size_t begin = text.rfind("\"lr\":") + 5;
  return text.substr(begin, text.find(',', begin) - begin);
}

}  // namespace

TEST_CASE("a run that was moved finds its data from any folder", "[experiment][resume]") {
  const MovedRun run;
  fs::rename(run.at("run"), run.at("moved"));
  REQUIRE_NOTHROW(experiment::resume_run(run.at("moved"), longer(50), {"cpu", "auto"}));
  CHECK(fs::exists(run.at("moved/checkpoints/step_00000050.safetensors")));
}

TEST_CASE("of data that were moved --data tells, or a path mended in config.yaml, and the checksum decides",
          "[experiment][resume]") {
  const MovedRun run;
  fs::rename(run.at("pairs.npz"), run.at("elsewhere.npz"));
  const std::string lost = test::error_of([&] {
    experiment::resume_run(run.at("run"), longer(50), {"cpu", "auto"});
  });
  CHECK(holds(lost, "pairs.npz are not there any more"));
  CHECK(holds(lost, "--data"));

  write_pairs(run.at("other.npz"), 0.5);
  auto how = longer(50);
  how.data = {run.at("other.npz")};
  const std::string other = test::error_of([&] {
    experiment::resume_run(run.at("run"), how, {"cpu", "auto"});
  });
  CHECK(holds(other, "are not those that the checkpoint was trained on"));

  how.data = {run.at("elsewhere.npz")};
  REQUIRE_NOTHROW(experiment::resume_run(run.at("run"), how, {"cpu", "auto"}));
  CHECK(holds(contents(run.at("run/config.yaml")), "elsewhere.npz"));

  fs::rename(run.at("elsewhere.npz"), run.at("third.npz"));
  std::string config = contents(run.at("run/config.yaml"));
  config.replace(config.find("elsewhere.npz"), std::string("elsewhere.npz").size(), "third.npz");
  io::write_text(run.at("run/config.yaml"), config);
  REQUIRE_NOTHROW(experiment::resume_run(run.at("run"), longer(60), {"cpu", "auto"}));

  config.replace(config.find("batch_size: 16"), std::string("batch_size: 16").size(), "batch_size: 32");
  io::write_text(run.at("run/config.yaml"), config);
  const std::string changed = test::error_of([&] {
    experiment::resume_run(run.at("run"), longer(70), {"cpu", "auto"});
  });
  CHECK(holds(changed, "training.batch_size is 16 there and 32 here"));
}

TEST_CASE("more steps of a finished cosine run keep its last rate unless the schedule is stretched",
          "[experiment][resume]") {
  const MovedRun run;
  fs::copy(run.at("run"), run.at("stretched"), fs::copy_options::recursive);
  const auto resumed = [&](const std::string& name, const experiment::Continuation& how) {
    core::log::tee(run.at("log"));
    experiment::resume_run(run.at(name), how, {"cpu", "auto"});
    return contents(run.at("log"));
  };
  CHECK(holds(resumed("run", longer(100)), "--restart-rate stretches it over 100 steps"));
  CHECK(last_rate(run.at("run")) == "1e-06");
  CHECK(holds(contents(run.at("run/config.yaml")), "schedule_steps: 40"));
  resumed("run", longer(120));
  CHECK(last_rate(run.at("run")) == "1e-06");

  auto stretched = longer(60);
  stretched.restart_rate = true;
  CHECK(holds(resumed("stretched", stretched), "the learning rate rises from 1e-06 to 0.001"));
  CHECK(holds(contents(run.at("stretched/config.yaml")), "schedule_steps: 60"));
  core::log::tee("");
}
