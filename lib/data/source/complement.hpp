// Numbers that are left of a range when a few are taken out.
#pragma once

#include <cstdint>
#include <vector>

namespace fluxsbi::data {

/// The numbers 0 ... total - 1 without some of them, in ascending order. It holds those that are missing
/// alone, so that the rows of a file of any length have an index.
class Complement {
 public:
  Complement() = default;
  /// `without`: ascending, each below `total`.
  Complement(int64_t total, std::vector<int64_t> without);

  int64_t size() const { return total_ - std::ssize(skips_); }
  /// The k-th number that is left, 0 <= k < size().
  int64_t operator[](int64_t k) const;
  std::vector<int64_t> all() const;

 private:
  int64_t total_ = 0;
  std::vector<int64_t> skips_;  ///< of the i-th missing number: the numbers before it that are left
};

}  // namespace fluxsbi::data
