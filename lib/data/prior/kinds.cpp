// The registry of the kinds of prior.parameters, and what must hold for the numbers of each.
#include <algorithm>
#include <cmath>
#include <limits>

#include "core/error.hpp"
#include "core/registry.hpp"
#include "core/text.hpp"
#include "data/prior/component_prior.hpp"
#include "data/prior/groups.hpp"
#include "data/prior/parts.hpp"

namespace fluxsbi::data {

namespace {

constexpr double without_end = std::numeric_limits<double>::infinity();

std::vector<PriorKindRow> make_kinds() {
  using Form = PriorKey::Form;
  const PriorKey mean{"mean", {"mu", "loc"}}, std{"std", {"sigma", "scale"}, true};
  return {
      {"uniform", {"box"}, {{"low"}, {"high"}}, make_uniform},
      {"loguniform", {"log_uniform", "reciprocal"}, {{"low", {}, true}, {"high", {}, true}}, make_loguniform},
      {"normal", {"gaussian"}, {mean, std}, make_normal},
      {"truncated_normal", {"truncnormal"}, {mean, std}, make_normal, nullptr, true},
      {"lognormal", {"log_normal"}, {mean, std}, make_lognormal},
      {"halfnormal", {"half_normal"}, {std}, make_halfnormal},
      {"exponential", {}, {{"rate", {"lambda"}, true, "scale"}}, make_exponential},
      {"beta", {}, {{"alpha", {"a"}, true}, {"beta", {"b"}, true}}, make_beta},
      {"gamma",
       {},
       {{"shape", {"alpha", "concentration"}, true}, {"rate", {"beta"}, true, "scale"}},
       make_gamma},
      {"student",
       {"student_t", "studentt", "t"},
       {{"df", {"nu"}, true}, mean, {"scale", {"sigma"}, true}},
       make_student},
      {"multivariate_normal",
       {"mvn"},
       {{"mean", {"mu", "loc"}, false, {}, Form::list},
        {"covariance", {"cov"}, false, {}, Form::matrix, false},
        {"scale", {"std", "sigma"}, true, {}, Form::list, false},
        {"correlation", {"corr"}, false, {}, Form::matrix, false}},
       nullptr,
       &multivariate_normal_group()},
      {"dirichlet", {}, {{"concentration", {"alpha"}, true, {}, Form::list}}, nullptr, &dirichlet_group()},
  };
}

const PriorKindRow& kind_of(const PriorPart& part) {
  return core::row_named(prior_kinds(), part.kind, "prior.parameters: unknown kind '" + part.kind + "'");
}

bool is_cut(const std::string& key) {
  return key == "low" || key == "high";
}

// Each number of the part by itself.
void check_numbers(const PriorPart& part, const PriorKindRow& kind, const PriorComplaint& complain) {
  for (const auto& [name, values] : part.numbers) {
    const auto own = std::find_if(kind.keys.begin(), kind.keys.end(),
                                  [&](const PriorKey& key) { return key.name == name; });
    const bool cut = own == kind.keys.end() && kind.can_be_cut() && is_cut(name);
    if (own == kind.keys.end() && !cut) {
      complain(name, "is no key of the kind " + part.kind + "; remove it");
      continue;
    }
    const bool single = cut || own->form == PriorKey::Form::number;
    if (values.empty() || (single && values.size() != 1)) {
      complain(name, single ? "must be one number" : "must not be empty");
      continue;
    }
    for (const double value : values) {
      const bool open = cut && value == (name == "low" ? -without_end : without_end);
      if (!std::isfinite(value) && !open) {
        complain(name, "must be finite, found " + core::number_text(value));
      } else if (!cut && own->positive && value <= 0) {
        complain(name, "must be above 0, found " + core::number_text(value));
      } else {
        continue;
      }
      break;
    }
  }
  for (const PriorKey& key : kind.keys) {
    if (!key.required || part.find(key.name)) continue;
    const std::string other =
        key.inverse.empty() ? "" : " (or " + key.inverse + ", which is 1 / " + std::string(key.name) + ")";
    complain("", "lacks " + std::string(key.name) + other + ", which the kind " + part.kind + " needs");
  }
}

bool in_order(const PriorPart& part, const PriorComplaint& complain) {
  const auto low = part.find("low"), high = part.find("high");
  if (!low || !high || (*low)[0] < (*high)[0]) return true;
  complain("low", "must be below high = " + core::number_text((*high)[0]) + ", found " +
                      core::number_text((*low)[0]));
  return false;
}

std::unique_ptr<Univariate> uncut(const PriorPart& part, const PriorKindRow& kind) {
  std::vector<double> values;
  for (const PriorKey& key : kind.keys) values.push_back(part.number(key.name));
  return kind.univariate(values);
}

// The ends that the part gives beside the kind's own keys, within those of the kind.
std::pair<double, double> cut_ends(const PriorPart& part, const Univariate& base) {
  auto ends = base.ends();
  if (part.find("low")) ends.first = std::max(ends.first, part.number("low"));
  if (part.find("high")) ends.second = std::min(ends.second, part.number("high"));
  return ends;
}

// Whether the ends cut the support of the kind and leave some of it.
void check_cut(const PriorPart& part, const PriorKindRow& kind, const PriorComplaint& complain) {
  if (!part.find("low") && !part.find("high")) {
    if (kind.must_be_cut) complain("", "lacks low or high, of which the kind " + part.kind + " needs one");
    return;
  }
  const auto base = uncut(part, kind);
  const auto [first, last] = base->ends();
  const auto outside = [&, first = first, last = last](const char* key) {
    const auto value = part.find(key);
    if (!value || std::isinf((*value)[0]) || ((*value)[0] >= first && (*value)[0] <= last)) return false;
    complain(key, "= " + core::number_text((*value)[0]) + " lies outside the support of the kind " +
                      part.kind + ", [" + core::number_text(first) + ", " + core::number_text(last) +
                      "]; low and high cut the support and do not stretch it");
    return true;
  };
  const bool low_outside = outside("low"), high_outside = outside("high");
  if (low_outside || high_outside) return;
  const auto [low, high] = cut_ends(part, *base);
  if (!std::isfinite(base->log_mass(low, high))) {
    complain(part.find("low") ? "low" : "high",
             "leaves no probability that double precision can tell from 0; move low or high towards the bulk "
             "of the distribution");
  }
}

}  // namespace

std::optional<std::span<const double>> PriorPart::find(std::string_view key) const {
  for (const auto& [name, values] : numbers) {
    if (name == key) return std::span<const double>(values);
  }
  return {};
}

bool PriorKindRow::can_be_cut() const {
  return univariate &&
         std::none_of(keys.begin(), keys.end(), [](const PriorKey& key) { return key.name == "low"; });
}

std::span<const PriorKindRow> prior_kinds() {
  static const std::vector<PriorKindRow> kinds = make_kinds();
  return kinds;
}

int64_t part_size(const PriorPart& part) {
  const PriorKindRow& kind = kind_of(part);
  return kind.group ? kind.group->size(part) : 1;
}

std::vector<std::string> part_names(const PriorParts& parts) {
  std::vector<std::string> names;
  bool named = false;
  for (const PriorPart& part : parts.parts) {
    named = named || !part.names.empty();
    for (int64_t i = 0; i < part_size(part); ++i) {
      names.push_back(part.names.empty() ? "theta_" + std::to_string(names.size())
                                         : part.names[static_cast<size_t>(i)]);
    }
  }
  if (!named) names.clear();
  return names;
}

void check_part(const PriorPart& part, const PriorComplaint& complain) {
  const PriorKindRow& kind = kind_of(part);
  bool good = true;
  const PriorComplaint note = [&](const std::string& key, const std::string& message) {
    good = false;
    complain(key, message);
  };
  check_numbers(part, kind, note);
  if (!good || !in_order(part, note)) return;
  if (kind.group) {
    kind.group->check(part, note);
  } else if (kind.can_be_cut()) {
    check_cut(part, kind, note);
  }
  if (good && !part.names.empty() && std::ssize(part.names) != part_size(part)) {
    complain("names", "has " + std::to_string(part.names.size()) + " names, the part has " +
                          std::to_string(part_size(part)) + " components");
  }
}

std::unique_ptr<Univariate> make_univariate(const PriorPart& part) {
  auto base = uncut(part, kind_of(part));
  if (!kind_of(part).can_be_cut() || (!part.find("low") && !part.find("high"))) return base;
  const auto [low, high] = cut_ends(part, *base);
  return truncated(std::move(base), low, high);
}

std::unique_ptr<Prior> make_part(const PriorPart& part) {
  const PriorKindRow& kind = kind_of(part);
  if (kind.group) return kind.group->make(part);
  return make_component_prior(make_univariate(part));
}

}  // namespace fluxsbi::data
