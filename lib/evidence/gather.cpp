#include "evidence/gather.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "core/error.hpp"
#include "core/log.hpp"
#include "core/memory.hpp"
#include "core/philox.hpp"
#include "core/system.hpp"
#include "core/text.hpp"
#include "experiment/draw_densities.hpp"

namespace fluxsbi::evidence {

namespace {

constexpr double not_a_number = std::numeric_limits<double>::quiet_NaN();
constexpr int64_t prior_draws = 10000;

// Calls part(first, end) for the first row, which also warms up, for a fiftieth of the rows, after which it
// says what all will take, and for the rest.
void in_parts(const std::string& what, int64_t rows, bool resumed,
              const std::function<void(int64_t, int64_t)>& part) {
  const int64_t timed = std::min(rows, 1 + std::max<int64_t>(1, rows / 50));
  part(0, 1);
  const double begin = core::steady_seconds();
  if (timed > 1) part(1, timed);
  const double each = (core::steady_seconds() - begin) / static_cast<double>(std::max<int64_t>(1, timed - 1));
  if (resumed) {
    core::log::info(what + ": going on from what was finished");
  } else {
    core::log::info(what +
                    (timed > 1 ? ": about " + core::duration_text(each * static_cast<double>(rows)) : ""));
  }
  if (timed < rows) part(timed, rows);
}

// Progress of rows of which `before` are done and which are `total` together.
sample::Progress shifted(const sample::Progress& progress, int64_t before, int64_t total) {
  if (!progress) return {};
  return [progress, before, total](int64_t done, int64_t) { progress(before + done, total); };
}

class Gatherer {
 public:
  Gatherer(sample::Posterior& posterior, const Question& question, const Pairs& pairs,
           const GatherOptions& options)
      : posterior_(posterior), question_(question), pairs_(pairs), options_(options) {}

  // [rows, draws, inferred]
  std::vector<double> samples() {
    const auto width = question_.inferred.size();
    const std::string what = core::count_text(options_.draws, "posterior draw") + " for each of " +
                             core::count_text(pairs_.rows, "pair");
    core::require_memory(
        static_cast<double>(pairs_.rows * options_.draws) * static_cast<double>(row_size()) * sizeof(double),
        what, "take fewer pairs (--pairs) or fewer draws (--draws)");
    std::vector<double> samples;
    samples.reserve(static_cast<size_t>(pairs_.rows * options_.draws) * width);
    const auto progress = options_.progress ? options_.progress("sampling") : sample::Progress{};
    in_parts(what, pairs_.rows, options_.resumed, [&](int64_t first, int64_t end) {
      const auto some = shifted(progress, first * options_.draws, pairs_.rows * options_.draws);
      append(question_.theta_given_x ? draw_theta(first, end, some) : draw_given(first, end, some), samples);
    });
    core::log::end_progress();
    return samples;
  }

  // [rows, draws_a_row]
  std::vector<double> densities(std::span<const double> draws, int64_t draws_a_row, const std::string& what) {
    std::vector<double> values;
    const auto progress = options_.progress ? options_.progress("log-densities") : sample::Progress{};
    in_parts(what, pairs_.rows, options_.resumed, [&](int64_t first, int64_t end) {
      const auto some =
          draws.subspan(static_cast<size_t>(first * draws_a_row) * question_.inferred.size(),
                        static_cast<size_t>((end - first) * draws_a_row) * question_.inferred.size());
      const auto shown = shifted(progress, first * draws_a_row, pairs_.rows * draws_a_row);
      const auto found = question_.theta_given_x ? densities_of_theta(first, end, some, draws_a_row, shown)
                                                 : densities_given(first, end, some, draws_a_row, shown);
      values.insert(values.end(), found.begin(), found.end());
    });
    core::log::end_progress();
    return values;
  }

 private:
  int64_t theta_size() const { return posterior_.shape().theta_size(); }
  int64_t x_size() const { return posterior_.shape().x_size(); }
  int64_t row_size() const { return theta_size() + x_size(); }
  std::span<const double> x_of(int64_t first, int64_t end) const {
    return std::span(pairs_.x).subspan(static_cast<size_t>(first * x_size()),
                                       static_cast<size_t>((end - first) * x_size()));
  }

  sample::Samples draw_theta(int64_t first, int64_t end, const sample::Progress& progress) {
    return posterior_.sample(x_of(first, end), end - first, options_.draws, options_.seed, first,
                             options_.sampling, progress);
  }

  sample::Samples draw_given(int64_t first, int64_t end, const sample::Progress& progress) {
    std::vector<double> rows;
    for (int64_t row = first; row < end; ++row) {
      std::vector<double> values = whole_row(row);
      for (const size_t i : question_.inferred) values[i] = not_a_number;
      rows.insert(rows.end(), values.begin(), values.end());
    }
    return posterior_.sample_given(rows, end - first, options_.draws, options_.seed, first, options_.sampling,
                                   progress);
  }

  std::vector<double> whole_row(int64_t row) const {
    const auto place = static_cast<std::ptrdiff_t>(row);
    std::vector<double> values(pairs_.theta.begin() + place * theta_size(),
                               pairs_.theta.begin() + (place + 1) * theta_size());
    values.insert(values.end(), pairs_.x.begin() + place * x_size(),
                  pairs_.x.begin() + (place + 1) * x_size());
    return values;
  }

  // The inferred features of drawn rows: theta alone, or theta and x.
  void append(const sample::Samples& drawn, std::vector<double>& samples) const {
    const auto size = static_cast<size_t>(drawn.tokens * drawn.channels);
    for (size_t i = 0; i < drawn.filled.size(); ++i) {
      for (const size_t j : question_.inferred)
        samples.push_back(drawn.filled[i] ? drawn.values[i * size + j] : not_a_number);
    }
  }

  std::vector<double> densities_of_theta(int64_t first, int64_t end, std::span<const double> draws,
                                         int64_t draws_a_row, const sample::Progress& progress) {
    return experiment::densities_of_draws(posterior_, {draws, x_of(first, end), end - first, draws_a_row}, {},
                                          density_rule(), progress)
        .values;
  }

  // Whole rows repeat what is given for each draw, so they are made for some pairs at a time.
  std::vector<double> densities_given(int64_t first, int64_t end, std::span<const double> draws,
                                      int64_t draws_a_row, const sample::Progress& progress) {
    constexpr int64_t most_numbers = int64_t{1} << 24;
    const int64_t group = std::max<int64_t>(1, most_numbers / (draws_a_row * row_size()));
    std::vector<double> values;
    for (int64_t begin = first; begin < end; begin += group) {
      const int64_t rows = std::min(end - begin, group), before = (begin - first) * draws_a_row;
      experiment::Answers answers{
          rows, draws_a_row, {}, std::vector(static_cast<size_t>(rows), question_.mask)};
      for (int64_t i = before; i < before + rows * draws_a_row; ++i) {
        std::vector<double> row = whole_row(first + i / draws_a_row);
        for (size_t j = 0; j < question_.inferred.size(); ++j)
          row[question_.inferred[j]] = draws[static_cast<size_t>(i) * question_.inferred.size() + j];
        answers.values.insert(answers.values.end(), row.begin(), row.end());
      }
      const auto found = experiment::densities_of_answers(
          posterior_, answers, {}, density_rule(), shifted(progress, before, (end - first) * draws_a_row));
      values.insert(values.end(), found.values.begin(), found.values.end());
    }
    return values;
  }

  sample::SamplingOptions density_rule() const {
    sample::SamplingOptions rule = options_.sampling;
    rule.solver = options_.density_solver;
    rule.steps = options_.density_steps;
    rule.spacing.reset();
    return rule;
  }

  sample::Posterior& posterior_;
  const Question& question_;
  const Pairs& pairs_;
  const GatherOptions& options_;
};

void fill_prior(const sample::Posterior& posterior, const Question& question, uint64_t seed,
                diagnose::Evidence& evidence) {
  evidence.prior_known = question.theta_given_x && draw_prior(posterior, seed, evidence.prior);
  if (!evidence.prior_known) evidence.prior = evidence.theta;  // draws of what the data's prior is
  const data::Prior* prior = posterior.prior();
  if (!prior) return;
  for (const size_t i : question.inferred) {
    constexpr double infinity = std::numeric_limits<double>::infinity();
    const bool of_theta = std::cmp_less(i, prior->dim());
    const auto [low, high] = of_theta ? prior->ends(i) : std::pair{-infinity, infinity};
    evidence.low.push_back(low);
    evidence.high.push_back(high);
  }
}

}  // namespace

bool draw_prior(const sample::Posterior& posterior, uint64_t seed, std::vector<double>& theta) {
  const data::Prior* prior = posterior.prior();
  if (!prior || prior->options().kind == data::PriorKind::none ||
      prior->options().kind == data::PriorKind::custom)
    return false;
  const auto dim = static_cast<size_t>(prior->dim());
  theta.resize(dim * static_cast<size_t>(prior_draws));
  for (size_t i = 0; i < static_cast<size_t>(prior_draws); ++i) {
    core::Philox random(seed, core::Purpose::held_out, i, 1);
    prior->sample(random, std::span(theta).subspan(i * dim, dim));
  }
  return true;
}

diagnose::Evidence gather(sample::Posterior& posterior, const Question& question, const Pairs& pairs,
                          const diagnose::Needs& needs, const GatherOptions& options) {
  diagnose::Evidence evidence;
  evidence.names = question.names;
  evidence.x_names = question.given_names;
  if (question.theta_given_x) evidence.reference = posterior.reference();
  evidence.theta = features_of(pairs, question.inferred);
  evidence.x = features_of(pairs, question.given);
  evidence.pairs = pairs.rows;
  fill_prior(posterior, question, options.seed, evidence);
  Gatherer gatherer(posterior, question, pairs, options);
  if (needs.pairs || needs.densities) {
    evidence.draws = options.draws;
    evidence.samples = gatherer.samples();
  }
  if (!needs.densities) return evidence;
  evidence.density_draws = std::min(options.density_draws, options.draws);
  evidence.log_theta = gatherer.densities(
      evidence.theta, 1, "log-densities of theta* of " + core::count_text(pairs.rows, "pair"));
  std::vector<double> first_draws;
  const size_t width = question.inferred.size();
  for (int64_t row = 0; row < pairs.rows; ++row) {
    const auto begin = evidence.samples.begin() + row * options.draws * static_cast<std::ptrdiff_t>(width);
    first_draws.insert(first_draws.end(), begin,
                       begin + evidence.density_draws * static_cast<std::ptrdiff_t>(width));
  }
  evidence.log_samples = gatherer.densities(
      first_draws, evidence.density_draws,
      "log-densities of " + core::count_text(evidence.density_draws, "draw") + " of each pair");
  return evidence;
}

std::vector<double> log_density(sample::Posterior& posterior, const Question& question, const Pairs& pairs,
                                std::span<const double> draws, int64_t draws_a_row,
                                const GatherOptions& options, const std::string& what) {
  return Gatherer(posterior, question, pairs, options).densities(draws, draws_a_row, what);
}

}  // namespace fluxsbi::evidence
