// Results that are written while they are drawn: killed, divided, joined, and asked for one by one.
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <thread>
#include <vector>

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <nlohmann/json.hpp>
#include <sys/wait.h>

#include "app/expect.hpp"
#include "app/program.hpp"
#include "io/atomic_file.hpp"
#include "support/temporary_folder.hpp"

namespace fluxsbi::test {
namespace {

namespace fs = std::filesystem;

std::string file_bytes(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

// A tiny model, two observations, and commands whose samples are more than a block.
struct Streamed {
  TemporaryFolder folder;

  Streamed() {
    setenv("FLUXSBI_KEEP_SECONDS", "0", 1);  // so that a fast machine keeps something, too
    io::write_text(at("tiny.yaml"), tiny_config());
    io::write_text(at("x.csv"), "x_0,x_1\n0.1,0.2\n-0.1,0.3\n");
    succeed({"train", at("tiny.yaml"), "-o", at("run"), "-q", "--set", "training.nsteps=40"});
  }
  std::string at(const std::string& name) const { return folder.file(name); }
  std::vector<std::string> sampling(const std::string& out, const std::string& draws = "400000") const {
    return {"sample",   at("run"), "--x",     at("x.csv"), "-n", draws,
            "--solver", "euler",   "--steps", "4",         "-o", at(out)};
  }
};

// What a shell command prints, and its exit code.
Outcome shell(const std::string& command) {
  FILE* pipe = popen(command.c_str(), "r");
  REQUIRE(pipe);
  Outcome outcome;
  for (int c = 0; (c = fgetc(pipe)) != EOF;) outcome.output += static_cast<char>(c);
  outcome.code = WEXITSTATUS(pclose(pipe));
  return outcome;
}

}  // namespace

TEST_CASE("a large result that was killed again and again has the bytes of one that was not",
          "[app][durability][stream]") {
  const Streamed streamed;
  for (const std::string extension : {".npz", ".npy", ".h5"}) {
    CAPTURE(extension);
    const std::string whole = streamed.at("whole" + extension), parts = streamed.at("parts" + extension);
    succeed(streamed.sampling("whole" + extension));
    for (int kill = 0; kill < 2; ++kill) {
      Running sampling(streamed.sampling("parts" + extension));
      const auto kept = [&] {
        std::error_code none;
        return fs::last_write_time(parts + ".partial", none);
      };
      const auto before = kept();
      wait_until([&] { return kept() != before || fs::exists(parts); });
      std::this_thread::sleep_for(std::chrono::milliseconds(150));
      sampling.send(SIGKILL);
      sampling.wait();
      if (fs::exists(parts)) break;
    }
    if (!fs::exists(parts)) {
      auto other = streamed.sampling("parts" + extension);
      other.insert(other.end(), {"--seed", "5"});
      if (fs::exists(parts + ".partial")) refuses(other, "seed is 0 there and 5 here");
      succeed(streamed.sampling("parts" + extension));
    }
    CHECK(file_bytes(parts) == file_bytes(whole));
    CHECK_FALSE(fs::exists(parts + ".partial"));
    CHECK_FALSE(fs::exists(parts + ".partial-rows"));
  }
}

TEST_CASE("one output is written by one process", "[app][stream]") {
  const Streamed streamed;
  Running first(streamed.sampling("post.npz", "4000000"));
  REQUIRE(wait_until([&] { return fs::exists(streamed.at("post.npz.partial-rows")); }));
  refuses(streamed.sampling("post.npz", "4000000"), "is being written by another fluxsbi");
  first.send(SIGTERM);
  const int code = first.wait();
  CHECK((code == 75 || code == 128 + SIGTERM));
  CHECK_FALSE(fs::exists(streamed.at("post.npz")));
}

TEST_CASE("shards that a launcher divided merge to the file of one process", "[app][stream][shard]") {
  const Streamed streamed;
  auto command = streamed.sampling("post.npz", "300");
  command.insert(command.end(), {"--shard", "auto"});
  refuses(command, "no launcher started this program");
  for (const std::string rank : {"0", "1"}) {
    setenv("SLURM_PROCID", rank.c_str(), 1);
    setenv("SLURM_NTASKS", "2", 1);
    CHECK(holds(succeed(command), "part " + rank + " of 2, counted from 0, by srun"));
  }
  setenv("SLURM_PROCID", "2", 1);
  refuses(command, "SLURM_PROCID=2 and SLURM_NTASKS=2 contradict each other");
  unsetenv("SLURM_PROCID");
  unsetenv("SLURM_NTASKS");
  succeed(streamed.sampling("whole.npz", "300"));
  succeed({"merge", streamed.at("post.1-of-2.npz"), streamed.at("post.0-of-2.npz"), "-o",
           streamed.at("merged.npz")});
  CHECK(file_bytes(streamed.at("merged.npz")) == file_bytes(streamed.at("whole.npz")));
  auto other = streamed.sampling("other.npz", "300");
  other[9] = "5";
  other.insert(other.end(), {"--shard", "1/2"});
  succeed(other);
  refuses({"merge", streamed.at("post.0-of-2.npz"), streamed.at("other.npz"), "-o", streamed.at("no.npz")},
          "steps is 4 there and 5 here");
}

TEST_CASE("lines of observations are answered one by one with the draws of the command",
          "[app][stream][watch]") {
  const Streamed streamed;
  const std::string watch = std::string(FLUXSBI_PROGRAM) + " sample " + streamed.at("run") +
                            " -n 50 --solver euler --steps 4 --watch - 2>/dev/null";
  const auto answered = shell(
      "printf 'x_0,x_1\\n0.1,0.2\\n{\"id\": \"b\", \"x\": [-0.1, 0.3], \"n\": 50}\\n"
      "[1, 2, 3]\\n{\"x\": [0.1, 0.2], \"seed\": 0}\\n' | " +
      watch);
  CHECK(answered.code == 0);
  std::vector<nlohmann::json> lines;
  for (size_t begin = 0; begin < answered.output.size();) {
    const size_t end = answered.output.find('\n', begin);
    lines.push_back(nlohmann::json::parse(answered.output.substr(begin, end - begin)));
    begin = end + 1;
  }
  REQUIRE(lines.size() == 4);
  succeed(streamed.sampling("whole.npz", "50"));
  const auto whole = samples_in(streamed.at("whole.npz"));
  for (size_t row = 0; row < 2; ++row) {
    std::vector<float> draws;
    for (const auto& draw : lines[row].at("samples"))
      for (const auto& value : draw) draws.push_back(value.get<float>());
    CHECK(draws == std::vector<float>(whole.begin() + static_cast<std::ptrdiff_t>(row * 100),
                                      whole.begin() + static_cast<std::ptrdiff_t>(row * 100 + 100)));
  }
  CHECK(lines[0].at("id") == 0);
  CHECK(lines[1].at("id") == "b");
  CHECK(holds(lines[2].at("error").get<std::string>(), "[3]"));
  CHECK(lines[3].at("samples") == lines[0].at("samples"));
}

TEST_CASE("files that appear in a folder are answered as by the command, and bad ones are named",
          "[app][stream][watch]") {
  const Streamed streamed;
  fs::create_directory(streamed.at("in"));
  fs::create_directory(streamed.at("out"));
  const std::vector<std::string> watch{"sample", streamed.at("run"), "--watch", streamed.at("in"), "-n",
                                       "50",     "--solver",         "euler",   "--steps",         "4",
                                       "-o",     streamed.at("out")};
  const auto drop = [&](const std::string& name, const std::string& text) {
    io::write_text(streamed.at(name), text);
    fs::rename(streamed.at(name), streamed.at("in/" + name));
  };
  Running service(watch);
  drop("a.csv", "x_0,x_1\n0.1,0.2\n-0.1,0.3\n");
  CHECK(wait_until([&] { return fs::exists(streamed.at("out/a.npz")); }));
  drop("bad.csv", "x_0,x_1\n0.1,high\n");
  drop("b.json", "{\"x\": [0.1, 0.2]}");
  CHECK(wait_until([&] { return fs::exists(streamed.at("out/b.npz")); }));
  CHECK(wait_until([&] { return fs::exists(streamed.at("out/bad.error")); }));
  CHECK(holds(file_bytes(streamed.at("out/bad.error")), "bad.csv"));
  refuses(watch, "is being written by another fluxsbi command");
  service.send(SIGTERM);
  CHECK(service.wait() == 75);
  succeed(streamed.sampling("whole.npz", "50"));
  CHECK(file_bytes(streamed.at("out/a.npz")) == file_bytes(streamed.at("whole.npz")));

  const auto answered = fs::last_write_time(streamed.at("out/a.npz"));
  drop("bad.csv", "x_0,x_1\n0.1,0.5\n");
  Running again(watch);
  CHECK(wait_until([&] { return fs::exists(streamed.at("out/bad.npz")); }));
  again.send(SIGTERM);
  CHECK(again.wait() == 75);
  CHECK_FALSE(fs::exists(streamed.at("out/bad.error")));
  CHECK(fs::last_write_time(streamed.at("out/a.npz")) == answered);
}

TEST_CASE("sample --watch says what it needs", "[app][stream][watch]") {
  const Streamed streamed;
  refuses({"sample", streamed.at("run"), "--watch", streamed.at("in"), "-n", "5"}, "-o FOLDER");
  refuses({"sample", streamed.at("run"), "--watch", "-", "-n", "5", "-o", streamed.at("nowhere")},
          "which must exist");
  refuses({"sample", streamed.at("run"), "--watch", "-", "-n", "5", "--x", "x.csv"}, "leave --x out");
  refuses({"sample", streamed.at("run"), "--x", streamed.at("x.csv"), "-n", "5"}, "-o is missing");
}

}  // namespace fluxsbi::test
