#include "data/symmetry/reflections.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <numeric>
#include <optional>
#include <set>
#include <utility>

#include "data/prior/special_functions.hpp"
#include "data/screening/rank_columns.hpp"

namespace fluxsbi::data {

namespace {

using Places = std::vector<size_t>;  // of every column: where its value comes from
using Signs = uint64_t;              // bit i: column i changes its sign

constexpr double clear_level = 1e-3;  // of all correlations together
constexpr double most_change = 7;     // of a correlation, in units of n^(-1/2)
constexpr size_t most_forms = 5000;   // of a group that is written out
constexpr size_t most_freedom = 6;    // solutions 2^n of a system that are tried

// Equations over two elements: the bits of `mask` in a solution add up to `odd`.
class Equations {
 public:
  void add(Signs mask, bool odd) {
    for (const auto& [row, value] : rows_) {
      if ((mask & lead(row)) == 0) continue;
      mask ^= row;
      odd ^= value;
    }
    if (mask == 0) {
      solvable_ = solvable_ && !odd;
      return;
    }
    for (auto& [row, value] : rows_) {
      if ((row & lead(mask)) == 0) continue;
      row ^= mask;
      value ^= odd;
    }
    rows_.emplace_back(mask, odd);
  }

  bool solvable() const { return solvable_; }

  // A solution whose free bits are 0.
  Signs solution() const {
    Signs signs = 0;
    for (const auto& [row, odd] : rows_) signs |= odd ? lead(row) : 0;
    return signs;
  }

  // What may be added to a solution: one for each of `size` bits that is free.
  std::vector<Signs> freedom(size_t size) const {
    Signs bound = 0;
    for (const auto& [row, odd] : rows_) bound |= lead(row);
    std::vector<Signs> free;
    for (size_t i = 0; i < size; ++i) {
      const Signs bit = Signs{1} << i;
      if ((bound & bit) != 0) continue;
      Signs signs = bit;
      for (const auto& [row, odd] : rows_) signs |= (row & bit) != 0 ? lead(row) : 0;
      free.push_back(signs);
    }
    return free;
  }

 private:
  static Signs lead(Signs mask) { return Signs{1} << (63 - std::countl_zero(mask)); }

  std::vector<std::pair<Signs, bool>> rows_;  // each with a leading bit that no other has
  bool solvable_ = true;
};

// The solutions that are a start and any sum of `free`, those that change the fewest signs first.
std::vector<Signs> solutions(Signs start, std::vector<Signs> free) {
  if (free.size() > most_freedom) free.resize(most_freedom);
  std::vector<Signs> all{start};
  for (const Signs signs : free) {
    const size_t before = all.size();
    for (size_t i = 0; i < before; ++i) all.push_back(all[i] ^ signs);
  }
  std::ranges::stable_sort(all, {}, [](Signs signs) { return std::popcount(signs); });
  return all;
}

// Correlations of the ranks of theta and x.
class Correlations {
 public:
  explicit Correlations(const JudgedRows& rows)
      : size_(rows.width()), unit_(1 / std::sqrt(static_cast<double>(rows.rows()))) {
    for (size_t column = 0; column < size_; ++column) {
      std::vector<double> values = rows.column(column);
      const std::array<Column, 3> polynomials = rank_polynomials(values);
      std::ranges::sort(values);
      still_.push_back(values[values.size() / 4] == values[values.size() - 1 - values.size() / 4]);
      odd_.push_back(polynomials[0]);
      even_.push_back(polynomials[1]);
    }
    const auto table = [&](const std::vector<Column>& a, const std::vector<Column>& b) {
      std::vector<double> all(size_ * size_);
      for (size_t i = 0; i < size_; ++i) {
        for (size_t j = 0; j < size_; ++j) all[i * size_ + j] = dot(a[i], b[j]) * unit_ * unit_;
      }
      return all;
    };
    odd_odd_ = table(odd_, odd_);
    even_odd_ = table(even_, odd_);
    even_even_ = table(even_, even_);
    for (size_t i = 0; i < size_; ++i) {
      for (size_t j = i + 1; j < size_; ++j) {
        const Column both = product(odd_[i], odd_[j]);
        for (size_t k = j + 1; k < size_; ++k) triples_.push_back(dot(both, odd_[k]) * unit_ * unit_);
      }
    }
    const double count = static_cast<double>(2 * size_ * size_ + triples_.size());
    clear_ = normal_quantile(1 - clear_level / (2 * count)) * unit_;
  }

  size_t size() const { return size_; }

  // Whether correlations of the places that values come from are of the same magnitude.
  bool may_hold(const Places& from) const {
    const double most = most_change * unit_;
    for (size_t i = 0; i < size_; ++i) {
      if (still_[i] && from[i] != i) return false;
      for (size_t j = 0; j < size_; ++j) {
        const size_t here = i * size_ + j, there = from[i] * size_ + from[j];
        if (std::abs(std::abs(odd_odd_[here]) - std::abs(odd_odd_[there])) > most ||
            std::abs(std::abs(even_odd_[here]) - std::abs(even_odd_[there])) > most ||
            std::abs(even_even_[here] - even_even_[there]) > most)
          return false;
      }
    }
    return true;
  }

  // What signs must fulfil where value i comes from place from[i].
  Equations equations(const Places& from) const {
    Equations equations;
    const auto bit = [](size_t i) { return Signs{1} << i; };
    const auto add = [&](Signs mask, double here, double there) {
      if (std::abs(here) > clear_ && std::abs(there) > clear_) equations.add(mask, (here < 0) != (there < 0));
    };
    for (size_t i = 0; i < size_; ++i) {
      if (still_[i]) equations.add(bit(i), false);
      if (from[i] != i) equations.add(bit(i) ^ bit(from[i]), false);  // twice is once and back
      for (size_t j = 0; j < size_; ++j) {
        const size_t here = i * size_ + j, there = from[i] * size_ + from[j];
        if (i < j) add(bit(i) ^ bit(j), odd_odd_[here], odd_odd_[there]);
        if (i != j) add(bit(j), even_odd_[here], even_odd_[there]);
        for (size_t k = j + 1; i < j && k < size_; ++k)
          add(bit(i) ^ bit(j) ^ bit(k), triple(i, j, k), triple(from[i], from[j], from[k]));
      }
    }
    return equations;
  }

 private:
  // Of three different places.
  double triple(size_t a, size_t b, size_t c) const {
    std::array<size_t, 3> at{a, b, c};
    std::ranges::sort(at);
    size_t place = 0;
    for (size_t i = 0; i < at[0]; ++i) place += pairs_behind(i);
    for (size_t j = at[0] + 1; j < at[1]; ++j) place += size_ - 1 - j;
    return triples_[place + at[2] - at[1] - 1];
  }
  size_t pairs_behind(size_t i) const { return (size_ - 1 - i) * (size_ - 2 - i) / 2; }

  size_t size_;
  double unit_, clear_ = 0;
  std::vector<bool> still_;  // half of the rows have one value, and the others are too few to tell
  std::vector<Column> odd_, even_;
  std::vector<double> odd_odd_, even_odd_, even_even_;  // [size, size]
  std::vector<double> triples_;                         // of i < j < k
};

// All ways to exchange pairs of `size` places, the first of which leaves all where they are.
std::vector<Places> pairings(size_t size) {
  std::vector<Places> all;
  Places places(size);
  std::iota(places.begin(), places.end(), size_t{0});
  const auto pair_up = [&](const auto& self, size_t first) -> void {
    if (first >= size) {
      all.push_back(places);
      return;
    }
    self(self, first + 1);
    if (places[first] != first) return;
    for (size_t other = first + 1; other < size; ++other) {
      if (places[other] != other) continue;
      std::swap(places[first], places[other]);
      self(self, first + 1);
      std::swap(places[first], places[other]);
    }
  };
  pair_up(pair_up, 0);
  std::ranges::stable_sort(all, {}, [](const Places& one) {
    size_t moved = 0;
    for (size_t i = 0; i < one.size(); ++i) moved += one[i] != i;
    return moved;
  });
  return all;
}

// Pairings of x: of the values of each part alike, or of single values.
std::vector<Places> pairings_of_x(size_t size, std::span<const Symmetry> known) {
  Places still(size);
  std::iota(still.begin(), still.end(), size_t{0});
  const auto parts = std::ranges::find_if(known, [](const Symmetry& symmetry) {
    return symmetry.kind == SymmetryKind::exchange && symmetry.blocks.front().size() > 1 &&
           std::ranges::all_of(symmetry.blocks.front(), &SignedPlace::of_x);
  });
  if (parts == known.end()) return size <= most_mirrored ? pairings(size) : std::vector<Places>{still};
  const size_t length = parts->blocks.front().size();
  if (length > most_mirrored) return {still};
  std::vector<Places> all;
  for (const Places& pairing : pairings(length)) {
    Places places = still;
    for (const auto& block : parts->blocks) {
      for (size_t i = 0; i < length; ++i)
        places[static_cast<size_t>(block[i].index)] = static_cast<size_t>(block[pairing[i]].index);
    }
    all.push_back(std::move(places));
  }
  return all;
}

RowForm form_of(const Places& from, Signs signs, size_t theta_size) {
  RowForm form{SignedPermutation::identity(theta_size),
               SignedPermutation::identity(from.size() - theta_size)};
  for (size_t i = 0; i < from.size(); ++i) {
    SignedPermutation& side = i < theta_size ? form.theta : form.x;
    const size_t at = i < theta_size ? i : i - theta_size, first = i - at;
    side.from[at] = static_cast<int32_t>(from[i] - first);
    side.sign[at] = static_cast<int8_t>((signs >> i & 1) != 0 ? -1 : 1);
  }
  return form;
}

Symmetry symmetry_of(const Places& from, Signs signs, size_t theta_size) {
  Symmetry symmetry;
  std::vector<SignedPlace> first, second, negated;
  for (size_t i = 0; i < from.size(); ++i) {
    const bool of_x = i >= theta_size, minus = (signs >> i & 1) != 0;
    const auto index = [&](size_t column) { return static_cast<int32_t>(column - (of_x ? theta_size : 0)); };
    if (from[i] == i && minus) negated.push_back({of_x, index(i), 1});
    if (from[i] <= i) continue;
    first.push_back({of_x, index(i), 1});
    second.push_back({of_x, index(from[i]), static_cast<int8_t>(minus ? -1 : 1)});
  }
  if (first.empty()) return {{std::move(negated)}, SymmetryKind::negate};
  return {{std::move(first), std::move(second)}, SymmetryKind::exchange, std::move(negated)};
}

// The forms that symmetries generate, as far as they are no more than most_forms.
class Group {
 public:
  Group(size_t theta_size, size_t x_size, std::span<const Symmetry> known)
      : theta_size_(theta_size), x_size_(x_size) {
    forms_.insert({SignedPermutation::identity(theta_size), SignedPermutation::identity(x_size)});
    for (const Symmetry& symmetry : known) add(symmetry);
  }

  void add(const Symmetry& symmetry) {
    for (const RowForm& form : symmetry.generators(theta_size_, x_size_)) generators_.push_back(form);
    std::vector<RowForm> open(forms_.begin(), forms_.end());
    while (!open.empty() && is_whole()) {
      const RowForm form = open.back();
      open.pop_back();
      for (const RowForm& generator : generators_) {
        RowForm next = form.then(generator);
        if (forms_.insert(next).second) open.push_back(std::move(next));
      }
    }
  }

  bool is_whole() const { return forms_.size() <= most_forms; }
  bool holds(const RowForm& form) const { return forms_.contains(form); }

 private:
  size_t theta_size_, x_size_;
  std::vector<RowForm> generators_;
  std::set<RowForm> forms_;
};

}  // namespace

std::vector<Symmetry> find_reflections(const SymmetryTest& test, std::span<const Symmetry> known,
                                       const std::function<bool(const Symmetry&)>& holds) {
  const size_t parameters = test.rows().theta_size, values = test.rows().x_size;
  Group group(parameters, values, known);
  if (!group.is_whole()) return {};
  const Correlations correlations(test.rows());
  std::vector<Symmetry> found;
  size_t tried = 0;
  const auto try_all = [&](const Places& from) {
    const Equations equations = correlations.equations(from);
    if (!equations.solvable()) return;
    for (const Signs signs : solutions(equations.solution(), equations.freedom(correlations.size()))) {
      if (tried >= most_tried || !group.is_whole()) return;
      if (group.holds(form_of(from, signs, parameters))) continue;
      ++tried;
      Symmetry symmetry = symmetry_of(from, signs, parameters);
      if (!holds(symmetry)) continue;
      group.add(symmetry);
      found.push_back(std::move(symmetry));
    }
  };
  Places still(parameters);
  std::iota(still.begin(), still.end(), size_t{0});
  const auto of_theta = parameters <= most_mirrored ? pairings(parameters) : std::vector<Places>{still};
  const auto of_x = pairings_of_x(values, known);
  for (const Places& theta : of_theta) {
    for (const Places& x : of_x) {
      Places from = theta;
      for (const size_t place : x) from.push_back(parameters + place);
      if (correlations.may_hold(from)) try_all(from);
    }
  }
  return found;
}

}  // namespace fluxsbi::data
