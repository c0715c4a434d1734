#include "benchmark/child.hpp"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <span>
#include <thread>

#include <fcntl.h>
#include <unistd.h>

#include "core/file_descriptor.hpp"
#include "core/process.hpp"
#include "core/system.hpp"
#include "io/atomic_file.hpp"
#include "report/run_folder.hpp"

namespace fluxsbi::benchmark {

namespace {

namespace fs = std::filesystem;

constexpr int cannot_start = 127;  // as a shell says it

const std::vector<std::string>& words_of(const Step& step) {
  return !step.begun.empty() && fs::exists(step.begun) ? step.go_on : step.command;
}

core::FileDescriptor opened(const std::string& path, int flags) {
  core::FileDescriptor file(::open(path.c_str(), flags | O_CLOEXEC, 0666));
  if (!file.is_open()) io::fail_to_write(path, errno);
  return file;
}

// The last line that speaks of an error, else the last that is not empty, of what was written behind `from`.
std::string last_words_of(const std::string& log, std::uintmax_t from) {
  std::ifstream file(log);
  file.seekg(static_cast<std::streamoff>(from));
  std::string last, error;
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("error: ")) error = line.substr(7);
    if (!line.empty()) last = line;
  }
  return error.empty() ? last : error;
}

}  // namespace

bool is_done(const Step& step) {
  return fs::exists(step.output);
}

std::string command_line(const Step& step) {
  std::string line;
  for (const std::string& word : words_of(step)) {
    const bool own = line.empty() && fs::path(word).filename() == "fluxsbi";
    line += (line.empty() ? "" : " ") + (own ? "fluxsbi" : report::shell_word(word));
  }
  return step.captured ? line + " > " + report::shell_word(step.output) : line;
}

StepEnd run_step(const Step& step, const StepRun& how) {
  const double began = core::steady_seconds();
  const core::FileDescriptor log = opened(how.log, O_WRONLY | O_CREAT | O_APPEND);
  const std::string header = "$ " + command_line(step) + "\n";
  if (!core::write_all(log.number(), std::as_bytes(std::span(header)))) io::fail_to_write(how.log, errno);
  const auto from = core::size_of_file(log.number());
  const std::string printed = step.output + ".begun";
  core::FileDescriptor output;
  if (step.captured) output = opened(printed, O_WRONLY | O_CREAT | O_TRUNC);
  const core::FileDescriptor nothing = opened("/dev/null", O_RDONLY);
  std::vector<std::string> environment;
  if (how.threads > 0) environment.push_back("OMP_NUM_THREADS=" + std::to_string(how.threads));
  core::Process process = core::Process::start_bound_program(
      words_of(step), environment,
      {nothing.number(), step.captured ? output.number() : log.number(), log.number()}, {SIGTERM, how.lock});
  StepEnd end;
  auto pause = std::chrono::milliseconds(2);
  while (!process.has_ended()) {
    if (how.stop && how.stop() != 0) {
      end.stopped = true;
      process.end_group();
      break;
    }
    std::this_thread::sleep_for(pause);
    pause = std::min(pause * 2, std::chrono::milliseconds(100));
  }
  end.status = process.wait();
  end.seconds = core::steady_seconds() - began;
  const bool good = std::find(step.good.begin(), step.good.end(), end.status) != step.good.end();
  if (good && step.captured) {
    if (fsync(output.number()) != 0 || ::rename(printed.c_str(), step.output.c_str()) != 0)
      io::fail_to_write(step.output, errno);
  } else if (step.captured) {
    std::error_code ignored;
    fs::remove(printed, ignored);
  }
  if (!end.stopped && (!good || !is_done(step))) {
    end.problem = last_words_of(how.log, from);
    if (end.problem.empty() && end.status == cannot_start)
      end.problem = step.command.front() + " cannot be started";
    if (end.problem.empty()) end.problem = "ended with exit code " + std::to_string(end.status);
  }
  return end;
}

}  // namespace fluxsbi::benchmark
