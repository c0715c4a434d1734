// LibTorch's number of threads for the length of a scope.
#pragma once

#include <ATen/Parallel.h>

namespace fluxsbi::test {

class Threads {
 public:
  explicit Threads(int count) : before_(at::get_num_threads()) { at::set_num_threads(count); }
  ~Threads() { at::set_num_threads(before_); }
  Threads(const Threads&) = delete;
  Threads& operator=(const Threads&) = delete;

 private:
  int before_;
};

}  // namespace fluxsbi::test
