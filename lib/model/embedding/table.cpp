#include "model/embedding/spec.hpp"

namespace fluxsbi::model {

namespace {

config::Rule<int64_t> odd_up_to(int64_t most) {
  return {"an odd number from 1 to " + std::to_string(most),
          [most](const int64_t& value) { return value >= 1 && value <= most && value % 2 == 1; }};
}

}  // namespace

const config::Table<EmbeddingOptions>& embedding_table() {
  using O = EmbeddingOptions;
  using namespace config;
  constexpr int64_t most_features = 4096, most_layers = 64, most_tokens = 100000;
  static const auto table =
      Table<O>(
          "embedding",
          "A network that turns x into the tokens that Flux1 is conditioned on. It is trained with the model "
          "and stored in the same file.")
          .add("network", &O::network,
               one_of({"none", "mlp", "residual_mlp", "cnn1d", "cnn2d", "patchify", "set"}),
               "none: x itself; mlp, residual_mlp: vectors; cnn1d: series [n, length, channels]; cnn2d: "
               "images "
               "[n, height, width, channels]; patchify: either; set: exchangeable draws [n, elements, "
               "channels]")
          .add("output", &O::output, if_given(one_of<EmbeddingOutput>()),
               "several tokens, or one summary vector; null: tokens for cnn1d, cnn2d and patchify, else "
               "vector")
          .add("features", &O::features, integer_between(1, most_features), "width of a token of the output")
          .add("tokens", &O::tokens, integer_between(1, most_tokens),
               "mlp, residual_mlp, set with output: tokens: how many")
          .add("hidden", &O::hidden, integer_between(1, most_features),
               "mlp, residual_mlp, set: width of the hidden layers")
          .add("layers", &O::layers, integer_between(1, most_layers),
               "mlp: hidden layers; residual_mlp: blocks; set: hidden layers before and after the pooling; "
               "cnn: "
               "convolutions of each block")
          .add("channels", &O::channels, each(integer_between(1, most_features)),
               "cnn: channels of each block of convolutions")
          .add("kernel", &O::kernel, odd_up_to(63), "cnn: width of a convolution")
          .add("stride", &O::stride, integer_between(1, 16),
               "cnn: a block keeps every stride-th position along each axis")
          .add("patch", &O::patch, if_given(each(integer_between(1, most_tokens))),
               "patchify: size of a patch, [length] or [height, width]; null: 4 along each axis")
          .add("positions", &O::positions, one_of<PatchPositions>(),
               "patchify: learned adds a vector for each patch's place; none leaves places to "
               "model.id_embedding_strategy (rope1d, pos1d for series, rope2d, pos2d for images)")
          .add(
              "pooling", &O::pooling, if_given(one_of<Pool>()),
              "set: mean, sum or attention (learned queries); cnn and patchify with output: vector: these or "
              "flatten, which knows places; null: mean for a set, else flatten")
          .add("heads", &O::heads, integer_between(1, 1024), "heads of attention pooling")
          .add("grid", &O::grid, if_given(each(integer_between(1, most_tokens), 2)),
               "cnn2d, patchify: [height, width] of images whose rows came flat; null: from the data");
  return table;
}

}  // namespace fluxsbi::model
