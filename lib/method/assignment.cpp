#include "method/assignment.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <utility>

#include "core/error.hpp"

namespace fluxsbi::method {

namespace {

constexpr int64_t none = -1;
constexpr int64_t bids_a_row = 4;  // about the fastest for normal data of 256 to 2048 rows
constexpr double infinity = std::numeric_limits<double>::infinity();

// Keeps prices with cost - row price - column price >= 0 everywhere and = 0 on matched pairs, which proves
// the matching so far to be the best of its rows.
class Matching {
 public:
  Matching(std::span<const double> cost, int64_t n)
      : cost_(cost.data()),
        n_(n),
        row_price_(size(), 0),
        column_price_(size(), infinity),
        row_of_(size(), none),
        column_of_(size(), none),
        distance_(size()),
        from_(size()),
        columns_(size()) {}

  std::vector<int64_t> solve() {
    match_cheapest();
    bid();
    for (int64_t row = 0; row < n_; ++row) {
      if (column_of_[at(row)] == none) augment(row);
    }
    return column_of_;
  }

 private:
  static size_t at(int64_t i) { return static_cast<size_t>(i); }
  size_t size() const { return at(n_); }

  // A column's price is its lowest cost, and its row takes it while free: most rows are matched so.
  void match_cheapest() {
    std::vector<int64_t> cheapest(size(), none);
    for (int64_t i = 0; i < n_; ++i) {
      for (int64_t j = 0; j < n_; ++j) {
        if (cost_[i * n_ + j] < column_price_[at(j)]) {
          column_price_[at(j)] = cost_[i * n_ + j];
          cheapest[at(j)] = i;
        }
      }
    }
    for (int64_t j = n_ - 1; j >= 0; --j) {
      const int64_t i = cheapest[at(j)];
      if (i != none && column_of_[at(i)] == none) match(i, j);
    }
  }

  // Each free row takes its cheapest column, whose price falls until the second cheapest is as good, and sets
  // the row that had it free: most of what is left is matched at n operations a bid.
  void bid() {
    std::vector<int64_t> free;
    for (int64_t row = n_ - 1; row >= 0; --row) {
      if (column_of_[at(row)] == none) free.push_back(row);
    }
    for (int64_t bids = 0; bids < bids_a_row * n_ && !free.empty() && n_ > 1; ++bids) {
      const int64_t row = free.back();
      free.pop_back();
      const auto [cheapest, second, lowest, next] = two_cheapest(row);
      const int64_t column = lowest == next && row_of_[at(cheapest)] != none ? second : cheapest;
      if (column == cheapest) column_price_[at(column)] -= next - lowest;
      row_price_[at(row)] = next;
      const int64_t before = row_of_[at(column)];
      match(row, column);
      if (before == none) continue;
      column_of_[at(before)] = none;
      free.push_back(before);
    }
  }

  struct Cheapest {
    int64_t column = none, second = none;
    double cost = infinity, second_cost = infinity;  // reduced by the column's price
  };
  Cheapest two_cheapest(int64_t row) const {
    const double* cost = cost_ + row * n_;
    Cheapest found;
    for (int64_t j = 0; j < n_; ++j) {
      const double reduced = cost[j] - column_price_[at(j)];
      if (!(reduced < found.second_cost)) continue;
      if (reduced < found.cost) {
        found = {j, found.column, reduced, found.cost};
      } else {
        found.second = j;
        found.second_cost = reduced;
      }
    }
    return found;
  }

  void match(int64_t row, int64_t column) {
    row_of_[at(column)] = row;
    column_of_[at(row)] = column;
  }

  // Dijkstra's search from a free row over reduced costs; the path to the nearest free column is turned over.
  void augment(int64_t start) {
    std::fill(distance_.begin(), distance_.end(), infinity);
    std::iota(columns_.begin(), columns_.end(), int64_t{0});
    int64_t left = n_, row = start;  // columns_[left ...] are reached, their distance is final
    double reached = 0;
    for (;;) {
      const int64_t place = nearest(row, reached, left);
      core::require(place != none, "costs overflow");
      reached = distance_[at(columns_[at(place)])];
      std::swap(columns_[at(place)], columns_[at(--left)]);
      const int64_t column = columns_[at(left)];
      if (row_of_[at(column)] == none) {
        reprice(start, reached, left);
        turn_over(start, column);
        return;
      }
      row = row_of_[at(column)];
    }
  }

  // Shortens the distances of the first `left` columns by a step from `row`, which lies at `reached`; returns
  // the place of the nearest, of equal ones a free column.
  int64_t nearest(int64_t row, double reached, int64_t left) {
    const double* cost = cost_ + row * n_;
    const double before = reached - row_price_[at(row)];
    int64_t best = none;
    double lowest = infinity;
    for (int64_t k = 0; k < left; ++k) {
      const auto j = at(columns_[at(k)]);
      const double through = before + cost[j] - column_price_[j];
      if (through < distance_[j]) {
        distance_[j] = through;
        from_[j] = row;
      }
      if (distance_[j] < lowest || (distance_[j] == lowest && row_of_[j] == none)) {
        lowest = distance_[j];
        best = k;
      }
    }
    return best;
  }

  // Makes all edges of the shortest paths tight. The free column's own price stays.
  void reprice(int64_t start, double reached, int64_t left) {
    row_price_[at(start)] += reached;
    for (int64_t k = left + 1; k < n_; ++k) {
      const auto j = at(columns_[at(k)]);
      row_price_[at(row_of_[j])] += reached - distance_[j];
      column_price_[j] -= reached - distance_[j];
    }
  }

  void turn_over(int64_t start, int64_t column) {
    for (int64_t row = none; row != start;) {
      row = from_[at(column)];
      const int64_t before = column_of_[at(row)];
      match(row, column);
      column = before;
    }
  }

  const double* cost_;
  int64_t n_;
  std::vector<double> row_price_, column_price_;
  std::vector<int64_t> row_of_, column_of_;
  std::vector<double> distance_;  // from the search's row, by column
  std::vector<int64_t> from_;     // the row before a column on its path
  std::vector<int64_t> columns_;
};

}  // namespace

std::vector<int64_t> assign(std::span<const double> cost, int64_t n) {
  core::require(std::ssize(cost) == n * n, "assign needs cost [n, n]");
  if (!std::all_of(cost.begin(), cost.end(), [](double c) { return std::isfinite(c); }))
    throw core::UserError(
        "optimal transport met a cost that is not finite; look for extreme values in the data");
  return Matching(cost, n).solve();
}

}  // namespace fluxsbi::method
