// Flux1Joint's hyperparameters: the section `model` of a configuration, both generations of GenSBI's names.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "config/table.hpp"
#include "model/cards.hpp"
#include "model/flux1joint/flux1joint.hpp"
#include "model/network.hpp"
#include "model/spec_checks.hpp"

namespace fluxsbi::model {

/// id_embedding_strategy: the one that the newer generation has.
enum class JointIds { absolute };
inline std::span<const std::string_view> enum_names(JointIds) {
  static constexpr std::string_view names[] = {"absolute"};
  return names;
}

struct Flux1JointOptions {
  std::optional<int64_t> in_channels;  ///< from the data
  std::optional<int64_t> vec_in_dim;
  bool guidance_embed = false;
  double mlp_ratio = 4;
  int64_t num_heads = 6;
  int64_t depth_single_blocks = 8;
  std::optional<std::vector<int64_t>> axes_dim{{10}};
  std::optional<std::vector<int64_t>> condition_dim{{4}};
  bool qkv_bias = true;
  std::optional<int64_t> joint_dim;     ///< from the data
  std::optional<double> theta = 10000;  ///< RoPE base
  Storage param_dtype = Storage::bfloat16;
  std::optional<JointIds> id_embedding_strategy;
  std::optional<MergeMode> id_merge_mode;
  std::optional<int64_t> val_emb_dim, cond_emb_dim, id_emb_dim;  ///< features a head
};

const config::Table<Flux1JointOptions>& flux1joint_table();

class Flux1JointSpec : public Spec {
 public:
  std::string_view name() const override { return "flux1joint"; }
  void read(config::Reader& reader) override;
  void resolve(const data::DataShape& shape) override;
  void write(config::Writer& writer) const override;
  std::string reference() const override;
  at::ScalarType param_dtype() const override { return scalar_type(options_.param_dtype); }
  std::vector<std::string> remarks() const override;
  CardNumbers card_numbers() const override;
  std::shared_ptr<Network> build() const override { return std::make_shared<Flux1Joint>(shape()); }
  std::unique_ptr<Spec> clone() const override { return std::make_unique<Flux1JointSpec>(*this); }

  const Flux1JointOptions& options() const { return options_; }
  /// The network's shape. resolve() must have been called.
  Flux1JointShape shape() const;

 private:
  /// A section is of the newer generation if it holds a key that only that one has.
  void find_generation(const config::Reader& reader);
  /// Warns of qkv_bias: false, which only double-stream blocks could follow.
  void resolve_bias(config::Reader& reader);
  /// The older generation: axes_dim and condition_dim.
  void check_axes(config::Reader& reader) const;
  /// The newer generation: the widths; empties the options that it does not look at.
  void resolve_widths(config::Reader& reader);

  TokenForm form() const;
  /// axes_dim[i] + condition_dim[i]: what RoPE rotates for each id axis
  std::vector<int64_t> rotated() const;
  int64_t head_dim() const;

  Flux1JointOptions options_;
  Generation generation_;
  std::string theta_remark_;
  CardNumbers of_data_;
  KeyPlaces places_;
};

}  // namespace fluxsbi::model
