#include "experiment/recipe_choices.hpp"

#include <algorithm>
#include <utility>

#include "config/rules.hpp"
#include "core/text.hpp"
#include "method/condition_mask.hpp"

namespace fluxsbi::experiment {

namespace {

std::string text_of(int64_t number) {
  return std::to_string(number);
}

RecipeKey key(std::string path, std::string value, std::vector<std::string> rivals = {}) {
  return {std::move(path), std::move(value), std::move(rivals)};
}

std::string simulations_text(const RecipeFacts& facts) {
  return facts.rows > 0 ? core::count_text(facts.rows, "simulation") : "simulations without end";
}

std::string forms_text(const RecipeFacts& facts) {
  if (facts.forms < 2) return "";
  return " in " + text_of(facts.forms) + (facts.forms < most_counted_forms ? " forms" : " forms or more");
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

RecipeChoice screening_choice(const RecipeFacts& facts) {
  RecipeChoice choice{"values of x", facts.screened, facts.screened_reason};
  if (!facts.use_x.empty()) choice.keys = {key("data.use_x", config::emit(facts.use_x))};
  return choice;
}

RecipeChoice regression_choice() {
  return {"regression",
          "auto",
          "the network learns what a linear function of x leaves of theta, so that posteriors that move with "
          "x stand still, unless the ends of theta cut that too often or theta is a curved function of x",
          {key("data.regression", "auto")}};
}

RecipeChoice symmetries_choice() {
  return {
      "symmetries",
      "auto",
      "where the order of measurements or the signs of parameters tell nothing, or a parameter only moves x, "
      "training sees each row in many forms",
      {key("data.symmetries", "auto")}};
}

RecipeChoice mask_choice(const Recipe& recipe) {
  const method::ConditionMaskOptions masks;
  const double others = masks.joint + masks.likelihood + masks.random_low + masks.random_high;
  return {
      "condition masks",
      "posterior " + core::number_text(recipe.posterior_weight),
      core::brief_text(100 * recipe.posterior_weight / (recipe.posterior_weight + others)) +
          " % of the rows train the posterior, the others regularise it",
      {key("condition_mask.posterior", core::number_text(recipe.posterior_weight), {"condition_mask.kind"})}};
}

RecipeChoice embedding_choice(const Recipe& recipe, const RecipeFacts& facts) {
  std::vector<RecipeKey> keys{key("embedding.network", recipe.embedding.network)};
  for (const auto& [name, value] : recipe.embedding.numbers)
    keys.push_back(key("embedding." + name, value, {"embedding.network"}));
  std::string reason =
      "x has " + text_of(facts.shape.x_dim) + " tokens, more than " + text_of(most_own_tokens);
  if (facts.beyond_linear) {
    reason += recipe.embedding.network == "linear" ? "; beyond linear functions of them x explains at most "
                                                   : "; beyond linear functions of them x explains up to ";
    reason += core::brief_text(100 * *facts.beyond_linear) + " % of what these leave of theta";
    const std::pair<std::string, std::string> fixed{"learned", "false"};
    if (std::ranges::find(recipe.embedding.numbers, fixed) != recipe.embedding.numbers.end())
      reason += "; they stay what the regression tells, since few rows would be learned by heart";
  }
  return {"embedding network", recipe.embedding.network, reason, keys};
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

RecipeChoice x_noise_choice(const Recipe& recipe) {
  const std::string first = core::number_text(recipe.x_noise), last = core::number_text(recipe.x_noise_end);
  return {
      "noise on x",
      "from " + first + " to " + last + " standard deviations in training",
      "networks learn few rows by heart without it (1,000 simulations of lotka_volterra: log-density 12.8 "
      "against 11.7)",
      {key("training.x_noise", first), key("training.x_noise_end", last, {"training.x_noise"})}};
}

RecipeChoice steps_choice(const Recipe& recipe, const RecipeFacts& facts) {
  return {"steps",
          text_of(recipe.steps),
          "more are not known to help with " + simulations_text(facts) + forms_text(facts),
          {key("training.nsteps", text_of(recipe.steps))}};
}

RecipeChoice ensemble_choice(const Recipe& recipe) {
  return {"ensemble",
          text_of(recipe.members) + " models",
          "together they answer better than each by itself where simulations are few (1,000: log-density .04 "
          "to .25 above their mean on four tasks), and sample warns where they disagree",
          {key("training.ensemble", text_of(recipe.members))}};
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

std::string RecipeChoice::line() const {
  return what + " " + choice + ": " + reason;
}

std::vector<RecipeChoice> choices_of(const Recipe& recipe, const RecipeFacts& facts) {
  std::vector<RecipeChoice> all{method_choice(recipe), model_choice(recipe), levels_choice(recipe)};
  all.push_back({"network", network_text(recipe.network, facts.shape),
                 recipe.narrow
                     ? "wider ones make posteriors of so few simulations too narrow (slcp, 1,000)"
                     : "trains in minutes on two cores; the cards' 8 blocks and more are for long trainings",
                 network_keys(recipe.network, facts.shape)});
  if (recipe.posterior_weight > 0) all.push_back(mask_choice(recipe));
  if (!facts.screened.empty()) all.push_back(screening_choice(facts));
  if (!recipe.embedding.network.empty()) all.push_back(embedding_choice(recipe, facts));
  if (recipe.regression) all.push_back(regression_choice());
  if (recipe.symmetries) all.push_back(symmetries_choice());
  all.push_back(
      {"transforms", "auto", "skewed variables and far values are transformed, and the log says which"});
  all.push_back(prior_choice(facts));
  all.push_back(rate_choice(recipe));
  if (recipe.x_noise > 0) all.push_back(x_noise_choice(recipe));
  all.push_back(steps_choice(recipe, facts));
  if (recipe.members > 1) all.push_back(ensemble_choice(recipe));
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
