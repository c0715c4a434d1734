#include "experiment/answer_densities.hpp"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <limits>
#include <utility>

#include "core/error.hpp"
#include "core/text.hpp"
#include "io/files.hpp"
#include "io/output.hpp"

namespace fluxsbi::experiment {

bool file_holds(const std::string& path, const std::string& key) {
  if (path.empty() || io::is_text_table(path) || io::extension_of(path) == ".npy" ||
      !std::filesystem::exists(path))
    return false;
  const auto list = io::list_arrays(path);
  return std::any_of(list.begin(), list.end(), [&](const io::ArrayInfo& array) { return array.name == key; });
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

sample::LogProbs densities_of_answers(sample::Posterior& posterior, const Answers& answers,
                                      const sample::DivergenceOptions& divergence,
                                      const sample::SamplingOptions& options,
                                      const sample::Progress& progress) {
  const int64_t all = answers.rows * answers.draws,
                size = std::ssize(answers.values) / std::max<int64_t>(all, 1);
  sample::LogProbs found;
  found.values.assign(static_cast<size_t>(all), std::numeric_limits<double>::quiet_NaN());
  for (int64_t first = 0, end = 0; first < answers.rows; first = end) {
    // Rows that were asked the same question share a call.
    const sample::GivenMask& mask = answers.masks[static_cast<size_t>(first)];
    for (end = first + 1; end < answers.rows && answers.masks[static_cast<size_t>(end)] == mask; ++end) {
    }
    std::vector<double> points;
    std::vector<int64_t> places;
    for (int64_t place = first * answers.draws; place < end * answers.draws; ++place) {
      const auto draw = answers.values.begin() + place * size;
      if (std::any_of(draw, draw + size, [](double value) { return std::isnan(value); })) continue;
      points.insert(points.end(), draw, draw + size);
      places.push_back(place);
    }
    if (places.empty()) continue;
    const auto of_group = [&](int64_t done, int64_t) {
      if (progress) progress(first * answers.draws + done, all);
    };
    put(posterior.log_prob_given(points, std::ssize(places), mask, divergence, options, of_group), places,
        found);
  }
  return found;
}

}  // namespace fluxsbi::experiment
