#include "experiment/draw_densities.hpp"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <limits>
#include <utility>

#include "core/error.hpp"
#include "core/log.hpp"
#include "core/text.hpp"
#include "io/files.hpp"
#include "io/output.hpp"

namespace fluxsbi::experiment {

namespace {

// Copies item `index` of items of `size` numbers.
void append(std::span<const double> from, int64_t index, int64_t size, std::vector<double>& to) {
  const auto item = from.subspan(static_cast<size_t>(index * size), static_cast<size_t>(size));
  to.insert(to.end(), item.begin(), item.end());
}

bool is_filled(std::span<const double> draws, int64_t place, int64_t size) {
  const auto draw = draws.subspan(static_cast<size_t>(place * size), static_cast<size_t>(size));
  return std::none_of(draw.begin(), draw.end(), [](double value) { return std::isnan(value); });
}

sample::LogProbs without_values(int64_t count) {
  sample::LogProbs found;
  found.values.assign(static_cast<size_t>(count), std::numeric_limits<double>::quiet_NaN());
  return found;
}

// Puts the densities of some points to their places among all. Places without one stay NaN.
void put(const sample::LogProbs& part, const std::vector<int64_t>& places, sample::LogProbs& all) {
  if (!part.standard_errors.empty()) all.standard_errors.resize(all.values.size(), std::nan(""));
  for (size_t i = 0; i < places.size(); ++i) {
    all.values[static_cast<size_t>(places[i])] = part.values[i];
    if (!part.standard_errors.empty())
      all.standard_errors[static_cast<size_t>(places[i])] = part.standard_errors[i];
  }
  all.outside += part.outside;
  all.evaluations = std::max(all.evaluations, part.evaluations);
}

// Progress of a part that begins after `before` of `all` points.
sample::Progress shifted(const sample::Progress& progress, int64_t before, int64_t all) {
  return [&progress, before, all](int64_t done, int64_t) {
    if (progress) progress(before + done, all);
  };
}

}  // namespace

bool file_holds(const std::string& path, const std::string& key) {
  if (path.empty() || io::is_text_table(path) || io::extension_of(path) == ".npy" ||
      !std::filesystem::exists(path))
    return false;
  const auto list = io::list_arrays(path);
  return std::any_of(list.begin(), list.end(), [&](const io::ArrayInfo& array) { return array.name == key; });
}

sample::GivenMask mask_of_names(const std::vector<std::string>& given,
                                const std::vector<std::string>& tokens) {
  sample::GivenMask mask(tokens.size(), 0);
  for (const std::string& name : given) {
    const auto place = std::find(tokens.begin(), tokens.end(), name);
    if (place == tokens.end()) {
      throw core::UserError("--given-names: the model knows no column " + core::quoted(name) +
                            core::did_you_mean(name, tokens));
    }
    uint8_t& mark = mask[static_cast<size_t>(place - tokens.begin())];
    if (mark) throw core::UserError("--given-names: " + core::quoted(name) + " stands twice");
    mark = 1;
  }
  if (std::count(mask.begin(), mask.end(), uint8_t{1}) == std::ssize(mask))
    throw core::UserError("--given-names names all columns, so none is left to be inferred");
  return mask;
}

int64_t rows_in_a_call(int64_t rows, int64_t draws, int64_t x_size, bool one_for_all) {
  constexpr int64_t most_numbers = int64_t{1} << 24;
  return one_for_all ? rows : std::max<int64_t>(1, most_numbers / std::max<int64_t>(1, draws * x_size));
}

void warn_of_unfilled(int64_t unfilled, int64_t count, const std::string& file) {
  if (unfilled == count) throw core::UserError(file + " holds no draw that was filled; nothing was computed");
  if (unfilled > 0)
    core::log::warning(file + ": " + std::to_string(unfilled) + " of " + core::count_text(count, "draw") +
                       " hold NaN, as those that could not be filled do; their log_prob is NaN");
}

sample::LogProbs densities_of_draws(sample::Posterior& posterior, const DrawsGivenX& draws,
                                    const sample::DivergenceOptions& divergence,
                                    const sample::SamplingOptions& options,
                                    const sample::Progress& progress) {
  const int64_t theta_size = posterior.shape().theta_size(), x_size = posterior.shape().x_size();
  const int64_t all = draws.rows * draws.draws;
  const bool one_for_all = std::ssize(draws.x) == x_size;
  const int64_t rows_a_call = rows_in_a_call(draws.rows, draws.draws, x_size, one_for_all);
  sample::LogProbs found = without_values(all);
  for (int64_t first = 0; first < draws.rows; first += rows_a_call) {
    const int64_t end = std::min(draws.rows, first + rows_a_call);
    const bool one_x = one_for_all || end - first == 1;
    std::vector<double> theta, x;
    std::vector<int64_t> places;
    for (int64_t place = first * draws.draws; place < end * draws.draws; ++place) {
      if (!is_filled(draws.theta, place, theta_size)) continue;
      append(draws.theta, place, theta_size, theta);
      if (!one_x) append(draws.x, place / draws.draws, x_size, x);
      places.push_back(place);
    }
    if (places.empty()) continue;
    if (one_x) append(draws.x, one_for_all ? 0 : first, x_size, x);
    put(posterior.log_prob(theta, std::ssize(places), x, one_x ? 1 : std::ssize(places), divergence, options,
                           shifted(progress, first * draws.draws, all)),
        places, found);
  }
  return found;
}

bool holds_answers(const std::string& path) {
  return file_holds(path, "samples") && file_holds(path, "given");
}

Answers load_answers(const std::string& path, const sample::Posterior& posterior) {
  const auto arrays = io::load_arrays(path, {"samples", "given"}).arrays;
  const io::Array &samples = arrays.at("samples"), &given = arrays.at("given");
  const data::DataShape& shape = posterior.shape();
  const int64_t tokens = shape.theta_dim + shape.x_dim, channels = shape.theta_channels,
                size = tokens * channels;
  const bool fits = samples.shape.size() >= 3 && given.shape.size() >= 2 &&
                    samples.shape[0] == given.shape[0] &&
                    samples.elements() == samples.shape[0] * samples.shape[1] * size &&
                    given.elements() == given.shape[0] * size;
  if (!fits)
    throw core::UserError(path + ": samples " + core::shape_text(samples.shape) + " and given " +
                          core::shape_text(given.shape) + " are not answers of this model, whose rows have " +
                          core::count_text(tokens, "token") + " of " + core::count_text(channels, "channel"));
  Answers answers{samples.shape[0], samples.shape[1], samples.to_double(), {}};
  const std::vector<double> asked = given.to_double();
  for (int64_t row = 0; row < answers.rows; ++row) {
    auto& mask = answers.masks.emplace_back(static_cast<size_t>(tokens), 0);
    for (int64_t token = 0; token < tokens; ++token)
      mask[static_cast<size_t>(token)] =
          !std::isnan(asked[static_cast<size_t>(row * size + token * channels)]);
  }
  return answers;
}

sample::LogProbs densities_of_answers(sample::Posterior& posterior, const Answers& answers,
                                      const sample::DivergenceOptions& divergence,
                                      const sample::SamplingOptions& options,
                                      const sample::Progress& progress) {
  const int64_t all = answers.rows * answers.draws,
                size = std::ssize(answers.values) / std::max<int64_t>(all, 1);
  sample::LogProbs found = without_values(all);
  for (int64_t first = 0, end = 0; first < answers.rows; first = end) {
    // Rows that were asked the same question share a call.
    const sample::GivenMask& mask = answers.masks[static_cast<size_t>(first)];
    for (end = first + 1; end < answers.rows && answers.masks[static_cast<size_t>(end)] == mask; ++end) {
    }
    std::vector<double> points;
    std::vector<int64_t> places;
    for (int64_t place = first * answers.draws; place < end * answers.draws; ++place) {
      if (!is_filled(answers.values, place, size)) continue;
      append(answers.values, place, size, points);
      places.push_back(place);
    }
    if (places.empty()) continue;
    put(posterior.log_prob_given(points, std::ssize(places), mask, divergence, options,
                                 shifted(progress, first * answers.draws, all)),
        places, found);
  }
  return found;
}

}  // namespace fluxsbi::experiment
