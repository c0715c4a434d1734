// How the entries of one output folder are scored; all share it.
#pragma once

#include <cstdint>
#include <string>

namespace fluxsbi::benchmark {

struct Protocol {
  int64_t observations = 10;  ///< of the reference folder, its first ones; 0: none
  int64_t fresh = 0;          ///< observations that are drawn from the prior predictive; 0: none
  int64_t draws = 10000;      ///< posterior draws for each observation
  int64_t pairs = 300;        ///< fresh pairs for log-density and calibration

  bool operator==(const Protocol&) const = default;
};

/// OUT/benchmark.json, or nothing but zeros where there is none. Throws UserError where it is damaged.
Protocol load_protocol(const std::string& out);

/// What OUT's entries and those to come are scored by: `wanted`, with the observations that OUT alone has.
/// Throws UserError where OUT was begun with other numbers, naming each and the remedy.
Protocol joined_protocol(const std::string& out, const Protocol& wanted);

/// Writes OUT/benchmark.json.
void save_protocol(const std::string& out, const Protocol& protocol);

}  // namespace fluxsbi::benchmark
