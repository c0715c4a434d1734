#include "experiment/observation_check.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include <nlohmann/json.hpp>

#include "checkpoint/refined_for.hpp"
#include "core/error.hpp"
#include "core/log.hpp"
#include "core/system.hpp"
#include "core/text.hpp"
#include "data/files/names.hpp"
#include "data/look/reference.hpp"
#include "sample/files/exact_numbers.hpp"

namespace fluxsbi::experiment {

namespace {

using nlohmann::json;

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

// How many rows of x are not the observation that the model was refined for; the first one to `first`.
int64_t count_others(std::span<const double> x, std::span<const double> refined_for, int64_t& first) {
  const size_t size = refined_for.size();
  int64_t others = 0;
  for (size_t row = 0; row < x.size() / size; ++row) {
    const auto values = x.subspan(row * size, size);
    if (checkpoint::is_refined_for(refined_for, values)) continue;
    if (others++ == 0) first = static_cast<int64_t>(row);
  }
  return others;
}

void check_refined(const sample::Posterior& posterior, std::span<const double> x, sample::RowRange range,
                   const std::string& file, bool strict) {
  if (posterior.refined_for().empty()) return;
  int64_t first = 0;
  const int64_t others = count_others(x, posterior.refined_for(), first);
  if (others == 0) return;
  const std::string found = file + ": " + core::count_text(others, "row") + " of " +
                            std::to_string(range.rows) + (others == 1 ? " is" : " are") +
                            " not the observation that this model was refined for, the first is row " +
                            std::to_string(range.first + first) + "; " + checkpoint::loss_of_others() +
                            ": refine for it, or sample a model of the whole prior";
  if (strict) throw core::DiagnosticFailed(found + "; --strict was given, and nothing was computed");
  core::log::warning(found);
}

}  // namespace

std::vector<int64_t> check_observations(const sample::Posterior& posterior, std::span<const double> values,
                                        sample::RowRange range, const std::string& file, bool strict) {
  const data::DataShape& shape = posterior.shape();
  if (shape.x_dim == 0) return {};
  const double begin = core::steady_seconds();
  const auto x = x_of(values, range.rows, static_cast<size_t>(shape.x_size()));
  check_refined(posterior, x, range, file, strict);
  if (posterior.reference().empty()) return {};
  const auto found = data::unlike_training(posterior.reference(), x,
                                           data::feature_names(posterior.x_names(), shape.x_channels));
  core::log::debug("the look at " + core::count_text(range.rows, "observation") + " took " +
                   core::number_text(1e3 * (core::steady_seconds() - begin)) + " ms");
  std::vector<int64_t> rows;
  for (const data::Unlikeness& row : found) rows.push_back(row.row);
  if (found.empty()) return rows;
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
  return rows;
}

AgreementCheck::AgreementCheck(const sample::Posterior& posterior, int64_t draws, bool all_tokens,
                               sample::RowRange range, std::string file)
    : posterior_(posterior), range_(range), file_(file.empty() ? "the joint distribution" : std::move(file)) {
  const int64_t members = posterior.members();
  if (members == 1) return;
  if (draws < members)
    core::log::warning("with " + core::count_text(draws, "draw") + " for each row only the first of the " +
                       std::to_string(members) + " members answer; draw " + std::to_string(members) +
                       " or more (-n)");
  if (draws < members * sample::Disagreement::least_draws) {
    core::log::info("fewer than " + std::to_string(sample::Disagreement::least_draws) +
                    " draws of each member do not tell whether members agree");
    return;
  }
  look_.emplace(draws, members, posterior.standardiser(all_tokens));
}

void AgreementCheck::add(std::span<const double> values, std::span<const uint8_t> filled) {
  if (!look_) return;
  look_->add(values, filled, [&](const sample::Disagreement& row) {
    if (!row.warns()) return;
    if (std::cmp_less(count_++, most_lines)) first_.push_back(row);
  });
}

int64_t AgreementCheck::finish() const {
  const data::DataShape& shape = posterior_.shape();
  auto names = data::feature_names(posterior_.theta_names(), shape.theta_channels);
  const auto of_x = data::feature_names(posterior_.x_names(), shape.x_channels);
  names.insert(names.end(), of_x.begin(), of_x.end());
  for (size_t i = 0; i < first_.size(); ++i) {
    core::log::warning(
        file_ + ", row " + std::to_string(range_.first + first_[i].row) + ": " +
        first_[i].text(posterior_.members(), names) +
        (i == 0 ? "; the simulations do not settle what theta is there, and the samples mix guesses" : ""));
  }
  if (std::cmp_greater(count_, most_lines))
    core::log::warning(file_ + ": the members disagree about " +
                       core::and_more(static_cast<size_t>(count_) - most_lines) + " of its " +
                       std::to_string(range_.rows) + " rows");
  return count_;
}

std::string AgreementCheck::state() const {
  if (!look_) return "";
  json first = json::array();
  for (const sample::Disagreement& row : first_) {
    first.push_back({row.row, sample::exact_bits(std::vector{row.apart, row.factor}), row.apart_feature,
                     row.factor_feature});
  }
  return json{{"look", sample::exact_bits(look_->state())}, {"first", first}, {"count", count_}}.dump();
}

void AgreementCheck::restore(const std::string& state) {
  if (!look_) return;
  const json kept = json::parse(state);
  look_->restore(sample::from_bits(kept.at("look").get<std::vector<uint64_t>>()));
  count_ = kept.at("count").get<int64_t>();
  for (const json& row : kept.at("first")) {
    const auto numbers = sample::from_bits(row.at(1).get<std::vector<uint64_t>>());
    first_.push_back({row.at(0).get<int64_t>(), numbers.at(0), numbers.at(1), row.at(2).get<size_t>(),
                      row.at(3).get<size_t>()});
  }
}

int64_t check_agreement(const sample::Posterior& posterior, const sample::Samples& samples,
                        sample::RowRange range, const std::string& file) {
  AgreementCheck check(posterior, samples.draws, samples.tokens > posterior.shape().theta_dim, range, file);
  check.add(samples.values, samples.filled);
  return check.finish();
}

void refuse_unfilled(const std::string& output, int64_t count) {
  throw core::UserError(
      output + ": not one of " + std::to_string(count) +
      " samples could be filled, so nothing was written; correct the prior (train again, or "
      "--no-reject to see where samples lie) or the observations, or write the NaN with "
      "--partial");
}

}  // namespace fluxsbi::experiment
