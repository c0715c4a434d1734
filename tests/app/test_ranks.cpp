// Training by several ranks under mpirun, and what becomes of it when one of them is lost.
#include <chrono>
#include <cmath>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <map>
#include <thread>

#include <catch2/catch_test_macros.hpp>
#include <fcntl.h>
#include <nlohmann/json.hpp>
#include <sys/wait.h>
#include <unistd.h>

#include "app/expect.hpp"
#include "app/program.hpp"
#include "checkpoint/model_file.hpp"
#include "io/atomic_file.hpp"
#include "io/text_file.hpp"
#include "support/temporary_folder.hpp"

namespace fluxsbi::test {
namespace {

namespace fs = std::filesystem;
using Words = std::vector<std::string>;

void need_mpirun() {
#ifndef FLUXSBI_HAS_MPI
  SKIP("this build has no MPI plug-in");
#endif
  if (run_words({"mpirun", "--version"}).code != 0) SKIP("there is no mpirun in PATH");
  setenv("OMPI_ALLOW_RUN_AS_ROOT", "1", 1);
  setenv("OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "1", 1);
  setenv("OMPI_MCA_rmaps_base_oversubscribe", "1", 1);
  setenv("OMPI_MCA_hwloc_base_binding_policy", "none", 1);
}

Words by_ranks(int count, const Words& arguments) {
  Words words{"mpirun", "-n", std::to_string(count), FLUXSBI_PROGRAM};
  words.insert(words.end(), arguments.begin(), arguments.end());
  return words;
}

// mpirun in the background, its output in a file.
class RunningRanks {
 public:
  RunningRanks(const Words& words, std::string log) : log_(std::move(log)), process_(fork()) {
    if (process_ != 0) return;
    const int file = open(log_.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0644);
    dup2(file, STDOUT_FILENO);
    dup2(file, STDERR_FILENO);
    std::vector<char*> pointers;
    Words own = words;
    for (auto& word : own) pointers.push_back(word.data());
    pointers.push_back(nullptr);
    setenv("OMP_NUM_THREADS", "1", 1);
    execvp(pointers[0], pointers.data());
    _exit(127);
  }
  void send(int signal) const { kill(process_, signal); }
  // The process of a rank, which is a child of mpirun.
  pid_t rank(int number) const {
    for (const auto& entry : fs::directory_iterator("/proc")) {
      std::ifstream stat(entry.path() / "stat"), environment(entry.path() / "environ");
      std::string line, all(std::istreambuf_iterator<char>(environment), {});
      std::getline(stat, line);
      const auto end = line.rfind(')');  // pid (name) state parent
      if (end == std::string::npos || end + 4 > line.size()) continue;
      if (std::atoi(line.c_str() + end + 4) != process_) continue;
      if (holds(all, "OMPI_COMM_WORLD_RANK=" + std::to_string(number) + '\0')) return std::atoi(line.c_str());
    }
    return -1;
  }
  Outcome wait() {
    int status = 0;
    waitpid(process_, &status, 0);
    return {WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status), io::read_text(log_)};
  }

 private:
  std::string log_;
  pid_t process_;
};

bool wait_for_checkpoint(const std::string& run) {
  return wait_until([&] { return has_checkpoint(run); });
}

std::string short_config() {
  return tiny_config() + "output: {tensorboard: false}\n";
}

// step -> validation loss of metrics.jsonl
std::map<int64_t, double> curve(const std::string& run) {
  std::map<int64_t, double> losses;
  std::ifstream file(run + "/metrics.jsonl");
  for (std::string line; std::getline(file, line);) {
    const auto json = nlohmann::json::parse(line);
    if (json.contains("val_loss")) losses[json["step"].get<int64_t>()] = json["val_loss"].get<double>();
  }
  return losses;
}

void require_close(const std::string& run, const std::string& other) {
  const auto a = curve(run), b = curve(other);
  REQUIRE(!a.empty());
  REQUIRE(a.size() == b.size());
  for (const auto& [step, loss] : a) {
    INFO("step " << step << ": " << loss << " and " << b.at(step));
    CHECK(std::abs(loss - b.at(step)) < 1e-4 * std::abs(loss));
  }
}

bool have_same_weights(const std::string& run, const std::string& other) {
  const auto a = checkpoint::load_model(run + "/model.safetensors"),
             b = checkpoint::load_model(other + "/model.safetensors");
  for (const auto& [name, array] : a.weights) {
    if (array.bytes != b.weights.at(name).bytes) return false;
  }
  return a.step == b.step && a.validation_loss == b.validation_loss;
}

size_t count_of(const std::string& text, const std::string& part) {
  size_t count = 0;
  for (size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++count;
  return count;
}

TEST_CASE("one, two and four ranks have the validation curve of one process", "[app][ranks][serial]") {
  need_mpirun();
  const TemporaryFolder folder;
  io::write_text(folder.file("c.yaml"), short_config());
  const auto train = [&](const std::string& name) {
    return Words{"train", folder.file("c.yaml"), "-o", folder.file(name), "--set", "training.nsteps=150"};
  };
  succeed(train("alone"));
  for (const int count : {1, 2, 4}) {
    const std::string name = "r" + std::to_string(count);
    const Outcome outcome = run_words(by_ranks(count, train(name)));
    INFO(outcome.output);
    REQUIRE(outcome.code == 0);
    CHECK(count_of(outcome.output, "finished at step 150") == 1);  // rank 0 alone writes the log
    require_close(folder.file(name), folder.file("alone"));
    CHECK((count > 1 || have_same_weights(folder.file(name), folder.file("alone"))));
  }
}

TEST_CASE("simulations while training are divided among ranks", "[app][ranks][serial]") {
  need_mpirun();
  const TemporaryFolder folder;
  io::write_text(folder.file("c.yaml"), short_config());
  const auto train = [&](const std::string& name) {
    return Words{"train",
                 folder.file("c.yaml"),
                 "--online",
                 "-o",
                 folder.file(name),
                 "--set",
                 "data.reuse=2",
                 "--set",
                 "training.nsteps=100",
                 "--set",
                 "strategy.levels=learned"};
  };
  succeed(train("alone"));
  const Outcome outcome = run_words(by_ranks(3, train("three")));
  INFO(outcome.output);
  REQUIRE(outcome.code == 0);
  require_close(folder.file("three"), folder.file("alone"));
}

TEST_CASE("ranks stop at one step when a signal comes, and another number of them goes on",
          "[app][ranks][resume][serial]") {
  need_mpirun();
  const TemporaryFolder folder;
  io::write_text(folder.file("c.yaml"), short_config());
  succeed({"train", folder.file("c.yaml"), "-o", folder.file("alone")});
  RunningRanks running(by_ranks(2, {"train", folder.file("c.yaml"), "-o", folder.file("run")}),
                       folder.file("log"));
  REQUIRE(wait_for_checkpoint(folder.file("run")));
  kill(running.rank(1), SIGUSR1);  // to one of the two
  const Outcome stopped = running.wait();
  INFO(stopped.output);
  REQUIRE(stopped.code == 75);
  CHECK(holds(stopped.output, "the checkpoint is saved"));
  const Outcome again = run_words(by_ranks(3, {"resume", folder.file("run")}));
  INFO(again.output);
  REQUIRE(again.code == 0);
  require_close(folder.file("run"), folder.file("alone"));
}

TEST_CASE("a rank that is killed ends all with one sentence, and resume gives the bits of an undisturbed run",
          "[app][ranks][resume][serial]") {
  need_mpirun();
  const TemporaryFolder folder;
  io::write_text(folder.file("c.yaml"), short_config());
  const auto train = [&](const std::string& name) {
    return by_ranks(2, {"train", folder.file("c.yaml"), "-o", folder.file(name)});
  };
  REQUIRE(run_words(train("whole")).code == 0);
  for (const int victim : {0, 1}) {
    const std::string name = "killed" + std::to_string(victim);
    RunningRanks running(train(name), folder.file("log"));
    REQUIRE(wait_for_checkpoint(folder.file(name)));
    kill(running.rank(victim), SIGKILL);
    const Outcome outcome = running.wait();
    INFO(outcome.output);
    CHECK(outcome.code != 0);
    CHECK(count_of(outcome.output, "has died; all ranks end") == 1);
    CHECK(holds(outcome.output, "rank " + std::to_string(victim) + " (host "));
    CHECK(holds(outcome.output, "The last good checkpoint is"));
    const Outcome again = run_words(by_ranks(2, {"resume", folder.file(name)}));
    INFO(again.output);
    REQUIRE(again.code == 0);
    CHECK(have_same_weights(folder.file(name), folder.file("whole")));
  }
}

TEST_CASE("training waits for a rank that is stopped for a while, and ends when it stays silent",
          "[app][ranks]") {
  need_mpirun();
  const TemporaryFolder folder;
  io::write_text(folder.file("c.yaml"), short_config());
  for (const bool waits : {true, false}) {
    const std::string name = waits ? "waits" : "ends";
    RunningRanks running(by_ranks(2, {"train", folder.file("c.yaml"), "-o", folder.file(name),
                                      "--rank-timeout", waits ? "30" : "3"}),
                         folder.file("log"));
    REQUIRE(wait_for_checkpoint(folder.file(name)));
    const pid_t rank = running.rank(1);
    kill(rank, SIGSTOP);
    std::this_thread::sleep_for(std::chrono::seconds(waits ? 2 : 6));
    kill(rank, SIGCONT);
    const Outcome outcome = running.wait();
    INFO(outcome.output);
    CHECK((outcome.code == 0) == waits);
    CHECK(holds(outcome.output, "has given no sign of life for 3 s; all ranks end") == !waits);
  }
}

TEST_CASE("ranks train one model where the recipe has an ensemble, and refuse one that was asked for",
          "[app][ranks][recipe]") {
  need_mpirun();
  const TemporaryFolder folder;
  succeed({"simulate", "two_moons", "-n", "200", "-o", folder.file("few.npz")});
  const auto train = [&](const std::string& run, const Words& more) {
    Words words{"train",          "--data", folder.file("few.npz"), "-o",
                folder.file(run), "--set",  "training.nsteps=5"};
    words.insert(words.end(), more.begin(), more.end());
    return run_words(by_ranks(2, words));
  };
  const Outcome one = train("one", {});
  INFO(one.output);
  CHECK(one.code == 0);
  CHECK(holds(one.output, "2 ranks train one model, where the recipe has an ensemble of 2"));
  CHECK(fs::exists(folder.file("one/model.safetensors")));
  CHECK_FALSE(fs::exists(folder.file("one/members")));
  CHECK(holds(train("asked", {"--ensemble", "2"}).output, "2 ranks cannot share it"));
}

TEST_CASE("ranks with other configs or data are refused by name before any work", "[app][ranks]") {
  need_mpirun();
  const TemporaryFolder folder;
  io::write_text(folder.file("c.yaml"), short_config());
  succeed({"simulate", "two_moons", "-n", "500", "-o", folder.file("a.npz")});
  succeed({"simulate", "two_moons", "-n", "500", "--seed", "1", "-o", folder.file("b.npz")});
  const auto refuse = [&](const Words& first, const Words& second, const std::string& part) {
    Words words{"mpirun"};
    for (const Words& own : {first, second}) {
      if (words.size() > 1) words.emplace_back(":");
      words.insert(words.end(),
                   {"-n", "1", FLUXSBI_PROGRAM, "train", folder.file("c.yaml"), "-o", folder.file("run")});
      words.insert(words.end(), own.begin(), own.end());
    }
    const Outcome outcome = run_words(words);
    INFO(outcome.output);
    CHECK(outcome.code == 1);
    CHECK(count_of(outcome.output, "error: ") == 1);
    CHECK(holds(outcome.output, "error: rank 1 (host "));
    CHECK(holds(outcome.output, part));
    CHECK_FALSE(fs::exists(folder.file("run")));
  };
  refuse({}, {"--set", "optimizer.max_lr=0.002"}, "optimizer.max_lr is 0.002, but 1e-04 on rank 0");
  refuse({"--data", folder.file("a.npz")}, {"--data", folder.file("b.npz")}, "are not those of rank 0");
  refuse({}, {"--data", folder.file("none.npz")}, "none.npz");
}

TEST_CASE("launcher variables without ranks, and ranks without MPI, are told of in one sentence",
          "[app][ranks]") {
  const TemporaryFolder folder;
  io::write_text(folder.file("c.yaml"), short_config());
  const Words train{FLUXSBI_PROGRAM, "train", folder.file("c.yaml"), "-o", folder.file("run")};
  const auto refuse = [&](Words words, const Words& command, const std::string& part) {
    words.insert(words.end(), command.begin(), command.end());
    const Outcome outcome = run_words(words);
    INFO(outcome.output);
    CHECK(outcome.code == 1);
    CHECK(count_of(outcome.output, "error: ") == 1);
    CHECK(holds(outcome.output, part));
    CHECK_FALSE(fs::exists(folder.file("run")));
  };
  refuse({"env", "SLURM_PROCID=0", "SLURM_NTASKS=2", "FLUXSBI_MPI_PLUGIN=/nowhere.so"}, train,
         "srun has started 2 processes, but the MPI plug-in /nowhere.so is not there");
  need_mpirun();
  for (const std::string rank : {"0", "1"})
    refuse({"env", "SLURM_PROCID=" + rank, "SLURM_NTASKS=2"}, train,
           "the variables are left over from elsewhere");
  refuse({"env", "FLUXSBI_MPI_PLUGIN=/nowhere.so", "mpirun", "-n", "2"}, train,
         "mpirun (Open MPI) has started 2 processes, but the MPI plug-in /nowhere.so is not there");
  Words ensemble = train;
  ensemble.insert(ensemble.end(), {"--ensemble", "2"});
  refuse({"mpirun", "-n", "2"}, ensemble, "2 ranks cannot share it");
  refuse({"mpirun", "-n", "2"}, {FLUXSBI_PROGRAM, "benchmark", folder.file("run"), "--tasks", "two_moons"},
         "benchmark does not divide its work");
  Words apart{"mpirun", "-n", "1"};
  apart.insert(apart.end(), train.begin(), train.end());
  // A rank that ends before it has met the others may be noticed by mpirun first.
  refuse(apart, {"--rank-timeout", "3", ":", "-n", "1", "sleep", "60"},
         "but not all of them have come to train within 3 s");
  Words small = train;
  small.insert(small.end(), {"--set", "training.batch_size=2"});
  refuse({"mpirun", "-n", "3"}, small, "training.batch_size = 2 rows cannot be divided among 3 ranks");
}

}  // namespace
}  // namespace fluxsbi::test
