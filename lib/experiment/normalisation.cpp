#include "experiment/normalisation.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "core/error.hpp"
#include "core/log.hpp"
#include "core/text.hpp"
#include "sample/importance.hpp"

namespace fluxsbi::experiment {

namespace {

constexpr double nan = std::numeric_limits<double>::quiet_NaN();
constexpr const char* remedy = "draw more (--draws), or train with a prior nearer to it";

sample::Posterior& answering(sample::Posterior& posterior) {
  return posterior.teacher() ? *posterior.teacher() : posterior;
}

OtherPrior checked(OtherPrior asked) {
  if (asked.draws < asked.least_effective)
    throw core::UserError("--draws " + std::to_string(asked.draws) + " are fewer than the " +
                          std::to_string(asked.least_effective) +
                          " that shall be effective under --prior; draw more, or lower --min-effective");
  return asked;
}

sample::SamplingOptions drawing(const sample::SamplingOptions& densities) {
  sample::SamplingOptions sampling = accurate_densities(densities);
  sampling.guidance_scale = 1;
  sampling.reject = false;
  return sampling;
}

bool given_up(const Normalisation& row) {
  return std::isnan(row.log_z);
}

}  // namespace

Normaliser::Normaliser(sample::Posterior& posterior, OtherPrior asked, std::span<const double> x,
                       const sample::SamplingOptions& densities, uint64_t seed)
    : posterior_(answering(posterior)),
      asked_(checked(std::move(asked))),
      x_(x),
      change_(posterior_, asked_.file, x, densities),
      sampling_(drawing(densities)),
      seed_(seed) {}

std::vector<std::pair<std::string, std::string>> Normaliser::description() const {
  return {change_.description(),
          {"draws of log Z", std::to_string(asked_.draws)},
          {"fewest effective draws", std::to_string(asked_.least_effective)}};
}

int64_t Normaliser::group() const {
  constexpr int64_t most_draws = 200000;
  return std::max<int64_t>(1, most_draws / asked_.draws);
}

Normaliser::Drawn Normaliser::draw(int64_t first, int64_t count, const sample::Progress& progress) {
  const int64_t length = posterior_.shape().x_size();
  const auto x = x_.subspan(static_cast<size_t>(first * length), static_cast<size_t>(count * length));
  Drawn drawn{posterior_.sample(x, count, asked_.draws, seed_, first, sampling_, progress), {}};
  const auto each = static_cast<size_t>(asked_.draws),
             size = static_cast<size_t>(posterior_.shape().theta_size());
  for (size_t i = 0; i < static_cast<size_t>(count); ++i)
    drawn.rows.push_back(of_row(std::span(drawn.samples.values).subspan(i * each * size, each * size),
                                std::span(drawn.samples.filled).subspan(i * each, each),
                                first + static_cast<int64_t>(i)));
  return drawn;
}

std::vector<Normalisation> Normaliser::of_all(const sample::Progress& progress) {
  const int64_t rows = std::ssize(x_) / posterior_.shape().x_size();
  std::vector<Normalisation> all;
  for (int64_t first = 0; first < rows; first += group()) {
    const auto shown = [&](int64_t done, int64_t) {
      if (progress) progress(first * asked_.draws + done, rows * asked_.draws);
    };
    const Drawn drawn = draw(first, std::min(group(), rows - first), shown);
    all.insert(all.end(), drawn.rows.begin(), drawn.rows.end());
  }
  return all;
}

// Puts the points that decide in the place of the draws.
Normalisation Normaliser::of_row(std::span<double> theta, std::span<uint8_t> filled, int64_t row) {
  const size_t size = theta.size() / filled.size();
  std::vector<double> draws;
  for (size_t i = 0; i < filled.size(); ++i) {
    const auto point = theta.subspan(i * size, size);
    if (filled[i]) draws.insert(draws.end(), point.begin(), point.end());
  }
  const auto least = static_cast<double>(asked_.least_effective);
  sample::WeightQuality quality{0, 0, nan, nan};
  if (!draws.empty()) quality = sample::judge_weights(change_.log_weights(draws, row));
  const double of_the_draws = quality.effective;
  if (quality.effective < least) {
    core::Philox random(seed_, core::Purpose::reweighting, static_cast<uint64_t>(row), 2);
    const WeightedPoints others = change_.other_points(row, std::ssize(filled), draws, random);
    const auto worth = others.log_weights.empty() ? quality : sample::judge_weights(others.log_weights);
    if (worth.effective > quality.effective) {
      quality = worth;
      std::copy(others.theta.begin(), others.theta.end(), theta.begin());
      std::fill(filled.begin(), filled.end(), uint8_t{1});
    }
  }
  if (quality.effective < least) {
    std::fill(filled.begin(), filled.end(), uint8_t{0});
    return {nan, nan, quality.effective, quality.pareto_shape, of_the_draws};
  }
  return {quality.log_mean, quality.log_mean_error, quality.effective, quality.pareto_shape, of_the_draws};
}

int64_t Normaliser::finish(std::span<const Normalisation> rows) const {
  NamedRows few, heavy, elsewhere;
  double sum = 0, least = 0, error = 0, shape = 0;
  for (size_t i = 0; i < rows.size(); ++i) {
    const Normalisation& row = rows[i];
    const auto number = static_cast<int64_t>(i);
    sum += row.effective;
    least = i == 0 ? row.effective : std::min(least, row.effective);
    shape = std::max(shape, row.pareto_shape);
    if (!given_up(row)) error = std::max(error, row.error);
    if (given_up(row)) {
      few.add(number, row.effective);
    } else if (row.pareto_shape > trusted_shape) {
      heavy.add(number, row.pareto_shape);
    }
    if (row.effective != row.of_the_draws) elsewhere.add(number, row.of_the_draws);
  }
  if (rows.empty()) return 0;
  const std::string worth = " from " + core::count_text(asked_.draws, "draw");
  const std::string effective = core::brief_text(sum / static_cast<double>(rows.size()));
  if (rows.size() == 1) {
    core::log::info(change_.what() + ", log Z = " + core::brief_text(rows[0].log_z) + " +- " +
                    core::brief_text(rows[0].error) + worth + ", worth " + effective +
                    " equal ones; Pareto shape " + core::brief_text(shape));
  } else {
    core::log::info(change_.what() + ", log Z of " + std::to_string(rows.size()) + " observations" + worth +
                    " each, worth " + effective + " equal ones on average, " + core::brief_text(least) +
                    " at least; largest standard error " + core::brief_text(error) +
                    ", largest Pareto shape " + core::brief_text(shape));
  }
  if (elsewhere.count > 0)
    core::log::info(change_.other_points_text() +
                    " take the place of the model's, which are worth too little: " + elsewhere.text());
  if (few.count > 0)
    core::log::warning("fewer than " + std::to_string(asked_.least_effective) +
                       " effective draws (--min-effective): " + few.text() + ": their results are NaN; " +
                       remedy);
  if (heavy.count > 0)
    core::log::warning("few large weights decide (Pareto shape above 0.7): " + heavy.text() +
                       ": do not trust these rows; " + remedy);
  return few.count + heavy.count;
}

void Normaliser::refuse_where_none(std::span<const Normalisation> rows) const {
  if (rows.empty() || !std::all_of(rows.begin(), rows.end(), given_up)) return;
  double sum = 0;
  for (const Normalisation& row : rows) sum += row.effective;
  throw core::UserError("no row has " + std::to_string(asked_.least_effective) + " effective draws " +
                        change_.what() + " (" + core::brief_text(sum / static_cast<double>(rows.size())) +
                        (rows.size() == 1 ? "" : " on average") + "), so nothing was written; " + remedy);
}

std::vector<double> numbers_of(std::span<const Normalisation> rows) {
  std::vector<double> numbers;
  for (const Normalisation& row : rows)
    numbers.insert(numbers.end(), {row.log_z, row.error, row.effective, row.pareto_shape, row.of_the_draws});
  return numbers;
}

std::vector<Normalisation> normalisations_of(std::span<const double> numbers) {
  std::vector<Normalisation> rows;
  for (size_t i = 0; i + numbers_of_normalisation <= numbers.size(); i += numbers_of_normalisation)
    rows.push_back({numbers[i], numbers[i + 1], numbers[i + 2], numbers[i + 3], numbers[i + 4]});
  return rows;
}

}  // namespace fluxsbi::experiment
