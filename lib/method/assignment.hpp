// The linear assignment problem, solved exactly.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace fluxsbi::method {

/// The permutation p of 0 ... n - 1 with the smallest sum over rows i of cost[i n + p[i]], by shortest
/// augmenting paths on reduced costs (Jonker and Volgenant 1987, Computing 38), O(n^3) at worst. On one core,
/// squared distances of normal points in four dimensions: 1 ms for n = 256, 80 ms for 1024, 2.7 s for 4096.
/// cost [n, n] holds any finite numbers; others throw core::UserError. Of several that are best it always
/// gives the same one.
std::vector<int64_t> assign(std::span<const double> cost, int64_t n);

}  // namespace fluxsbi::method
