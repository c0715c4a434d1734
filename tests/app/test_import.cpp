// GenSBI's exports: from its files to samples, and what is said of files that do not fit.
#include <filesystem>

#include <catch2/catch_test_macros.hpp>

#include "app/expect.hpp"
#include "io/files.hpp"
#include "io/safetensors.hpp"
#include "support/temporary_folder.hpp"

namespace fluxsbi::test {
namespace {

namespace fs = std::filesystem;

const std::string fixtures = std::string(FLUXSBI_SOURCE_DIR) + "/tests/data/golden/gensbi_export/";

// The import of a folder's (or file's) weights of two obs and two cond tokens.
std::vector<std::string> import(const std::string& path, const std::string& out,
                                std::vector<std::string> more = {}) {
  std::vector<std::string> words{"import", "gensbi", path, "-o", out, "--obs-dim", "2", "--cond-dim", "2"};
  words.insert(words.end(), more.begin(), more.end());
  return words;
}

std::string refusal(const std::vector<std::string>& words) {
  const Outcome outcome = run(words);
  INFO(outcome.output);
  CHECK(outcome.code == 1);
  CHECK_FALSE(holds(outcome.output, "internal error"));
  CHECK_FALSE(holds(outcome.output, "Exception raised from"));
  return outcome.output;
}

// A folder of one's own with weights and YAML, to be damaged.
void copy_fixture(const TemporaryFolder& folder) {
  for (const char* name : {"flux1_rope1d_ema.safetensors", "flux1_rope1d.yaml"})
    fs::copy_file(fixtures + name, folder.file(name));
}

TEST_CASE("an imported model is sampled, shown and plotted like one of fluxsbi's own", "[app][import]") {
  const TemporaryFolder folder;
  copy_fixture(folder);
  const auto model = folder.file("model.safetensors");
  const Outcome imported = run(import(folder.path(), model, {"--name-theta", "mass", "spin"}));
  INFO(imported.output);
  REQUIRE(imported.code == 0);
  CHECK(holds(imported.output, "training.experiment_id has no effect here"));
  CHECK(holds(imported.output, "RoPE base (model.theta) = 40"));
  CHECK(holds(refusal(import(folder.path(), model)), "--force"));

  const Outcome info = run({"info", model});
  CHECK(info.code == 0);
  CHECK(holds(info.output, "mass, spin"));
  CHECK(holds(info.output, "GenSBI: "));
  CHECK(holds(info.output, "id_embedding_strategy: [\"rope1d\", \"rope1d\"]"));
  CHECK_FALSE(holds(info.output, "validation loss"));

  REQUIRE(run({"simulate", "two_moons", "-n", "2", "-o", folder.file("x.npz")}).code == 0);
  const Outcome sampled = run({"sample", model, "--x", folder.file("x.npz"), "-n", "50", "--solver", "euler",
                               "--steps", "5", "-o", folder.file("samples.npz")});
  INFO(sampled.output);
  REQUIRE(sampled.code == 0);
  CHECK(io::load_arrays(folder.file("samples.npz")).arrays.at("samples").shape ==
        std::vector<int64_t>{2, 50, 2});
  CHECK(run({"plot", folder.file("samples.npz"), "--row", "0", "-o", folder.file("corner.svg")}).code == 0);
  CHECK(holds(refusal({"resume", model}), "run folder"));
}

TEST_CASE("an import says which files and numbers it lacks", "[app][import]") {
  const TemporaryFolder folder;
  const auto out = folder.file("out.safetensors");
  const auto weights = fixtures + "flux1_rope1d_ema.safetensors";
  CHECK(holds(refusal({"import", "gensbi", weights, "-o", out}), "--obs-dim N"));
  const TemporaryFolder two;
  for (const char* name : {"a_ema.safetensors", "b_ema.safetensors"}) fs::copy_file(weights, two.file(name));
  CHECK(holds(refusal({"import", "gensbi", two.path(), "-o", out}), "several models"));
  CHECK(holds(refusal(import(folder.file("absent.safetensors"), out)), "absent.safetensors"));
  CHECK(holds(refusal(import(weights, out, {"--config", folder.file("absent.yaml")})), "absent.yaml"));
  fs::copy_file(weights, folder.file("alone.safetensors"));
  CHECK(holds(refusal(import(folder.file("alone.safetensors"), out)), "--config"));
  CHECK(holds(refusal({"import", "gensbi", weights, "-o", out, "--obs-dim", "0", "--cond-dim", "2"}),
              "--obs-dim"));
  CHECK(holds(refusal({"import", "gensby", weights}), "gensbi"));
  CHECK(holds(refusal(import(weights, folder.file("out.npz"))), ".safetensors"));
  CHECK(holds(refusal(import(weights, out, {"--name-theta", "a"})), "data.names.theta"));
  CHECK_FALSE(fs::exists(out));
}

TEST_CASE("weights of another YAML are refused, tensor by tensor", "[app][import]") {
  const TemporaryFolder folder;
  copy_fixture(folder);
  const auto out = folder.file("out.safetensors"), yaml = folder.file("flux1_rope1d.yaml");
  const std::string text = read_file(yaml);
  const auto replaced = [&](const std::string& what, const std::string& by) {
    std::string changed = text;
    const size_t at = changed.find(what);
    REQUIRE(at != std::string::npos);
    write_file(yaml, changed.replace(at, what.size(), by));
    return refusal(import(folder.path(), out));
  };
  const std::string deeper = replaced("depth: 2", "depth: 3");
  CHECK(holds(deeper, "double_blocks.layers.2.obs_attn.qkv.kernel is missing; expected [28, 84]"));
  CHECK(holds(deeper, "double_blocks.layers.2.cond_mlp.layers.0.bias is missing; expected [84]"));
  CHECK(holds(replaced("depth_single_blocks: 2", "depth_single_blocks: 1"),
              "single_blocks.layers.1.linear2.kernel [112, 28] is left over"));
  CHECK(holds(replaced("mlp_ratio: 3", "mlp_ratio: 2"),
              "single_blocks.layers.0.linear2.kernel has shape [112, 28], expected [84, 28]"));
  CHECK(holds(replaced("in_channels: 1", "in_channels: 2"),
              "obs_in.kernel has shape [1, 28], expected [2, 28]"));
  CHECK(holds(replaced("num_heads: 2", "num_haeds: 2"), "did you mean 'num_heads'"));
  CHECK_FALSE(fs::exists(out));
}

TEST_CASE("a damaged export is refused by its name", "[app][import]") {
  const TemporaryFolder folder;
  copy_fixture(folder);
  const auto weights = folder.file("flux1_rope1d_ema.safetensors");
  fs::resize_file(weights, fs::file_size(weights) - 100);
  CHECK(holds(refusal(import(weights, folder.file("out.safetensors"))), "flux1_rope1d_ema.safetensors"));
  write_file(weights, "{}");
  CHECK(holds(refusal(import(weights, folder.file("out.safetensors"))), "flux1_rope1d_ema.safetensors"));
}

}  // namespace
}  // namespace fluxsbi::test
