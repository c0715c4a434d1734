// One side of the data, theta or x, on the survey's way through all rows.
#pragma once

#include <cstdint>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "core/philox.hpp"
#include "data/look/tally.hpp"
#include "data/source/row_array.hpp"
#include "data/standardise.hpp"
#include "data/transform_choice.hpp"

namespace fluxsbi::data {

/// What is said of a side.
struct SideWords {
  std::string key;     ///< "data.transform_theta"
  std::string ends;    ///< "the prior's support, or the ends"
  std::string remedy;  ///< for a value beyond the ends
};

class SideSurvey {
 public:
  /// `features` [size] are names. `request` comes without transforms, which are those of `choice`; that must
  /// outlive the survey, as the array must.
  SideSurvey(const RowArray& array, std::vector<std::string> features, SideWords words,
             const SideChoice& choice, StandardiserRequest request, core::Philox random,
             int64_t most_numbers);

  /// Makes rows first, ... the block at hand.
  void read(int64_t first, int64_t count);
  std::span<const double> row(int64_t i) const {
    return std::span(values_).subspan(static_cast<size_t>(i) * size_, size_);
  }
  const std::vector<std::string>& features() const { return features_; }

  /// Continues the CRC-32 with the rows `rows` of the block, and the fit with those that train; notes values
  /// beyond the ends of their transforms.
  void take(std::span<const int64_t> rows, std::span<const int64_t> training);

  /// Counts the values of row i of the block, which is left out, that are not finite.
  void note_missing(int64_t i);
  /// Of all rows so far that were taken, [size]; empty for more than most_tallied columns.
  const std::vector<ColumnTally>& tallies() const { return tallies_; }

  /// Features whose transform was guessed by a look at some rows and does not hold for others.
  const std::set<size_t>& refuted() const { return refuted_; }
  const SideWords& words() const { return words_; }
  uint32_t crc() const { return crc_; }
  uint64_t crc_bytes() const { return crc_bytes_; }

  /// Throws UserError for a value beyond the ends that the config or the prior confine it to.
  void require_inside() const;
  /// Throws UserError for constant features. Adds what was chosen, and what lies on an end, to `remarks`.
  Standardiser finish(std::vector<std::string>& remarks) const;

 private:
  void add_to_crc(std::span<const double> values);
  void note_outside(std::span<const int64_t> rows);

  const RowArray& array_;
  size_t size_;
  std::vector<std::string> features_;
  SideWords words_;
  const SideChoice& choice_;
  std::vector<Transform> told_, guessed_;  ///< [size] or empty; the other's features are free
  StandardiserFit fit_;
  int64_t first_ = 0;           ///< number of the block's first row
  std::vector<double> values_;  ///< of the block
  std::vector<ColumnTally> tallies_;
  std::set<size_t> refuted_;
  std::string outside_;  ///< the first value beyond the ends, as a message
  uint32_t crc_ = 0;
  uint64_t crc_bytes_ = 0;
};

}  // namespace fluxsbi::data
