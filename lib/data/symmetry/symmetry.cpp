#include "data/symmetry/symmetry.hpp"

#include <algorithm>
#include <array>
#include <numeric>
#include <optional>
#include <set>
#include <sstream>

#include "core/error.hpp"
#include "core/philox.hpp"
#include "core/text.hpp"

namespace fluxsbi::data {

namespace {

using Block = std::vector<SignedPlace>;

[[noreturn]] void refuse(const std::string& symmetry, const std::string& why) {
  throw core::UserError("data.symmetries: " + core::quoted(symmetry) + ": " + why);
}

std::vector<std::string> split(const std::string& text, char at) {
  std::vector<std::string> parts;
  std::istringstream stream(text);
  for (std::string part; std::getline(stream, part, at);) parts.push_back(part);
  return parts;
}

// What a value is called where its name cannot be read: theta#0, x#3.
std::string number_word(const SignedPlace& place) {
  return (place.of_x ? "x#" : "theta#") + std::to_string(place.index);
}

// The value that a word without a sign means: that of this name, else that of this number.
std::optional<SignedPlace> find_place(const std::string& word, const RowNames& names) {
  const std::pair<const std::vector<std::string>*, bool> sides[] = {{&names.theta, false}, {&names.x, true}};
  for (const auto& [side, of_x] : sides) {
    const auto found = std::find(side->begin(), side->end(), word);
    if (found != side->end()) return SignedPlace{of_x, static_cast<int32_t>(found - side->begin())};
  }
  for (const auto& [side, of_x] : sides) {
    for (int32_t i = 0; std::cmp_less(i, side->size()); ++i) {
      if (const SignedPlace place{of_x, i}; word == number_word(place)) return place;
    }
  }
  return std::nullopt;
}

SignedPlace place_of(const std::string& word, const RowNames& names, const std::string& symmetry) {
  const bool minus = word.starts_with('-');
  const std::string name = word.substr(minus ? 1 : 0);
  std::optional<SignedPlace> place = find_place(name, names);
  if (!place)
    refuse(symmetry, "no variable is called " + core::quoted(name) + "; the variables are " +
                         core::list_first(names.theta, 4) + " and " + core::list_first(names.x, 4) +
                         " (theta#0, x#0 and so on are their numbers)");
  if (minus) place->sign = -1;
  return *place;
}

const std::string& name_of(const SignedPlace& place, const RowNames& names) {
  return (place.of_x ? names.x : names.theta)[static_cast<size_t>(place.index)];
}

// A word that place_of takes for this value: its name, unless that has separators in it or means another one.
std::string word_of(const SignedPlace& place, const RowNames& names) {
  const std::string& name = name_of(place, names);
  const auto read = find_place(name, names);
  const bool same = read && read->of_x == place.of_x && read->index == place.index;
  const bool whole = !name.starts_with('-') && name.find_first_of(" \t\n\v\f\r,;") == std::string::npos;
  return same && whole && !name.empty() ? name : number_word(place);
}

constexpr std::array<std::string_view, 3> verbs{"exchange", "negate", "shift"};  // in SymmetryKind's order

constexpr std::string_view and_negate = " and negate ";

std::string_view verb_of(SymmetryKind kind) {
  return verbs[static_cast<size_t>(kind)];
}

void require_good(const Symmetry& symmetry, const std::string& text) {
  const auto& blocks = symmetry.blocks;
  if (blocks.empty()) refuse(text, "name the variables");
  if (symmetry.kind == SymmetryKind::exchange && blocks.size() < 2)
    refuse(text, "name two groups of variables or more, with a comma between them");
  if (symmetry.kind == SymmetryKind::negate && blocks.size() != 1)
    refuse(text, "a change of signs has no commas");
  if (symmetry.kind == SymmetryKind::shift && blocks.size() != 1) refuse(text, "a shift has no commas");
  if (!symmetry.negated.empty() && blocks.size() != 2)
    refuse(text, "signs change along with an exchange of two groups alone");
  std::set<std::pair<bool, int32_t>> seen;
  const auto require_new = [&](const SignedPlace& place) {
    if (!seen.insert({place.of_x, place.index}).second)
      refuse(text, "a variable stands twice; name each once");
  };
  for (const SignedPlace& place : symmetry.negated) require_new(place);
  for (const Block& block : blocks) {
    if (block.empty()) refuse(text, "a group names no variable");
    if (block.size() != blocks.front().size()) {
      refuse(text, "the groups have " + std::to_string(blocks.front().size()) + " and " +
                       std::to_string(block.size()) + " variables; give each the same number");
    }
    for (size_t i = 0; i < block.size(); ++i) {
      if (block[i].of_x != blocks.front()[i].of_x)
        refuse(text, "variable " + std::to_string(i + 1) +
                         " of the groups is once of theta and once of x; give them the same order");
      require_new(block[i]);
    }
  }
}

// The parameter comes first, with a plus before it.
void arrange_shift(Block& block, const std::string& text) {
  std::ranges::stable_sort(block, {}, &SignedPlace::of_x);
  if (block.size() < 2 || block[0].of_x || !block[1].of_x)
    refuse(text, "a shift is of one parameter and the values of x that it moves, as 'shift theta_0 x_0 x_1'");
  const int8_t sign = block[0].sign;
  for (SignedPlace& place : block) place.sign = static_cast<int8_t>(place.sign * sign);
}

Symmetry parse_symmetry(const std::string& text, const RowNames& names) {
  std::istringstream stream(text);
  std::string verb, rest;
  stream >> verb;
  std::getline(stream, rest);
  const auto known = std::ranges::find(verbs, verb);
  if (known == verbs.end())
    refuse(text,
           "write none, auto, or symmetries that begin with exchange, negate or shift, such as "
           "'exchange x_0, x_1'");
  Symmetry symmetry;
  symmetry.kind = static_cast<SymmetryKind>(known - verbs.begin());
  const auto places = [&](const std::string& group) {
    Block block;
    std::istringstream words(group);
    for (std::string word; words >> word;) block.push_back(place_of(word, names, text));
    return block;
  };
  const size_t also = symmetry.kind == SymmetryKind::exchange ? rest.find(and_negate) : std::string::npos;
  for (const std::string& group : split(rest.substr(0, also), ',')) symmetry.blocks.push_back(places(group));
  if (also != std::string::npos) {
    symmetry.negated = places(rest.substr(also + and_negate.size()));
    if (symmetry.negated.empty()) refuse(text, "name the variables whose signs change");
  }
  require_good(symmetry, text);
  if (symmetry.kind == SymmetryKind::shift) arrange_shift(symmetry.blocks.front(), text);
  return symmetry;
}

void negate(const Block& places, RowForm& form) {
  for (const SignedPlace& place : places)
    (place.of_x ? form.x : form.theta).sign[static_cast<size_t>(place.index)] = -1;
}

// The form in which block order[b] stands in the place of block b.
RowForm ordered(const Symmetry& symmetry, std::span<const size_t> order, size_t theta_size, size_t x_size) {
  RowForm form{SignedPermutation::identity(theta_size), SignedPermutation::identity(x_size)};
  for (size_t b = 0; b < order.size(); ++b) {
    const Block &to = symmetry.blocks[b], &from = symmetry.blocks[order[b]];
    for (size_t i = 0; i < to.size(); ++i) {
      SignedPermutation& side = to[i].of_x ? form.x : form.theta;
      const auto at = static_cast<size_t>(to[i].index);
      side.from[at] = from[i].index;
      side.sign[at] = static_cast<int8_t>(to[i].sign * from[i].sign);
    }
  }
  if (order.front() != 0) negate(symmetry.negated, form);
  return form;
}

RowForm negated_form(const Symmetry& symmetry, size_t theta_size, size_t x_size) {
  RowForm form{SignedPermutation::identity(theta_size), SignedPermutation::identity(x_size)};
  negate(symmetry.blocks.front(), form);
  return form;
}

RowForm random_form(const Symmetry& symmetry, size_t theta_size, size_t x_size, core::Philox& random) {
  if (symmetry.kind == SymmetryKind::negate) {
    if (random.below(2) == 1) return negated_form(symmetry, theta_size, x_size);
    return {SignedPermutation::identity(theta_size), SignedPermutation::identity(x_size)};
  }
  std::vector<size_t> order(symmetry.blocks.size());
  std::iota(order.begin(), order.end(), size_t{0});
  for (size_t i = order.size(); i > 1; --i) std::swap(order[i - 1], order[random.below(i)]);
  return ordered(symmetry, order, theta_size, x_size);
}

// call: name_of or word_of.
template <class Call>
std::string words_of(const Block& block, const RowNames& names, const Call& call) {
  std::vector<std::string> words;
  for (const SignedPlace& place : block) words.push_back((place.sign < 0 ? "-" : "") + call(place, names));
  return core::join(words, " ");
}

// Of more than `most` blocks the first two and the last.
template <class Call>
std::string text_of(const Symmetry& symmetry, const RowNames& names, const Call& call, size_t most) {
  std::vector<std::string> texts;
  for (const Block& block : symmetry.blocks) texts.push_back(words_of(block, names, call));
  if (texts.size() > most) texts = {texts[0], texts[1], "...", texts.back()};
  const std::string text = std::string(verb_of(symmetry.kind)) + " " + core::join(texts);
  if (symmetry.negated.empty()) return text;
  return text + std::string(and_negate) + words_of(symmetry.negated, names, call);
}

}  // namespace

SignedPermutation SignedPermutation::identity(size_t size) {
  SignedPermutation form{std::vector<int32_t>(size), std::vector<int8_t>(size, 1)};
  std::iota(form.from.begin(), form.from.end(), 0);
  return form;
}

void SignedPermutation::apply(std::span<const double> row, std::span<double> out) const {
  for (size_t i = 0; i < from.size(); ++i) out[i] = sign[i] * row[static_cast<size_t>(from[i])];
}

SignedPermutation SignedPermutation::then(const SignedPermutation& next) const {
  SignedPermutation both = next;
  for (size_t i = 0; i < both.size(); ++i) {
    const auto at = static_cast<size_t>(next.from[i]);
    both.from[i] = from[at];
    both.sign[i] = static_cast<int8_t>(next.sign[i] * sign[at]);
  }
  return both;
}

bool Symmetry::of_x() const {
  const auto any = [](const Block& places) { return std::ranges::any_of(places, &SignedPlace::of_x); };
  return any(negated) || std::ranges::any_of(blocks, any);
}

std::vector<RowForm> Symmetry::generators(size_t theta_size, size_t x_size) const {
  if (kind == SymmetryKind::shift) return {};
  if (kind == SymmetryKind::negate) return {negated_form(*this, theta_size, x_size)};
  std::vector<RowForm> all;
  std::vector<size_t> order(blocks.size());
  std::iota(order.begin(), order.end(), size_t{0});
  for (size_t b = 0; b + 1 < blocks.size(); ++b) {
    std::swap(order[b], order[b + 1]);
    all.push_back(ordered(*this, order, theta_size, x_size));
    std::swap(order[b], order[b + 1]);
  }
  return all;
}

std::string Symmetry::text(const RowNames& names) const {
  return text_of(*this, names, word_of, blocks.size());
}

std::string Symmetry::brief(const RowNames& names) const {
  constexpr size_t most = 4;
  return text_of(*this, names, name_of, most);
}

std::vector<Symmetry> parse_symmetries(const std::string& text, const RowNames& names) {
  std::vector<Symmetry> all;
  for (const std::string& part : split(text, ';')) {
    const size_t begin = part.find_first_not_of(' ');
    if (begin == std::string::npos) continue;
    all.push_back(parse_symmetry(part.substr(begin), names));
  }
  if (all.empty())
    throw core::UserError(
        "data.symmetries is empty; write none, auto, or symmetries such as 'negate theta_2'");
  return all;
}

std::optional<std::string> without_shifts(const std::string& text) {
  const auto shifts = [](const std::string& part) {
    std::string verb;
    std::istringstream(part) >> verb;
    return verb == verb_of(SymmetryKind::shift);
  };
  std::vector<std::string> parts = split(text, ';');
  if (std::erase_if(parts, shifts) == 0) return std::nullopt;
  return parts.empty() ? "none" : core::join(parts, ";");
}

std::vector<RowForm> row_forms(std::span<const Symmetry> symmetries, size_t theta_size, size_t x_size,
                               size_t most) {
  constexpr uint64_t stream = 0x666f726d73;  // the forms are the same for every seed of a training
  const RowForm itself{SignedPermutation::identity(theta_size), SignedPermutation::identity(x_size)};
  std::vector<RowForm> forms{itself};
  std::set<RowForm> seen{itself};
  core::Philox random(0, core::Purpose::shuffle, stream);
  // Where few forms are left unseen, random ones repeat: after so many repetitions all are taken as seen.
  const size_t patience = 100 + 20 * most;
  for (size_t repeated = 0; forms.size() < most && repeated < patience;) {
    RowForm form = itself;
    for (const Symmetry& symmetry : symmetries) {
      if (symmetry.kind != SymmetryKind::shift)
        form = form.then(random_form(symmetry, theta_size, x_size, random));
    }
    if (seen.insert(form).second) {
      forms.push_back(form);
    } else {
      ++repeated;
    }
  }
  return forms;
}

}  // namespace fluxsbi::data
