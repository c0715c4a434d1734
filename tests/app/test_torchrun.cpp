// Training by ranks that have the variables of torchrun, without MPI.
#include <cmath>
#include <csignal>
#include <filesystem>
#include <fstream>

#include <arpa/inet.h>
#include <catch2/catch_test_macros.hpp>
#include <netinet/in.h>
#include <nlohmann/json.hpp>
#include <sys/socket.h>
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

// A port that nobody has at the moment.
std::string free_port() {
  const int door = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  bind(door, reinterpret_cast<const sockaddr*>(&address), sizeof address);
  getsockname(door, reinterpret_cast<sockaddr*>(&address), &size);
  close(door);
  return std::to_string(ntohs(address.sin_port));
}

// Processes 0 and 1 of 2, as torchrun starts them, whose store rank 0 hosts.
class TwoRanks {
 public:
  TwoRanks(const TemporaryFolder& folder, const std::string& arguments) {
    const std::string port = free_port();
    for (const std::string rank : {"0", "1"}) {
      logs_[rank == "1"] = folder.file("log" + rank);
      const std::string command = "RANK=" + rank + " LOCAL_RANK=" + rank +
                                  " WORLD_SIZE=2 MASTER_ADDR=127.0.0.1 " + "MASTER_PORT=" + port +
                                  " OMP_NUM_THREADS=1 exec " + FLUXSBI_PROGRAM + " " + arguments + " > " +
                                  logs_[rank == "1"] + " 2>&1";
      pid_t& process = processes_[rank == "1"] = fork();
      if (process == 0) {
        execl("/bin/sh", "sh", "-c", command.c_str(), nullptr);
        _exit(127);
      }
    }
  }
  void kill(int rank) const { ::kill(processes_[rank], SIGKILL); }
  // Exit code of a rank, or 128 + signal, and what it said.
  Outcome wait(int rank) const {
    int status = 0;
    waitpid(processes_[rank], &status, 0);
    return {WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status), io::read_text(logs_[rank])};
  }

 private:
  pid_t processes_[2] = {};
  std::string logs_[2];
};

double last_validation(const std::string& run) {
  std::ifstream file(run + "/metrics.jsonl");
  double loss = NAN;
  for (std::string line; std::getline(file, line);) {
    const auto json = nlohmann::json::parse(line);
    if (json.contains("val_loss")) loss = json["val_loss"].get<double>();
  }
  return loss;
}

void write_config(const TemporaryFolder& folder) {
  io::write_text(folder.file("c.yaml"), tiny_config() + "output: {tensorboard: false}\n");
}

TEST_CASE("ranks of torchrun train as one process does, and the same way each time",
          "[app][ranks][torchrun][serial]") {
  const TemporaryFolder folder;
  write_config(folder);
  const auto arguments = [&](const std::string& run) {
    return "train " + folder.file("c.yaml") + " -o " + folder.file(run) + " --set training.nsteps=150";
  };
  succeed({"train", folder.file("c.yaml"), "-o", folder.file("one"), "--set", "training.nsteps=150"});
  for (const std::string run : {"two", "again"}) {
    const TwoRanks ranks(folder, arguments(run));
    const Outcome first = ranks.wait(0), second = ranks.wait(1);
    INFO(first.output << second.output);
    REQUIRE(first.code == 0);
    REQUIRE(second.code == 0);
    CHECK(holds(first.output, "2 ranks on 1 host by the store of torchrun, 1 thread each"));
    CHECK(second.output.empty());
    const double one = last_validation(folder.file("one")), two = last_validation(folder.file(run));
    CHECK(std::abs(one - two) < 1e-4 * std::abs(one));
  }
  const auto a = checkpoint::load_model(folder.file("two/model.safetensors")),
             b = checkpoint::load_model(folder.file("again/model.safetensors"));
  for (const auto& [name, array] : a.weights) CHECK(array.bytes == b.weights.at(name).bytes);
}

TEST_CASE("a rank of torchrun that dies ends the other with one sentence, whoever hosts the store",
          "[app][ranks][torchrun][serial]") {
  const TemporaryFolder folder;
  write_config(folder);
  for (const int dies : {0, 1}) {
    const std::string run = folder.file("run" + std::to_string(dies));
    const TwoRanks ranks(folder, "train " + folder.file("c.yaml") + " -o " + run +
                                     " --set training.nsteps=100000 training.save_every=20");
    REQUIRE(wait_until([&] { return has_checkpoint(run); }));
    ranks.kill(dies);
    const Outcome other = ranks.wait(1 - dies);
    ranks.wait(dies);
    INFO(other.output);
    CHECK(other.code == 1);
    CHECK(holds(other.output, "error: rank " + std::to_string(dies) + " (host "));
    CHECK(holds(other.output, "has died; all ranks end"));
    CHECK_FALSE(holds(other.output, "c10"));
  }
}

TEST_CASE("variables of torchrun without torchrun are told of in one sentence", "[app][ranks][torchrun]") {
  const TemporaryFolder folder;
  write_config(folder);
  const auto refuse = [&](std::vector<std::string> words, const std::string& part) {
    words.insert(words.begin(), {"env", "RANK=0", "WORLD_SIZE=2"});
    words.insert(words.end(), {FLUXSBI_PROGRAM, "train", folder.file("c.yaml"), "-o", folder.file("run"),
                               "--rank-timeout", "3"});
    const Outcome outcome = run_words(words);
    INFO(outcome.output);
    CHECK(outcome.code == 1);
    CHECK(holds(outcome.output, part));
    CHECK(outcome.output.find("error: ") == outcome.output.rfind("error: "));
    CHECK_FALSE(fs::exists(folder.file("run")));
  };
  const std::string port = "MASTER_PORT=" + free_port();
  refuse({}, "MASTER_ADDR, which torchrun sets with them, is not set");
  refuse({"MASTER_ADDR=127.0.0.1", "MASTER_PORT=none"}, "MASTER_PORT is 'none', not a port");
  refuse({"MASTER_ADDR=127.0.0.1", port}, "rank 1 of 2 has not come to the store at 127.0.0.1:");
  refuse({"MASTER_ADDR=127.0.0.1", port, "TORCHELASTIC_USE_AGENT_STORE=True"},
         "no store answers at 127.0.0.1:");
}

}  // namespace
}  // namespace fluxsbi::test
