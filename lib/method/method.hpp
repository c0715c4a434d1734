// A generative method: how a network is trained to turn noise into data, and which equation turns it back.
// Trainer and sampler know only this interface.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <ATen/core/Tensor.h>

#include "config/reader.hpp"
#include "engine/engine.hpp"
#include "method/level_density.hpp"
#include "method/path.hpp"

namespace fluxsbi::method {

/// Clean, standardised rows.
struct Batch {
  at::Tensor obs;             ///< [B, L, C] what is learnt
  at::Tensor cond;            ///< [B, M, K]; undefined for joint models
  at::Tensor condition_mask;  ///< [B, L, 1] bool; undefined for conditional models
  at::Tensor edge_mask;
  /// [B, L, 1] bool, joint models: tokens without a value, which obs holds as 0; undefined: none
  /// (HiddenValues)
  at::Tensor missing = {};
};

/// The random numbers of one batch.
struct Noise {
  at::Tensor normal;   ///< [B, L, C] standard normal
  at::Tensor uniform;  ///< [B] in (0, 1): becomes the time or noise level of each row
  /// [B, ConditionMask::numbers()] in (0, 1): what Batch.condition_mask was drawn with; undefined without one
  at::Tensor mask = {};
  /// [B] in (0, 1): rows below the drop rate lose their condition; undefined where none does
  at::Tensor drop = {};
  at::Tensor missing = {};  ///< [B, HiddenValues::numbers()] in (0, 1); undefined where nothing is hidden
  /// [B] the ln(noise / signal) of each row, within training_levels(); undefined: the method makes it of
  /// `uniform`
  at::Tensor level = {};
  /// What is added to x: [B, M, K] to cond, or of joint models [B, x tokens, C] to the last tokens of obs
  /// where these are given; undefined: nothing
  at::Tensor x = {};
};

/// What a method is to be trained with.
struct Setting {
  bool joint = false;  ///< a model of the joint distribution
  int64_t batch_size = 1;
  at::Device device{at::kCPU};
};

class Method {
 public:
  virtual ~Method() = default;
  virtual std::string_view name() const = 0;
  /// The regression problem of a batch, with t, target and weight as in the method's paper.
  virtual engine::Regression regression(const Batch& batch, const Noise& noise) const = 0;
  /// Why the method cannot be trained in this setting, with a remedy; "" if it can.
  virtual std::string problem(const Setting& /*setting*/) const { return ""; }
  /// The levels of Noise.level that can be asked for. Throws UserError where the method's options leave none.
  virtual LevelRange training_levels() const = 0;
  /// [B]: what the losses of rows of `elements` (L C) numbers at levels [B] are multiplied by to become (D -
  /// x1)^2 / s^2, the mean over the row's learnt elements, whose mean over rows is G of level_density.hpp.
  virtual at::Tensor information_weight(const at::Tensor& level, int64_t elements) const = 0;
  virtual std::unique_ptr<Path> path() const = 0;
  /// The solver to use if none is named, and its number of steps.
  virtual std::string default_solver() const = 0;
  virtual int64_t default_steps() const = 0;
  /// The default of sampling.spacing: how much the steps of fixed-step solvers shrink towards the data (1:
  /// equal steps in Path::time).
  virtual double default_spacing() const { return 1; }
};

/// The hyperparameters of a method, from the sections `strategy` and (schedules) `path`.
class Spec {
 public:
  virtual ~Spec() = default;
  virtual std::string_view name() const = 0;
  virtual void read(config::Reader& reader) = 0;
  virtual void write(config::Writer& writer) const = 0;
  /// The keys that shape the levels of training where these are fixed, and that do not have their defaults.
  virtual std::vector<std::string> level_keys() const = 0;
  /// Rows of Markdown for the documentation's reference of the options that read() takes.
  virtual std::string reference() const = 0;
  virtual std::unique_ptr<Method> build() const = 0;
  virtual std::unique_ptr<Spec> clone() const = 0;
};

struct MethodRow {
  std::string_view name;
  std::span<const std::string_view> aliases;
  std::string_view summary;
  std::unique_ptr<Spec> (*make)();
};

std::span<const MethodRow> methods();

/// Throws UserError with the nearest name.
std::unique_ptr<Spec> make_spec(const std::string& name);

/// Who chooses the noise levels of training: fixed, the method's own options; learned, the loss
/// (level_density.hpp).
enum class Levels { fixed, learned };
std::span<const std::string_view> enum_names(Levels);

/// The `strategy` section.
struct StrategyOptions {
  std::string method = "flow";
  std::string model = "flux1";
  /// Probability in [0, 1) that a training row is shown the learned null condition in place of its x
  /// (classifier-free guidance, Ho and Salimans 2022, arXiv 2207.12598).
  double condition_drop_rate = 0;
  Levels levels = Levels::fixed;
};
const config::Table<StrategyOptions>& strategy_table();

/// Switches the model's null condition on if rows lose their condition in training, and reports a model that
/// has none; warns of keys that learned levels leave without effect. The sections must have been read.
void resolve(const StrategyOptions& options, const Spec& method, model::Spec& model, config::Reader& reader);

/// The method's problem for a batch of which rows with noise.drop < drop_rate are not conditioned. All rows
/// are where noise.drop is undefined. Tokens of batch.missing enter as 0 at every time and carry no loss.
engine::Regression regression(const Method& method, const Batch& batch, const Noise& noise, double drop_rate);

}  // namespace fluxsbi::method
