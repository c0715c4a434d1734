// Where GenSBI keeps each parameter in its safetensors exports, and how: for reading its weights and for the
// golden tests.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "model/network.hpp"

namespace fluxsbi::model {

/// One parameter. `transposed`: GenSBI stores a Linear's kernel as [in, out] (y = x K + b), we as [out, in].
/// Both ends may be split further there (Simformer's attention: [F, heads, D], [heads, D, F]), which is a
/// reshape of the [in, out] matrix; so may a bias ([heads, D]).
struct GensbiParameter {
  std::string name;  ///< our name, as in named_parameters(): "double_blocks.0.obs_attn.qkv.weight"
  std::string path;  ///< GenSBI's: "double_blocks.layers.0.obs_attn.qkv.kernel"
  bool transposed = false;
};

/// All parameters of a network, in the order of named_parameters().
std::vector<GensbiParameter> gensbi_layout(const Network& network);

/// The shape in which GenSBI stores a parameter of ours, except that a kernel that it splits further is the
/// [in, out] matrix.
std::vector<int64_t> gensbi_shape(const GensbiParameter& parameter, at::IntArrayRef our_shape);

/// A parameter's value (or its gradient) in GenSBI's layout, except that a kernel that GenSBI splits further
/// is the [in, out] matrix: row-major elements are the same.
at::Tensor to_gensbi(const GensbiParameter& parameter, const at::Tensor& ours);

/// The inverse: GenSBI's array, however it is split, in the shape of our parameter. Throws UserError naming
/// the path if the shapes cannot be of one parameter.
at::Tensor from_gensbi(const GensbiParameter& parameter, const at::Tensor& theirs, at::IntArrayRef our_shape);

/// A fixed table that GenSBI exports beside the parameters: position_table(n, width) for some n >= positions.
struct GensbiTable {
  std::string path;
  int64_t positions = 0, width = 0;
};

/// The tables of a network's id embeddings, which it computes by itself.
std::vector<GensbiTable> gensbi_tables(const Network& network);

/// True for the path of such a table.
bool is_gensbi_table(std::string_view path);

}  // namespace fluxsbi::model
