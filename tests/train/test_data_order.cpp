#include <algorithm>
#include <numeric>

#include "support/catch.hpp"
#include "train/data_order.hpp"

namespace {

using fluxsbi::train::DataOrder;

std::vector<int64_t> take(DataOrder& order, uint64_t first, size_t count) {
  std::vector<int64_t> rows(count);
  order.fill(first, rows);
  return rows;
}

TEST_CASE("every row comes once an epoch, however the batches fall", "[train][order]") {
  for (const int64_t rows : {1, 2, 7, 100}) {
    for (const size_t batch : {1, 3, 7, 250}) {
      CAPTURE(rows, batch);
      DataOrder order(rows, 5);
      const size_t epochs = 6;
      std::vector<int64_t> sequence;
      while (sequence.size() < epochs * static_cast<size_t>(rows)) {
        const auto next = take(order, sequence.size(), batch);
        sequence.insert(sequence.end(), next.begin(), next.end());
      }
      for (size_t epoch = 0; epoch < epochs; ++epoch) {
        const auto begin = sequence.begin() + static_cast<ptrdiff_t>(epoch) * rows;
        std::vector<int64_t> sorted(begin, begin + rows), all(static_cast<size_t>(rows));
        std::sort(sorted.begin(), sorted.end());
        std::iota(all.begin(), all.end(), 0);
        CHECK(sorted == all);
      }
    }
  }
}

TEST_CASE("the order is a function of seed and place alone", "[train][order]") {
  DataOrder forward(50, 9), jumping(50, 9), other(50, 10);
  const auto whole = take(forward, 0, 500);
  for (const uint64_t first : {430, 0, 499, 120, 49, 50}) {
    const size_t count = std::min<size_t>(70, 500 - first);
    const auto part = take(jumping, first, count);
    CHECK(std::equal(part.begin(), part.end(), whole.begin() + static_cast<ptrdiff_t>(first)));
  }
  CHECK(take(other, 0, 500) != whole);
}

TEST_CASE("epochs differ and every place takes every row alike", "[train][order]") {
  constexpr int64_t rows = 8;
  constexpr int epochs = 8000;
  DataOrder order(rows, 3);
  std::vector<std::vector<int>> seen(rows, std::vector<int>(rows, 0));
  for (int epoch = 0; epoch < epochs; ++epoch) {
    const auto one = take(order, static_cast<uint64_t>(epoch) * rows, rows);
    for (size_t place = 0; place < rows; ++place) ++seen[place][static_cast<size_t>(one[place])];
  }
  // 64 counts of mean 1000 and standard deviation 29.6; five of them are exceeded by chance once in 27,000
  // tries.
  constexpr int allowed = 5 * 30;
  for (const auto& counts : seen) {
    for (const int count : counts) CHECK(std::abs(count - epochs / rows) < allowed);
  }
}

TEST_CASE("without a list every row comes once an epoch, too, from seed and place alone", "[train][order]") {
  for (const int64_t rows : {1, 2, 3, 4, 5, 17, 1000}) {
    CAPTURE(rows);
    DataOrder order(rows, 5, /*listed=*/0), jumping(rows, 5, 0), other(rows, 6, 0);
    const auto count = static_cast<size_t>(rows);
    for (uint64_t epoch = 0; epoch < 4; ++epoch) {
      const auto one = take(order, epoch * count, count);
      auto sorted = one;
      std::sort(sorted.begin(), sorted.end());
      std::vector<int64_t> all(count);
      std::iota(all.begin(), all.end(), 0);
      CHECK(sorted == all);
      const uint64_t middle = count / 2;
      const auto part = take(jumping, (3 - epoch) * count + middle, count - middle);
      const auto whole = take(order, (3 - epoch) * count, count);
      CHECK(std::equal(part.begin(), part.end(), whole.begin() + static_cast<ptrdiff_t>(middle)));
    }
    if (rows == 1000) CHECK(take(other, 0, count) != take(order, 0, count));
  }
}

TEST_CASE("without a list every place takes every row alike, and neighbours part", "[train][order]") {
  constexpr int64_t rows = 8;
  constexpr int epochs = 8000;
  DataOrder order(rows, 3, /*listed=*/0);
  std::vector<std::vector<int>> seen(rows, std::vector<int>(rows, 0));
  int together = 0;  // places 0 and 1 take two rows that follow each other
  for (int epoch = 0; epoch < epochs; ++epoch) {
    const auto one = take(order, static_cast<uint64_t>(epoch) * rows, rows);
    for (size_t place = 0; place < rows; ++place) ++seen[place][static_cast<size_t>(one[place])];
    together += one[1] == one[0] + 1;
  }
  constexpr int allowed = 5 * 30;  // as above
  for (const auto& counts : seen) {
    for (const int count : counts) CHECK(std::abs(count - epochs / rows) < allowed);
  }
  // 7 of the 56 pairs: mean 1000, standard deviation 29.6.
  CHECK(std::abs(together - epochs / 8) < allowed);
}

}  // namespace
