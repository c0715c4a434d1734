#include <algorithm>
#include <cmath>
#include <cstring>
#include <vector>

#include <catch2/catch_approx.hpp>

#include "core/error.hpp"
#include "sample/noise.hpp"
#include "support/catch.hpp"

using namespace fluxsbi::sample;

namespace {

std::vector<NoiseKey> grid(int64_t rows, int64_t draws) {
  std::vector<NoiseKey> keys;
  for (int64_t row = 0; row < rows; ++row) {
    for (int64_t draw = 0; draw < draws; ++draw) keys.push_back({row, draw, 0});
  }
  return keys;
}

std::vector<float> normals(uint64_t seed, std::span<const NoiseKey> keys, int64_t size) {
  std::vector<float> out(keys.size() * static_cast<size_t>(size));
  NormalNoise(seed, keys).fill(out, size);
  return out;
}

}  // namespace

TEST_CASE("noise depends on its key alone, however it is chunked and ordered", "[sample][noise]") {
  const int64_t size = 3;
  auto keys = grid(40, 50);
  const auto whole = normals(7, keys, size);
  std::vector<float> pieces;
  for (size_t begin = 0; begin < keys.size(); begin += 7) {
    const auto part = std::span(keys).subspan(begin, std::min<size_t>(7, keys.size() - begin));
    const auto values = normals(7, part, size);
    pieces.insert(pieces.end(), values.begin(), values.end());
  }
  CHECK(pieces == whole);
  std::reverse(keys.begin(), keys.end());
  const auto reversed = normals(7, keys, size);
  for (size_t i = 0; i < keys.size(); ++i) {
    CHECK(std::memcmp(&reversed[i * 3], &whole[(keys.size() - 1 - i) * 3], 3 * sizeof(float)) == 0);
  }
}

TEST_CASE("seed, row, draw and attempt each give other noise", "[sample][noise]") {
  const std::vector<NoiseKey> keys{{0, 0, 0}, {1, 0, 0}, {0, 1, 0}, {0, 0, 1}};
  const auto values = normals(1, keys, 1);
  for (size_t i = 0; i < keys.size(); ++i) {
    for (size_t j = 0; j < i; ++j) CHECK(values[i] != values[j]);
  }
  CHECK(normals(2, keys, 1)[0] != values[0]);
}

TEST_CASE("noise is standard normal and uncorrelated between draws and rows", "[sample][noise]") {
  const auto keys = grid(200, 500);
  const auto values = normals(3, keys, 1);
  const auto n = static_cast<double>(values.size());
  double sum = 0, squares = 0, draws = 0, rows = 0;
  for (size_t i = 0; i < values.size(); ++i) {
    sum += values[i];
    squares += values[i] * values[i];
    draws += values[i] * values[(i + 1) % values.size()];
    rows += values[i] * values[(i + 500) % values.size()];
  }
  const double five_sigma = 5 / std::sqrt(n);
  CHECK(std::abs(sum / n) < five_sigma);
  CHECK(std::abs(squares / n - 1) < five_sigma * std::sqrt(2.0));
  CHECK(std::abs(draws / n) < five_sigma);
  CHECK(std::abs(rows / n) < five_sigma);
}

TEST_CASE("a row number beyond the noise's range is an error", "[sample][noise]") {
  const std::vector<NoiseKey> keys{{int64_t{1} << 32, 0, 0}};
  std::vector<float> out(1);
  CHECK_THROWS_AS(NormalNoise(0, keys), fluxsbi::core::UserError);
}
