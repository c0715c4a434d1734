#include "data/split.hpp"

#include <algorithm>
#include <cmath>
#include <unordered_map>
#include <unordered_set>

#include "core/error.hpp"
#include "core/philox.hpp"

namespace fluxsbi::data {

namespace {

// Floyd's algorithm: a uniform subset of `count` rows with `count` draws.
std::vector<int64_t> subset(int64_t rows, int64_t count, uint64_t seed) {
  core::Philox random(seed, core::Purpose::split);
  std::unordered_set<int64_t> chosen;
  for (int64_t last = rows - count; last < rows; ++last) {
    const auto row = static_cast<int64_t>(random.below(static_cast<uint64_t>(last) + 1));
    if (!chosen.insert(row).second) chosen.insert(last);
  }
  return {chosen.begin(), chosen.end()};
}

// The first places of a uniform permutation of the rows (Fisher and Yates), of which set number k has those
// from k count on: that of the whole ensemble, then that of this member. Only the places that were swapped
// are kept.
std::vector<std::vector<int64_t>> sets_of_fold(int64_t rows, int64_t count, uint64_t seed, const Fold& fold) {
  constexpr uint64_t of_folds = 1;  // the stream; that of a single split is 0
  core::Philox random(seed, core::Purpose::split, of_folds);
  std::unordered_map<int64_t, int64_t> swapped;
  const auto at = [&](int64_t place) {
    const auto found = swapped.find(place);
    return found == swapped.end() ? place : found->second;
  };
  std::vector<std::vector<int64_t>> sets(static_cast<size_t>(fold.number) + 1);
  for (int64_t place = 0; place < (fold.number + 1) * count; ++place) {
    const auto other = place + static_cast<int64_t>(random.below(static_cast<uint64_t>(rows - place)));
    sets[static_cast<size_t>(place / count)].push_back(at(other));
    swapped[other] = at(place);
  }
  return sets;
}

}  // namespace

Split split_rows(int64_t rows, const DataOptions& options, uint64_t seed, const Fold& fold) {
  if (rows < 2) {
    throw core::UserError("training needs at least 2 rows, one to train on and one to validate with; found " +
                          std::to_string(rows));
  }
  const auto wanted = std::llround(options.validation_fraction * static_cast<double>(rows));
  const int64_t sets = fold.count > 1 ? fold.count + 1 : 1;
  if (fold.count > 1 && rows <= sets) {
    throw core::UserError("an ensemble of " + std::to_string(fold.count) + " members needs at least " +
                          std::to_string(sets + 1) +
                          " rows, since each member validates by rows of its own, and some are kept from all "
                          "members; found " +
                          std::to_string(rows) + "; lower training.ensemble");
  }
  const int64_t most = fold.count > 1 ? rows / (sets + 1) : rows - 1;
  const int64_t count = std::clamp<int64_t>(std::min<int64_t>(wanted, options.max_validation), 1, most);
  if (fold.count == 1) {
    std::vector<int64_t> validation = subset(rows, count, seed);
    std::sort(validation.begin(), validation.end());
    return {Complement(rows, validation), validation, validation};
  }
  auto of_sets = sets_of_fold(rows, count, seed, fold);
  std::vector<int64_t>& validation = of_sets.back();
  std::vector<int64_t> untrained = validation;
  if (fold.number > 0) untrained.insert(untrained.end(), of_sets.front().begin(), of_sets.front().end());
  std::sort(validation.begin(), validation.end());
  std::sort(untrained.begin(), untrained.end());
  return {Complement(rows, untrained), validation, untrained};
}

}  // namespace fluxsbi::data
