// A config made by the recipe (recipe.hpp): for `train` without one, for `recommend` and for `check`.
#pragma once

#include <string>
#include <vector>

#include "config/value.hpp"
#include "data/data_options.hpp"
#include "data/prior/prior.hpp"
#include "data/simulate/command_simulator.hpp"
#include "experiment/recipe_choices.hpp"

namespace fluxsbi::experiment {

/// What the recipe looks at of data: their shape and rows, and whether their prior is known. It simulates
/// nothing (of data.online one piece) and reads no values but those of text files. Throws UserError for
/// data that cannot be opened.
RecipeFacts data_facts(const data::DataOptions& data, const data::SimulatorOptions& simulator,
                       const data::PriorOptions& prior);

/// A whole config and how it came about.
struct Recommendation {
  config::Value document;
  RecipeFacts facts;
  Recipe recipe;
  /// All choices. Of those keys that the user gave, or that would not fit what the user gave, are left out,
  /// and `line()` then says so.
  std::vector<RecipeChoice> choices;
  std::vector<std::string> findings;  ///< what the model cards say of the model and its numbers, a line each

  /// "10000 simulations, 2 tokens of theta, 2 of x"
  std::string subject() const;
  /// The config as a file, with its choices and their reasons as comments.
  std::string yaml() const;
  /// The same document with the recipe's small network.
  config::Value with_small_network() const;
  /// True unless the user gave keys of the section `model`.
  bool chose_network = false;
};

/// The sections that say what is trained and how: a config without any of them leaves that to the recipe.
bool leaves_training_open(const config::Value& config);

/// The recipe for the data that `given` names, under what `given` says itself: data, prior, simulator, and
/// single keys of any section, which go before the recipe's. A file is read for its shape, and nothing is
/// simulated (by data.online one piece), unless x is a vector of more than most_unscreened values: these are
/// screened in the rows themselves, those of a task with `seed`. Throws UserError for data that are not named
/// or cannot be read and for names that do not exist, UserErrors for everything that is wrong with the keys
/// of `given`.
Recommendation recommend(const config::Value& given, uint64_t seed);
Recommendation recommend(const config::Value& given);  ///< with the seed that `given` holds (seed_of)

/// The recipe's rules for models and the cards' rules, for reading.
std::string recommendation_rules();

}  // namespace fluxsbi::experiment
