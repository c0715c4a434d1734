#include "model/embedding/spec.hpp"

#include <algorithm>
#include <functional>
#include <numeric>

#include "core/error.hpp"
#include "core/text.hpp"
#include "model/embedding/cnn.hpp"
#include "model/embedding/linear_map.hpp"
#include "model/embedding/missing_cells.hpp"
#include "model/embedding/mlp.hpp"
#include "model/embedding/patchify.hpp"
#include "model/embedding/residual_mlp.hpp"
#include "model/embedding/set.hpp"

namespace fluxsbi::model {

namespace {

int64_t product(const std::vector<int64_t>& values) {
  return std::accumulate(values.begin(), values.end(), int64_t{1}, std::multiplies<>());
}

}  // namespace

void EmbeddingSpec::read(config::Reader& reader) {
  reader.read(embedding_table(), options_);
  places_.remember(reader, embedding_table().section());
  const bool keeps_positions = is_cnn() || is("patchify");
  if (active() && !options_.output)
    options_.output = keeps_positions || is("linear") ? EmbeddingOutput::tokens : EmbeddingOutput::vector;
  drop_without_effect(reader);
  if (!options_.pooling && is("set")) options_.pooling = Pool::mean;
  if (!options_.pooling && keeps_positions && !makes_tokens()) options_.pooling = Pool::flatten;
  check_pooling(reader);
  if (is_cnn() && options_.kernel < 2 * options_.stride - 1) {
    reader.problem("embedding.kernel", "= " + std::to_string(options_.kernel) +
                                           " with stride = " + std::to_string(options_.stride) +
                                           " passes over values of x; use at least " +
                                           std::to_string(2 * options_.stride - 1) + ", or a smaller stride");
  }
}

void EmbeddingSpec::drop_without_effect(config::Reader& reader) {
  static const EmbeddingOptions defaults;
  const auto keep = [&](const std::string& key, auto EmbeddingOptions::*member, bool has_effect,
                        const std::string& for_whom) {
    if (has_effect || options_.*member == defaults.*member) return;
    options_.*member = defaults.*member;
    reader.warning("embedding." + key, "has no effect here: it is for " + for_whom);
  };
  using O = EmbeddingOptions;
  const bool vector = is("mlp") || is("residual_mlp"), linear = is("linear"), cnn = is_cnn(),
             patchify = is("patchify"), set = is("set");
  keep("output", &O::output, active(), "an embedding network (embedding.network)");
  keep("features", &O::features, active(), "an embedding network (embedding.network)");
  keep("tokens", &O::tokens, linear || ((vector || set) && makes_tokens()),
       "linear, and mlp, residual_mlp and set with output: tokens");
  keep("learned", &O::learned, linear, "linear");
  keep("hidden", &O::hidden, vector || set, "mlp, residual_mlp and set");
  keep("layers", &O::layers, vector || set || cnn, "mlp, residual_mlp, set, cnn1d and cnn2d");
  keep("channels", &O::channels, cnn, "cnn1d and cnn2d");
  keep("kernel", &O::kernel, cnn, "cnn1d and cnn2d");
  keep("stride", &O::stride, cnn, "cnn1d and cnn2d");
  keep("patch", &O::patch, patchify, "patchify");
  keep("positions", &O::positions, patchify, "patchify");
  keep("pooling", &O::pooling, set || ((cnn || patchify) && !makes_tokens()),
       "set, and for cnn1d, cnn2d and patchify with output: vector");
  keep("heads", &O::heads, options_.pooling == Pool::attention, "pooling: attention");
  keep("grid", &O::grid, is("cnn2d") || patchify, "cnn2d and patchify");
}

void EmbeddingSpec::check_pooling(config::Reader& reader) const {
  if (is("set") && options_.pooling == Pool::flatten) {
    reader.problem("embedding.pooling", "flatten depends on the order of a set; use mean, sum or attention");
  }
  if (options_.pooling != Pool::attention) return;
  const int64_t width = is("set")        ? options_.hidden
                        : is("patchify") ? options_.features
                                         : options_.channels.back();
  if (width % options_.heads == 0) return;
  const char* key = is("set") ? "hidden" : is("patchify") ? "features" : "channels";
  reader.problem("embedding.heads", "= " + std::to_string(options_.heads) + " does not divide embedding." +
                                        key + " = " + std::to_string(width) + "; use " +
                                        core::divisors_text(width));
}

std::string EmbeddingSpec::standardisation() const {
  const bool shares = is_cnn() || is("patchify") || is("set");
  return shares ? "per_channel" : "per_feature";
}

data::DataShape EmbeddingSpec::resolve(const data::DataShape& shape) {
  std::vector<std::string> problems;
  marks_ = shape.missing || (shape.padded && !is("set"));  // a set knows absent elements by itself
  resolve_layout(shape, problems);
  if (is("patchify") && problems.empty()) resolve_patch(problems);
  if (!problems.empty()) throw core::UserErrors(problems);
  data::DataShape seen = shape;
  seen.padded = seen.missing = false;
  if (!active()) {
    if (marks_) seen.x_channels *= 2;
    return seen;
  }
  seen.x_channels = options_.features;
  const auto places = positions();
  const bool counted = makes_tokens() && places.empty();
  seen.x_dim = makes_tokens() ? (counted ? options_.tokens : product(places)) : 1;
  seen.x_grid = makes_tokens() && places.size() == 2 ? places : std::vector<int64_t>{};
  return seen;
}

void EmbeddingSpec::resolve_layout(const data::DataShape& shape, std::vector<std::string>& problems) {
  size_ = {shape.x_dim};
  channels_ = shape.x_channels;
  const bool may_be_image = is("cnn2d") || is("patchify");
  if (is("cnn1d") && !shape.x_grid.empty()) {
    problems.push_back(places_.where("network") +
                       " = cnn1d is for series [n, length, channels]; x holds images of " +
                       core::shape_text(shape.x_grid) + ": use cnn2d or patchify");
  }
  if (!may_be_image) return;
  if (!shape.x_grid.empty()) size_ = shape.x_grid;
  if (options_.grid) {
    const int64_t values = shape.x_size(), places = product(*options_.grid);
    if (options_.grid->size() != 2 || values % places != 0) {
      problems.push_back(places_.where("grid") + " = " + core::shape_text(*options_.grid) +
                         " must be [height, width] whose product divides the " + std::to_string(values) +
                         " values of a row of x");
      return;
    }
    size_ = *options_.grid;
    channels_ = values / places;
  } else if (is("cnn2d") && shape.x_grid.empty()) {
    problems.push_back(
        places_.where("network") + " = cnn2d is for images [n, height, width, channels]; x has " +
        core::count_text(shape.x_dim, "token") + " of " + core::count_text(shape.x_channels, "channel") +
        ": write the images with four axes, name their size in embedding.grid, or use cnn1d");
  }
}

void EmbeddingSpec::resolve_patch(std::vector<std::string>& problems) {
  if (!options_.patch) options_.patch = std::vector<int64_t>(size_.size(), 4);
  if (options_.patch->size() != size_.size()) {
    problems.push_back(places_.where("patch") + " = " + core::shape_text(*options_.patch) + " must have " +
                       (size_.size() == 2 ? "two entries [height, width], x holds images"
                                          : "one entry [length], x holds series"));
    return;
  }
  for (size_t axis = 0; axis < size_.size(); ++axis) {
    if (size_[axis] % (*options_.patch)[axis] == 0) continue;
    problems.push_back(places_.where("patch") + " = " + core::shape_text(*options_.patch) +
                       " does not divide " + core::shape_text(size_) + "; along the axis of " +
                       std::to_string(size_[axis]) + " use " + core::divisors_text(size_[axis]));
  }
}

std::vector<int64_t> EmbeddingSpec::positions() const {
  const EmbeddingOptions& o = options_;
  if (is_cnn()) return CnnShape{size_, channels_, o.channels, o.kernel, o.stride, o.layers}.positions();
  if (is("patchify")) return PatchShape{size_, *o.patch, channels_}.positions();
  return {};
}

void EmbeddingSpec::write(config::Writer& writer) const {
  writer.add(embedding_table(), options_);
}

std::vector<std::string> EmbeddingSpec::remarks() const {
  const std::string marks =
      "x may have gaps: the network sees each value, or a learned number where it is missing, and a mark "
      "that says which";
  if (!active()) return marks_ ? std::vector<std::string>{marks} : std::vector<std::string>{};
  const auto places = makes_tokens() ? positions() : std::vector<int64_t>{};
  const int64_t tokens = !makes_tokens() ? 1 : places.empty() ? options_.tokens : product(places);
  std::string line = "embedding " + options_.network + ": x " + core::shape_text(size_) + " of " +
                     core::count_text(channels_, "channel") + " becomes " +
                     core::count_text(tokens, "token") + " of " +
                     core::count_text(options_.features, "feature");
  if (places.size() == 2) {
    line += " on a grid of " + core::shape_text(places) +
            "; model.id_embedding_strategy [absolute, rope2d] or [absolute, pos2d] tells them apart by row "
            "and column";
  } else if (places.size() == 1 && tokens > 1) {
    line +=
        "; model.id_embedding_strategy [absolute, pos1d] or [absolute, rope1d] tells them apart by position";
  }
  if (!marks_) return {line};
  const bool averages = !makes_tokens() && options_.pooling &&
                        (*options_.pooling == Pool::mean || *options_.pooling == Pool::attention);
  if (is("set") || !averages) return {marks, line};
  return {
      marks, line,
      "embedding.pooling: " + config::name_of(*options_.pooling) +
          " tells the model nothing of how many values of x are there, on which the width of a posterior may "
          "depend; sum and flatten do"};
}

std::shared_ptr<Readout> EmbeddingSpec::readout(int64_t width) const {
  if (makes_tokens()) return std::make_shared<Readout>(width, options_.features);
  return std::make_shared<Readout>(product(positions()), width, *options_.pooling, options_.heads,
                                   options_.features);
}

std::shared_ptr<Embedding> EmbeddingSpec::build() const {
  core::require(stands_before() && channels_ > 0, "EmbeddingSpec: resolve() comes before build()");
  if (!marks_) return build_network(channels_);
  return std::make_shared<MissingCells>(product(size_), channels_, standardisation() == "per_channel",
                                        active() ? build_network(2 * channels_) : nullptr);
}

std::shared_ptr<Embedding> EmbeddingSpec::build_network(int64_t channels) const {
  const EmbeddingOptions& o = options_;
  const int64_t values = product(size_) * channels, tokens = makes_tokens() ? o.tokens : 1;
  if (is("mlp")) return std::make_shared<MlpEmbedding>(values, o.hidden, o.layers, tokens, o.features);
  if (is("linear")) return std::make_shared<LinearEmbedding>(values, tokens, o.features, o.learned);
  if (is("residual_mlp")) {
    return std::make_shared<ResidualMlpEmbedding>(values, o.hidden, o.layers, tokens, o.features);
  }
  if (is_cnn()) {
    return std::make_shared<CnnEmbedding>(
        CnnShape{size_, channels, o.channels, o.kernel, o.stride, o.layers, marks_},
        readout(o.channels.back()));
  }
  if (is("patchify")) {
    return std::make_shared<PatchEmbedding>(PatchShape{size_, *o.patch, channels, marks_}, o.features,
                                            o.positions == PatchPositions::learned,
                                            makes_tokens() ? nullptr : readout(o.features));
  }
  return std::make_shared<SetEmbedding>(
      SetShape{channels, o.hidden, o.layers, *o.pooling, o.heads, tokens, o.features});
}

}  // namespace fluxsbi::model
