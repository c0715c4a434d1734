#include "engine/tile/weights.hpp"

#include <algorithm>
#include <cstring>
#include <functional>
#include <numeric>

#include "engine/tile/kernels/bfloat16.hpp"
#include "engine/tile/kernels/four.hpp"
#include "engine/tile/numbers.hpp"

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

// `count` rows of `from` [count, columns] side by side: to[c panel + k] = from[k][c].
void pack_rows(const float* from, int64_t columns, int64_t count, float* to) {
  int64_t k = 0;
  for (; k + 4 <= count; k += 4, from += 4 * columns, to += 4) {
    int64_t c = 0;
    for (; c + 4 <= columns; c += 4) {
      Four rows[4];
#pragma GCC unroll 4
      for (int64_t i = 0; i < 4; ++i) rows[i] = load_four(from + i * columns + c);
      transpose_four(rows[0], rows[1], rows[2], rows[3]);
#pragma GCC unroll 4
      for (int64_t i = 0; i < 4; ++i) store_four(to + (c + i) * panel, rows[i]);
    }
    for (; c < columns; ++c)
      for (int64_t i = 0; i < 4; ++i) to[c * panel + i] = from[i * columns + c];
  }
  for (; k < count; ++k, from += columns, ++to)
    for (int64_t c = 0; c < columns; ++c) to[c * panel] = from[c];
}

// W [rows, columns], which begins in row `first` of the whole, into the forward panels.
void pack_forward(const float* from, int64_t rows, int64_t columns, int64_t first, float* packed) {
  for (int64_t r = 0; r < rows;) {
    const int64_t row = first + r, lane = row % panel, count = std::min(panel - lane, rows - r);
    pack_rows(from + r * columns, columns, count, packed + (row - lane) * columns + lane);
    r += count;
  }
}

// The same into the panels of the transpose, which has `all_rows` columns: pieces of a row as they are, some
// rows at a time, so that they are still in the nearest cache when their next piece is wanted.
void pack_backward(const float* from, int64_t rows, int64_t columns, int64_t first, int64_t all_rows,
                   float* packed) {
  constexpr int64_t near_rows = 32;
  for (int64_t begin = 0; begin < rows; begin += near_rows) {
    const int64_t end = std::min(rows, begin + near_rows);
    for (int64_t c = 0; c < columns; c += panel) {
      float* to = packed + c * all_rows + first * panel;
      if (c + panel <= columns) {
        for (int64_t r = begin; r < end; ++r)
          std::memcpy(to + r * panel, from + r * columns + c, panel * sizeof *to);
      } else {
        for (int64_t r = begin; r < end; ++r)
          std::copy_n(from + r * columns + c, columns - c, to + r * panel);
      }
    }
  }
}

// The last panel of some [rows, columns], where it is not full: what no row fills is 0.
void clear_last(int64_t rows, int64_t columns, float* packed) {
  if (rows % panel) std::fill_n(packed + rows / panel * panel * columns, columns * panel, 0.0F);
}

// Both ways.
void pack_matrix_in_tiles(const Matrix& matrix, const float* flat, float* packed) {
  std::vector<float> joined;
  const float* whole = flat + matrix.weights.front().offset;
  if (matrix.weights.size() > 1) {
    for (const Parameter& weight : matrix.weights)
      joined.insert(joined.end(), flat + weight.offset, flat + weight.offset + weight.size());
    whole = joined.data();
  }
  Numbers scratch(static_cast<size_t>(std::max(weight_tiles_scratch(matrix.rounding, matrix.columns),
                                               weight_tiles_scratch(matrix.backward_rounding, matrix.rows))));
  const auto tiles = [&](int64_t begin) {
    return WeightTiles{whole, matrix.rows, matrix.columns, packed + begin, scratch.data()};
  };
  matrix.products(kernels()).pack_tiles(tiles(matrix.forward));
  matrix.backward_products(kernels()).pack_transposed_tiles(tiles(matrix.backward));
  float* bias = packed + matrix.bias;
  for (const Parameter& part : matrix.biases)
    for (int64_t i = 0; i < part.size(); ++i) bias = std::fill_n(bias, lanes, flat[part.offset + i]);
}

void round_numbers(float* numbers, int64_t count) {
  for (int64_t i = 0; i < count; ++i) numbers[i] = to_bfloat16(numbers[i]);
}

// Panels of float32 numbers [panels(outputs)][inputs][panel] as these products take them.
void round_panels(const ProductKernels& products, float* packed, int64_t outputs, int64_t inputs) {
  if (products.layout == Layout::paired_panels) {
    products.pair_panels({packed, panels(outputs), inputs});
  } else if (products.factors == Rounding::bfloat16) {
    round_numbers(packed, panels(outputs) * inputs * panel);
  }
}

void pack_matrix(const Matrix& matrix, const float* flat, float* packed) {
  if (matrix.products(kernels()).layout == Layout::tiles) {
    pack_matrix_in_tiles(matrix, flat, packed);
    return;
  }
  clear_last(matrix.rows, matrix.columns, packed + matrix.forward);
  clear_last(matrix.columns, matrix.rows, packed + matrix.backward);
  int64_t row = 0;
  for (const Parameter& weight : matrix.weights) {
    const float* w = flat + weight.offset;
    const int64_t rows = weight.shape[0];
    pack_forward(w, rows, matrix.columns, row, packed + matrix.forward);
    pack_backward(w, rows, matrix.columns, row, matrix.rows, packed + matrix.backward);
    row += rows;
  }
  round_panels(matrix.products(kernels()), packed + matrix.forward, matrix.rows, matrix.columns);
  round_panels(matrix.backward_products(kernels()), packed + matrix.backward, matrix.columns, matrix.rows);
  float* bias = packed + matrix.bias;
  for (const Parameter& part : matrix.biases) bias = std::copy_n(flat + part.offset, part.size(), bias);
}

void add_sums(const std::vector<const float*>& parts, int64_t offset, int64_t size, float* to) {
  for (const float* sums : parts) {
    for (int64_t i = 0; i < size; ++i) to[i] += sums[offset + i];
  }
}

// to [rows, columns] += each part's [columns][width], turned over.
void add_transposed(const std::vector<const float*>& parts, int64_t offset, int64_t width, int64_t rows,
                    int64_t columns, float* to) {
  constexpr int64_t line = 16;  // numbers: all of a cache line of a part is used while it is near
  const auto one_by_one = [&](int64_t r, int64_t r_end, int64_t c, int64_t c_end) {
    for (; r < r_end; ++r)
      for (int64_t column = c; column < c_end; ++column)
        for (const float* sums : parts) to[r * columns + column] += sums[offset + column * width + r];
  };
  const int64_t whole_rows = rows / 4 * 4, whole_columns = columns / 4 * 4;
  for (int64_t begin = 0; begin < whole_rows; begin += line) {
    const int64_t end = std::min(whole_rows, begin + line);
    for (int64_t c = 0; c < whole_columns; c += 4) {
      for (int64_t r = begin; r < end; r += 4) {
        Four sum[4];
#pragma GCC unroll 4
        for (int64_t i = 0; i < 4; ++i) sum[i] = load_four(to + (r + i) * columns + c);
        for (const float* sums : parts) {
          Four part[4];
#pragma GCC unroll 4
          for (int64_t i = 0; i < 4; ++i) part[i] = load_four(sums + offset + (c + i) * width + r);
          transpose_four(part[0], part[1], part[2], part[3]);
#pragma GCC unroll 4
          for (int64_t i = 0; i < 4; ++i) sum[i] += part[i];
        }
#pragma GCC unroll 4
        for (int64_t i = 0; i < 4; ++i) store_four(to + (r + i) * columns + c, sum[i]);
      }
    }
    one_by_one(begin, end, whole_columns, columns);
  }
  one_by_one(whole_rows, rows, 0, columns);
}

void reduce_matrix(const Matrix& matrix, const std::vector<const float*>& parts, float* gradient) {
  int64_t row = 0;
  for (const Parameter& weight : matrix.weights) {
    const int64_t rows = weight.shape[0], columns = matrix.columns;
    float* to = gradient + weight.offset;
    if (matrix.transposes_gradient(kernels())) {
      add_transposed(parts, matrix.gradient + row, padded(matrix.rows), rows, columns, to);
    } else {
      const int64_t width = padded(columns);
      for (int64_t r = 0; r < rows; ++r)
        add_sums(parts, matrix.gradient + (row + r) * width, columns, to + r * columns);
    }
    row += rows;
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
  const bool tiles = matrix.products(kernels()).layout == Layout::tiles;
  const auto size = [&](Rounding rounding, int64_t outputs, int64_t inputs) {
    return tiles ? weight_tiles_size(rounding, outputs, inputs) : panels(outputs) * inputs * panel;
  };
  matrix.forward = take(packed_size_, size(matrix.rounding, rows, columns));
  matrix.backward = take(packed_size_, size(matrix.backward_rounding, columns, rows));
  matrix.bias = take(packed_size_, tiles ? padded(rows) * lanes : panels(rows) * panel);
  matrix.gradient = take(
      sums_size_, matrix.transposes_gradient(kernels()) ? columns * padded(rows) : rows * padded(columns));
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
