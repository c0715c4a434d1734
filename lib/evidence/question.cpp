#include "evidence/question.hpp"

#include <algorithm>
#include <cctype>
#include <cstdio>

#include "core/error.hpp"
#include "core/text.hpp"
#include "data/files/given.hpp"
#include "data/files/names.hpp"
#include "experiment/draw_densities.hpp"
#include "io/atomic_file.hpp"

namespace fluxsbi::evidence {

Question make_question(const sample::Posterior& posterior, const std::vector<std::string>& given_names) {
  const data::DataShape& shape = posterior.shape();
  const auto tokens = data::joint_names(posterior.theta_names(), posterior.x_names());
  const auto theta_tokens = static_cast<size_t>(shape.theta_dim);
  Question question;
  question.mask.assign(tokens.size(), 1);
  std::fill_n(question.mask.begin(), theta_tokens, uint8_t{0});
  if (!given_names.empty()) {
    const auto asked = experiment::mask_of_names(given_names, tokens);
    question.theta_given_x = question.own = asked == question.mask;
    question.mask = asked;
  }
  if (shape.x_dim == 0 && given_names.empty()) question.theta_given_x = false;  // the joint distribution
  if (!question.theta_given_x && !posterior.joint())
    throw core::UserError(
        "--given-names: the model was trained for theta given x and knows no other conditional; leave the "
        "option out, or train flux1joint or simformer");
  auto features = data::feature_names(posterior.theta_names(), shape.theta_channels);
  const auto of_x = data::feature_names(posterior.x_names(), shape.x_channels);
  features.insert(features.end(), of_x.begin(), of_x.end());
  for (size_t i = 0; i < features.size(); ++i) {
    const auto theta_size = static_cast<size_t>(shape.theta_size());
    const size_t token = i < theta_size
                             ? i / static_cast<size_t>(shape.theta_channels)
                             : theta_tokens + (i - theta_size) / static_cast<size_t>(shape.x_channels);
    auto& numbers = question.mask[token] ? question.given : question.inferred;
    auto& names = question.mask[token] ? question.given_names : question.names;
    numbers.push_back(i);
    names.push_back(features[i]);
  }
  return question;
}

std::string given_text(const Question& question) {
  return question.own ? "" : core::join(question.given_names);
}

std::string folder_name(const Question& question) {
  if (question.own) return "";
  constexpr size_t longest = 100;
  const std::string words = core::join(question.given_names, "_");
  std::string name = "given_" + words.substr(0, longest);
  bool same = words.size() <= longest;
  for (char& c : name) {
    if (std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '-' || c == '.' || c == '_') continue;
    c = '_';
    same = false;
  }
  if (same) return name;
  char sum[16];
  std::snprintf(sum, sizeof sum, "-%08x", io::crc32(std::as_bytes(std::span(words))));
  return name + sum;
}

std::vector<double> features_of(const Pairs& pairs, std::span<const size_t> chosen) {
  if (pairs.rows == 0) return {};
  const size_t theta_size = pairs.theta.size() / static_cast<size_t>(pairs.rows);
  const size_t x_size = pairs.x.size() / static_cast<size_t>(pairs.rows);
  std::vector<double> values;
  values.reserve(chosen.size() * static_cast<size_t>(pairs.rows));
  for (size_t row = 0; row < static_cast<size_t>(pairs.rows); ++row) {
    for (const size_t i : chosen)
      values.push_back(i < theta_size ? pairs.theta[row * theta_size + i]
                                      : pairs.x[row * x_size + i - theta_size]);
  }
  return values;
}

}  // namespace fluxsbi::evidence
