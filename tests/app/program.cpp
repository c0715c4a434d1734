#include "app/program.hpp"

#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <stdexcept>
#include <thread>

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

namespace fluxsbi::test {

namespace {

[[noreturn]] void become(std::vector<std::string> words) {
  setenv("OMP_NUM_THREADS", "1", 1);
  execvp(words[0].c_str(), pointers_to(words).data());
  _exit(127);
}

int exit_code(int status) {
  return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

}  // namespace

std::vector<std::string> program_with(const std::vector<std::string>& arguments) {
  std::vector<std::string> words{FLUXSBI_PROGRAM};
  words.insert(words.end(), arguments.begin(), arguments.end());
  return words;
}

std::vector<char*> pointers_to(std::vector<std::string>& words) {
  std::vector<char*> pointers;
  for (auto& word : words) pointers.push_back(word.data());
  pointers.push_back(nullptr);
  return pointers;
}

Outcome outcome_of(const std::function<void()>& work) {
  std::array<int, 2> ends{};
  if (pipe(ends.data()) != 0) throw std::runtime_error("no pipe");
  std::cout.flush();
  std::cerr.flush();
  std::fflush(nullptr);  // or a fork says it again
  const pid_t process = fork();
  if (process < 0) throw std::runtime_error("no process");
  if (process == 0) {
    dup2(ends[1], STDOUT_FILENO);
    dup2(ends[1], STDERR_FILENO);
    close(ends[0]);
    close(ends[1]);
    work();
  }
  close(ends[1]);
  Outcome outcome;
  std::array<char, 4096> buffer{};
  for (ssize_t n = 0; (n = read(ends[0], buffer.data(), buffer.size())) > 0;) {
    outcome.output.append(buffer.data(), static_cast<size_t>(n));
  }
  close(ends[0]);
  int status = 0;
  waitpid(process, &status, 0);
  outcome.code = exit_code(status);
  return outcome;
}

Outcome run_words(const std::vector<std::string>& words) {
  return outcome_of([&] { become(words); });
}

Running::Running(const std::vector<std::string>& arguments) : process_(fork()) {
  if (process_ != 0) return;
  const int nowhere = open("/dev/null", O_WRONLY);
  dup2(nowhere, STDOUT_FILENO);
  dup2(nowhere, STDERR_FILENO);
  become(program_with(arguments));
}

void Running::send(int signal) const {
  kill(process_, signal);
}

int Running::wait() {
  int status = 0;
  waitpid(process_, &status, 0);
  return exit_code(status);
}

bool wait_until(const std::function<bool()>& condition) {
  for (int i = 0; i < 24000 && !condition(); ++i) std::this_thread::sleep_for(std::chrono::milliseconds(5));
  return condition();
}

bool has_checkpoint(const std::string& run) {
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator(run + "/checkpoints", ignored)) {
    const std::string name = entry.path().filename().string();
    if (name.starts_with("step_") && name.ends_with(".safetensors")) return true;
  }
  return false;
}

std::string tiny_config() {
  return R"(strategy: {method: flow, model: flux1}
model: {depth: 1, depth_single_blocks: 1, num_heads: 2, val_emb_dim: 4, id_emb_dim: 4, id_merge_mode: concat,
        id_embedding_strategy: [absolute, absolute], mlp_ratio: 2, param_dtype: float32}
data: {task: two_moons, simulations: 2000}
training: {nsteps: 400, batch_size: 32, val_every: 50, save_every: 20, log_every: 10}
)";
}

std::string tiny_joint_config(const std::string& model) {
  const std::string section =
      model == "flux1joint"
          ? "{depth_single_blocks: 2, num_heads: 2, val_emb_dim: 4, cond_emb_dim: 2, id_emb_dim: 4, "
            "id_merge_mode: concat, mlp_ratio: 2, param_dtype: float32}"
          : "{dim_value: 10, dim_id: 4, dim_condition: 2, num_heads: 2, num_layers: 2}";
  return "strategy: {method: flow, model: " + model + "}\nmodel: " + section +
         "\ndata: {task: two_moons, simulations: 2000}\n"
         "training: {nsteps: 60, batch_size: 32, val_every: 50, save_every: 20, log_every: 10}\n";
}

}  // namespace fluxsbi::test
