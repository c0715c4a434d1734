#include "data/symmetry/scattered_parts.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <span>
#include <utility>

namespace fluxsbi::data {

namespace {

using Columns = std::vector<size_t>;  // of x

// Kinds of values and what tells them apart, in theta and a few values of x at a time.
class Kinds {
 public:
  Kinds(const SymmetryTest& test, double level) : test_(test), level_(level) {}

  // Columns of x by kind, without those that are alone.
  std::vector<Columns> find() const {
    std::vector<Columns> kinds;
    for (size_t column = 0; column < test_.rows().x_size; ++column) {
      const auto kind = std::find_if(kinds.begin(), kinds.end(), [&](const Columns& others) {
        return std::all_of(others.begin(), others.end(), [&](size_t other) {
          const SymmetryEvidence evidence = exchanged(std::array{other, column});
          return evidence.deviation < evidence.limit(level_);
        });
      });
      if (kind == kinds.end())
        kinds.push_back({column});
      else
        kind->push_back(column);
    }
    std::erase_if(kinds, [](const Columns& kind) { return kind.size() < 2; });
    return kinds;
  }

  // Of `kind`, the value that belongs to each of `values`, as far as it can be told: no two share one.
  std::optional<Columns> partners(const Columns& values, const Columns& kind) const {
    Columns chosen;
    for (const size_t value : values) {
      std::vector<double> tied(kind.size());
      for (size_t i = 0; i < kind.size(); ++i) {
        for (size_t j = i + 1; j < kind.size(); ++j) {
          const SymmetryEvidence evidence = exchanged(std::array{kind[i], kind[j], value});
          if (evidence.deviation < evidence.limit(level_)) continue;
          tied[i] += evidence.deviation;
          tied[j] += evidence.deviation;
        }
      }
      // Two values of a kind cannot be told apart, and need not be: both pairings are one symmetry.
      const auto most = std::max_element(tied.begin(), tied.end());
      const size_t partner = kind.size() == 2 ? chosen.size() : static_cast<size_t>(most - tied.begin());
      if (*most == 0 || std::find(chosen.begin(), chosen.end(), kind[partner]) != chosen.end()) return {};
      chosen.push_back(kind[partner]);
    }
    return chosen;
  }

 private:
  // The first two of these values change places.
  SymmetryEvidence exchanged(std::span<const size_t> columns) const {
    RowForm form{SignedPermutation::identity(test_.rows().theta_size),
                 SignedPermutation::identity(columns.size())};
    std::swap(form.x.from[0], form.x.from[1]);
    return test_.with_x(columns).judge_products(form);
  }

  const SymmetryTest& test_;
  double level_;
};

// Part p has the p-th value of each kind.
Symmetry parts_of(std::span<const Columns> kinds) {
  Symmetry symmetry;
  for (size_t part = 0; part < kinds.front().size(); ++part) {
    std::vector<SignedPlace> block;
    for (const Columns& kind : kinds) block.push_back({true, static_cast<int32_t>(kind[part]), 1});
    symmetry.blocks.push_back(std::move(block));
  }
  return symmetry;
}

}  // namespace

std::vector<Symmetry> find_scattered_parts(const SymmetryTest& test, double level,
                                           const std::function<bool(const Symmetry&)>& holds) {
  const Kinds kinds(test, level);
  std::vector<Symmetry> found;
  std::vector<Columns> left = kinds.find();
  std::erase_if(left, [&](const Columns& kind) {
    Symmetry alone = parts_of(std::span(&kind, 1));
    const bool any_order = holds(alone);
    if (any_order) found.push_back(std::move(alone));
    return any_order;
  });
  while (!left.empty()) {
    std::vector<Columns> parts{left.front()}, others;
    for (const Columns& kind : std::span(left).subspan(1)) {
      const bool as_many = kind.size() == parts.front().size();
      if (auto partners = as_many ? kinds.partners(parts.front(), kind) : std::nullopt)
        parts.push_back(std::move(*partners));
      else
        others.push_back(kind);
    }
    left = std::move(others);
    if (Symmetry symmetry = parts_of(parts); parts.size() > 1 && holds(symmetry))
      found.push_back(std::move(symmetry));
  }
  return found;
}

}  // namespace fluxsbi::data
