// Which numbers of a row of theta and x a diagnosis takes as given and which it infers.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "evidence/pairs.hpp"
#include "sample/joint_condition.hpp"
#include "sample/posterior.hpp"

namespace fluxsbi::evidence {

/// theta given x, or any other conditional of a joint model.
struct Question {
  bool theta_given_x = true;
  bool own = true;                              ///< what the model answers where nothing is named
  sample::GivenMask mask;                       ///< [L] of theta's and x's tokens: 1 given, 0 inferred
  std::vector<size_t> inferred, given;          ///< numbers of a row's features, theta's first
  std::vector<std::string> names, given_names;  ///< of these features
};

/// The question whose given tokens have these names; without names theta given x. Throws UserError for names
/// that the model does not know, names that stand twice, all of them, and for another question than theta
/// given x to a model of theta given x alone.
Question make_question(const sample::Posterior& posterior, const std::vector<std::string>& given_names);

/// What is given in another question than the model's own, "theta_0, x_1"; else "".
std::string given_text(const Question& question);

/// A folder's name for what is found of such a question, "given_theta_0_x_1": letters, digits, '-', '.' and
/// '_' of the names, and behind names that hold others or are too many a checksum of them; else "".
std::string folder_name(const Question& question);

/// The features `chosen` of each pair, [rows, chosen].
std::vector<double> features_of(const Pairs& pairs, std::span<const size_t> chosen);

}  // namespace fluxsbi::evidence
