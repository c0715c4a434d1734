// Every kernel against its reference, as plain functions: ctest runs them under emulation, the program
// kernel_check on a GPU too.
#pragma once

#include <string>
#include <vector>

namespace fluxsbi::test {

struct KernelCase {
  const char* name;
  std::vector<std::string> (*run)();  ///< what was wrong
};

const std::vector<KernelCase>& kernel_cases();

}  // namespace fluxsbi::test
