// How tests/app runs commands: in a fork of the test process, which does what fluxsbi-network does.
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <iterator>
#include <stdexcept>

#include <unistd.h>

#include "app/program.hpp"

namespace fluxsbi::app {

int run_command_line(int argc, char** argv);  // apps/fluxsbi/command.hpp, of which tests include nothing

}  // namespace fluxsbi::app

namespace fluxsbi::test {

namespace {

constexpr const char* threads = "OMP_NUM_THREADS";
constexpr const char* forked = "FLUXSBI_TEST_FORK";  // set where a command runs

// Members of an ensemble are processes of the program that trains it, which in a fork is the test.
[[gnu::constructor]] void be_started_by_command(int, char** words, char**) {
  if (std::getenv(forked) != nullptr) execv(FLUXSBI_PROGRAM, words);
}

// Libraries read the number of threads when they are loaded, so a process that was started by hand without it
// starts anew; ctest sets it.
[[gnu::constructor]] void start_on_one_thread(int, char** words, char**) {
  const char* const set = std::getenv(threads);
  if (set != nullptr && std::string(set) == "1") return;
  setenv(threads, "1", 1);
  execv("/proc/self/exe", words);
}

// As a started program has them: the handlers that Catch2 sets are not the program's.
void reset_signals() {
  for (int signal = 1; signal < NSIG; ++signal) {
    struct sigaction action {};
    if (sigaction(signal, nullptr, &action) != 0 || action.sa_handler == SIG_IGN) continue;
    action = {};
    sigaction(signal, &action, nullptr);
  }
  stack_t stack{};
  stack.ss_flags = SS_DISABLE;
  sigaltstack(&stack, nullptr);
}

// Ends as the program does, or by an exception that nobody catches.
[[noreturn]] void be_program(std::vector<std::string> words) noexcept {
  reset_signals();
  setenv(forked, "1", 1);
  std::exit(app::run_command_line(static_cast<int>(words.size()), pointers_to(words).data()));
}

// A fork has the thread alone that forked: what others hold stays locked, and OpenMP waits for them for
// ever.
void require_one_thread() {
  const auto tasks = std::filesystem::directory_iterator("/proc/self/task");
  if (std::distance(begin(tasks), end(tasks)) != 1)
    throw std::runtime_error("the test process has started threads, so it cannot run commands in a fork");
}

}  // namespace

Outcome run(const std::vector<std::string>& arguments, Start start) {
  if (start == Start::program) return run_words(program_with(arguments));
  require_one_thread();
  return outcome_of([&] { be_program(program_with(arguments)); });
}

}  // namespace fluxsbi::test
