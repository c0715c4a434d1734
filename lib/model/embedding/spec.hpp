// The section `embedding` of a configuration: which network makes the cond tokens of x.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "config/reader.hpp"
#include "config/table.hpp"
#include "data/shape.hpp"
#include "model/embedding/embedding.hpp"
#include "model/embedding/pooling.hpp"
#include "model/spec_checks.hpp"

namespace fluxsbi::model {

/// embedding.output
enum class EmbeddingOutput { tokens, vector };
inline std::span<const std::string_view> enum_names(EmbeddingOutput) {
  static constexpr std::string_view names[] = {"tokens", "vector"};
  return names;
}

/// embedding.positions: how the places of patches are told apart by the embedding network itself.
enum class PatchPositions { none, learned };
inline std::span<const std::string_view> enum_names(PatchPositions) {
  static constexpr std::string_view names[] = {"none", "learned"};
  return names;
}

struct EmbeddingOptions {
  std::string network = "none";                     ///< none, linear, mlp, residual_mlp, cnn1d, cnn2d, ...
  std::optional<EmbeddingOutput> output;            ///< null: the network's own choice
  int64_t features = 64;                            ///< of an output token
  int64_t tokens = 4;                               ///< linear, mlp, residual_mlp and set with output: tokens
  bool learned = true;                              ///< linear
  int64_t hidden = 128;                             ///< mlp, residual_mlp, set
  int64_t layers = 2;                               ///< mlp, residual_mlp, cnn, set
  std::vector<int64_t> channels{32, 64};            ///< cnn
  int64_t kernel = 3, stride = 2;                   ///< cnn
  std::optional<std::vector<int64_t>> patch;        ///< patchify; null: 4 along each axis
  PatchPositions positions = PatchPositions::none;  ///< patchify
  std::optional<Pool> pooling;                      ///< null: the network's own choice
  int64_t heads = 4;                                ///< of attention pooling
  std::optional<std::vector<int64_t>> grid;  ///< [rows, columns] of an image that the file holds as flat rows
};

const config::Table<EmbeddingOptions>& embedding_table();

class EmbeddingSpec {
 public:
  /// Reads the section; reports keys without effect and bad combinations to the reader.
  void read(config::Reader& reader);
  /// Fits the section to raw data and returns the shape that the main network sees: cond_dim tokens of
  /// cond_channels features, cond_grid where they lie on one. Without an embedding it returns the data's own
  /// shape, with twice the channels where x has gaps (MissingCells). Throws UserErrors.
  data::DataShape resolve(const data::DataShape& shape);
  /// The section with every value, after resolve.
  void write(config::Writer& writer) const;
  /// Lines for the log, after resolve.
  std::vector<std::string> remarks() const;
  /// After resolve; stands_before() must hold.
  std::shared_ptr<Embedding> build() const;

  bool active() const { return options_.network != "none"; }
  /// True if anything stands between x and the main network: the section's network, or what marks missing
  /// values.
  bool stands_before() const { return active() || marks_; }
  const EmbeddingOptions& options() const { return options_; }
  /// What data.standardise_x: auto means. Networks that share weights across positions need one mean and
  /// scale for all of them.
  std::string standardisation() const;

 private:
  bool is(const char* network) const { return options_.network == network; }
  bool is_cnn() const { return is("cnn1d") || is("cnn2d"); }
  bool makes_tokens() const { return options_.output == EmbeddingOutput::tokens; }
  void drop_without_effect(config::Reader& reader);
  void check_pooling(config::Reader& reader) const;

  /// Sets size_ and channels_: the shape in which the network sees the raw values.
  void resolve_layout(const data::DataShape& shape, std::vector<std::string>& problems);
  void resolve_patch(std::vector<std::string>& problems);
  /// Tokens along each axis that the network makes, before any pooling; empty for mlp and set.
  std::vector<int64_t> positions() const;
  std::shared_ptr<Readout> readout(int64_t width) const;
  std::shared_ptr<Embedding> build_network(int64_t channels) const;

  EmbeddingOptions options_;
  KeyPlaces places_;
  std::vector<int64_t> size_;  ///< [tokens], [length] or [rows, columns] of x
  int64_t channels_ = 0;       ///< of x, seen in this way
  bool marks_ = false;         ///< MissingCells stands first
};

}  // namespace fluxsbi::model
