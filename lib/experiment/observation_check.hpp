// The look at observations before a model answers, and at samples before they are written.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "sample/files/disagreement.hpp"
#include "sample/files/shard.hpp"
#include "sample/posterior.hpp"

namespace fluxsbi::experiment {

/// A warning for each of the first ten rows that are unlike the training data, and one for the others
/// (data::unlike_training); before these, where the model was refined for one observation, one that counts
/// the rows which are another. values: [rows, size] in the data's units, the rows `range` of the file; size
/// is that of x, or of theta and x of a joint model's question, whose NaN are not given. Models of older
/// versions remember no data: nothing is said of them. Returns the unlike rows, counted from range.first on.
/// Throws core::DiagnosticFailed after the warnings where `strict`.
std::vector<int64_t> check_observations(const sample::Posterior& posterior, std::span<const double> values,
                                        sample::RowRange range, const std::string& file, bool strict);

/// Whether the members of an ensemble agree about what was drawn, for draws that come block by block.
class AgreementCheck {
 public:
  /// `draws` of each of the rows `range` of `file`; all_tokens: of theta and x. Says so where there are too
  /// few draws to tell. posterior must outlive it.
  AgreementCheck(const sample::Posterior& posterior, int64_t draws, bool all_tokens, sample::RowRange range,
                 std::string file);

  /// The next draws, in the order of rows and draws.
  void add(std::span<const double> values, std::span<const uint8_t> filled);
  /// A warning for each of the first ten rows about which the members disagree (disagreement.hpp), and one
  /// for the others. Returns how many rows these are; 0 for a single model.
  int64_t finish() const;

  /// Where it stands, for restore() of another; JSON.
  std::string state() const;
  void restore(const std::string& state);

 private:
  const sample::Posterior& posterior_;
  sample::RowRange range_;
  std::string file_;
  std::optional<sample::AgreementLook> look_;  ///< none: there is nothing to tell
  std::vector<sample::Disagreement> first_;    ///< rows of which it warns
  int64_t count_ = 0;
};

/// The same for whole samples.
int64_t check_agreement(const sample::Posterior& posterior, const sample::Samples& samples,
                        sample::RowRange range, const std::string& file);

/// Throws the UserError of a file that would hold `count` samples of NaN alone.
[[noreturn]] void refuse_unfilled(const std::string& output, int64_t count);

}  // namespace fluxsbi::experiment
