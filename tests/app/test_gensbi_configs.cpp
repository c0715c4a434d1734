// GenSBI's own YAML files train as they stand. The files are those of configs_gensbi in the golden folder:
// what FLUXSBI_GOLDEN names, else ../shared/golden beside the source where that exists, else the copies in
// tests/data.
#include <cstdlib>
#include <filesystem>
#include <set>
#include <sstream>

#include <catch2/catch_test_macros.hpp>

#include "app/expect.hpp"
#include "core/philox.hpp"
#include "io/files.hpp"
#include "support/temporary_folder.hpp"

namespace fluxsbi::test {
namespace {

namespace fs = std::filesystem;

std::vector<fs::path> configs() {
  const std::string source = FLUXSBI_SOURCE_DIR, shared = source + "/../shared/golden";
  const char* named = std::getenv("FLUXSBI_GOLDEN");
  fs::path folder = named                      ? fs::path(named)
                    : fs::is_directory(shared) ? fs::path(shared)
                                               : fs::path(source + "/tests/data/golden");
  // A golden folder without configs is fine for its other users; these tests then read the copies.
  if (!fs::is_directory(folder / "configs_gensbi")) folder = source + "/tests/data/golden";
  std::vector<fs::path> found;
  for (const auto& entry : fs::directory_iterator(folder / "configs_gensbi")) {
    if (entry.path().extension() == ".yaml") found.push_back(entry.path());
  }
  return found;
}

// The text after "KEY:" on the first line that holds it, without quotes and blanks; "" if none does.
std::string value_of(const std::string& yaml, const std::string& key) {
  std::istringstream lines(yaml);
  for (std::string line; std::getline(lines, line);) {
    const size_t at = line.find(key + ":");
    if (at == std::string::npos || line.find_first_not_of(' ') != at) continue;
    std::string value = line.substr(at + key.size() + 1);
    std::erase_if(value, [](char c) { return c == ' ' || c == '"'; });
    return value;
  }
  return "";
}

// The keys that the program must warn of: those that GenSBI's scripts alone read, and those without effect.
std::set<std::string> expected_warnings(const std::string& yaml) {
  std::set<std::string> keys;
  const auto expect = [&](const std::string& section, std::initializer_list<const char*> names) {
    for (const char* key : names) {
      if (!value_of(yaml, key).empty()) keys.insert(section + "." + key);
    }
  };
  expect("training", {"experiment_id", "restore_model", "train_model"});
  expect("model", {"params_dtype"});
  const std::string model = value_of(yaml, "model");
  if (model != "flux") expect("model", {"context_in_dim"});
  if (model == "flux1joint" && value_of(yaml, "id_merge_mode") == "sum")
    expect("model", {"cond_emb_dim", "id_emb_dim"});
  return keys;
}

// The keys of the lines "warning: FILE:LINE:COLUMN: KEY ...".
std::set<std::string> warnings_in(const std::string& output) {
  std::set<std::string> keys;
  std::istringstream lines(output);
  for (std::string line; std::getline(lines, line);) {
    const size_t at = line.find("warning: ");
    if (at == std::string::npos) continue;
    const size_t key = line.find(": ", at + 9) + 2;
    keys.insert(line.substr(key, line.find(' ', key) - key));
  }
  return keys;
}

constexpr int64_t rows = 120;

// Random simulations of two obs and three cond tokens.
void save_data(const std::string& path, int64_t channels) {
  core::Philox random(1, core::Purpose::test);
  const auto side = [&](int64_t tokens) {
    std::vector<float> values(static_cast<size_t>(rows * tokens * channels));
    for (float& value : values) value = static_cast<float>(random.normal());
    return io::Array::from(std::span<const float>(values), {rows, tokens, channels});
  };
  io::save_arrays(path, {{"theta", side(2)}, {"x", side(3)}});
}

bool knows_method(const std::string& yaml) {
  const std::string info = run({"info"}).output;
  const size_t at = info.find("\nmethods");
  return holds(info.substr(at, info.find('\n', at + 1) - at), value_of(yaml, "method"));
}

TEST_CASE("every config of GenSBI's trains on data of its channels, with the warnings that it deserves",
          "[app][gensbi]") {
  const auto files = configs();
  REQUIRE(files.size() >= 6);
  const TemporaryFolder folder;
  for (const int64_t channels : {1, 2}) save_data(folder.file(std::to_string(channels) + ".npz"), channels);
  for (const auto& file : files) {
    INFO(file.string());
    const std::string yaml = read_file(file);
    if (!knows_method(yaml)) continue;
    const std::string run_folder = folder.file(file.stem().string());
    // One step: its own warm-up would be longer than the run. Batches are far larger than the data; those of
    // the large models are cut, for the test's time.
    std::vector<std::string> words{"train",
                                   file.string(),
                                   "--data",
                                   folder.file(value_of(yaml, "in_channels") + ".npz"),
                                   "-o",
                                   run_folder,
                                   "--set",
                                   "training.nsteps=1",
                                   "optimizer.warmup_steps=null"};
    if (file.stem().string().starts_with("head_")) words.push_back("training.batch_size=8");
    const Outcome outcome = run(words);
    INFO(outcome.output);
    CHECK(outcome.code == 0);
    CHECK(warnings_in(outcome.output) == expected_warnings(yaml));
    CHECK(fs::exists(run_folder + "/model.safetensors"));
  }
}

TEST_CASE("data of other channels than a GenSBI config's are refused by in_channels", "[app][gensbi]") {
  const TemporaryFolder folder;
  int64_t refused = 0;
  for (const auto& file : configs()) {
    INFO(file.string());
    const std::string yaml = read_file(file);
    if (value_of(yaml, "in_channels") != "2" || !knows_method(yaml)) continue;
    const Outcome outcome = run({"train", file.string(), "--task", "two_moons", "-o", folder.file("run"),
                                 "--set", "data.simulations=50"});
    INFO(outcome.output);
    CHECK(outcome.code == 1);
    CHECK(holds(outcome.output, "model.in_channels = 2"));
    ++refused;
  }
  CHECK(refused > 0);
  CHECK_FALSE(fs::exists(folder.file("run")));
}

TEST_CASE("keys of GenSBI's that have no effect here are warned of, whichever they are", "[app][gensbi]") {
  const TemporaryFolder folder;
  save_data(folder.file("data.npz"), 1);
  write_file(folder.file("a.yaml"), R"(task_name: two_moons
strategy: {method: flow, model: flux}
optimizer: {ema_decay: 0.9}
model: {depth: 1, depth_single_blocks: 1, num_heads: 2, axes_dim: [4], param_dtype: float32, cond_emb_dim: 4}
training: {nsteps: 1, batch_size: 4, checkpoint_dir: somewhere, sigma_min: 0.01}
)");
  const Outcome outcome =
      run({"train", folder.file("a.yaml"), "--data", folder.file("data.npz"), "-o", folder.file("run")});
  INFO(outcome.output);
  REQUIRE(outcome.code == 0);
  CHECK(warnings_in(outcome.output) == std::set<std::string>{"task_name", "model.cond_emb_dim",
                                                             "training.checkpoint_dir",
                                                             "training.sigma_min"});
  CHECK(holds(outcome.output, "a.yaml:1:12: task_name has no effect: the data are named elsewhere"));
  CHECK(holds(read_file(folder.file("run/config.yaml")), "ema_decay: 0.9"));
  write_file(folder.file("b.yaml"), "task_nam: two_moons\n");
  const Outcome misspelt = run({"train", folder.file("b.yaml"), "--data", folder.file("data.npz")});
  CHECK(misspelt.code == 1);
  CHECK(holds(misspelt.output, "did you mean 'task_name'?"));
}

TEST_CASE("task_name of a built-in task names the data, and an idle rtol is a warning", "[app][gensbi]") {
  const TemporaryFolder folder;
  write_file(folder.file("a.yaml"), R"(task_name: two_moons
strategy: {method: flow, model: flux}
optimizer: {warmup_steps: 1, decay_transition: 0.8, rtol: 1.0e-4, max_lr: 2.0e-4}
model: {depth: 1, depth_single_blocks: 1, num_heads: 2, axes_dim: [4], param_dtype: float32}
data: {simulations: 120}
training: {nsteps: 2, batch_size: 4}
)");
  const Outcome outcome = run({"train", folder.file("a.yaml"), "-o", folder.file("run")});
  INFO(outcome.output);
  REQUIRE(outcome.code == 0);
  CHECK(warnings_in(outcome.output) == std::set<std::string>{"optimizer.rtol"});
  const std::string resolved = read_file(folder.file("run/config.yaml"));
  CHECK(holds(resolved, "task: \"two_moons\""));
  CHECK(holds(resolved, "schedule: \"cosine\""));
  CHECK(holds(resolved, "rtol: null"));

  // --task says the same, --task of another name wins with a word, and a name that is no task is no data.
  const std::vector<std::string> words{"train", folder.file("a.yaml"), "-o", folder.file("run"), "--force"};
  const auto with = [&](std::vector<std::string> more) {
    more.insert(more.begin(), words.begin(), words.end());
    return run(more);
  };
  CHECK_FALSE(holds(with({"--task", "two_moons"}).output, "task_name"));
  CHECK(holds(with({"--task", "gaussian_mixture"}).output,
              "task_name has no effect: the data are named elsewhere"));
  const Outcome unknown = with({"--set", "task_name=my_galaxies"});
  CHECK(unknown.code == 1);
  CHECK(holds(unknown.output, "no data"));
}

}  // namespace
}  // namespace fluxsbi::test
