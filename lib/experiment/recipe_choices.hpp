// What a recipe chose, for people and for a config.
#pragma once

#include <string>
#include <vector>

#include "experiment/recipe.hpp"

namespace fluxsbi::experiment {

/// A key that a choice sets, "section.key" and its value in YAML. It is left out where the user gave one of
/// `rivals`, which it would not fit.
struct RecipeKey {
  std::string path, value;
  std::vector<std::string> rivals = {};
};

/// A choice for people and for a config.
struct RecipeChoice {
  std::string what;    ///< "learning rate"
  std::string choice;  ///< "0.001, which falls after 0.3 of the steps"
  std::string reason;
  std::vector<RecipeKey> keys = {};  ///< none where defaults say it already

  /// "learning rate 0.001: REASON"
  std::string line() const;
};

/// Everything that the recipe chooses, in the order of a config's sections.
std::vector<RecipeChoice> choices_of(const Recipe& recipe, const RecipeFacts& facts);

/// The keys of the section `model` for a network.
std::vector<RecipeKey> network_keys(const NetworkNumbers& network, const data::DataShape& shape);
/// "2 double-stream and 4 single-stream blocks of 40 features"
std::string network_text(const NetworkNumbers& network, const data::DataShape& shape);

}  // namespace fluxsbi::experiment
