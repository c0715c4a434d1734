// Which noise goes with which data of a batch: the pairing of least transport cost. Its paths cross less and
// are straighter (Tong et al. 2023, arXiv 2302.00482; Pooladian et al. 2023, arXiv 2304.14772).
//
// A row is data x1 with its condition c. Pairing data with their nearest noise alone would tie the noise to
// c, whereas sampling starts from the same noise for every c. So noise x0 of row j keeps its condition c_j,
// and
//   cost(i, j) = |x0_j - x1_i|^2 + w |c_j - c_i|^2
// lets only rows of similar conditions exchange their noise (Kerrigan et al. 2024, arXiv 2404.04240;
// Chemseddine et al. 2024, arXiv 2403.18705): as w grows, and batches with it, the noise becomes independent
// of c; with w = 0 samples are biased.
#pragma once

#include <string>

#include <ATen/core/Tensor.h>

#include "method/method.hpp"

namespace fluxsbi::method {

/// The largest batch whose pairing is worth its time.
inline constexpr int64_t most_coupled_rows = 1024;

/// noise [B, L, C] on a CPU in the order of the best pairing: row i of the result goes with row i of the
/// batch. c is the row of batch.cond as it is (before an embedding network), flattened; values that are
/// absent (NaN) count as 0, the mean. Exact (assignment.hpp), O(B^3).
at::Tensor couple(const at::Tensor& noise, const Batch& batch, double condition_weight);

/// True where the method pairs rows of a batch, so that the regression of a row depends on the others. A
/// batch that several ranks share is then divided after it instead of before.
bool couples_rows(const Method& method);

/// Why strategy.coupling: optimal_transport cannot be used for such a training; "" if it can.
std::string coupling_problem(const Setting& setting);

}  // namespace fluxsbi::method
