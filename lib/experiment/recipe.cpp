#include "experiment/recipe.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

#include "data/screening/linear_summaries.hpp"
#include "data/symmetry/find_symmetries.hpp"

namespace fluxsbi::experiment {

namespace {

// ---- The table. What it holds is decided by the studies that docs/recipe.md names, and by nothing else.
// ----

bool is_joint_possible(const RecipeFacts& facts) {
  return facts.shape.x_dim == 0 || facts.shape.theta_channels == facts.shape.x_channels;
}

int64_t tokens(const RecipeFacts& facts) {
  return facts.shape.theta_dim + facts.shape.x_dim;
}

constexpr int64_t most_joint_tokens = 16;       // of theta and x together; with 20 flux1 is level, and faster
constexpr int64_t few_simulations = 5000;       // between 1,000 and 10,000, which were measured
constexpr int64_t very_few_simulations = 3000;  // as above

constexpr std::array rules{
    ModelRule{"recipe.embedding", "flux1", "flux1 alone takes the embedding network that the config names",
              [](const RecipeFacts& facts) { return facts.embedded; }},
    ModelRule{
        "recipe.unconditional-few", "simformer",
        "\"Use Simformer when: you have <10 total dimensions\"; without x only a joint model can be used",
        [](const RecipeFacts& facts) { return facts.shape.x_dim == 0 && tokens(facts) < 10; }},
    ModelRule{"recipe.unconditional", "flux1joint",
              "\"Use Flux1Joint when: you need explicit joint modeling of all variables\"; without x only a "
              "joint model can be used",
              [](const RecipeFacts& facts) { return facts.shape.x_dim == 0; }},
    ModelRule{"recipe.channels", "flux1",
              "theta and x have different numbers of channels, and a joint model has one for all tokens",
              [](const RecipeFacts& facts) { return !is_joint_possible(facts); }},
    ModelRule{
        "recipe.few-dimensions", "flux1",
        "flux1 answers better below 10 variables (two_moons: log-density 3.71 against 3.67 of flux1joint "
        "with 10,000 simulations, 3.30 against 3.02 with 1,000), where the cards advise simformer",
        [](const RecipeFacts& facts) { return tokens(facts) < 10; }},
    ModelRule{"recipe.few-simulations", "flux1joint",
              "a joint model needs fewer simulations (slcp, 1,000: log-density -4.94 against -5.25 of flux1)",
              [](const RecipeFacts& facts) {
                return facts.rows > 0 && facts.rows < few_simulations && tokens(facts) <= most_joint_tokens;
              }},
    ModelRule{"recipe.many-dimensions", "flux1",
              "\"Use Flux1 when: you have >10 parameters or >100 observations\"",
              [](const RecipeFacts& facts) {
                return facts.shape.theta_dim > 10 || facts.shape.x_dim > most_tokens;
              }},
    ModelRule{
        "recipe.some-dimensions", "flux1joint",
        "a joint model answers better for 10 to 16 variables (slcp, 10,000 simulations: log-density -2.37 "
        "against -2.91), where the cards advise flux1",
        [](const RecipeFacts& facts) { return tokens(facts) <= most_joint_tokens; }},
    ModelRule{"recipe.default", "flux1", "\"Flux1 (Default): use for most problems\"",
              [](const RecipeFacts&) { return true; }},
};

// Networks by model: as usual, and for little time.
struct Networks {
  NetworkNumbers usual, small;
};
constexpr std::array networks{
    //        model      double single heads  value id condition
    Networks{{"flux1", 2, 4, 4, 5, 5, 0}, {"flux1", 1, 2, 4, 5, 5, 0}},
    Networks{{"flux1joint", 0, 6, 4, 6, 4, 2}, {"flux1joint", 0, 3, 4, 6, 4, 2}},
    Networks{{"simformer", 0, 4, 4, 40, 10, 10}, {"simformer", 0, 2, 4, 40, 10, 10}},
};
// Of few simulations a wider joint model is too sure (slcp, 1,000 simulations; sir loses nothing).
constexpr NetworkNumbers narrow_joint{"flux1joint", 0, 6, 4, 4, 3, 1};

// What changes with the number of simulations; between two rows numbers go by ln rows, beyond the ends they
// stay.
struct BySimulations {
  double rows;
  double steps;                // of batches of 256, at most; more are not known to help
  double minutes;              // of `train` without a config, at most
  double validation_fraction;  // of the rows
  double posterior_weight;     // of joint models' condition masks; each of the four others has 0.2
};
constexpr std::array by_simulations{
    BySimulations{1'000, 6'000, 4, 0.05, 0.2},
    BySimulations{10'000, 24'000, 12, 0.05, 0.8},
    BySimulations{100'000, 48'000, 40, 0.05, 0.8},
};

constexpr int64_t batch_rows = 256;
// Networks learn few rows of many values by heart; noise on x that falls while they learn keeps them from it.
constexpr double first_x_noise = 1, last_x_noise = 0.02;
constexpr int64_t least_noise_tokens = 10;   // two_moons loses a little
constexpr int64_t most_noise_rows = 20'000;  // bernoulli_glm gains .05 nats with 10,000
constexpr double highest_rate = 1e-3, lowest_rate = 1e-6, decay_begins = 0.3;
constexpr bool levels_are_learned = true;
constexpr double fixed_level_mean = -1,
                 fixed_level_std = 1.5;                    // of ln(noise / signal): logit-normal (1, 1.5)
constexpr int64_t evaluations = 4096;                      // of a validation
constexpr int64_t validations = 60, least_val_every = 50;  // of a training
// With 9.5 rows a value a regression gains much (bernoulli_glm_raw, 1,000 simulations).
constexpr int64_t regression_values = 200, rows_a_value = 8;
constexpr int64_t rows_that_teach = 50;  // for each value: linear summaries gain by learning; 9.5 do not
constexpr int64_t fewest_steps = 750;    // with fewer the small network is as good
// Of very few simulations two models that answer together are better than one; two cores train no more in
// four minutes.
constexpr int64_t usual_members = 2;
constexpr int64_t most_members = 4;  // more have not been tried

// ---- End of the table. ----

double between(double rows, double BySimulations::*number) {
  const auto& table = by_simulations;
  if (rows <= 0 || rows >= table.back().rows) return table.back().*number;  // 0: without end
  if (rows <= table.front().rows) return table.front().*number;
  const auto next =
      std::find_if(table.begin(), table.end(), [&](const auto& row) { return row.rows > rows; });
  const auto& low = *(next - 1);
  const double part = std::log(rows / low.rows) / std::log(next->rows / low.rows);
  return low.*number * std::pow(next->*number / (low.*number), part);
}

int64_t rounded_to(double value, int64_t unit) {
  return std::max<int64_t>(1, std::llround(value / static_cast<double>(unit))) * unit;
}

bool is_joint(std::string_view model) {
  return model != "flux1";
}

// The largest divisor of `length` that leaves at least 16 pieces, or 1.
int64_t patch_of(int64_t length) {
  for (int64_t pieces = 16; pieces <= 128; ++pieces) {
    if (length % pieces == 0) return length / pieces;
  }
  return 1;
}

// Blocks of convolutions that keep every stride-th place until at most `most` are left of `length`.
std::string channels_of(int64_t length, int64_t stride, int64_t most) {
  std::string list;
  for (int64_t block = 0; block == 0 || (length > most && block < 8);
       ++block, length = (length + stride - 1) / stride)
    list += block == 0 ? "16" : ", 32";
  return "[" + list + "]";
}

}  // namespace

std::span<const ModelRule> model_rules() {
  return rules;
}

const ModelRule& choose_model(const RecipeFacts& facts) {
  for (const ModelRule& rule : rules) {
    if (rule.holds(facts)) return rule;
  }
  return rules.back();
}

std::string EmbeddingChoice::yaml() const {
  std::string text = "{network: " + network;
  for (const auto& [name, value] : numbers) text += ", " + name + ": " + value;
  return text + "}";
}

EmbeddingChoice choose_embedding(const data::DataShape& shape) {
  const std::pair<std::string, std::string> narrow{"features", "32"};
  if (!shape.x_grid.empty()) {
    const int64_t side = *std::max_element(shape.x_grid.begin(), shape.x_grid.end());
    return {"cnn2d", {{"channels", channels_of(side, 2, 8)}, narrow}};
  }
  if (shape.padded) return {"set", {narrow}};
  if (shape.x_channels > 1)
    return {"cnn1d",
            {{"channels", channels_of(shape.x_dim, 4, 64)}, {"kernel", "7"}, {"stride", "4"}, narrow}};
  const int64_t patch = patch_of(shape.x_dim);
  if (shape.x_dim >= 1000 && patch > 1)
    return {"patchify", {{"patch", "[" + std::to_string(patch) + "]"}, {"positions", "learned"}, narrow}};
  return {"residual_mlp", {{"hidden", "64"}, narrow}};
}

Recipe make_recipe(const RecipeFacts& facts) {
  Recipe recipe;
  recipe.rule = &choose_model(facts);
  recipe.model = facts.model.empty() ? std::string(recipe.rule->model) : facts.model;
  if (!facts.method.empty()) recipe.method = facts.method;
  for (const Networks& row : networks) {
    if (row.usual.model != recipe.model) continue;
    recipe.network = row.usual;
    recipe.small_network = row.small;
  }
  const int64_t shown = facts.rows * std::clamp<int64_t>(facts.forms, 1, most_counted_forms);
  recipe.narrow = recipe.model == narrow_joint.model && shown > 0 && shown < very_few_simulations;
  if (recipe.narrow) recipe.network = narrow_joint;
  const bool embeds = !is_joint(recipe.model) && !facts.embedded && facts.shape.x_dim > most_own_tokens;
  if (embeds) recipe.embedding = choose_embedding(facts.shape);
  recipe.learned_levels = facts.learned_levels.value_or(levels_are_learned);
  recipe.level_mean = fixed_level_mean;
  recipe.level_std = fixed_level_std;
  const int64_t values = facts.shape.x_size();
  const bool plain_vector = !embeds || recipe.embedding.network == "residual_mlp";
  recipe.regression = !is_joint(recipe.model) && facts.whole_x && !facts.embedded && plain_vector &&
                      values > 0 && values <= std::min(regression_values, facts.rows / rows_a_value);
  if (asks_for_linear(recipe) && facts.beyond_linear.value_or(1) <= data::most_beyond_linear) {
    recipe.embedding = {"linear", {{"tokens", std::to_string(facts.shape.theta_size())}, {"features", "1"}}};
    if (facts.rows < rows_that_teach * values) recipe.embedding.numbers.emplace_back("learned", "false");
  }
  recipe.symmetries = facts.rows >= data::least_symmetry_rows && facts.rows <= data::most_symmetry_rows &&
                      !facts.shape.padded && facts.shape.theta_size() + values <= data::most_symmetry_values;
  recipe.max_lr = highest_rate;
  recipe.min_lr = lowest_rate;
  recipe.decay_transition = decay_begins;
  recipe.batch = batch_rows;
  const bool vector_of_x = recipe.embedding.network.empty() || recipe.embedding.network == "linear";
  if (!is_joint(recipe.model) && !facts.embedded && vector_of_x && values > 0 && facts.rows > 0 &&
      facts.rows <= most_noise_rows && tokens(facts) >= least_noise_tokens) {
    recipe.x_noise = first_x_noise;
    recipe.x_noise_end = last_x_noise;
  }
  const auto rows = static_cast<double>(facts.rows);
  const auto forms = static_cast<double>(shown);
  if (is_joint(recipe.model) && facts.shape.x_dim > 0)
    recipe.posterior_weight = std::round(100 * between(forms, &BySimulations::posterior_weight)) / 100;
  recipe.steps = rounded_to(between(forms, &BySimulations::steps), 500);
  recipe.minutes = std::round(between(rows, &BySimulations::minutes));
  recipe.validation_fraction = between(rows, &BySimulations::validation_fraction);
  recipe.least_steps = std::min(fewest_steps, recipe.steps);
  recipe.most_members = facts.rows > 0 ? most_members : 1;
  recipe.members = facts.rows > 0 && facts.rows < very_few_simulations ? usual_members : 1;
  recipe.validation_evaluations = evaluations;
  recipe.val_every = validation_interval(recipe.steps);
  recipe.early_stopping = true;
  return recipe;
}

bool asks_for_linear(const Recipe& recipe) {
  return recipe.embedding.network == "residual_mlp" && recipe.regression;
}

int64_t validation_interval(int64_t steps) {
  return std::max(least_val_every, rounded_to(static_cast<double>(steps) / validations, 10));
}

}  // namespace fluxsbi::experiment
