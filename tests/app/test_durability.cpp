// Long work that is stopped, killed, refused for its memory, or meets a full disk.
#include <chrono>
#include <csignal>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <thread>
#include <vector>

#include <catch2/catch_test_macros.hpp>
#include <sys/resource.h>
#include <sys/wait.h>

#include "app/expect.hpp"
#include "app/program.hpp"
#include "app/variables.hpp"
#include "io/atomic_file.hpp"
#include "support/temporary_folder.hpp"

namespace fluxsbi::test {
namespace {

namespace fs = std::filesystem;

std::string bytes_of(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

// A tiny model and two observations.
struct TinyPosterior {
  TemporaryFolder folder;
  // Chunks are kept as soon as they are finished, so that a fast machine keeps some, too.
  Variables keep_at_once{{{"FLUXSBI_KEEP_SECONDS", "0"}}};

  TinyPosterior() {
    io::write_text(folder.file("tiny.yaml"), tiny_config());
    io::write_text(folder.file("x1.csv"), "x_0,x_1\n0.1,0.2\n");
    std::string points = "theta_0,theta_1\n";
    for (int i = 0; i < 200000; ++i) points += "0.1,0.2\n";
    io::write_text(folder.file("theta.csv"), points);
    io::write_text(folder.file("x.csv"), "x_0,x_1\n0.1,0.2\n-0.1,0.3\n");
    succeed(
        {"train", folder.file("tiny.yaml"), "-o", folder.file("run"), "-q", "--set", "training.nsteps=40"});
  }
  std::string at(const std::string& name) const { return folder.file(name); }

  /// Sampling that takes several seconds, in chunks of a fraction of one.
  std::vector<std::string> sampling(const std::string& out) const {
    return {"sample", at("run"), "--x", at("x.csv"), "-n",  "6000", "--solver",
            "euler",  "--steps", "400", "--chunk",   "100", "-o",   at(out)};
  }
};

// Until the journal holds more bytes than `kept`; false when the work ended before.
bool wait_for_growth(const std::string& journal, uintmax_t kept) {
  const auto size = [&] {
    std::error_code ignored;
    const uintmax_t bytes = fs::file_size(journal, ignored);
    return ignored ? uintmax_t{0} : bytes;
  };
  return wait_until([&] { return size() > kept; });
}

constexpr uintmax_t with_chunks = 20000;  // bytes of a journal; its description takes about one thousand

}  // namespace

TEST_CASE("a simulator does not outlive a command that was killed", "[app][durability]") {
  const TemporaryFolder folder;
  const std::string pid_file = folder.file("pid");
  // The number is written a moment late, by when the guard knows of the group on a busy machine, too.
  io::write_text(folder.file("sleeps.yaml"), "simulator: {command: \"sleep 600 & sleep 1; echo $! > " +
                                                 pid_file +
                                                 "; wait\", deterministic: true}\n"
                                                 "prior: {kind: normal, mean: [0], scale: [1]}\n");
  Running command({"simulate", folder.file("sleeps.yaml"), "-n", "10", "-o", folder.file("a.npz")});
  REQUIRE(wait_until([&] { return bytes_of(pid_file).ends_with('\n'); }));
  const std::string pid = bytes_of(pid_file);
  const auto alive = [&] {  // a zombie has ended; whoever adopted it has not looked yet
    std::ifstream status("/proc/" + pid.substr(0, pid.size() - 1) + "/stat");
    std::string number, name, state;
    return static_cast<bool>(status >> number >> name >> state) && state != "Z";
  };
  REQUIRE(alive());
  command.send(SIGKILL);
  CHECK(command.wait() == 128 + SIGKILL);
  CHECK(wait_until([&] { return !alive(); }));
}

TEST_CASE("sampling that was stopped and killed goes on by the same command, and the file is the same",
          "[app][durability]") {
  const TinyPosterior posterior;
  succeed(posterior.sampling("whole.npz"));
  CHECK_FALSE(fs::exists(posterior.at("whole.npz.partial")));
  const std::string partial = posterior.at("parts.npz.partial");
  {
    Running sampling(posterior.sampling("parts.npz"));
    REQUIRE(wait_for_growth(partial, with_chunks));
    sampling.send(SIGTERM);
    CHECK(sampling.wait() == 75);
  }
  REQUIRE(fs::exists(partial));
  const auto kept = fs::file_size(partial);

  auto other = posterior.sampling("parts.npz");
  other.insert(other.end(), {"--seed", "5"});
  refuses(other, "seed is 0 there and 5 here");
  CHECK(fs::file_size(partial) == kept);
  {
    Running sampling(posterior.sampling("parts.npz"));
    REQUIRE(wait_for_growth(partial, kept));
    sampling.send(SIGKILL);
    CHECK(sampling.wait() == 128 + SIGKILL);
  }
  CHECK(holds(succeed(posterior.sampling("parts.npz")), "going on from there"));
  CHECK_FALSE(fs::exists(partial));
  CHECK(bytes_of(posterior.at("parts.npz")) == bytes_of(posterior.at("whole.npz")));
}

TEST_CASE("a diagnosis that was stopped and killed goes on by the same command and finds the same numbers",
          "[app][durability]") {
  const TinyPosterior posterior;
  const auto diagnosis = [&](const std::string& out) -> std::vector<std::string> {
    return {"diagnose", posterior.at("run"), "sbc", "tarp", "--pairs",        "100", "-n",
            "1500",     "--steps",           "40",  "-o",   posterior.at(out)};
  };
  const std::string partial = posterior.at("parts/unfinished.partial");
  const int whole = run(diagnosis("whole")).code;
  CHECK((whole == 0 || whole == 2));
  for (const int signal : {SIGTERM, SIGKILL}) {
    Running diagnosing(diagnosis("parts"));
    REQUIRE(wait_for_growth(partial, signal == SIGTERM ? with_chunks : fs::file_size(partial)));
    diagnosing.send(signal);
    CHECK(diagnosing.wait() == (signal == SIGTERM ? 75 : 128 + SIGKILL));
    REQUIRE(fs::exists(partial));
    CHECK_FALSE(fs::exists(posterior.at("parts/sbc.json")));
  }
  const Outcome rest = run(diagnosis("parts"));
  CHECK(rest.code == whole);
  CHECK(holds(rest.output, "going on from what was finished"));
  CHECK_FALSE(fs::exists(partial));
  for (const std::string name : {"sbc.json", "tarp.json", "pit.npz"})
    CHECK(bytes_of(posterior.at("parts/" + name)) == bytes_of(posterior.at("whole/" + name)));
}

TEST_CASE("log-densities of samples that were killed again and again have the bytes of ones that were not",
          "[app][durability][density][stream]") {
  const TinyPosterior posterior;
  succeed({"sample", posterior.at("run"), "--x", posterior.at("x.csv"), "-n", "400", "--solver", "euler",
           "--steps", "4", "-o", posterior.at("samples.npz")});
  for (const std::string extension : {".npz", ".csv", ".h5"}) {
    const std::string whole = posterior.at("whole" + extension), parts = posterior.at("parts" + extension);
    INFO(parts);
    const auto densities = [&](const std::string& out) {
      return std::vector<std::string>{"log-prob", posterior.at("run"),
                                      "--theta",  posterior.at("samples.npz"),
                                      "--chunk",  "50",
                                      "--solver", "rk4",
                                      "--steps",  "20",
                                      "-o",       out};
    };
    succeed(densities(whole));
    int kills = 0;
    for (; kills < 3 && !fs::exists(parts); ++kills) {
      std::error_code none;
      const auto before = fs::last_write_time(parts + ".partial", none);
      Running computing(densities(parts));
      wait_until([&] {
        const auto now = fs::last_write_time(parts + ".partial", none);
        return (!none && now != before) || fs::exists(parts);
      });
      computing.send(SIGKILL);
      computing.wait();
    }
    CHECK(kills > 0);
    if (!fs::exists(parts)) CHECK(holds(succeed(densities(parts)), "going on from there"));
    CHECK(bytes_of(parts) == bytes_of(whole));
    CHECK_FALSE(fs::exists(parts + ".partial"));
    CHECK_FALSE(fs::exists(parts + ".partial-rows"));
  }
}

TEST_CASE("modes whose search was stopped are those of one that was not", "[app][durability][map]") {
  const TinyPosterior posterior;
  const auto modes = [&](const std::string& out) {
    return std::vector<std::string>{"map",     posterior.at("run"),
                                    "--x",     posterior.at("x.csv"),
                                    "-n",      "300",
                                    "--chunk", "50",
                                    "--atol",  "1e-3",
                                    "--rtol",  "1e-3",
                                    "-o",      posterior.at(out)};
  };
  succeed(modes("whole.npz"));
  Running computing(modes("parts.npz"));
  const std::string journal = posterior.at("parts.npz.partial"), done = posterior.at("parts.npz");
  REQUIRE(wait_until([&] { return fs::exists(journal) || fs::exists(done); }));
  computing.send(SIGTERM);
  const int code = computing.wait();
  CHECK((code == 75 || code == 0));
  if (code == 75) CHECK(holds(succeed(modes("parts.npz")), "going on from there"));
  CHECK(bytes_of(posterior.at("parts.npz")) == bytes_of(posterior.at("whole.npz")));
  CHECK_FALSE(fs::exists(posterior.at("parts.npz.partial")));
  CHECK_FALSE(fs::exists(posterior.at("parts.npz.partial-rows")));
}

TEST_CASE("a signal before anything is kept has an exit code for which no scheduler starts the work again",
          "[app][durability]") {
  const TinyPosterior posterior;
  Running printing(
      {"log-prob", posterior.at("run"), "--theta", posterior.at("theta.csv"), "--x", posterior.at("x1.csv")});
  std::this_thread::sleep_for(std::chrono::seconds(3));
  printing.send(SIGTERM);
  CHECK(printing.wait() == 128 + SIGTERM);  // densities that are printed are not kept
}

TEST_CASE("what needs more memory than there is says how much and what to lower", "[app][durability]") {
  const TinyPosterior posterior;
  refuses({"train", posterior.at("tiny.yaml"), "-o", posterior.at("big"), "--set",
           "training.batch_size=10000000", "training.multistep=100000"},
          "lower training.batch_size", Start::program);
  CHECK_FALSE(fs::exists(posterior.at("big")));
  refuses({"sample", posterior.at("run"), "--x", posterior.at("x.csv"), "-n", "1000000000000", "-o",
           posterior.at("x.npz")},
          "draw fewer (-n)", Start::program);
}

TEST_CASE("sampling into a folder that does not exist is refused before the work", "[app][durability]") {
  const TinyPosterior posterior;
  auto command = posterior.sampling("x.npz");
  command.back() = posterior.at("nowhere/x.npz");
  refuses(command, "does not exist; create it first");
}

TEST_CASE("a table that the standard output could not take is an error", "[app][durability]") {
  for (const std::string command :
       {"info --config-reference", "benchmark --published", "recommend --task two_moons"}) {
    const Outcome full = run_words({"sh", "-c", FLUXSBI_PROGRAM " " + command + " > /dev/full"});
    INFO(full.output);
    CHECK(full.code == 1);
    CHECK(holds(full.output, "the standard output: cannot be written: "));
  }
}

TEST_CASE("simulate takes a config as its first word, as train does", "[app][durability]") {
  const TemporaryFolder folder;
  io::write_text(folder.file("sim.yaml"),
                 "prior: {kind: uniform, low: [-1], high: [1]}\n"
                 "simulator: {command: \"awk -F, 'NR > 1 { print 2 * $1 }'\", batch: 5, workers: 1}\n");
  succeed({"simulate", folder.file("sim.yaml"), "-n", "7", "-o", folder.file("word.npz")});
  succeed({"simulate", "--config", folder.file("sim.yaml"), "-n", "7", "-o", folder.file("option.npz")});
  const std::string bytes = read_file(folder.file("word.npz"));
  CHECK_FALSE(bytes.empty());
  CHECK((bytes == read_file(folder.file("option.npz"))));
  refuses({"simulate", folder.file("absent.yaml"), "-n", "7", "-o", folder.file("x.npz")}, "absent.yaml");
}

TEST_CASE("a limit on open files is told with its remedy", "[app][durability]") {
  const TemporaryFolder folder;
  io::write_text(folder.file("sim.yaml"),
                 "simulator: {command: \"awk 'NR > 1'\", batch: 5, workers: 1, deterministic: true}\n"
                 "prior: {kind: box, low: [0], high: [1]}\n");
  const std::vector<std::string> commands{
      "simulate two_moons -o " + folder.file("a.npz"),
      "simulate --config " + folder.file("sim.yaml") + " -o " + folder.file("b.npz")};
  for (const auto& words : commands) {
    // Three files are open before the program opens one; what the caller left open as a fourth is closed.
    const std::string command = "exec 2>&1 3>&-; ulimit -n 4; exec " FLUXSBI_PROGRAM " " + words + " -n 20";
    FILE* pipe = popen(command.c_str(), "r");
    REQUIRE(pipe);
    std::string said;
    for (int c = 0; (c = fgetc(pipe)) != EOF;) said += static_cast<char>(c);
    const int status = pclose(pipe);
    INFO(said);
    CHECK(WEXITSTATUS(status) == 1);
    CHECK(holds(said, "Too many open files"));
    CHECK(holds(said, "ulimit -n"));
    CHECK_FALSE(fs::exists(folder.file("a.npz")));
    CHECK_FALSE(fs::exists(folder.file("b.npz")));
  }
}

TEST_CASE("a limit on file sizes ends training with the last good checkpoint, and sampling with what it kept",
          "[app][durability]") {
  const TinyPosterior posterior;
  const uintmax_t model = fs::file_size(posterior.at("run/model.safetensors"));
  rlimit before{};
  REQUIRE(getrlimit(RLIMIT_FSIZE, &before) == 0);
  const auto under_limit = [&](uintmax_t bytes, const auto& work) {
    const rlimit limit{bytes, before.rlim_max};
    REQUIRE(setrlimit(RLIMIT_FSIZE, &limit) == 0);
    work();
    setrlimit(RLIMIT_FSIZE, &before);
  };
  // A checkpoint holds five copies of the weights.
  under_limit(2 * model, [&] {
    refuses({"train", posterior.at("tiny.yaml"), "-o", posterior.at("full")}, "raise the limit on file sizes",
            Start::program);
  });
  CHECK(fs::exists(posterior.at("full/config.yaml")));
  under_limit(20000, [&] {
    refuses(posterior.sampling("y.npz"), "the same command then continues", Start::program);
  });
  CHECK(fs::exists(posterior.at("y.npz.partial")));
  CHECK_FALSE(fs::exists(posterior.at("y.npz")));
  CHECK(holds(succeed(posterior.sampling("y.npz")), "going on from there"));
}

}  // namespace fluxsbi::test
