// The Cholesky factor of a small matrix.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <vector>

namespace fluxsbi::data {

/// The lower triangular R with matrix = R R^T, [dim * dim] by rows; nothing for a matrix that is not positive
/// definite.
/// The matrix is symmetric; its lower half is read.
std::optional<std::vector<double>> cholesky(std::span<const double> matrix, size_t dim);

/// Solves R R^T w = b in place, R lower triangular [n, n] and b [n].
void solve_cholesky(std::span<const double> factor, std::span<double> b);

}  // namespace fluxsbi::data
