// What a user gets wrong: one clear sentence, exit code 1, nothing half-written.
#include <cmath>
#include <csignal>
#include <filesystem>
#include <fstream>

#include <catch2/catch_test_macros.hpp>
#include <sys/resource.h>

#include "app/expect.hpp"
#include "app/variables.hpp"
#include "io/array.hpp"
#include "io/atomic_file.hpp"
#include "io/files.hpp"
#include "support/temporary_folder.hpp"

namespace fluxsbi::test {
namespace {

void save(const std::string& path, std::vector<float> theta, std::vector<int64_t> theta_shape,
          std::vector<float> x, std::vector<int64_t> x_shape) {
  io::Arrays arrays;
  arrays["theta"] = io::Array::from(std::span<const float>(theta), std::move(theta_shape));
  arrays["x"] = io::Array::from(std::span<const float>(x), std::move(x_shape));
  io::save_arrays(path, arrays);
}

std::vector<float> ramp(size_t n) {
  std::vector<float> values(n);
  for (size_t i = 0; i < n; ++i) values[i] = static_cast<float>((i * 7919) % 1000) / 500.0f - 1.0f;
  return values;
}

// What this process and its children write ends at a kilobyte, as on a full disk, while one of these lives.
class SmallFiles {
 public:
  SmallFiles() : handler_(signal(SIGXFSZ, SIG_IGN)) {
    getrlimit(RLIMIT_FSIZE, &before_);
    const rlimit kilobyte{1024, before_.rlim_max};
    setrlimit(RLIMIT_FSIZE, &kilobyte);
  }
  ~SmallFiles() {
    setrlimit(RLIMIT_FSIZE, &before_);
    signal(SIGXFSZ, handler_);
  }

 private:
  sighandler_t handler_;
  rlimit before_{};
};

TEST_CASE("commands and options that do not exist name the nearest", "[app][mistake]") {
  refuses({"trian", "a.yaml"}, "did you mean 'train'");
  refuses({"train", "a.yaml", "--devise", "cpu"}, "did you mean '--device'");
  refuses({"train"}, "nothing to train on");
  refuses({"simulate", "two_mons", "-n", "5", "-o", "/tmp/never.npz"}, "did you mean 'two_moons'");
}

TEST_CASE("an engine or a type that does not exist is refused before anything is written", "[app][mistake]") {
  const TemporaryFolder folder;
  io::write_text(folder.file("tiny.yaml"), tiny_config());
  refuses({"train", folder.file("tiny.yaml"), "--engine", "tiel", "-o", folder.file("run")},
          "did you mean 'tile'");
  refuses({"train", folder.file("tiny.yaml"), "--set", "training.compute=bfloat61", "-o", folder.file("run")},
          "did you mean 'bfloat16'");
  const Variables kernels{{{"FLUXSBI_KERNELS", "avx51"}}};
  refuses({"train", folder.file("tiny.yaml"), "-o", folder.file("run")},
          "FLUXSBI_KERNELS=avx51: this processor or build has no such kernels; it has ", Start::program);
  CHECK_FALSE(std::filesystem::exists(folder.file("run")));
}

TEST_CASE("a config's mistakes are all named with line and column", "[app][mistake]") {
  const TemporaryFolder folder;
  io::write_text(folder.file("bad.yaml"),
                 "strategy: {method: flow, model: flux1}\nmodel:\n  num_heads: four\n  depht: 2\ntraining:\n "
                 " nsteps: 0\n");
  const Outcome outcome =
      run({"train", folder.file("bad.yaml"), "--task", "two_moons", "-o", folder.file("run")});
  CHECK(outcome.code == 1);
  CHECK(holds(outcome.output, "bad.yaml:3:14: model.num_heads must be a whole number"));
  CHECK(holds(outcome.output, "bad.yaml:4:3: unknown key 'model.depht' (did you mean 'depth'?)"));
  CHECK(holds(outcome.output, "bad.yaml:6:11: training.nsteps must be from 1 to"));
  CHECK_FALSE(std::filesystem::exists(folder.file("run")));
}

TEST_CASE("ends of a prior without its kind are refused, not dropped", "[app][mistake]") {
  const TemporaryFolder folder;
  save(folder.file("sims.npz"), ramp(400), {200, 2}, ramp(400), {200, 2});
  io::write_text(folder.file("p.yaml"), "prior: {low: [-1, -1], high: [1, 1]}\n");
  refuses({"train", folder.file("p.yaml"), "--data", folder.file("sims.npz"), "-o", folder.file("run")},
          "prior.low has no meaning for prior.kind: none; set prior.kind: box");
  CHECK_FALSE(std::filesystem::exists(folder.file("run")));
}

TEST_CASE("what does not fit together in a model is refused", "[app][mistake]") {
  const TemporaryFolder folder;
  const auto train = [&](const std::string& model) {
    io::write_text(folder.file("c.yaml"), "strategy: {method: flow, model: flux1}\nmodel: " + model +
                                              "\ndata: {simulations: 100}\n");
    return std::vector<std::string>{"train", folder.file("c.yaml"), "--task", "two_moons",
                                    "-o",    folder.file("run")};
  };
  refuses(train("{axes_dim: [5]}"), "model.axes_dim = [5] has an odd entry");
  refuses(train("{vec_in_dim: 3}"), "model.vec_in_dim = 3 has no use without guidance");
  refuses(train("{in_channels: 2}"), "model.in_channels = 2, but the data's theta channels = 1");
  refuses(train("{id_embedding_strategy: [absolut, absolute]}"), "did you mean 'absolute'");
  CHECK_FALSE(std::filesystem::exists(folder.file("run")));
}

TEST_CASE("data that cannot be trained on are refused before a run is made", "[app][mistake]") {
  const TemporaryFolder folder;
  io::write_text(folder.file("tiny.yaml"), tiny_config());
  const auto train = [&](const std::string& file) {
    return std::vector<std::string>{"train", folder.file("tiny.yaml"), "--data", folder.file(file),
                                    "-o",    folder.file("run")};
  };
  refuses(train("absent.npz"), "absent.npz: there is no such file");
  save(folder.file("lengths.npz"), ramp(40), {20, 2}, ramp(38), {19, 2});
  refuses(train("lengths.npz"),
          "lengths.npz: theta has 20 rows, x has 19; row i of both must be one simulation");
  auto x = ramp(40);
  x[6] = NAN;
  save(folder.file("nan.npz"), ramp(40), {20, 2}, x, {20, 2});
  refuses(train("nan.npz"), "1 of 20 rows hold NaN");
  refuses(train("nan.npz"), "first: row 3, counted from 0, x_0");
  for (size_t i = 0; i < 40; i += 2) x[i] = 5;
  x[7] = 0.3f;
  save(folder.file("constant.npz"), ramp(40), {20, 2}, x, {20, 2});
  refuses(train("constant.npz"), "the column x_0 is constant in the training rows");
  save(folder.file("empty.npz"), {}, {0, 2}, {}, {0, 2});
  refuses(train("empty.npz"), "empty.npz: theta holds no rows (shape [0, 2])");
  save(folder.file("rank.npz"), ramp(32), {2, 2, 2, 2, 2}, ramp(4), {2, 2});
  refuses(train("rank.npz"), "rank.npz: theta has the shape [2, 2, 2, 2, 2]; give [rows], [rows, values]");
  io::write_text(folder.file("torn.npz"), "PK not a zip");
  refuses(train("torn.npz"), "torn.npz: is not a whole zip archive");
  CHECK_FALSE(std::filesystem::exists(folder.file("run")));
}

TEST_CASE("a network that is larger than the machine is refused before memory is taken for it",
          "[app][mistake]") {
  const TemporaryFolder folder;
  io::write_text(folder.file("large.yaml"),
                 "strategy: {method: flow, model: flux1}\n"
                 "model: {depth: 40, depth_single_blocks: 100, num_heads: 64, axes_dim: [160]}\n");
  refuses({"train", folder.file("large.yaml"), "--task", "two_moons", "-o", folder.file("run")},
          "weights, with their gradient, moments and average, needs");
  CHECK_FALSE(std::filesystem::exists(folder.file("run")));
}

TEST_CASE("a name that theta and x share is refused where one question or table names both",
          "[app][mistake]") {
  const TemporaryFolder folder;
  const auto train = [&](const std::string& config, const std::string& file) {
    io::write_text(folder.file("c.yaml"), config);
    return std::vector<std::string>{"train", folder.file("c.yaml"),     "--data", folder.file(file),
                                    "--set", "data.names.theta=[a, b]", "--set",  "data.names.x=[b, c]",
                                    "--set", "training.nsteps=1",       "-o",     folder.file("run")};
  };
  const std::string problem = "data.names: 'b' is a name of theta and of x";
  save(folder.file("d.npz"), ramp(400), {200, 2}, ramp(400), {200, 2});
  refuses(train(tiny_joint_config("simformer"), "d.npz"), problem);
  CHECK_FALSE(std::filesystem::exists(folder.file("run")));
  succeed(train(tiny_config(), "d.npz"));  // theta and x of Flux1 never stand in one table
  std::filesystem::remove_all(folder.file("run"));
  io::write_text(folder.file("d.csv"), "1,2,3,4\n5,6,7,8\n2,1,4,3\n");  // b would be column 2 of both
  refuses(train(tiny_config(), "d.csv"), problem);
}

TEST_CASE("arrays beside theta and x are named as left out", "[app][mistake]") {
  const TemporaryFolder folder;
  io::write_text(folder.file("tiny.yaml"), tiny_config());
  const std::vector<float> values = ramp(80);
  const auto array = [&](std::vector<int64_t> shape) {
    return io::Array::from(std::span<const float>(values), std::move(shape));
  };
  for (const char* file : {"d.npz", "d.h5"}) {
    io::save_arrays(folder.file(file),
                    {{"theta", array({40, 2})}, {"x", array({40, 2})}, {"mask", array({40, 2})}});
    CHECK(holds(run({"check", folder.file("tiny.yaml"), "--data", folder.file(file)}).output,
                std::string(file) + ": arrays left out: mask; theta and x are read"));
  }
}

TEST_CASE("sampling refuses damaged models and observations of another shape", "[app][mistake]") {
  const TemporaryFolder folder;
  io::write_text(folder.file("tiny.yaml"), tiny_config());
  REQUIRE(
      run({"train", folder.file("tiny.yaml"), "-o", folder.file("run"), "-q", "--set", "training.nsteps=20"})
          .code == 0);
  REQUIRE(run({"simulate", "two_moons", "-n", "2", "-o", folder.file("x.npz")}).code == 0);
  const auto sample = [&](const std::string& model, const std::string& x,
                          std::vector<std::string> extra = {}) {
    std::vector<std::string> words{"sample", folder.file(model),    "--x", folder.file(x), "-n", "3",
                                   "-o",     folder.file("out.npz")};
    words.insert(words.end(), extra.begin(), extra.end());
    return words;
  };
  save(folder.file("wide.npz"), ramp(4), {2, 2}, ramp(6), {2, 3});
  refuses(sample("run", "wide.npz"),
          "wide.npz: x has the shape [2, 3], the model is conditioned on 2 tokens");
  refuses(sample("nowhere", "x.npz"), "nowhere does not exist; give a run folder");
  const Outcome lost = run({"sample", folder.file("run"), "--x", folder.file("x.npz"), "-n", "3", "-o",
                            folder.file("missing/out.npz")});
  CHECK(lost.code == 1);
  CHECK(holds(lost.output, "the folder " + folder.file("missing") + " does not exist; create it first"));
  CHECK_FALSE(holds(lost.output, "device"));  // refused before the model is opened
  refuses(sample("run", "x.npz", {"--solver", "eulr"}), "did you mean 'euler'");
  refuses(sample("run", "x.npz", {"--solver", "edm_heun"}), "zero_ends");  // flow matching's, among others
  refuses(sample("run", "x.npz", {"--steps", "0"}), "--steps: must be from 1 to 1000000, found '0'");
  refuses(sample("run", "x.npz", {"--set", "sampling.chrn=3"}), "did you mean 'churn'");
  refuses(sample("run", "x.npz", {"--set", "sampling.churn=-1"}), "sampling.churn must be at least 0");
  refuses(sample("run", "x.npz", {"--set", "sampling.churn_min=3", "--set", "sampling.churn_max=1"}),
          "must not be below churn_min = 3");
  refuses(sample("run", "x.npz", {"--set", "sampling.atol=0"}), "sampling.atol must be above 0");
  refuses(sample("run", "x.npz", {"--shard", "3/3"}), "--shard 3/3 is not a part of a whole");
  refuses(sample("run", "x.npz", {"--device", "gpu"}), "--device gpu: must be auto, cpu, cuda or cuda:i");
  refuses({"sample", folder.file("run"), "--x", folder.file("x.npz"), "-n", "3", "-o", folder.file("x.npz"),
           "--force"},
          "x.npz: is a file that this command reads");
  if (!std::filesystem::exists("/dev/nvidiactl"))
    refuses(sample("run", "x.npz", {"--device", "cuda"}), "--device cuda: CUDA cannot be used");

  const auto model = folder.file("run/model.safetensors");
  const auto size = std::filesystem::file_size(model);
  std::filesystem::copy_file(model, folder.file("short.safetensors"));
  std::filesystem::resize_file(folder.file("short.safetensors"), size - 100);
  refuses(sample("short.safetensors", "x.npz"), "reaches beyond the end: the file is truncated or damaged");
  std::filesystem::copy_file(model, folder.file("flipped.safetensors"));
  {
    std::fstream file(folder.file("flipped.safetensors"), std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(static_cast<std::streamoff>(size) - 50);
    file.put('\x5a');
  }
  refuses(sample("flipped.safetensors", "x.npz"), "flipped.safetensors");
  CHECK_FALSE(std::filesystem::exists(folder.file("out.npz")));

  REQUIRE(run(sample("run", "x.npz", {"-q"})).code == 0);
  refuses(sample("run", "x.npz"), "exists; use --force to replace it");
}

TEST_CASE("a run is not overwritten, and a checkpoint of another config is not resumed", "[app][mistake]") {
  const TemporaryFolder folder;
  io::write_text(folder.file("tiny.yaml"), tiny_config());
  const std::vector<std::string> train{"train", folder.file("tiny.yaml"), "-o", folder.file("run"), "-q",
                                       "--set", "training.nsteps=40"};
  REQUIRE(run(train).code == 0);
  refuses(train, "holds a run already; continue it with 'fluxsbi resume ");
  // --force replaces a run by one that can start, not by a mistake.
  auto mistaken = train;
  mistaken.insert(mistaken.end(), {"--force", "--data", folder.file("nowhere.npz")});
  refuses(mistaken, "nowhere.npz: there is no such file");
  CHECK(std::filesystem::exists(folder.file("run/model.safetensors")));
  CHECK(run({"resume", folder.file("run")}).code == 0);
  // A folder of other things loses none of them, either.
  std::filesystem::create_directory(folder.file("notes"));
  io::write_text(folder.file("notes/train.log"), "mine");
  auto elsewhere = train;
  elsewhere[3] = folder.file("notes");
  refuses(elsewhere, "holds train.log, which the run would replace");
  CHECK(std::filesystem::file_size(folder.file("notes/train.log")) == 4);
  std::ifstream file(folder.file("run/config.yaml"));
  std::string text((std::istreambuf_iterator<char>(file)), {});
  const size_t at = text.find("batch_size: 32");
  REQUIRE(at != std::string::npos);
  io::write_text(folder.file("run/config.yaml"), text.replace(at, 14, "batch_size: 16"));
  std::filesystem::remove(folder.file("run/model.safetensors"));
  refuses({"resume", folder.file("run"), "--steps", "60"}, "training.batch_size");
}

TEST_CASE("a limit on memory below what LibTorch's libraries take is said", "[app][mistake]") {
  const TemporaryFolder folder;
  rlimit before{};
  REQUIRE(getrlimit(RLIMIT_AS, &before) == 0);
  const rlimit little{400'000'000, before.rlim_max};
  REQUIRE(setrlimit(RLIMIT_AS, &little) == 0);
  const Outcome outcome = run(
      {"sample", folder.file("run"), "--x", "x.csv", "-n", "3", "-o", folder.file("o.npz")}, Start::program);
  setrlimit(RLIMIT_AS, &before);
  CHECK(outcome.code == 1);
  CHECK(holds(outcome.output, "the limit on memory (ulimit -v) is 400 MB"));
}

TEST_CASE("a full disk is an error and leaves no file", "[app][mistake]") {
  const TemporaryFolder folder;
  const SmallFiles limit;
  refuses({"simulate", "two_moons", "-n", "5000", "-o", folder.file("x.npz")},
          "raise the limit on file sizes", Start::program);
  CHECK(std::filesystem::is_empty(folder.path()));
  refuses({"simulate", "two_moons", "-n", "5", "-o", "/proc/never.npz"}, "/proc/never.npz");
}

}  // namespace
}  // namespace fluxsbi::test
