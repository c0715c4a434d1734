#include "model/gensbi_layout.hpp"

#include <array>
#include <utility>

#include "core/error.hpp"
#include "core/text.hpp"
#include "model/blocks/id_embedding.hpp"

namespace fluxsbi::model {

namespace {

/// Replaces `ours` by `theirs` wherever it stands as whole parts of a name.
struct Rename {
  std::string_view ours, theirs;
};

// In this order; one table for all models, since GenSBI names equal blocks equally.
constexpr std::array renames{
    Rename{"double_blocks.", "double_blocks.layers."},
    Rename{"single_blocks.", "single_blocks.layers."},
    Rename{"_mlp.in_layer.", "_mlp.layers.0."},
    Rename{"_mlp.out_layer.", "_mlp.layers.2."},
    Rename{"final_layer.modulation.", "final_layer.adaLN_modulation.layers.1."},
    Rename{"_in.value.", "_in."},
    Rename{"_in.ids.", "_ids_embedder.embedder.embed."},
    Rename{"ids.embedding", "ids_embedder.embedder.embed.embedding"},  // Flux1Joint's
};

bool ends_with(std::string_view text, std::string_view tail) {
  return text.size() >= tail.size() && text.substr(text.size() - tail.size()) == tail;
}

std::string renamed(std::string path) {
  for (const auto& [ours, theirs] : renames) {
    const size_t at = path.find(ours);
    if (at != std::string::npos) path.replace(at, ours.size(), theirs);
  }
  return path;
}

}  // namespace

std::vector<GensbiParameter> gensbi_layout(const Network& network) {
  std::vector<GensbiParameter> layout;
  for (const auto& item : network.named_parameters()) {
    GensbiParameter parameter{item.key(), renamed(item.key()), false};
    constexpr std::string_view weight = "weight";
    if (ends_with(parameter.path, ".weight") && item.value().dim() == 2) {
      parameter.path.replace(parameter.path.size() - weight.size(), weight.size(), "kernel");
      parameter.transposed = true;
    }
    layout.push_back(std::move(parameter));
  }
  return layout;
}

std::vector<int64_t> gensbi_shape(const GensbiParameter& parameter, at::IntArrayRef our_shape) {
  std::vector<int64_t> shape = our_shape.vec();
  if (parameter.transposed) std::swap(shape[0], shape[1]);
  return shape;
}

at::Tensor to_gensbi(const GensbiParameter& parameter, const at::Tensor& ours) {
  return parameter.transposed ? ours.transpose(0, 1).contiguous() : ours;
}

at::Tensor from_gensbi(const GensbiParameter& parameter, const at::Tensor& theirs,
                       at::IntArrayRef our_shape) {
  const auto refuse = [&] {
    throw core::UserError(parameter.path + " has shape " + core::shape_text(theirs.sizes()) + ", expected " +
                          core::shape_text(gensbi_shape(parameter, our_shape)));
  };
  if (!parameter.transposed) {
    const bool split = our_shape.size() == 1 && theirs.numel() == our_shape[0];  // a bias by heads
    if (theirs.sizes() != our_shape && !split) refuse();
    return theirs.reshape(our_shape);
  }
  // [in, out] with either end split further: some leading sizes multiply to `in`, the rest to `out`.
  const int64_t in = our_shape[1], out = our_shape[0];
  if (theirs.dim() < 2 || theirs.numel() != in * out) refuse();
  int64_t leading = theirs.size(0);
  for (int64_t axis = 1; axis < theirs.dim() && leading < in; ++axis) leading *= theirs.size(axis);
  if (leading != in) refuse();
  return theirs.reshape({in, out}).transpose(0, 1).contiguous();
}

std::vector<GensbiTable> gensbi_tables(const Network& network) {
  std::vector<GensbiTable> tables;
  for (const auto& item : network.named_modules("", false)) {
    const auto* ids = dynamic_cast<const IdEmbedding*>(item.value().get());
    if (!ids || ids->strategy() == IdStrategy::absolute) continue;
    constexpr std::string_view learned = ".embed.embedding";
    std::string path = renamed(item.key() + ".embedding");  // "obs_ids_embedder.embedder.embed.embedding"
    path.replace(path.rfind(learned), learned.size(), ".pe");
    if (ids->strategy() == IdStrategy::pos1d) {
      tables.push_back({path, ids->tokens(), ids->width()});
      continue;
    }
    tables.push_back({path + "_h", ids->grid()[0], ids->width() / 2});
    tables.push_back({path + "_w", ids->grid()[1], ids->width() / 2});
  }
  return tables;
}

bool is_gensbi_table(std::string_view path) {
  for (const std::string_view table : {"pe", "pe_h", "pe_w"}) {
    if (ends_with(path, "ids_embedder.embedder." + std::string(table))) return true;
  }
  return false;
}

}  // namespace fluxsbi::model
