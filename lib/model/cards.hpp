// The model cards' rules as data: which model suits which data, and what its numbers should be. Everything
// that gives advice (remarks of a training, `strategy.model: auto`, `fluxsbi recommend`) reads this one
// table.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "data/shape.hpp"

namespace fluxsbi::model {

class Spec;

/// The quantities that rules look at. One is absent if it is not known or the model has no such quantity.
struct CardNumbers {
  std::optional<double> obs_dim, cond_dim;  ///< tokens of theta and of x
  std::optional<double> dimensions;         ///< tokens of both
  std::optional<double> depth;              ///< layers (Flux1: double-stream blocks)
  std::optional<double> depth_ratio;        ///< single-stream blocks / double-stream blocks
  std::optional<double> heads, head_features;
  std::optional<double> width;  ///< features of a token
};

/// The numbers of the data alone.
CardNumbers card_numbers(const data::DataShape& shape);

/// A rule is broken where its quantity lies outside low ... high.
struct CardRule {
  std::string_view id;     ///< "simformer.layers"
  std::string_view model;  ///< the model whose card it is; empty: the card of all models
  std::optional<double> CardNumbers::*quantity;
  std::string_view what;  ///< the quantity in words
  double low, high;
  /// True for a choice that the card warns of or limits; every training says so. The other rules are
  /// customary values, from which small problems may well differ; only `recommend` mentions them.
  bool warns;
  std::string_view advice;  ///< what to do
  std::string_view card;    ///< the card's sentence
};
std::span<const CardRule> card_rules();

/// A broken rule.
struct Finding {
  const CardRule* rule = nullptr;
  double value = 0;
  /// "model.num_layers = 12, the model card advises at most 8: use flux1 or flux1joint [simformer.layers]"
  std::string text() const;
};

/// The rules that a model with these numbers breaks, in the table's order.
std::vector<Finding> findings(std::string_view model, const CardNumbers& numbers);
/// The same for a resolved Spec and the data as they are, before any embedding network.
std::vector<Finding> findings(const Spec& spec, const data::DataShape& data);

/// The text of the findings that warn: what a Spec says in its remarks.
std::vector<std::string> card_warnings(std::string_view model, const CardNumbers& numbers);

/// Which model suits which data: the first rule of the table that holds decides.
struct ChoiceRule {
  std::string_view id;  ///< "choice.few-dimensions"
  std::string_view model;
  std::string_view card;  ///< the card's sentence
  bool (*holds)(const data::DataShape& shape, bool embedded);
};
std::span<const ChoiceRule> choice_rules();

/// The rule that decides for these data; the last one holds for all.
const ChoiceRule& choose_model(const data::DataShape& shape, bool embedded);

}  // namespace fluxsbi::model
