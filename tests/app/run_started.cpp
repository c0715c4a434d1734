// How other tests run commands: they compute with LibTorch themselves, whose threads no fork survives.
#include "app/program.hpp"

namespace fluxsbi::test {

Outcome run(const std::vector<std::string>& arguments, Start) {
  return run_words(program_with(arguments));
}

}  // namespace fluxsbi::test
