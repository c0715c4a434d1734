// The rule set that chooses a training for data: what `train` without a config trains and `recommend`
// writes. Each rule's evidence stands in docs/recipe.md. All numbers stand in recipe.cpp.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "data/shape.hpp"

namespace fluxsbi::experiment {

/// What the rules look at: the data, and what the user has fixed already (empty: nothing).
struct RecipeFacts {
  data::DataShape shape;
  int64_t rows = 0;          ///< simulations; 0: they are made while training, without end
  bool prior_known = false;  ///< the support of theta is known
  bool embedded = false;     ///< a config names an embedding network
  bool whole_x = true;       ///< the network always sees every value of x
  std::string model, method;
  std::optional<bool> learned_levels;
  /// Of x with more values than most_unscreened: what was found about them (data::choose_x), and the names of
  /// those that the model sees. `shape` holds these alone.
  std::string screened, screened_reason;
  std::vector<std::string> use_x;
  /// The share that x tells beyond linear functions of it (data::told_beyond_linear); none: not asked for
  /// (asks_for_linear).
  std::optional<double> beyond_linear;
  /// How many forms of a row symmetries make (data::count_forms), most_counted_forms at most.
  int64_t forms = 1;
};
/// Rows in so many forms or more train like ten times as many rows (docs/recipe.md, "Longer with
/// symmetries").
inline constexpr int64_t most_counted_forms = 10;
/// Vectors of x with more values are screened: of these few the symmetries are looked for (docs/recipe.md).
inline constexpr int64_t most_unscreened = 24;

/// Which model suits which data: the first rule of the table that holds decides; the last one holds for all.
struct ModelRule {
  std::string_view id;  ///< "recipe.few-dimensions"
  std::string_view model;
  std::string_view reason;  ///< a model card's sentence in quotes, or what was measured
  bool (*holds)(const RecipeFacts& facts);
};
std::span<const ModelRule> model_rules();
const ModelRule& choose_model(const RecipeFacts& facts);

/// A network of one model. Flux1 and Flux1Joint count features of a head, Simformer those of a token.
struct NetworkNumbers {
  std::string_view model;
  int64_t double_blocks = 0;  ///< Flux1
  int64_t blocks = 0;         ///< single-stream blocks; Simformer: layers
  int64_t heads = 0;
  int64_t value = 0, id = 0, condition = 0;  ///< features of value, id and condition mask
};

/// An embedding network that suits x, as keys of the section `embedding`.
struct EmbeddingChoice {
  std::string network;                                       ///< "" for none
  std::vector<std::pair<std::string, std::string>> numbers;  ///< further keys and their values
  std::string yaml() const;  ///< "{network: cnn2d, channels: [16, 32], features: 32}"
};
/// cnn2d for images, set for sets of varying size, cnn1d for series of several channels, patchify for
/// vectors of 1,000 numbers or more, else residual_mlp. The tokens of x are many enough for one above
/// `most_own_tokens`.
EmbeddingChoice choose_embedding(const data::DataShape& shape);
inline constexpr int64_t most_tokens = 100;  ///< the cards' limit for x without an embedding network
/// That of the recipe: at 100 tokens ten minutes hold too few steps (docs/recipe.md).
inline constexpr int64_t most_own_tokens = 64;

struct Recipe {
  const ModelRule* rule =
      nullptr;  ///< the rules' own choice of the model, which is `model` unless the user chose
  std::string model, method = "flow";
  NetworkNumbers network;
  NetworkNumbers small_network;  ///< for budgets of time in which `network` takes too few steps
  bool narrow = false;           ///< the usual network would be wider, and too sure of so few simulations
  EmbeddingChoice embedding;
  bool learned_levels = false;
  double level_mean = 0, level_std = 0;  ///< fixed levels: of ln(noise / signal)
  bool regression = false;               ///< data.regression: auto
  bool symmetries = false;               ///< data.symmetries: auto
  double posterior_weight = 0;           ///< joint models: condition_mask.posterior; 0: no x to condition on
  double max_lr = 0, min_lr = 0, decay_transition = 0;
  double x_noise = 0, x_noise_end = 0;  ///< of training, in deviations of x; 0: none
  int64_t batch = 0;
  int64_t steps = 0;         ///< more are not known to help
  int64_t least_steps = 0;   ///< with fewer the small network is better
  double minutes = 0;        ///< what `train` without a config takes at most
  int64_t members = 1;       ///< of the ensemble that is trained; 1: a single model
  int64_t most_members = 1;  ///< of an ensemble, where --minutes gives time for so many
  double validation_fraction = 0;
  int64_t validation_evaluations = 0;
  int64_t val_every = 0;
  bool early_stopping = false;
};

/// The recipe for these facts. A model or a method that the user names is one of the registries' own names.
Recipe make_recipe(const RecipeFacts& facts);

/// Whether the recipe wants to know RecipeFacts::beyond_linear: a vector of x goes through a network that
/// linear functions may take the place of, and there are rows enough for a regression on them.
bool asks_for_linear(const Recipe& recipe);

/// The number of steps between validations of a training of `steps` steps.
int64_t validation_interval(int64_t steps);

}  // namespace fluxsbi::experiment
