#include "cuda_kernels/update_cases.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "cuda_kernels/calls.hpp"

namespace fluxsbi::test {

namespace {

// Float32 against double over one step.
constexpr double update_tolerance = 1e-5;

const std::vector<reference::Unit> units{{0, 7, true},   {7, 7, true},    {16, 33, false},   {64, 1, false},
                                         {80, 32, true}, {112, 32, true}, {144, 200, false}, {352, 3, true},
                                         {355, 3, true}, {358, 3, true},  {368, 40, true}};
constexpr size_t update_elements = 416;  // with the gaps between parameters

reference::UpdateSettings update_settings(kernels::Clip clip) {
  reference::UpdateSettings o;
  o.rate = 0.01, o.beta1 = 0.9, o.beta2 = 0.99, o.eps = 1e-8, o.weight_decay = 0.1, o.average_gain = 0.1;
  o.clip_value = clip == kernels::Clip::adaptive ? 0.3 : 2;
  o.adaptive = clip == kernels::Clip::adaptive, o.global = clip == kernels::Clip::global;
  o.step = 3;
  return o;
}

// Gradients of every size, so that clipping takes some units and leaves others; the gaps are zero.
Numbers update_gradient() {
  Numbers gradient(update_elements);
  double scale = 0.001;
  for (const auto& unit : units) {
    const Numbers own = random_numbers(unit.length, static_cast<unsigned>(unit.offset), scale);
    std::copy(own.begin(), own.end(), gradient.begin() + static_cast<std::ptrdiff_t>(unit.offset));
    scale = scale > 5 ? 0.001 : scale * 4;
  }
  return rounded(gradient, Kind::float32);
}

Numbers without_gaps(size_t n, unsigned seed, double scale, bool positive = false) {
  Numbers numbers(n);
  for (const auto& unit : units) {
    const Numbers own = random_numbers(unit.length, seed + static_cast<unsigned>(unit.offset), scale);
    for (size_t i = 0; i < unit.length; ++i) numbers[unit.offset + i] = positive ? own[i] * own[i] : own[i];
  }
  return rounded(numbers, Kind::float32);
}

kernels::Update update_call(Check& check, const reference::UpdateSettings& o, kernels::Clip clip) {
  Numbers table;
  for (const auto& unit : units) {
    table.push_back(static_cast<double>(unit.offset));
    table.push_back(static_cast<double>(unit.length));
    table.push_back(unit.decays);
  }
  const double correction1 = 1 - std::pow(o.beta1, o.step), correction2 = 1 - std::pow(o.beta2, o.step);
  kernels::Update call;
  call.units = static_cast<int64_t>(units.size());
  call.table = check.input("table", Kind::int64, table).as<const int64_t>();
  call.scalars = check
                     .input("scalars", Kind::float32,
                            {o.rate, o.rate / correction1, 1 / std::sqrt(correction2), o.average_gain})
                     .as<const float>();
  call.beta1 = static_cast<float>(o.beta1), call.beta2 = static_cast<float>(o.beta2);
  call.eps = static_cast<float>(o.eps), call.weight_decay = static_cast<float>(o.weight_decay);
  call.clip = clip, call.clip_value = static_cast<float>(o.clip_value);
  call.least_weight_norm = 1e-3F, call.least_gradient_norm = 1e-6F;
  return call;
}

}  // namespace

std::vector<std::string> update_with(kernels::Clip clip, bool has_working) {
  Check check;
  const reference::UpdateSettings o = update_settings(clip);
  reference::UpdateState state{without_gaps(update_elements, 1, 1), without_gaps(update_elements, 2, 0.1),
                               without_gaps(update_elements, 3, 0.1, true),
                               without_gaps(update_elements, 4, 1)};
  const Numbers gradient = update_gradient();
  kernels::Update call = update_call(check, o, clip);
  const auto &master = check.in_place("master", Kind::float32, state.master),
             &moment1 = check.in_place("moment1", Kind::float32, state.moment1),
             &moment2 = check.in_place("moment2", Kind::float32, state.moment2),
             &average = check.in_place("average", Kind::float32, state.average),
             &working = check.in_place("working", Kind::bfloat16, Numbers(update_elements)),
             &norm = check.output("norm", Kind::float32, 1);
  call.gradient = check.input("gradient", Kind::float32, gradient).as<const float>();
  call.squares = check.output("squares", Kind::float32, units.size()).as<float>();
  call.norm = norm.as<float>();
  call.master = master.as<float>(), call.average = average.as<float>();
  call.moment1 = moment1.as<float>(), call.moment2 = moment2.as<float>();
  if (has_working) call.working = working.data();
  kernels::update(call, nullptr);
  const double expected_norm = reference::update(o, units, gradient, state);
  check.compare(norm, {expected_norm}, update_tolerance);
  check.compare(master, state.master, update_tolerance);
  check.compare(moment1, state.moment1, update_tolerance);
  check.compare(moment2, state.moment2, update_tolerance);
  check.compare(average, state.average, update_tolerance);
  if (has_working) {
    // The copy is the float32 weight rounded, and nothing else.
    check.expect(working.values() == rounded(master.values(), Kind::bfloat16),
                 "the working copy is the rounded master");
  } else {
    check.expect(working.values() == Numbers(update_elements), "no working copy was touched");
  }
  return check.faults();
}

std::vector<std::string> undefined_gradient() {
  std::vector<std::string> all;
  for (const kernels::Clip clip : {kernels::Clip::none, kernels::Clip::adaptive, kernels::Clip::global}) {
    Check check;
    kernels::Update call = update_call(check, update_settings(clip), clip);
    Numbers gradient(update_elements, 1);
    gradient[90] = std::numeric_limits<double>::infinity();
    call.gradient = check.input("gradient", Kind::float32, gradient).as<const float>();
    for (float** buffer : {&call.master, &call.moment1, &call.moment2, &call.average})
      *buffer = check.in_place("state", Kind::float32, Numbers(update_elements, 1)).as<float>();
    call.squares = check.output("squares", Kind::float32, units.size()).as<float>();
    const auto& norm = check.output("norm", Kind::float32, 1);
    call.norm = norm.as<float>();
    kernels::update(call, nullptr);
    check.expect(!std::isfinite(norm.values()[0]), "an infinite gradient has no finite norm");
    for (auto& fault : check.faults()) all.push_back(std::move(fault));
  }
  return all;
}

}  // namespace fluxsbi::test
