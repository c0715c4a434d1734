// Simformer's hyperparameters: the section `model` of a configuration, both generations of GenSBI's names.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "config/table.hpp"
#include "model/cards.hpp"
#include "model/network.hpp"
#include "model/simformer/simformer.hpp"
#include "model/spec_checks.hpp"

namespace fluxsbi::model {

struct SimformerOptions {
  std::optional<int64_t> in_channels;  ///< from the data
  int64_t dim_value = 40;
  int64_t dim_id = 10;
  int64_t dim_condition = 10;
  std::optional<int64_t> dim_joint;  ///< from the data
  int64_t num_heads = 4;
  int64_t num_layers = 4;
  int64_t num_hidden_layers = 1;
  int64_t fourier_features = 128;
  double widening_factor = 3;
  std::optional<int64_t> qkv_features;              ///< null: dim_tot
  Storage param_dtype = Storage::float32;           ///< nothing else is kept
  std::optional<std::string> edge_mask;             ///< a file or a name; resolve() turns it into edges
  std::optional<std::vector<std::string>> edges{};  ///< EdgeRows
};

const config::Table<SimformerOptions>& simformer_table();

class SimformerSpec : public Spec {
 public:
  std::string_view name() const override { return "simformer"; }
  void read(config::Reader& reader) override;
  void resolve(const data::DataShape& shape) override;
  void write(config::Writer& writer) const override;
  std::string reference() const override;
  at::ScalarType param_dtype() const override { return scalar_type(options_.param_dtype); }
  std::vector<std::string> remarks() const override;
  CardNumbers card_numbers() const override;
  std::shared_ptr<Network> build() const override { return std::make_shared<Simformer>(shape()); }
  std::unique_ptr<Spec> clone() const override { return std::make_unique<SimformerSpec>(*this); }

  const SimformerOptions& options() const { return options_; }
  /// The network's shape. resolve() must have been called.
  SimformerShape shape() const;

 private:
  int64_t dim_tot() const { return options_.dim_value + options_.dim_id + options_.dim_condition; }
  void check_widths(config::Reader& reader) const;
  /// Turns edge_mask into edges and checks that they fit.
  void resolve_edges(const data::DataShape& data, std::vector<std::string>& problems);
  EdgeRows named_edges(const data::DataShape& data) const;

  SimformerOptions options_;
  CardNumbers of_data_;
  KeyPlaces places_;
};

}  // namespace fluxsbi::model
