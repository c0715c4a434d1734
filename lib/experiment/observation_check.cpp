#include "experiment/observation_check.hpp"

#include <algorithm>
#include <limits>

#include "core/error.hpp"
#include "core/log.hpp"
#include "core/system.hpp"
#include "core/text.hpp"
#include "data/files/names.hpp"
#include "data/look/reference.hpp"
#include "sample/files/disagreement.hpp"

namespace fluxsbi::experiment {

namespace {

constexpr size_t most_lines = 10;

// x of rows of theta and x, or the rows themselves where they hold x alone.
std::vector<double> x_of(std::span<const double> values, int64_t rows, size_t size) {
  if (rows == 0) return {};
  const size_t width = values.size() / static_cast<size_t>(rows);
  std::vector<double> x;
  for (size_t end = width; end <= values.size(); end += width) {
    const auto row = values.subspan(end - size, size);
    x.insert(x.end(), row.begin(), row.end());
  }
  return x;
}

}  // namespace

void check_observations(const sample::Posterior& posterior, std::span<const double> values,
                        sample::RowRange range, const std::string& file, bool strict) {
  const data::DataShape& shape = posterior.shape();
  if (shape.x_dim == 0 || posterior.reference().empty()) return;
  const double begin = core::steady_seconds();
  const auto x = x_of(values, range.rows, static_cast<size_t>(shape.x_size()));
  const auto found = data::unlike_training(posterior.reference(), x,
                                           data::feature_names(posterior.x_names(), shape.x_channels));
  core::log::debug("the look at " + core::count_text(range.rows, "observation") + " took " +
                   core::number_text(1e3 * (core::steady_seconds() - begin)) + " ms");
  if (found.empty()) return;
  for (size_t i = 0; i < std::min(found.size(), most_lines); ++i) {
    core::log::warning(file + ", row " + std::to_string(range.first + found[i].row) + ": " + found[i].text +
                       (i == 0 ? "; the network never saw such data, and its answer is a guess" : ""));
  }
  if (found.size() > most_lines)
    core::log::warning(file + ": " + core::and_more(found.size() - most_lines) + " of its " +
                       std::to_string(range.rows) + " rows are unlike the training data");
  if (strict)
    throw core::DiagnosticFailed(file + ": " + core::count_text(std::ssize(found), "row") + " of " +
                                 std::to_string(range.rows) +
                                 " unlike the training data, and --strict was given; nothing was computed");
}

int64_t check_agreement(const sample::Posterior& posterior, const sample::Samples& samples,
                        sample::RowRange range, const std::string& file) {
  const int64_t members = posterior.members();
  if (members == 1) return 0;
  if (samples.draws < members)
    core::log::warning("with " + core::count_text(samples.draws, "draw") +
                       " for each row only the first of the " + std::to_string(members) +
                       " members answer; draw " + std::to_string(members) + " or more (-n)");
  if (samples.draws < members * sample::Disagreement::least_draws) {
    core::log::info("fewer than " + std::to_string(sample::Disagreement::least_draws) +
                    " draws of each member do not tell whether members agree");
    return 0;
  }
  const data::DataShape& shape = posterior.shape();
  const bool all_tokens = samples.tokens > shape.theta_dim;
  auto names = data::feature_names(posterior.theta_names(), shape.theta_channels);
  const auto of_x = data::feature_names(posterior.x_names(), shape.x_channels);
  names.insert(names.end(), of_x.begin(), of_x.end());
  auto found = sample::disagreements({samples.values, samples.filled, samples.rows, samples.draws, members},
                                     posterior.standardiser(all_tokens));
  std::erase_if(found, [](const sample::Disagreement& row) { return !row.warns(); });
  const std::string place = file.empty() ? "the joint distribution" : file;
  for (size_t i = 0; i < std::min(found.size(), most_lines); ++i) {
    core::log::warning(
        place + ", row " + std::to_string(range.first + found[i].row) + ": " + found[i].text(members, names) +
        (i == 0 ? "; the simulations do not settle what theta is there, and the samples mix guesses" : ""));
  }
  if (found.size() > most_lines)
    core::log::warning(place + ": the members disagree about " + core::and_more(found.size() - most_lines) +
                       " of its " + std::to_string(range.rows) + " rows");
  return std::ssize(found);
}

bool none_filled(const std::vector<uint8_t>& filled) {
  return !filled.empty() && std::find(filled.begin(), filled.end(), uint8_t{1}) == filled.end();
}

void refuse_unfilled(const std::string& output, size_t count) {
  throw core::UserError(
      output + ": not one of " + std::to_string(count) +
      " samples could be filled, so nothing was written; correct the prior (train again, or "
      "--no-reject to see where samples lie) or the observations, or write the NaN with "
      "--partial");
}

}  // namespace fluxsbi::experiment
