// Long work of many parts, each a folder and its steps: locks, resuming, several at a time.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "benchmark/child.hpp"

namespace fluxsbi::benchmark {

/// A part of the work. One process at a time has it: `folder` is locked as long as that process, or a command
/// that it started, lives.
struct Work {
  std::string name;  ///< for people
  std::string
      folder;  ///< made where it is missing; holds log.txt, steps.jsonl and, after a failure, failure.txt
  std::function<void()> prepare = {};  ///< called under the lock, before the first step
  std::vector<Step> steps;
  std::vector<std::shared_ptr<const Work>> before = {};  ///< shared parts that must be done first
};

/// True where all steps are done, those of `before` too.
bool is_done(const Work& work);

struct WorkOptions {
  int64_t jobs = 1;  ///< parts that are worked on at a time, by threads of this process
  int threads = 0;   ///< of each command; 0: as this process has it
  std::function<int()> stop = {};
  double patience = 15;  ///< seconds to wait for parts that other processes have, once nothing else is left
};

struct WorkResult {
  int64_t done = 0;       ///< parts that are done, by whomever
  int64_t failed = 0;     ///< parts of which a step failed, in this call or meanwhile in another process
  int64_t elsewhere = 0;  ///< parts that other processes are working on
  int64_t stopped = 0;    ///< parts that are left because `stop` asked for it
};

/// Works through the parts in their order, from where each stands. A part whose step fails is left, with the
/// reason in the log and in failure.txt, and the others go on. Parts that another process has are passed
/// over, and tried again at the end. Throws UserError where nothing can be written.
WorkResult work_through(const std::vector<Work>& parts, const WorkOptions& options);

}  // namespace fluxsbi::benchmark
