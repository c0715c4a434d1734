#include "experiment/recipe.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

#include "core/text.hpp"

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

constexpr int64_t most_joint_tokens = 16;  // of theta and x together; with 20 flux1 is level, and faster
constexpr int64_t few_simulations = 5000;  // between 1,000 and 10,000, which were measured

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
    ModelRule{"recipe.few-simulations", "flux1joint",
              "a joint model needs fewer simulations (two_moons, 1,000: C2ST .752 against .811 of flux1)",
              [](const RecipeFacts& facts) {
                return facts.rows > 0 && facts.rows < few_simulations && tokens(facts) <= most_joint_tokens;
              }},
    ModelRule{"recipe.few-dimensions", "flux1",
              "flux1 answers better below 10 variables (two_moons, 10,000 simulations: log-density 3.71 "
              "against 3.67 of flux1joint), where the cards advise simformer",
              [](const RecipeFacts& facts) { return tokens(facts) < 10; }},
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

// What changes with the number of simulations; between two rows numbers go by ln rows, beyond the ends they
// stay.
struct BySimulations {
  double rows;
  double steps;                // of batches of 256, at most; more are not known to help
  double minutes;              // of `train` without a config, at most
  double validation_fraction;  // of the rows
};
constexpr std::array by_simulations{
    BySimulations{1'000, 6'000, 4, 0.05},
    BySimulations{10'000, 24'000, 12, 0.05},
    BySimulations{100'000, 48'000, 40, 0.05},
};

constexpr int64_t batch_rows = 256;
constexpr double highest_rate = 1e-3, lowest_rate = 1e-6, decay_begins = 0.3;
constexpr bool levels_are_learned = true;
constexpr double fixed_level_mean = -1,
                 fixed_level_std = 1.5;                    // of ln(noise / signal): logit-normal (1, 1.5)
constexpr double posterior_share_weight = 0.8;             // against .2 of each other mask: half of the rows
constexpr int64_t evaluations = 4096;                      // of a validation
constexpr int64_t validations = 60, least_val_every = 50;  // of a training
// Residuals of the rows of a fit are smaller than of others by a share of about values / rows: 2 % at most.
constexpr int64_t regression_values = 200, rows_a_value = 50;
constexpr int64_t fewest_steps = 750;  // with fewer the small network is as good
constexpr int64_t most_members = 4;    // more have not been tried

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

std::string text_of(int64_t number) {
  return std::to_string(number);
}

RecipeKey key(std::string path, std::string value, std::vector<std::string> rivals = {}) {
  return {std::move(path), std::move(value), std::move(rivals)};
}

std::string simulations_text(const RecipeFacts& facts) {
  return facts.rows > 0 ? core::count_text(facts.rows, "simulation") : "simulations without end";
}

RecipeChoice model_choice(const Recipe& recipe) {
  const ModelRule& rule = *recipe.rule;
  const std::string reason = std::string(rule.reason) + " [" + std::string(rule.id) + "]";
  if (recipe.model == rule.model)
    return {"model", recipe.model, reason, {key("strategy.model", recipe.model)}};
  return {"model",
          recipe.model,
          "you chose it; the rules choose " + std::string(rule.model) + ": " + reason,
          {key("strategy.model", recipe.model)}};
}

RecipeChoice method_choice(const Recipe& recipe) {
  return {"method",
          recipe.method,
          recipe.method == "flow"
              ? "level with the best of the methods on two tasks, and the cheapest to sample"
              : "you chose it",
          {key("strategy.method", recipe.method)}};
}

// The keys of fixed levels of each method, for levels with this mean and standard deviation of ln(noise /
// signal).
std::vector<RecipeKey> level_keys(const Recipe& recipe) {
  const std::string mean = core::number_text(recipe.level_mean), std = core::number_text(recipe.level_std);
  if (recipe.method == "flow") {
    const std::string key_of_kind = "strategy.time_distribution";
    return {key(key_of_kind, "logit_normal"),
            key("strategy.time_mean", core::number_text(-recipe.level_mean), {key_of_kind}),
            key("strategy.time_std", std, {key_of_kind})};
  }
  const std::vector<std::string> kinds{"strategy.preconditioning", "strategy.sde", "strategy.times"};
  auto rivals = [&](const char* alias) {
    auto all = kinds;
    all.emplace_back(alias);
    return all;
  };
  return {key("strategy.sigma_mean", mean, rivals("strategy.P_mean")),
          key("strategy.sigma_std", std, rivals("strategy.P_std"))};
}

RecipeChoice levels_choice(const Recipe& recipe) {
  if (recipe.learned_levels) {
    return {
        "noise levels",
        "learned",
        "they are found from the validation loss while training; each fixed distribution that was compared "
        "is worse on one of two tasks",
        {key("strategy.levels", "learned")}};
  }
  return {"noise levels",
          "fixed, ln(noise / signal) normal with mean " + core::number_text(recipe.level_mean) +
              " and standard deviation " + core::number_text(recipe.level_std),
          "within .02 of the best distribution on three tasks", level_keys(recipe)};
}

RecipeChoice regression_choice() {
  return {"regression",
          "auto",
          "the network learns what a linear function of x leaves of theta, so that posteriors that move with "
          "x stand still, unless the ends of theta cut that too often",
          {key("data.regression", "auto")}};
}

RecipeChoice mask_choice(const Recipe& recipe) {
  return {
      "condition masks",
      "posterior " + core::number_text(recipe.posterior_weight),
      "half of the rows train the posterior, the others regularise it",
      {key("condition_mask.posterior", core::number_text(recipe.posterior_weight), {"condition_mask.kind"})}};
}

RecipeChoice embedding_choice(const Recipe& recipe, const RecipeFacts& facts) {
  std::vector<RecipeKey> keys{key("embedding.network", recipe.embedding.network)};
  for (const auto& [name, value] : recipe.embedding.numbers)
    keys.push_back(key("embedding." + name, value, {"embedding.network"}));
  return {"embedding network", recipe.embedding.network,
          "x has " + text_of(facts.shape.x_dim) + " tokens, more than " + text_of(most_tokens), keys};
}

RecipeChoice validation_choice(const Recipe& recipe) {
  return {"validation",
          core::number_text(recipe.validation_fraction) + " of the rows, evaluated " +
              text_of(recipe.validation_evaluations) + " times or more, every " + text_of(recipe.val_every) +
              " steps",
          "the best weights are told from the others by small differences of the loss",
          {key("data.validation_fraction", core::number_text(recipe.validation_fraction)),
           key("training.val_every", text_of(recipe.val_every)),
           key("training.validation_evaluations", text_of(recipe.validation_evaluations))}};
}

RecipeChoice rate_choice(const Recipe& recipe) {
  const std::vector<std::string> plateau{"optimizer.schedule",          "optimizer.patience",
                                         "optimizer.cooldown",          "optimizer.factor",
                                         "optimizer.accumulation_size", "optimizer.rtol"};
  auto low = plateau;
  low.emplace_back("optimizer.max_lr");
  return {"learning rate",
          core::number_text(recipe.max_lr) + ", which falls after " +
              core::number_text(recipe.decay_transition) + " of the steps",
          "the cards' 1e-4 is for runs of 50,000 steps and more",
          {key("optimizer.max_lr", core::number_text(recipe.max_lr), plateau),
           key("optimizer.min_lr", core::number_text(recipe.min_lr), low),
           key("optimizer.decay_transition", core::number_text(recipe.decay_transition), plateau)}};
}

RecipeChoice steps_choice(const Recipe& recipe, const RecipeFacts& facts) {
  return {"steps",
          text_of(recipe.steps),
          "more are not known to help with " + simulations_text(facts),
          {key("training.nsteps", text_of(recipe.steps))}};
}

RecipeChoice prior_choice(const RecipeFacts& facts) {
  if (facts.prior_known)
    return {
        "prior", "known",
        "samples outside its support are drawn again; prior.transform: logit gains at its edges and loses "
        "inside"};
  return {"prior", "unknown", "samples may lie anywhere; a section prior confines them"};
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
    return {"patchify", {{"patch", "[" + text_of(patch) + "]"}, {"positions", "learned"}, narrow}};
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
  const bool embeds = !is_joint(recipe.model) && !facts.embedded && facts.shape.x_dim > most_tokens;
  if (embeds) recipe.embedding = choose_embedding(facts.shape);
  recipe.learned_levels = facts.learned_levels.value_or(levels_are_learned);
  recipe.level_mean = fixed_level_mean;
  recipe.level_std = fixed_level_std;
  const int64_t values = facts.shape.x_size();
  recipe.regression = !is_joint(recipe.model) && facts.whole_x && !facts.embedded && !embeds && values > 0 &&
                      values <= std::min(regression_values, facts.rows / rows_a_value);
  if (is_joint(recipe.model) && facts.shape.x_dim > 0) recipe.posterior_weight = posterior_share_weight;
  recipe.max_lr = highest_rate;
  recipe.min_lr = lowest_rate;
  recipe.decay_transition = decay_begins;
  recipe.batch = batch_rows;
  const auto rows = static_cast<double>(facts.rows);
  recipe.steps = rounded_to(between(rows, &BySimulations::steps), 500);
  recipe.minutes = std::round(between(rows, &BySimulations::minutes));
  recipe.validation_fraction = between(rows, &BySimulations::validation_fraction);
  recipe.least_steps = std::min(fewest_steps, recipe.steps);
  recipe.most_members = facts.rows > 0 ? most_members : 1;
  recipe.validation_evaluations = evaluations;
  recipe.val_every = validation_interval(recipe.steps);
  recipe.early_stopping = true;
  return recipe;
}

int64_t validation_interval(int64_t steps) {
  return std::max(least_val_every, rounded_to(static_cast<double>(steps) / validations, 10));
}

std::string RecipeChoice::line() const {
  return what + " " + choice + ": " + reason;
}

std::vector<RecipeChoice> choices_of(const Recipe& recipe, const RecipeFacts& facts) {
  std::vector<RecipeChoice> all{method_choice(recipe), model_choice(recipe), levels_choice(recipe)};
  all.push_back({"network", network_text(recipe.network, facts.shape),
                 "trains in minutes on two cores; the cards' 8 blocks and more are for long trainings",
                 network_keys(recipe.network, facts.shape)});
  if (recipe.posterior_weight > 0) all.push_back(mask_choice(recipe));
  if (!recipe.embedding.network.empty()) all.push_back(embedding_choice(recipe, facts));
  if (recipe.regression) all.push_back(regression_choice());
  all.push_back({"transforms", "auto",
                 "variables over decades or with far values are transformed, and the log says which"});
  all.push_back(prior_choice(facts));
  all.push_back(rate_choice(recipe));
  all.push_back(steps_choice(recipe, facts));
  all.push_back({"batch",
                 text_of(recipe.batch),
                 "with as many steps the results of all tables were made",
                 {key("training.batch_size", text_of(recipe.batch))}});
  all.push_back(validation_choice(recipe));
  all.push_back({"early stopping",
                 recipe.early_stopping ? "true" : "false",
                 "ends where the validation loss falls no more; the best weights are kept in any case",
                 {key("training.early_stopping", recipe.early_stopping ? "true" : "false")}});
  return all;
}

std::vector<RecipeKey> network_keys(const NetworkNumbers& network, const data::DataShape& shape) {
  if (network.model == "simformer") {  // each channel is repeated equally often
    return {key("model.dim_value", text_of(network.value * shape.theta_channels),
                {"model.val_emb_dim", "model.value_emb_dim"}),
            key("model.dim_id", text_of(network.id), {"model.id_emb_dim"}),
            key("model.dim_condition", text_of(network.condition), {"model.cond_emb_dim"}),
            key("model.num_heads", text_of(network.heads)),
            key("model.num_layers", text_of(network.blocks), {"model.depth"})};
  }
  std::vector<RecipeKey> keys;
  if (network.model == "flux1") keys.push_back(key("model.id_embedding_strategy", "[absolute, absolute]"));
  keys.push_back(key("model.id_merge_mode", "concat"));
  keys.push_back(key("model.val_emb_dim", text_of(network.value)));
  keys.push_back(key("model.id_emb_dim", text_of(network.id)));
  if (network.condition > 0) keys.push_back(key("model.cond_emb_dim", text_of(network.condition)));
  keys.push_back(key("model.num_heads", text_of(network.heads)));
  if (network.model == "flux1") keys.push_back(key("model.depth", text_of(network.double_blocks)));
  keys.push_back(key("model.depth_single_blocks", text_of(network.blocks)));
  keys.push_back(key("model.param_dtype", "float32", {"model.params_dtype"}));
  return keys;
}

std::string network_text(const NetworkNumbers& network, const data::DataShape& shape) {
  if (network.model == "simformer") {
    return core::count_text(network.blocks, "layer") + " of " +
           text_of(network.value * shape.theta_channels + network.id + network.condition) + " features";
  }
  const std::string width =
      " of " + text_of(network.heads * (network.value + network.id + network.condition)) + " features";
  if (network.double_blocks == 0) return core::count_text(network.blocks, "block") + width;
  return text_of(network.double_blocks) + " double-stream and " + text_of(network.blocks) +
         " single-stream blocks" + width;
}

}  // namespace fluxsbi::experiment
