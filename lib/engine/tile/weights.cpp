#include "engine/tile/weights.hpp"

#include <algorithm>
#include <functional>
#include <numeric>

namespace fluxsbi::engine::tile {

namespace {

int64_t panels(int64_t rows) {
  return (rows + panel - 1) / panel;
}

// Takes `size` numbers from a buffer's end, on a cache line.
int64_t take(int64_t& end, int64_t size) {
  const int64_t begin = end;
  end += padded(size);
  return begin;
}

// W [rows, columns] at `from` with steps (row, column) -> panels from row `first_row` of the whole on.
void pack_panels(const float* from, int64_t row_step, int64_t column_step, int64_t rows, int64_t columns,
                 int64_t first_row, int64_t all_columns, int64_t first_column, float* packed) {
  for (int64_t r = 0; r < rows; ++r) {
    const int64_t row = first_row + r;
    float* to = packed + (row / panel * all_columns + first_column) * panel + row % panel;
    for (int64_t c = 0; c < columns; ++c) to[c * panel] = from[r * row_step + c * column_step];
  }
}

void pack_matrix(const Matrix& matrix, const float* flat, float* packed) {
  std::fill_n(packed + matrix.forward, panels(matrix.rows) * matrix.columns * panel, 0.0F);
  std::fill_n(packed + matrix.backward, panels(matrix.columns) * matrix.rows * panel, 0.0F);
  int64_t row = 0;
  for (const Parameter& weight : matrix.weights) {
    const float* w = flat + weight.offset;
    const int64_t rows = weight.shape[0], columns = matrix.columns;
    pack_panels(w, columns, 1, rows, columns, row, columns, 0, packed + matrix.forward);
    pack_panels(w, 1, columns, columns, rows, 0, matrix.rows, row, packed + matrix.backward);
    row += rows;
  }
  float* bias = packed + matrix.bias;
  for (const Parameter& part : matrix.biases) bias = std::copy_n(flat + part.offset, part.size(), bias);
}

void add_sums(const std::vector<const float*>& parts, int64_t offset, int64_t size, float* to) {
  for (const float* sums : parts) {
    for (int64_t i = 0; i < size; ++i) to[i] += sums[offset + i];
  }
}

void reduce_matrix(const Matrix& matrix, const std::vector<const float*>& parts, float* gradient) {
  const bool transposed = matrix.transposes_gradient();
  const int64_t width = padded(transposed ? matrix.rows : matrix.columns);
  const int64_t row_step = transposed ? 1 : width, column_step = transposed ? width : 1;
  int64_t row = 0;
  for (const Parameter& weight : matrix.weights) {
    for (int64_t r = 0; r < weight.shape[0]; ++r, ++row) {
      float* to = gradient + weight.offset + r * matrix.columns;
      for (const float* sums : parts) {
        const float* from = sums + matrix.gradient + row * row_step;
        for (int64_t c = 0; c < matrix.columns; ++c) to[c] += from[c * column_step];
      }
    }
  }
  int64_t offset = matrix.bias_gradient;
  for (const Parameter& bias : matrix.biases) {
    add_sums(parts, offset, bias.size(), gradient + bias.offset);
    offset += bias.size();
  }
}

}  // namespace

int64_t Parameter::size() const {
  return std::accumulate(shape.begin(), shape.end(), int64_t{1}, std::multiplies<>());
}

int Weights::add(Matrix matrix) {
  const int64_t rows = matrix.rows, columns = matrix.columns;
  matrix.forward = take(packed_size_, panels(rows) * columns * panel);
  matrix.backward = take(packed_size_, panels(columns) * rows * panel);
  matrix.bias = take(packed_size_, panels(rows) * panel);
  matrix.gradient =
      take(sums_size_, matrix.transposes_gradient() ? columns * padded(rows) : rows * padded(columns));
  matrix.bias_gradient = take(sums_size_, rows);
  matrices_.push_back(std::move(matrix));
  return static_cast<int>(matrices_.size()) - 1;
}

int Weights::add(Vector vector) {
  vector.gradient = take(sums_size_, vector.parameter.size());
  vectors_.push_back(std::move(vector));
  return static_cast<int>(vectors_.size()) - 1;
}

void Weights::pack(int64_t piece, const float* flat, float* packed) const {
  if (piece < static_cast<int64_t>(matrices_.size())) {
    pack_matrix(matrices_[static_cast<size_t>(piece)], flat, packed);
  }
}

void Weights::reduce(int64_t piece, const std::vector<const float*>& parts, float* flat_gradient) const {
  const auto index = static_cast<size_t>(piece);
  if (index < matrices_.size()) {
    reduce_matrix(matrices_[index], parts, flat_gradient);
    return;
  }
  const Vector& vector = vectors_[index - matrices_.size()];
  add_sums(parts, vector.gradient, vector.parameter.size(), flat_gradient + vector.parameter.offset);
}

}  // namespace fluxsbi::engine::tile
