// Entries of a benchmark: one trained model each.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace fluxsbi::benchmark {

struct Entry {
  std::string task;
  std::string model;   ///< as strategy.model
  std::string method;  ///< a name of methods() (plan.hpp)
  int64_t simulations = 0;
  uint64_t seed = 1;  ///< of simulations, initial weights and noise
  std::string label;  ///< of a variant; empty: none

  /// "flux1_flow_10000_seed1", or "flux1_flow_10000_seed1_LABEL".
  std::string name() const;
  /// "two_moons/flux1_flow_10000_seed1", for messages.
  std::string title() const;
  /// The run folder: OUT/TASK/NAME.
  std::string folder(const std::string& out) const;
  /// What the benchmark keeps beside the run: OUT/TASK/NAME/benchmark.
  std::string notes(const std::string& out) const;

  bool operator==(const Entry&) const = default;
};

/// Throws UserError for a label that is no part of a folder's name (letters, digits, '-', '.' and '_' are).
void check_label(const std::string& label);

/// NOTES/entry.json.
void save_entry(const std::string& out, const Entry& entry);

/// The entries that have a folder in OUT, by task, simulations and name. Throws UserError for an entry.json
/// that is damaged. Empty where OUT is not there.
std::vector<Entry> entries_in(const std::string& out);

}  // namespace fluxsbi::benchmark
