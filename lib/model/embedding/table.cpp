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
          "A network that turns x into the tokens that Flux1 is conditioned on. It is trained together with "
          "the model and stored in the same file.")
          .add("network", &O::network,
               one_of({"none", "linear", "mlp", "residual_mlp", "cnn1d", "cnn2d", "patchify", "set"}),
               "none: Flux1 sees x itself; linear, mlp, residual_mlp: for vectors; cnn1d: for series [n, "
               "length, channels]; cnn2d: for images [n, height, width, channels]; patchify: for series or "
               "images; set: for exchangeable draws [n, elements, channels]")
          .add("output", &O::output, if_given(one_of<EmbeddingOutput>()),
               "tokens: several tokens; vector: one summary vector; null: tokens for linear, cnn1d, cnn2d "
               "and patchify, vector for the others")
          .add("features", &O::features, integer_between(1, most_features), "the width of an output token")
          .add("tokens", &O::tokens, integer_between(1, most_tokens),
               "linear, mlp, residual_mlp and set with output: tokens: the number of tokens")
          .add(
              "learned", &O::learned, any<bool>(),
              "linear: false leaves the summaries what the regression of theta on x tells (data.regression); "
              "without a regression they are learned in any case")
          .add("hidden", &O::hidden, integer_between(1, most_features),
               "mlp, residual_mlp, set: the width of the hidden layers")
          .add("layers", &O::layers, integer_between(1, most_layers),
               "mlp: the number of hidden layers; residual_mlp: of blocks; set: of hidden layers before the "
               "pooling and after it; cnn1d, cnn2d: of convolutions in each block")
          .add("channels", &O::channels, each(integer_between(1, most_features)),
               "cnn1d, cnn2d: the channels of each block of convolutions")
          .add("kernel", &O::kernel, odd_up_to(63), "cnn1d, cnn2d: the width of a convolution")
          .add("stride", &O::stride, integer_between(1, 16),
               "cnn1d, cnn2d: each block keeps every stride-th position along each axis")
          .add("patch", &O::patch, if_given(each(integer_between(1, most_tokens))),
               "patchify: the size of a patch, [length] or [height, width]; null: 4 along each axis")
          .add("positions", &O::positions, one_of<PatchPositions>(),
               "patchify: learned adds a learned vector for each patch's position; none leaves positions to "
               "model.id_embedding_strategy (rope1d or pos1d for series, rope2d or pos2d for images)")
          .add("pooling", &O::pooling, if_given(one_of<Pool>()),
               "set: mean, sum or attention (with learned queries); cnn1d, cnn2d and patchify with output: "
               "vector: these or flatten, which preserves positions; null: mean for set, flatten for the "
               "others")
          .add("heads", &O::heads, integer_between(1, 1024), "the number of heads of attention pooling")
          .add("grid", &O::grid, if_given(each(integer_between(1, most_tokens), 2)),
               "cnn2d, patchify: the [height, width] of images that the file stores as flat rows; null: from "
               "the data");
  return table;
}

}  // namespace fluxsbi::model
