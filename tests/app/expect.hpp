// What tests expect of commands.
#pragma once

#include <string>
#include <vector>

#include <catch2/catch_test_macros.hpp>

#include "app/program.hpp"
#include "io/array.hpp"
#include "io/files.hpp"

namespace fluxsbi::test {

inline bool holds(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

/// What a command says that must end well.
inline std::string succeed(const std::vector<std::string>& command, Start start = Start::fork) {
  const Outcome outcome = run(command, start);
  INFO(outcome.output);
  REQUIRE(outcome.code == 0);
  return outcome.output;
}

/// The command fails with exit code 1 and says `part`; LibTorch's words and stack traces never show.
inline void refuses(const std::vector<std::string>& command, const std::string& part,
                    Start start = Start::fork) {
  const Outcome outcome = run(command, start);
  INFO("expected to hold: " << part << "\nsaid: " << outcome.output);
  CHECK(outcome.code == 1);
  CHECK(holds(outcome.output, part));
  CHECK_FALSE(holds(outcome.output, "Exception raised from"));
  CHECK_FALSE(holds(outcome.output, "internal error"));
}

/// An array of a file, and the samples of one.
inline io::Array array_in(const std::string& path, const std::string& key) {
  return io::load_arrays(path).arrays.at(key);
}
inline std::vector<float> samples_in(const std::string& path) {
  return array_in(path, "samples").to_float();
}

}  // namespace fluxsbi::test
