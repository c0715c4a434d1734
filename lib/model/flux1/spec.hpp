// Flux1's hyperparameters: the section `model` of a configuration, both generations of GenSBI's names.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "config/table.hpp"
#include "model/cards.hpp"
#include "model/flux1/flux1.hpp"
#include "model/network.hpp"
#include "model/spec_checks.hpp"

namespace fluxsbi::model {

struct Flux1Options {
  std::optional<int64_t> in_channels;     ///< from the data
  std::optional<int64_t> context_in_dim;  ///< from the data
  std::optional<int64_t> vec_in_dim;
  bool guidance_embed = false;
  double mlp_ratio = 4;
  int64_t num_heads = 6;
  int64_t depth = 8;
  int64_t depth_single_blocks = 16;
  std::optional<std::vector<int64_t>> axes_dim{{10}};
  bool qkv_bias = true;
  std::optional<int64_t> obs_dim, cond_dim;  ///< from the data
  std::optional<double> theta = 10000;       ///< RoPE base
  Storage param_dtype = Storage::bfloat16;
  std::optional<std::vector<IdStrategy>> id_embedding_strategy;  ///< of obs and of cond
  std::optional<MergeMode> id_merge_mode;
  std::optional<int64_t> val_emb_dim, id_emb_dim;  ///< features a head
  std::optional<std::vector<int64_t>> obs_grid, cond_grid;
};

const config::Table<Flux1Options>& flux1_table();

class Flux1Spec : public Spec {
 public:
  std::string_view name() const override { return "flux1"; }
  void read(config::Reader& reader) override;
  void resolve(const data::DataShape& shape) override;
  void write(config::Writer& writer) const override;
  std::string reference() const override;
  at::ScalarType param_dtype() const override { return scalar_type(options_.param_dtype); }
  std::vector<std::string> remarks() const override;
  CardNumbers card_numbers() const override;
  bool takes_embedding() const override { return true; }
  bool learn_null_condition() override { return learns_null_condition_ = true; }
  std::shared_ptr<Network> build() const override { return std::make_shared<Flux1>(shape()); }
  std::unique_ptr<Spec> clone() const override { return std::make_unique<Flux1Spec>(*this); }

  const Flux1Options& options() const { return options_; }
  /// The network's shape. resolve() must have been called.
  Flux1Shape shape() const;

 private:
  /// A section is of the newer generation if it holds a key that only that one has.
  void find_generation(const config::Reader& reader);
  /// Strategies, axes and widths; resolves which of the width's keys counts.
  void check_ids(config::Reader& reader);
  /// Empties the options that the others leave without effect, and warns if the user gave them. A resolved
  /// section then reads back as the same.
  void drop_without_effect(config::Reader& reader);
  void check_widths(config::Reader& reader) const;

  bool concatenates() const { return options_.id_merge_mode == MergeMode::concat; }
  IdStrategy strategy(StreamRole role) const;
  bool any_rotary() const;
  bool any_table() const;  ///< true if a stream is not rotary
  int64_t head_dim() const;

  /// Takes the stream's grid from the data where the strategy needs one; checks it and the table's width.
  void resolve_grid(StreamRole role, const std::vector<int64_t>& of_data, std::vector<std::string>& problems);

  Flux1Options options_;
  Generation generation_;
  std::string theta_remark_;
  bool learns_null_condition_ = false;  ///< the older generation has one anyway
  CardNumbers of_data_;
  KeyPlaces places_;
};

}  // namespace fluxsbi::model
