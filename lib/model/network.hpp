// A network: velocity, score or denoiser of obs tokens given a time and, depending on the model, cond tokens.
//
// Legend of shape letters, used in all rooms: B batch, L obs tokens, M cond tokens, C obs channels, K cond
// channels, H heads, D features of a head, F = H D hidden size, A id axes.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>

#include <torch/nn/module.h>

#include "config/reader.hpp"
#include "data/shape.hpp"
#include "model/cards.hpp"

namespace fluxsbi::model {

/// What a network is evaluated on. Undefined tensors mean "the model's default".
struct Inputs {
  torch::Tensor t;               ///< [1 or B] float32, the network's own time argument; [1]: of all rows
  torch::Tensor obs;             ///< [B, L, C] float32; joint models: all joint tokens
  torch::Tensor cond;            ///< [B or 1, M, K] float32 (Flux1)
  torch::Tensor obs_ids;         ///< [B or 1, L, A] int; default: the model's own numbering
  torch::Tensor cond_ids;        ///< [B or 1, M, A] int
  torch::Tensor conditioned;     ///< [1 or B] bool; false: the learned null condition (Flux1)
  torch::Tensor guidance;        ///< [B, vec_in_dim] float32, where guidance_embed is set
  torch::Tensor condition_mask;  ///< [B or 1, L, 1] bool, true = conditioned on (joint models)
  torch::Tensor missing;         ///< [B or 1, L, 1] bool, true = has no value (obs is 0; joint models)
  torch::Tensor edge_mask;       ///< [L, L] or [B, L, L] bool, true = may attend (Simformer)
  bool embedded = false;         ///< cond came from Network::embed

  /// B
  int64_t rows() const { return obs.size(0); }
  /// True for x [1 or B]: one number for all rows, or one each. What depends on a time that all rows share is
  /// computed once.
  bool one_or_each(const torch::Tensor& x) const {
    return x.defined() && x.dim() == 1 && (x.size(0) == 1 || x.size(0) == rows());
  }
};

/// The factor of the learned vector that marks a joint token: 1 where it is conditioned on, 0 where it is
/// inferred, -1 where it has no value: [B or 1, L, 1] float32. Undefined: every token is inferred.
torch::Tensor mark_factor(const Inputs& inputs);

class Network : public torch::nn::Module {
 public:
  /// [B, L, C] float32
  virtual torch::Tensor forward(const Inputs& inputs) = 0;
  /// True for models of the joint distribution, whose obs holds theta and x.
  virtual bool joint() const = 0;
  /// The network behind an embedding network; without one the network itself.
  virtual const Network& main() const { return *this; }
  /// The cond tokens that the network makes of x [B, ...]; without an embedding network x itself. An
  /// observation that is evaluated often is embedded once, and Inputs.embedded says so.
  virtual torch::Tensor embed(const torch::Tensor& x) { return x; }
  /// Fills all parameters with their start values, from `seed` alone.
  virtual void initialise(uint64_t seed) = 0;
  /// Tells the network the type to compute in (float32 or bfloat16) and returns the type that its parameters
  /// must then have. Most networks compute in their parameters' type; one that does not keeps `compute` for
  /// itself.
  virtual at::ScalarType accept(at::ScalarType compute) { return compute; }
};

/// The hyperparameters of one model: the section `model` of a configuration.
class Spec {
 public:
  virtual ~Spec() = default;
  virtual std::string_view name() const = 0;
  /// Reads the section; reports bad combinations of keys (heads, axes, guidance) to the reader.
  virtual void read(config::Reader& reader) = 0;
  /// Fills what the data decides and checks what it must fit. Throws UserErrors.
  virtual void resolve(const data::DataShape& shape) = 0;
  /// The section with every value, after resolve.
  virtual void write(config::Writer& writer) const = 0;
  /// Rows of Markdown for the documentation's reference of the options that read() takes.
  virtual std::string reference() const = 0;
  /// The parameters' storage type: kBFloat16 or kFloat.
  virtual at::ScalarType param_dtype() const = 0;
  /// Remarks about the choice (which generation was taken and why, the cards' advice), a line each.
  virtual std::vector<std::string> remarks() const = 0;
  /// What the model cards' rules look at, after resolve; empty for a model of which no card speaks.
  virtual CardNumbers card_numbers() const { return {}; }
  /// True if the model can be conditioned on what an embedding network makes of x.
  virtual bool takes_embedding() const { return false; }
  /// Gives the network a learned null condition, for rows that are not conditioned (Inputs.conditioned). Call
  /// it before build(). Returns false if this model has none.
  virtual bool learn_null_condition() { return false; }
  virtual std::shared_ptr<Network> build() const = 0;
  virtual std::unique_ptr<Spec> clone() const = 0;
};

struct ModelRow {
  std::string_view name;
  std::span<const std::string_view> aliases;
  std::string_view summary;
  std::unique_ptr<Spec> (*make)();
};

/// All models, in the order of the model cards.
std::span<const ModelRow> models();

/// The spec with default values of a model or alias. Throws UserError with the nearest name.
std::unique_ptr<Spec> make_spec(const std::string& name);

}  // namespace fluxsbi::model
