// The operations that networks are made of. Each reads and writes values of one tile; T and F are those of
// the result. Values with T = 1 serve all tokens where that is said.
#pragma once

#include <memory>

#include "engine/tile/operation.hpp"

namespace fluxsbi::engine::tile {

using OperationPtr = std::unique_ptr<Operation>;

/// The operation, told where its result goes.
inline OperationPtr into(const Value& out, OperationPtr operation) {
  operation->out = out;
  return operation;
}

/// x W^T + b; `rounding` is that of the matrix.
OperationPtr linear(const Value& x, int matrix, Rounding rounding, const Value& out);

/// (1 + scale) LayerNorm(x) + shift; shift, scale of one token. statistics [T, 2]
OperationPtr norm(const Value& x, const Value& shift, const Value& scale, double eps, const Value& statistics,
                  const Value& out);

/// x + gate y; gate of one token
OperationPtr gate(const Value& x, const Value& gate, const Value& y, const Value& out);

/// softmax(q k^T / sqrt(D)) v in H heads, as struct Attention has it; scales and edges may be none.
struct AttentionValues {
  int64_t heads = 0;
  double eps = 0;
  Value q, k, v, query_scale, key_scale, edges;
  bool rotates = false;  ///< q and k are rotated by Frame::rotation
};
OperationPtr attention(const AttentionValues& values, const Value& out);

OperationPtr gelu(const Value& x, const Value& out);
OperationPtr silu(const Value& x, const Value& out);

/// [cos(a_k), sin(a_k)], a_k = (factor t) frequency_k
OperationPtr sinusoid(const Value& t, const Value& frequency, double factor, const Value& out);

/// The numbers of a parameter [1 or T, F], the same for all samples, plus `offset`; times `factor` [1 or T,
/// 1] where there is one, which has no gradient.
OperationPtr spread(int vector, const Value& factor, double offset, const Value& out);

/// alpha x + z; z may be of one token
OperationPtr add(double alpha, const Value& x, const Value& z, const Value& out);

/// a + p (b - a); p of one token
OperationPtr lerp(const Value& a, const Value& b, const Value& p, const Value& out);

/// a where mask [1, 1] is not 0, else b; mask has no gradient
OperationPtr select(const Value& mask, const Value& a, const Value& b, const Value& out);

/// Each feature of x [T, C] F / C times, side by side
OperationPtr repeat(const Value& x, const Value& out);

}  // namespace fluxsbi::engine::tile
