// Which tokens may attend to which: Simformer's edge mask, as text in a configuration and as a tensor.
#pragma once

#include <string>
#include <vector>

#include <ATen/core/Tensor.h>

namespace fluxsbi::model {

/// Rows of an edge mask: character j of row i is '1' where token i may attend to token j, else '0'.
using EdgeRows = std::vector<std::string>;

/// Reads a square array of 0 and 1 from .npy (any dtype) or .csv (with a header line, as all CSV files here).
/// Throws UserError naming the file, and for a bad value its row and column.
EdgeRows load_edges(const std::string& path);

/// What keeps `rows` from being the edge mask of `tokens` tokens, or "".
std::string edges_problem(const EdgeRows& rows, int64_t tokens);

/// True where every token may attend to every token: no mask is needed.
bool joins_all(const EdgeRows& rows);

/// [L, 1, L] float32 of 0 and 1, as ops::attention takes it.
at::Tensor edge_table(const EdgeRows& rows);

}  // namespace fluxsbi::model
