// The parameters of a network as the tile engine reads them, and their gradients as it writes them.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "engine/tile/kernels.hpp"

namespace fluxsbi::engine::tile {

/// One parameter in the flat buffers: numbers [offset, offset + product of shape).
struct Parameter {
  int64_t offset = 0;
  std::vector<int64_t> shape;

  int64_t size() const;
};
using ParameterTable = std::map<std::string, Parameter>;

/// A matrix [rows, columns] = [F_out, F_in], joined of parameters with equal F_in one below the other, with a
/// bias joined likewise.
struct Matrix {
  std::vector<Parameter> weights, biases;  ///< biases: one for each of weights, or none
  int64_t rows = 0, columns = 0;
  Rounding rounding = Rounding::none;           ///< of its products
  Rounding backward_rounding = Rounding::none;  ///< of those in which the gradient of the input is one
  int64_t forward = 0, backward = 0, bias = 0;  ///< where the packed copies begin
  int64_t gradient = 0, bias_gradient = 0;      ///< where the sums of one part begin

  const ProductKernels& products(const Kernels& kernels) const { return kernels.products(rounding); }
  const ProductKernels& backward_products(const Kernels& kernels) const {
    return kernels.products(backward_rounding);
  }
  /// The gradient is summed transposed, [columns][padded(rows)], where that suits the kernels
  /// (WeightGradient).
  bool transposes_gradient(const Kernels& kernels) const {
    return products(kernels).wants_wide_columns() ? rows > columns : rows < columns;
  }
};

/// A parameter that is read where it is.
struct Vector {
  Parameter parameter;
  int64_t gradient = 0;  ///< where the sums of one part begin
};

/// All matrices and vectors of a graph. Buffers that it lays out, as kernels() read and write them:
///   packed   weights, forward and transposed, and biases; fresh after each change of parameters
///   sums     the gradients of one part of a batch, in the order in which the kernels write them
class Weights {
 public:
  int add(Matrix matrix);
  int add(Vector vector);
  const Matrix& matrix(int index) const { return matrices_[static_cast<size_t>(index)]; }
  const Vector& vector(int index) const { return vectors_[static_cast<size_t>(index)]; }

  int64_t packed_size() const { return packed_size_; }
  int64_t sums_size() const { return sums_size_; }

  /// Independent pieces of the work of pack and reduce, [0, pieces()).
  int64_t pieces() const { return static_cast<int64_t>(matrices_.size() + vectors_.size()); }
  /// Fills one piece of `packed` from the flat parameters.
  void pack(int64_t piece, const float* flat, float* packed) const;
  /// Adds one piece of the sums of all parts, in their order, to the flat gradient.
  void reduce(int64_t piece, const std::vector<const float*>& parts, float* flat_gradient) const;

 private:
  std::vector<Matrix> matrices_;
  std::vector<Vector> vectors_;
  int64_t packed_size_ = 0, sums_size_ = 0;
};

}  // namespace fluxsbi::engine::tile
