// A report's content from files: what a run folder and a file of samples say without a network.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "data/look/reference.hpp"
#include "report/content.hpp"
#include "sample/files/disagreement.hpp"

namespace fluxsbi::report {

/// Everything but the posterior, of a run folder: config.yaml, metrics.jsonl, data.json, train.log,
/// diagnostics/*.json and the model's metadata. What a run lacks is absent with a reason; an unfinished run,
/// and diagnostics that are older than the model, are notices. Throws UserError for a path that is no run
/// folder, and for diagnostics or a model that cannot be read.
ReportContent read_run(const std::string& run);

/// What stands beside the samples in a report.
struct SamplesRequest {
  std::string path;           ///< what `fluxsbi sample` wrote, or any file that diagnose::load_samples reads
  int64_t row = -1;           ///< as in diagnose::load_samples
  std::string prior;          ///< file of draws of the prior; empty: none
  std::vector<double> truth;  ///< true parameters; empty: unknown
};

/// Adds the posterior and the command that made it to the content of `run`. Throws UserError for files that
/// cannot be read, for numbers that do not fit the samples, and for samples that another model than that of
/// `run` drew.
void add_samples(ReportContent& content, const std::string& run, const SamplesRequest& request);

/// "The 4 members of the ensemble agree: ...", as the report says it.
std::string agreement_sentence(const sample::Disagreement& row, int64_t members,
                               const std::vector<std::string>& names);

/// What a reader must know of a row of x that the posterior is of: that it is unlike the training data, or
/// not the observation that the model was refined for. `names` are of its numbers.
std::vector<std::string> observation_sentences(const data::Reference& reference,
                                               std::span<const double> refined_for, std::span<const double> x,
                                               std::span<const std::string> names);

/// "; ... give OUT/rounds/3" for a folder of `refine`, whose rounds are run folders; "" for any other.
std::string remedy_of_rounds(const std::string& folder);

/// A word as a shell takes it: in single quotes where it holds more than letters, digits and harmless signs.
std::string shell_word(const std::string& word);

}  // namespace fluxsbi::report
