// What is wrong inside a value that has keys of its own.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "config/value.hpp"

namespace fluxsbi::config {

/// One mistake below an option: `path` follows the option's own (".mass.low" of "prior.parameters"), and the
/// message completes "PLACE: PATH".
struct NestedProblem {
  Place place;
  std::string path;
  std::string message;
};

/// Thrown by a type's read() where its value holds keys of its own, with all mistakes; the Reader reports
/// each at its place.
class NestedProblems {
 public:
  explicit NestedProblems(std::vector<NestedProblem> problems) : problems_(std::move(problems)) {}
  const std::vector<NestedProblem>& problems() const { return problems_; }

 private:
  std::vector<NestedProblem> problems_;
};

}  // namespace fluxsbi::config
