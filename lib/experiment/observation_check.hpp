// The look at observations before a model answers, and at samples before they are written.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "sample/files/shard.hpp"
#include "sample/posterior.hpp"

namespace fluxsbi::experiment {

/// A warning for each of the first ten rows that are unlike the training data, and one for the others
/// (data::unlike_training). values: [rows, size] in the data's units, the rows `range` of the file; size is
/// that of x, or of theta and x of a joint model's question, whose NaN are not given. Models of older
/// versions remember no data: nothing is said of them. Throws core::DiagnosticFailed after the warnings where
/// `strict`.
void check_observations(const sample::Posterior& posterior, std::span<const double> values,
                        sample::RowRange range, const std::string& file, bool strict);

/// Draws of an ensemble: a warning for each of the first ten rows about which its members disagree
/// (disagreement.hpp), and one for the others; the rows `range` of `file`. Says so where there are too few
/// draws to tell. Returns how many rows these are; 0 for a single model.
int64_t check_agreement(const sample::Posterior& posterior, const sample::Samples& samples,
                        sample::RowRange range, const std::string& file);

/// True where there are samples and none of them could be filled.
bool none_filled(const std::vector<uint8_t>& filled);
/// Throws the UserError of a file that would hold `count` samples of NaN alone.
[[noreturn]] void refuse_unfilled(const std::string& output, size_t count);

}  // namespace fluxsbi::experiment
