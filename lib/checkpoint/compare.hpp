// Are two configurations the same?
#pragma once

#include <string>
#include <vector>

namespace fluxsbi::checkpoint {

struct Difference {
  std::string key;     ///< "optimizer.max_lr"
  std::string theirs;  ///< YAML text; "nothing" where the key is absent
  std::string ours;
};

/// The keys in which two YAML texts differ, in the order of `ours`, then those that only `theirs` has.
std::vector<Difference> differing_keys(const std::string& theirs, const std::string& ours);

/// Throws UserError naming `source` (the checkpoint) and every key that differs, unless it is one of `free`
/// or lies in a section named there.
void require_same_config(const std::string& source, const std::string& theirs, const std::string& ours,
                         const std::vector<std::string>& free);

}  // namespace fluxsbi::checkpoint
