#include "train/options.hpp"

#include <algorithm>
#include <cmath>

#include "core/text.hpp"

namespace fluxsbi::train {

std::span<const std::string_view> enum_names(ScheduleKind) {
  static constexpr std::string_view names[] = {"auto", "cosine", "plateau"};
  return names;
}

std::span<const std::string_view> enum_names(Clip) {
  static constexpr std::string_view names[] = {"adaptive", "global", "none"};
  return names;
}

namespace {

using config::Table;

// Seconds of work that one number of the config can ask for stay finite; counts beyond are typing errors.
constexpr int64_t most_steps = 1'000'000'000;

constexpr int64_t plateau_nsteps = 30000;
constexpr int64_t longest_default_warmup = 500;

// The keys of a schedule that are given.
std::vector<std::string> plateau_keys(const OptimizerOptions& o) {
  std::vector<std::string> keys;
  if (o.patience) keys.emplace_back("patience");
  if (o.cooldown) keys.emplace_back("cooldown");
  if (o.factor) keys.emplace_back("factor");
  if (o.accumulation_size) keys.emplace_back("accumulation_size");
  if (o.rtol) keys.emplace_back("rtol");
  return keys;
}
std::vector<std::string> cosine_keys(const OptimizerOptions& o) {
  std::vector<std::string> keys;
  if (o.warmup_steps) keys.emplace_back("warmup_steps");
  if (o.decay_transition) keys.emplace_back("decay_transition");
  if (o.schedule_steps) keys.emplace_back("schedule_steps");
  return keys;
}

void resolve_plateau(OptimizerOptions& o, TrainingOptions& training, config::Reader& reader) {
  for (const auto& key : cosine_keys(o)) {
    reader.problem(
        "optimizer." + key,
        "belongs to the cosine schedule, but optimizer.schedule is plateau; remove one of the two");
  }
  if (!reader.given("training.nsteps")) training.nsteps = plateau_nsteps;
  o.schedule = ScheduleKind::plateau;
  o.max_lr = o.max_lr.value_or(1e-3);
  o.min_lr = o.min_lr.value_or(std::min(1e-8, *o.max_lr));
  o.patience = o.patience.value_or(10);
  o.cooldown = o.cooldown.value_or(2);
  o.accumulation_size = o.accumulation_size.value_or(100);
  o.factor = o.factor.value_or(0.5);
  o.rtol = o.rtol.value_or(1e-4);
}

void resolve_cosine(OptimizerOptions& o, const TrainingOptions& training, config::Reader& reader) {
  for (const auto& key : plateau_keys(o)) {
    const std::string belongs = "belongs to the plateau schedule";
    if (o.schedule == ScheduleKind::cosine) {
      reader.problem("optimizer." + key,
                     belongs + ", but optimizer.schedule is cosine; remove one of the two");
    } else {  // GenSBI's files carry keys of both, and its cosine schedule ignores those of the other
      reader.warning("optimizer." + key, "has no effect: it " + belongs + ", and optimizer." +
                                             cosine_keys(o).front() + " asks for the cosine schedule");
    }
  }
  o.patience = o.cooldown = o.accumulation_size = std::nullopt;
  o.factor = o.rtol = std::nullopt;
  o.schedule = ScheduleKind::cosine;
  o.max_lr = o.max_lr.value_or(1e-4);
  o.min_lr = o.min_lr.value_or(*o.max_lr / 100);
  o.decay_transition = o.decay_transition.value_or(0.8);
  const int64_t steps = o.schedule_steps.value_or(training.nsteps);
  if (o.warmup_steps && *o.warmup_steps > steps) {
    reader.problem("optimizer.warmup_steps",
                   "is " + std::to_string(*o.warmup_steps) + ", longer than the run of " +
                       std::to_string(steps) + " steps (" +
                       (o.schedule_steps ? "optimizer.schedule_steps)" : "training.nsteps)"));
  }
  o.warmup_steps = o.warmup_steps.value_or(default_warmup(steps));
}

}  // namespace

const Table<OptimizerOptions>& optimizer_table() {
  using O = OptimizerOptions;
  using namespace config;
  const Rule<double> inside{"above 0 and below 1", [](double v) { return v > 0 && v < 1; }};
  static const auto table =
      Table<O>("optimizer", "AdamW, its learning rate and clipping.")
          .add("schedule", &O::schedule, one_of<ScheduleKind>(),
               "the course of the learning rate. cosine: a warm-up, a constant rate, a cosine decay. "
               "plateau: the rate is cut when the training loss stops falling. auto: plateau if one of its "
               "keys is given and none of the cosine schedule's, otherwise cosine")
          .add("max_lr", &O::max_lr, if_given(number_above(0)),
               "the highest learning rate; null: 1e-4 (cosine), 1e-3 (plateau)")
          .add("min_lr", &O::min_lr, if_given(number_at_least(0)),
               "the lowest learning rate; null: max_lr / 100 (cosine), 1e-8 (plateau)")
          .add("warmup_steps", &O::warmup_steps, if_given(integer_between(0, most_steps)),
               "cosine: the steps of the linear warm-up, which starts at 1e-7; null: 500, at most a tenth of "
               "the run")
          .add("decay_transition", &O::decay_transition, if_given(number_between(0, 1)),
               "cosine: the fraction of the run after which the rate falls; null: 0.8")
          .add("schedule_steps", &O::schedule_steps, if_given(integer_between(1, most_steps)),
               "cosine: the number of steps over which the rate takes its course; later steps are taken at "
               "its last value. null: training.nsteps. `fluxsbi resume --steps` sets it")
          .add("patience", &O::patience, if_given(integer_between(1, most_steps)),
               "plateau: how many averages of the training loss may pass without a new best before the rate "
               "is cut; null: 10")
          .add("cooldown", &O::cooldown, if_given(integer_between(0, most_steps)),
               "plateau: how many averages are not counted after a cut; null: 2")
          .add("factor", &O::factor, if_given(inside),
               "plateau: the factor by which a cut multiplies the rate; null: 0.5")
          .add("accumulation_size", &O::accumulation_size, if_given(integer_between(1, most_steps)),
               "plateau: the number of steps in one average of the training loss; null: 100")
          .add("rtol", &O::rtol, if_given(fraction_below_one()),
               "plateau: the fraction by which a new best must be lower; null: 1e-4")
          .add("beta1", &O::beta1, fraction_below_one(), "AdamW: the decay of the first moment")
          .add("beta2", &O::beta2, fraction_below_one(), "AdamW: the decay of the second moment")
          .add("eps", &O::eps, number_above(0), "AdamW: the number added to the root of the second moment")
          .add("weight_decay", &O::weight_decay, number_at_least(0),
               "AdamW: the decoupled decay of the weights of Linear layers")
          .add("clip", &O::clip, one_of<Clip>(),
               "how gradients are clipped. adaptive: the gradient norm of each unit, relative to the norm of "
               "its weights. global: the norm of all gradients together. none: not at all")
          .add("clip_value", &O::clip_value, number_above(0),
               "the limit: the ratio of norms (adaptive) or the norm (global)");
  return table;
}

const Table<TrainingOptions>& training_table() {
  using T = TrainingOptions;
  using namespace config;
  static const auto table =
      Table<T>("training", "How a model is trained, and for how long.")
          .add("nsteps", &T::nsteps, integer_between(1, most_steps),
               "the number of updates of the weights, each by the mean gradient of multistep batches; the "
               "default is 30000 with the plateau schedule")
          .add("batch_size", &T::batch_size, integer_between(1, 10'000'000), "the number of rows in a batch")
          .add("multistep", &T::multistep, integer_between(1, 100'000),
               "the number of batches whose gradients are averaged for a step")
          .add("val_every", &T::val_every, integer_between(1, most_steps),
               "the number of steps between validations of the averaged weights")
          .add("validation_evaluations", &T::validation_evaluations,
               if_given(integer_between(1, 100'000'000)),
               "how often a validation evaluates the network at least, each row as often as the others, with "
               "noise levels at evenly spaced quantiles of those of training; more tell good weights more "
               "surely from the best. null: once a row with levels that are drawn (strategy.levels: fixed), "
               "4096 times with levels spread over the whole range (learned)")
          .add("save_every", &T::save_every, integer_between(1, most_steps),
               "the number of steps between checkpoints")
          .add("keep_checkpoints", &T::keep_checkpoints, integer_between(1, 1'000'000),
               "how many checkpoints are kept")
          .add("log_every", &T::log_every, integer_between(1, most_steps),
               "the number of steps between lines of metrics.jsonl")
          .add("ema_decay", &T::ema_decay, fraction_below_one(),
               "the decay of the average of the weights that is validated and sampled; in step t it is at "
               "most (1 + t) / (10 + t), so that the first steps do not dominate the average of a short run")
          .alias("optimizer.ema_decay")
          .add("x_noise", &T::x_noise, number_at_least(0),
               "the standard deviation of normal noise that is added to x of the rows in training, in "
               "standard deviations of x, at the first step; it falls in equal ratios over the steps of "
               "the learning rate's schedule. It keeps networks from learning few rows by heart; validation "
               "and samples have none. Joint models add it where x is given; 0: none")
          .add("x_noise_end", &T::x_noise_end, if_given(number_above(0)),
               "the standard deviation of that noise at the last step; null: a hundredth of x_noise")
          .add("early_stopping", &T::early_stopping, any<bool>(),
               "true: training ends when the validation loss stays high or falls no more")
          .add("val_error_ratio", &T::val_error_ratio, number_at_least(1),
               "early stopping: a validation loss counts as high if it exceeds the best one by this factor")
          .add("val_patience", &T::val_patience, integer_between(0, most_steps),
               "early stopping: training ends after more than this many high validation losses in a row")
          .add("plateau_patience", &T::plateau_patience, integer_between(0, most_steps),
               "early stopping: training ends after this many validations in a row that are not better than "
               "the best before them by more than chance makes it, that is by more than the standard error "
               "of the difference over the validation rows; one that is clearly worse (by three standard "
               "errors and 1 %) counts as three; 0: a plateau does not end training")
          .add("seed", &T::seed, integer_at_least(0),
               "the seed of the initial weights, the data order and the training noise")
          .add("compute", &T::compute, one_of({"auto", "float32", "bfloat16", "bfloat16x3"}),
               "the type in which training evaluates the network; the weights stay in float32 in any case. "
               "bfloat16: factors of matrix products have 8 bits. bfloat16x3: each is two of these, 16 "
               "bits, on a processor with AMX; on one of AMD with AVX512-BF16 float32, but 8 bits for "
               "gradients of parameters; elsewhere float32. auto: bfloat16x3 on such processors, bfloat16 on "
               "a GPU that multiplies it where the model allows it (param_dtype), otherwise float32")
          .alias("model.dtype")
          .add("ensemble", &T::ensemble, integer_between(1, 1000),
               "the number of models that are trained on the same data and answer as one, as the equal "
               "mixture of their densities (docs/ensembles.md). They differ by initial weights, order of "
               "rows, noise and validation rows, which are a part of the rows for each member")
          .add("member", &T::member, if_given(integer_between(1, 1000)),
               "which member of the ensemble this run is, from 1: `fluxsbi train` sets it in the run folders "
               "of the members; null: the whole ensemble")
          .unused("experiment_id", "a run is named by its folder (-o RUN)")
          .unused("restore_model", "`fluxsbi resume RUN` continues from the last checkpoint")
          .unused("train_model", "the command decides: `fluxsbi train` or `fluxsbi sample`")
          .unused("checkpoint_dir", "checkpoints lie in the run folder (-o RUN)")
          .unused("print_every", "training.log_every says how often metrics are written");
  return table;
}

const Table<OutputOptions>& output_table() {
  static const auto table = Table<OutputOptions>("output", "What training writes beside the weights.")
                                .add("tensorboard", &OutputOptions::tensorboard, config::any<bool>(),
                                     "true: the metrics are also written as a TensorBoard events file");
  return table;
}

double x_noise_of(const TrainingOptions& options, int64_t step, int64_t steps) {
  if (options.x_noise == 0) return 0;
  constexpr double usual_fall = 100;
  const double end = options.x_noise_end.value_or(options.x_noise / usual_fall);
  const auto last = static_cast<double>(std::max<int64_t>(1, steps - 1));
  return options.x_noise * std::pow(end / options.x_noise, std::min(1.0, static_cast<double>(step) / last));
}

int64_t default_warmup(int64_t steps) {
  return std::min(longest_default_warmup, steps / 10);
}

void resolve(OptimizerOptions& optimizer, TrainingOptions& training, config::Reader& reader) {
  if (training.member && *training.member > training.ensemble) {
    reader.problem("training.member", "is " + std::to_string(*training.member) + ", but the ensemble has " +
                                          std::to_string(training.ensemble) + " members (training.ensemble)");
  }
  if (training.x_noise_end && training.x_noise == 0)
    reader.warning("training.x_noise_end", "has no effect: training.x_noise is 0");
  else if (training.x_noise_end && *training.x_noise_end > training.x_noise)
    reader.problem("training.x_noise_end",
                   "is " + core::number_text(*training.x_noise_end) +
                       ", above training.x_noise = " + core::number_text(training.x_noise));
  const bool plateau = optimizer.schedule == ScheduleKind::plateau ||
                       (optimizer.schedule == ScheduleKind::automatic && cosine_keys(optimizer).empty() &&
                        !plateau_keys(optimizer).empty());
  if (plateau) {
    resolve_plateau(optimizer, training, reader);
  } else {
    resolve_cosine(optimizer, training, reader);
  }
  if (*optimizer.min_lr > *optimizer.max_lr) {
    reader.problem("optimizer.min_lr",
                   "is " + core::number_text(*optimizer.min_lr) +
                       ", above optimizer.max_lr = " + core::number_text(*optimizer.max_lr));
  }
}

}  // namespace fluxsbi::train
