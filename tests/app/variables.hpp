// Variables of the environment for a part of a test: its cases may share a process.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include <stdlib.h>

namespace fluxsbi::test {

/// Sets variables as long as it lives; none of them may be set before.
class Variables {
 public:
  explicit Variables(std::vector<std::pair<std::string, std::string>> variables)
      : variables_(std::move(variables)) {
    for (const auto& [name, value] : variables_) setenv(name.c_str(), value.c_str(), 1);
  }
  ~Variables() {
    for (const auto& [name, value] : variables_) unsetenv(name.c_str());
  }
  Variables(const Variables&) = delete;
  Variables& operator=(const Variables&) = delete;

 private:
  std::vector<std::pair<std::string, std::string>> variables_;
};

}  // namespace fluxsbi::test
