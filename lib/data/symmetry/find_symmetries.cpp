#include "data/symmetry/find_symmetries.hpp"

#include <algorithm>
#include <cmath>
#include <functional>
#include <iterator>
#include <limits>

#include "core/error.hpp"
#include "core/text.hpp"
#include "data/symmetry/reflections.hpp"
#include "data/symmetry/scattered_parts.hpp"
#include "data/symmetry/symmetry_test.hpp"

namespace fluxsbi::data {

namespace {

constexpr int64_t most_judged = 10'000, most_judged_values = int64_t{1} << 22;
constexpr size_t most_generators = 24;  // of an exchange of very many blocks, evenly spaced
// Of a symmetry that is found. A true one that is missed costs more than one that is a little wrong: its
// statistics may then differ by a tenth more than at a level of .002.
constexpr double level = 2e-4, most_direction = 3.2;
constexpr double clear_level = 1e-6, clear_direction = 6;  // of one that is refused

// Up to most_judged evenly spaced training rows. `missing`: what of x is missing counts as larger than all
// values, since where it stands may tell something of theta and would change places, too; else rows in which
// a value is missing are left out.
JudgedRows judged_rows(const RowSource& rows, std::span<const int64_t> training, bool missing) {
  const int64_t available = std::ssize(training),
                width = std::max<int64_t>(1, rows.theta().row_size() + rows.x().row_size()),
                count = std::min({available, most_judged, std::max<int64_t>(1, most_judged_values / width)});
  std::vector<int64_t> chosen(static_cast<size_t>(count));
  for (int64_t k = 0; k < count; ++k)
    chosen[static_cast<size_t>(k)] = training[static_cast<size_t>(k * available / count)];
  JudgedRows judged{
      static_cast<size_t>(rows.theta().row_size()), static_cast<size_t>(rows.x().row_size()), {}};
  std::vector<double> theta(chosen.size() * judged.theta_size), x(chosen.size() * judged.x_size);
  read_rows(rows.theta(), chosen, theta);
  read_rows(rows.x(), chosen, x);
  if (missing) {
    std::ranges::replace_if(
        x, [](double value) { return std::isnan(value); }, std::numeric_limits<double>::infinity());
  }
  for (size_t i = 0; i < chosen.size(); ++i) {
    const auto parts = {std::span(theta).subspan(i * judged.theta_size, judged.theta_size),
                        std::span(x).subspan(i * judged.x_size, judged.x_size)};
    const auto there = [&](double value) { return missing ? !std::isnan(value) : std::isfinite(value); };
    if (!std::all_of(parts.begin(), parts.end(),
                     [&](const auto& part) { return std::ranges::all_of(part, there); }))
      continue;
    for (const auto& part : parts) judged.values.insert(judged.values.end(), part.begin(), part.end());
  }
  return judged;
}

// What the rows say of the worst of a symmetry's generators, and whether all of them pass.
struct Judgement {
  bool holds = true;
  SymmetryEvidence worst;
};

Judgement judge(const SymmetryTest& test, const Symmetry& symmetry, double at_level, double at_direction) {
  Judgement judgement;
  if (symmetry.kind == SymmetryKind::shift) {
    judgement.worst = judge_shift(test.rows(), shift_of(symmetry), at_level);
    judgement.holds = judgement.worst.deviation < judgement.worst.limit(at_level) &&
                      judgement.worst.direction < at_direction;
    return judgement;
  }
  const auto generators = symmetry.generators(test.rows().theta_size, test.rows().x_size);
  const size_t count = std::min(generators.size(), most_generators);
  const double share = at_level / static_cast<double>(count);
  for (size_t k = 0; k < count && judgement.holds; ++k) {
    const SymmetryEvidence evidence = test.judge(generators[k * generators.size() / count], share);
    if (evidence.deviation >= judgement.worst.deviation) judgement.worst = evidence;
    judgement.holds = evidence.deviation < evidence.limit(share) && evidence.direction < at_direction;
  }
  return judgement;
}

using Holds = std::function<bool(const Symmetry&)>;  // whether the rows say nothing against it

// Equal parts of x, one after the other (step 1) or interleaved; `owned`: each with a parameter before it.
Symmetry parts_of_x(size_t parts, size_t length, size_t step, size_t part_step, bool owned = false) {
  Symmetry symmetry;
  for (size_t part = 0; part < parts; ++part) {
    std::vector<SignedPlace> block;
    if (owned) block.push_back({false, static_cast<int32_t>(part), 1});
    for (size_t i = 0; i < length; ++i)
      block.push_back({true, static_cast<int32_t>(part * part_step + i * step), 1});
    symmetry.blocks.push_back(std::move(block));
  }
  return symmetry;
}

// Of x: the smallest parts that may stand in any order, side by side or interleaved where they fill x, else
// wherever they stand.
std::vector<Symmetry> find_of_x(const SymmetryTest& test, size_t channels, const Holds& holds) {
  const size_t size = test.rows().x_size;
  for (size_t length = channels; 2 * length <= size; length += channels) {
    if (size % length != 0) continue;
    const size_t parts = size / length;
    std::vector<Symmetry> layouts{parts_of_x(parts, length, 1, length)};
    if (length > 1 && channels == 1) layouts.push_back(parts_of_x(parts, length, parts, 1));  // interleaved
    for (Symmetry& layout : layouts) {
      if (holds(layout)) return {std::move(layout)};
    }
  }
  return channels == 1 ? find_scattered_parts(test, level, holds) : std::vector<Symmetry>();
}

// Parameters that each have a part of x of their own, and what stays as probable with the other signs.
std::vector<Symmetry> find_of_both(const SymmetryTest& test, size_t channels, const Holds& holds) {
  const size_t parts = test.rows().theta_size, size = test.rows().x_size;
  std::vector<Symmetry> found;
  if (size > 0 && size % parts == 0 && size / parts % channels == 0) {
    const size_t length = size / parts;
    std::vector<Symmetry> layouts{parts_of_x(parts, length, 1, length, /*owned=*/true)};
    if (length > 1 && channels == 1) layouts.push_back(parts_of_x(parts, length, parts, 1, /*owned=*/true));
    for (const Symmetry& layout : layouts) {
      const bool exchanged = parts > 1 && holds(layout);
      for (size_t part = 0; part < parts; ++part) {
        Symmetry negated{{layout.blocks[part]}, SymmetryKind::negate};
        if (holds(negated)) found.push_back(std::move(negated));
        if (exchanged) break;  // the other parts' signs follow from the first's
      }
      if (exchanged) found.insert(found.begin(), layout);
      if (!found.empty()) return found;
    }
  }
  Symmetry all{{{}}, SymmetryKind::negate};
  for (size_t i = 0; i < parts + size; ++i)
    all.blocks[0].push_back({i >= parts, static_cast<int32_t>(i < parts ? i : i - parts), 1});
  if (size > 0 && holds(all)) found.push_back(std::move(all));
  return found;
}

std::vector<Symmetry> find_of_theta(const SymmetryTest& test, const Holds& holds) {
  std::vector<Symmetry> found;
  const auto keep = [&](Symmetry symmetry) {
    if (holds(symmetry)) found.push_back(std::move(symmetry));
  };
  const auto size = static_cast<int32_t>(test.rows().theta_size);
  for (int32_t i = 0; i < size; ++i) keep({{{{false, i, 1}}}, SymmetryKind::negate});
  for (int32_t i = 0; i < size; ++i) {
    for (int32_t j = i + 1; j < size; ++j) {
      for (const int8_t sign : {1, -1}) keep({{{{false, i, 1}}, {{false, j, sign}}}});
    }
  }
  return found;
}

// Where a known exchange carries one shift to another, both hold or neither does: the first is judged.
std::vector<Symmetry> find_shifts(const SymmetryTest& test, std::span<const Symmetry> known,
                                  std::span<const uint8_t> may_move, const Holds& holds) {
  std::vector<RowForm> forms;
  for (const Symmetry& symmetry : known)
    std::ranges::move(symmetry.generators(test.rows().theta_size, test.rows().x_size),
                      std::back_inserter(forms));
  std::vector<Symmetry> found;
  for (Symmetry& shift : shift_candidates(test.rows(), may_move)) {
    const bool follows = std::ranges::any_of(found, [&](const Symmetry& other) {
      return std::ranges::any_of(
          forms, [&](const RowForm& form) { return shift_of(other).carried(form) == shift_of(shift); });
    });
    if (follows || holds(shift)) found.push_back(std::move(shift));
  }
  return found;
}

void require_movable(const Symmetry& symmetry, std::span<const uint8_t> may_move, const RowNames& names) {
  if (symmetry.kind != SymmetryKind::shift) return;
  for (const SignedPlace& place : shift_of(symmetry).moved) {
    const auto at = static_cast<size_t>(place.index);
    if (may_move[at] == 0)
      throw core::UserError(
          "data.symmetries: " + core::quoted(symmetry.text(names)) + ": " + names.x[at] +
          " cannot be moved, because its transform has an end; leave the shift out, or give " +
          "the value another transform (data.transform_x)");
  }
}

std::vector<Symmetry> named_symmetries(const std::string& wanted, const SymmetryTest& test,
                                       std::span<const uint8_t> may_move, const RowNames& names) {
  std::vector<Symmetry> symmetries = parse_symmetries(wanted, names);
  for (const Symmetry& symmetry : symmetries) require_movable(symmetry, may_move, names);
  if (test.rows().values.empty()) return symmetries;  // nothing speaks against them
  for (const Symmetry& symmetry : symmetries) {
    const Judgement judgement = judge(test, symmetry, clear_level, clear_direction);
    if (judgement.holds) continue;
    throw core::UserError(
        "data.symmetries: " + core::quoted(symmetry.text(names)) +
        " does not hold: a mean over the rows differs from that over their other forms by " +
        core::brief_text(judgement.worst.deviation) + " standard errors (chance gives " +
        core::brief_text(judgement.worst.limit(level)) + " at most), or many differ a little; leave it out");
  }
  return symmetries;
}

std::vector<Symmetry> find_all(const SymmetryTest& test, size_t channels, std::span<const uint8_t> may_move) {
  const auto holds = [&](const Symmetry& symmetry) {
    return judge(test, symmetry, level, most_direction).holds;
  };
  std::vector<Symmetry> all = find_of_x(test, channels, holds);
  std::ranges::move(find_of_theta(test, holds), std::back_inserter(all));
  std::ranges::move(find_of_both(test, channels, holds), std::back_inserter(all));
  std::ranges::move(find_reflections(test, all, holds), std::back_inserter(all));
  std::ranges::move(find_shifts(test, all, may_move, holds), std::back_inserter(all));
  return all;
}

// Of many shifts the first two and the last.
std::string brief_text(const std::vector<Symmetry>& symmetries, const RowNames& names) {
  constexpr size_t most = 4;
  std::vector<std::string> texts, shifts;
  for (const Symmetry& symmetry : symmetries)
    (symmetry.kind == SymmetryKind::shift ? shifts : texts).push_back(symmetry.brief(names));
  if (shifts.size() > most) shifts = {shifts[0], shifts[1], "...", shifts.back()};
  std::ranges::move(shifts, std::back_inserter(texts));
  return core::join(texts, "; ");
}

}  // namespace

ChosenSymmetries choose_symmetries(const std::string& wanted, const RowSource& rows,
                                   const SymmetryFacts& facts) {
  if (wanted == "none") return {};
  const bool automatic = wanted == "auto";
  const int64_t count = std::ssize(facts.training), values = rows.theta().row_size() + rows.x().row_size();
  if (automatic && (count < least_symmetry_rows || count > most_symmetry_rows ||
                    values > most_symmetry_values || facts.shape.padded))
    return {};
  const SymmetryTest test(judged_rows(rows, facts.training, automatic && facts.shape.missing));
  if (automatic && static_cast<int64_t>(test.rows().rows()) < least_symmetry_rows) return {};

  std::vector<uint8_t> may_move = facts.may_move;
  may_move.resize(test.rows().x_size, 1);
  std::vector<Symmetry> symmetries;
  if (automatic) {
    symmetries = find_all(test, static_cast<size_t>(facts.shape.x_channels), may_move);
    if (symmetries.empty()) return {};
  } else {
    symmetries = named_symmetries(wanted, test, may_move, facts.names);
  }
  ChosenSymmetries chosen;
  const auto most = static_cast<size_t>(std::max<int64_t>(2, most_formed_rows / std::max<int64_t>(1, count)));
  chosen.forms = row_forms(symmetries, test.rows().theta_size, test.rows().x_size, most);
  for (const Symmetry& symmetry : symmetries) {
    if (symmetry.kind == SymmetryKind::shift) chosen.shifts.push_back(shift_of(symmetry));
  }
  // Each time a row is shown it has moved elsewhere.
  for (size_t k = 0, forms = chosen.forms.size(); !chosen.shifts.empty() && chosen.forms.size() < most; ++k)
    chosen.forms.push_back(chosen.forms[k % forms]);
  std::vector<std::string> texts;
  for (const Symmetry& symmetry : symmetries) texts.push_back(symmetry.text(facts.names));
  chosen.text = core::join(texts, "; ");
  chosen.remark =
      std::string("data.symmetries") + (automatic ? " (auto): " : ": ") +
      brief_text(symmetries, facts.names) +
      (automatic ? " (" + std::to_string(test.rows().rows()) + " rows say nothing against it)" : "") +
      "; training sees each row in " + std::to_string(chosen.forms.size()) +
      " forms; set data.symmetries: none to train on the rows as they are";
  return chosen;
}

int64_t count_forms(const JudgedRows& rows, int64_t x_channels, int64_t most) {
  const SymmetryTest test(rows);
  const std::vector<uint8_t> may_move(rows.x_size, 1);
  const auto holds = [&](const Symmetry& symmetry) {
    return judge(test, symmetry, level, most_direction).holds;
  };
  if (std::ranges::any_of(shift_candidates(rows, may_move), holds)) return most;
  const auto all = find_all(test, static_cast<size_t>(x_channels), may_move);
  return std::ssize(row_forms(all, rows.theta_size, rows.x_size, static_cast<size_t>(most)));
}

}  // namespace fluxsbi::data
