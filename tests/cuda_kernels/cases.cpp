#include "cuda_kernels/cases.hpp"

#include <cmath>
#include <limits>

#include "cuda_kernels/calls.hpp"
#include "cuda_kernels/update_cases.hpp"

namespace fluxsbi::test {

namespace {

using reference::AttentionShape;
using reference::Rows;

// Float32 sums of some tens of numbers of size 1 against double, relative to the largest.
constexpr double tolerance = 1e-5;

const Rows odd_rows[] = {{4, 3, 40}, {1, 1, 1}, {3, 7, 5}, {2, 5, 129}, {5, 2, 33}};

struct NormTypes {
  Kind x, modulation, y;
};
constexpr NormTypes norm_float32{Kind::float32, Kind::float32, Kind::float32},
    norm_bfloat16{Kind::bfloat16, Kind::bfloat16, Kind::bfloat16},
    norm_to_float32{Kind::bfloat16, Kind::float32, Kind::float32};

struct NormCall {
  NormCall(Check& check, const Rows& rows, const NormTypes& types, bool shared, double centre = 0)
      : x(rounded(random_numbers(rows.T * rows.B * rows.F, 1, 1, centre), types.x)),
        shift(rounded(random_numbers((shared ? 1 : rows.B) * rows.F, 2), types.modulation)),
        scale(rounded(random_numbers((shared ? 1 : rows.B) * rows.F, 3), types.modulation)) {
    call.T = static_cast<int64_t>(rows.T), call.B = static_cast<int64_t>(rows.B);
    call.F = static_cast<int64_t>(rows.F), call.eps = norm_eps;
    call.x_type = storage(types.x), call.modulation_type = storage(types.modulation);
    call.y_type = storage(types.y);
    call.x = check.input("x", types.x, x).data();
    call.shift = check.input("shift", types.modulation, shift).data();
    call.scale = check.input("scale", types.modulation, scale).data();
    call.shift_stride = call.scale_stride = shared ? 0 : call.F;
  }

  Numbers x, shift, scale;
  kernels::ModulatedNorm call;
};

std::vector<std::string> norm_forward(const NormTypes& types) {
  std::vector<std::string> all;
  for (const Rows& rows : odd_rows) {
    for (const bool shared : {false, true}) {
      Check check;
      NormCall norm(check, rows, types, shared);
      const auto& y = check.output("y", types.y, norm.x.size());
      norm.call.y = y.data();
      kernels::modulated_norm(norm.call, nullptr);
      check.compare(y, reference::modulated_norm(rows, norm.x, norm.shift, norm.scale), tolerance);
      for (auto& fault : check.faults()) all.push_back(std::move(fault));
    }
  }
  return all;
}

std::vector<std::string> norm_gradient(const NormTypes& types) {
  std::vector<std::string> all;
  for (const Rows& rows : odd_rows) {
    Check check;
    NormCall norm(check, rows, types, /*shared=*/false);
    const Numbers dy = rounded(random_numbers(norm.x.size(), 4), types.y);
    kernels::ModulatedNormGradient call;
    call.of = norm.call;
    call.dy = check.input("dy", types.y, dy).data();
    const auto& dx = check.output("dx", types.x, norm.x.size());
    const auto& dshift = check.output("dshift", types.modulation, norm.shift.size());
    const auto& dscale = check.output("dscale", types.modulation, norm.scale.size());
    call.dx = dx.data(), call.dshift = dshift.data(), call.dscale = dscale.data();
    kernels::modulated_norm_gradient(call, nullptr);
    const auto of = [&](const Numbers& x, const Numbers& shift, const Numbers& scale) {
      return reference::modulated_norm(rows, x, shift, scale);
    };
    // A row of one feature has no deviation but eps: 1 / sqrt(eps) multiplies the rounding.
    const double allowed = rows.F == 1 ? 1e-3 : tolerance;
    check.compare(
        dx, reference::gradient([&](const Numbers& x) { return of(x, norm.shift, norm.scale); }, norm.x, dy),
        allowed);
    check.compare(dshift,
                  reference::gradient([&](const Numbers& shift) { return of(norm.x, shift, norm.scale); },
                                      norm.shift, dy),
                  tolerance);
    check.compare(dscale,
                  reference::gradient([&](const Numbers& scale) { return of(norm.x, norm.shift, scale); },
                                      norm.scale, dy),
                  tolerance);
    for (auto& fault : check.faults()) all.push_back(std::move(fault));
  }
  return all;
}

std::vector<std::string> norm_far_from_zero() {
  Check check;
  const Rows rows{3, 5, 40};
  NormCall norm(check, rows, norm_float32, false, 1000);
  const auto& y = check.output("y", Kind::float32, norm.x.size());
  norm.call.y = y.data();
  kernels::modulated_norm(norm.call, nullptr);
  // The mean is rounded to 1000 * 2^-24; what is left of it is seen beside a deviation of 1.
  check.compare(y, reference::modulated_norm(rows, norm.x, norm.shift, norm.scale), 2e-4);
  return check.faults();
}

std::vector<std::string> gated_forward(Kind kind) {
  std::vector<std::string> all;
  for (const Rows& rows : odd_rows) {
    for (const bool shared : {false, true}) {
      Check check;
      const size_t n = rows.T * rows.B * rows.F;
      const Numbers x = rounded(random_numbers(n, 5), kind), y = rounded(random_numbers(n, 6), kind),
                    gate = rounded(random_numbers((shared ? 1 : rows.B) * rows.F, 7), kind);
      kernels::GatedResidual call;
      call.T = static_cast<int64_t>(rows.T), call.B = static_cast<int64_t>(rows.B);
      call.F = static_cast<int64_t>(rows.F), call.type = storage(kind);
      call.gate_stride = shared ? 0 : call.F;
      call.x = check.input("x", kind, x).data(), call.gate = check.input("gate", kind, gate).data();
      call.y = check.input("y", kind, y).data();
      const auto& out = check.output("out", kind, n);
      call.out = out.data();
      kernels::gated_residual(call, nullptr);
      check.compare(out, reference::gated_residual(rows, x, gate, y), tolerance);
      for (auto& fault : check.faults()) all.push_back(std::move(fault));
    }
  }
  return all;
}

std::vector<std::string> gated_gradient(Kind kind) {
  std::vector<std::string> all;
  for (const Rows& rows : odd_rows) {
    Check check;
    const size_t n = rows.T * rows.B * rows.F;
    const Numbers y = rounded(random_numbers(n, 6), kind), dout = rounded(random_numbers(n, 8), kind),
                  gate = rounded(random_numbers(rows.B * rows.F, 7), kind);
    kernels::GatedResidualGradient call;
    call.of.T = static_cast<int64_t>(rows.T), call.of.B = static_cast<int64_t>(rows.B);
    call.of.F = static_cast<int64_t>(rows.F), call.of.gate_stride = call.of.F;
    call.of.type = storage(kind);
    call.of.gate = check.input("gate", kind, gate).data(), call.of.y = check.input("y", kind, y).data();
    call.dout = check.input("dout", kind, dout).data();
    const auto &dy = check.output("dy", kind, n), &dgate = check.output("dgate", kind, gate.size());
    call.dy = dy.data(), call.dgate = dgate.data();
    kernels::gated_residual_gradient(call, nullptr);
    const Numbers zero(n);
    check.compare(
        dy,
        reference::gradient(
            [&](const Numbers& moved) { return reference::gated_residual(rows, zero, gate, moved); }, y,
            dout),
        tolerance);
    check.compare(dgate,
                  reference::gradient(
                      [&](const Numbers& moved) { return reference::gated_residual(rows, zero, moved, y); },
                      gate, dout),
                  tolerance);
    for (auto& fault : check.faults()) all.push_back(std::move(fault));
  }
  return all;
}

std::vector<std::string> gelu_both(Kind kind) {
  std::vector<std::string> all;
  for (const size_t n : {1U, 255U, 256U, 1001U}) {
    Check check;
    const Numbers x = rounded(random_numbers(n, 9, 4), kind), dy = rounded(random_numbers(n, 10), kind);
    const void* x_data = check.input("x", kind, x).data();
    const auto &y = check.output("y", kind, n), &dx = check.output("dx", kind, n);
    const auto length = static_cast<int64_t>(n);
    kernels::gelu({length, storage(kind), x_data, y.data()}, nullptr);
    check.compare(y, reference::gelu(x), tolerance);
    kernels::gelu_gradient({length, storage(kind), x_data, check.input("dy", kind, dy).data(), dx.data()},
                           nullptr);
    check.compare(dx, reference::gradient(reference::gelu, x, dy), tolerance);
    for (auto& fault : check.faults()) all.push_back(std::move(fault));
  }
  return all;
}

std::vector<std::string> gelu_extremes() {
  Check check;
  const Numbers x{-1e15, -1e4, -20, 20, 1e4, 1e15, std::numeric_limits<double>::infinity()};
  const auto n = static_cast<int64_t>(x.size());
  const auto& in = check.input("x", Kind::float32, x);
  const auto& ones = check.input("dy", Kind::float32, Numbers(x.size(), 1));
  const auto &y = check.output("y", Kind::float32, x.size()),
             &dx = check.output("dx", Kind::float32, x.size());
  kernels::gelu({n, kernels::Storage::float32, in.data(), y.data()}, nullptr);
  kernels::gelu_gradient({n, kernels::Storage::float32, in.data(), ones.data(), dx.data()}, nullptr);
  const Numbers found = y.values(), slopes = dx.values();
  for (size_t i = 0; i < x.size(); ++i) {
    check.expect(x[i] < 0 ? found[i] == 0 : found[i] == rounded(x, Kind::float32)[i],
                 "gelu(" + std::to_string(x[i]) + ") is 0 or the number itself");
    check.expect(slopes[i] == (x[i] > 0 ? 1 : 0), "gelu's slope at " + std::to_string(x[i]) + " is 0 or 1");
  }
  return check.faults();
}

const AttentionShape attention_shapes[] = {
    // T0, T1, B, H, D, m, normed, rotated, rope per sample, edges
    {2, 2, 2, 4, 10, 0, true, true, false, AttentionShape::all},
    {4, 0, 2, 4, 10, 13, true, true, false, AttentionShape::all},
    {1, 0, 1, 1, 2, 3, true, true, true, AttentionShape::all},
    {3, 5, 2, 2, 6, 7, true, true, true, AttentionShape::per_sample},
    {1, 1, 2, 3, 5, 0, false, false, false, AttentionShape::all},
    {5, 0, 2, 3, 2, 0, false, false, false, AttentionShape::shared},
    {7, 0, 3, 2, 4, 0, false, false, false, AttentionShape::per_sample},
    {2, 1, 3, 2, 4, 5, true, false, false, AttentionShape::shared},
};
// Heads of a sample fall into several blocks.
constexpr AttentionShape long_shape{20, 13, 2, 5, 12, 9, true, true, false, AttentionShape::all};
constexpr AttentionShape longest_shape{64, 0, 1, 2, 64, 3, true, true, false, AttentionShape::shared};

std::vector<std::string> attention_forward(const AttentionShape& shape, Kind kind) {
  Check check;
  AttentionCall made(check, shape, kind, 20);
  const size_t width = shape.F() + shape.m, first = shape.T0 * shape.B * width;
  const Numbers expected = reference::attention(shape, made.inputs);
  const auto split = expected.begin() + static_cast<std::ptrdiff_t>(first);
  const auto& out = check.output("out", kind, first);
  made.call.first.out = out.data();
  const Check::Buffer* second = nullptr;
  if (shape.T1 > 0) {
    second = &check.output("out_2", kind, expected.size() - first);
    made.call.second.out = second->data();
  }
  kernels::attention(made.call, nullptr);
  check.compare(out, Numbers(expected.begin(), split), tolerance);
  if (second) check.compare(*second, Numbers(split, expected.end()), tolerance);
  return check.faults();
}

// The gradient of a stream's packed rows, and the scales' summed over the blocks, in buffers.
struct AttentionGradientCall {
  AttentionGradientCall(Check& check, const AttentionShape& shape, const kernels::Attention& of,
                        const Numbers& dout, Kind kind) {
    const size_t width = shape.F() + shape.m;
    const auto split = dout.begin() + static_cast<std::ptrdiff_t>(shape.T0 * shape.B * width);
    call.of = of;
    call.first.dout = check.input("dout", kind, Numbers(dout.begin(), split)).data();
    dpacked = &check.output("dpacked", kind, shape.T0 * shape.B * shape.row());
    call.first.dpacked = dpacked->data();
    if (shape.T1 > 0) {
      call.second.dout = check.input("dout_2", kind, Numbers(split, dout.end())).data();
      dpacked_2 = &check.output("dpacked_2", kind, shape.T1 * shape.B * shape.row());
      call.second.dpacked = dpacked_2->data();
    }
    if (!shape.normed) return;
    const auto blocks = static_cast<size_t>(of.B * kernels::plan_attention_gradient(of).groups);
    dscales = &check.output("dscales", Kind::float32, blocks * 4 * shape.D);
    call.dscales = dscales->as<float>();
  }

  kernels::AttentionGradient call;
  Check::Buffer *dpacked = nullptr, *dpacked_2 = nullptr, *dscales = nullptr;
};

// [4 D]: the blocks' parts added up.
Numbers summed(const Numbers& parts, size_t n) {
  Numbers sum(n);
  for (size_t i = 0; i < parts.size(); ++i) sum[i % n] += parts[i];
  return sum;
}

std::vector<std::string> attention_backward(const AttentionShape& shape, Kind kind) {
  Check check;
  AttentionCall made(check, shape, kind, 30);
  const Numbers dout = rounded(random_numbers(shape.T() * shape.B * (shape.F() + shape.m), 35), kind);
  AttentionGradientCall gradient(check, shape, made.call, dout, kind);
  kernels::attention_gradient(gradient.call, nullptr);
  reference::AttentionInputs inputs = made.inputs;
  const Numbers expected = reference::gradient(
      [&](const Numbers& packed) {
        inputs.packed = packed;
        return reference::attention(shape, inputs);
      },
      made.inputs.packed, dout);
  const auto split = expected.begin() + static_cast<std::ptrdiff_t>(shape.T0 * shape.B * shape.row());
  check.compare(*gradient.dpacked, Numbers(expected.begin(), split), tolerance);
  if (gradient.dpacked_2) check.compare(*gradient.dpacked_2, Numbers(split, expected.end()), tolerance);
  if (gradient.dscales) {
    inputs = made.inputs;
    const Numbers scales = reference::gradient(
        [&](const Numbers& moved) {
          inputs.scales = moved;
          return reference::attention(shape, inputs);
        },
        made.inputs.scales, dout);
    Check::Buffer& sums =
        check.input("sum of dscales", Kind::float32, summed(gradient.dscales->values(), scales.size()));
    check.compare(sums, scales, tolerance);
  }
  return check.faults();
}

std::vector<std::string> for_all_shapes(std::vector<std::string> (*run)(const AttentionShape&, Kind),
                                        Kind kind) {
  std::vector<std::string> all;
  for (const AttentionShape& shape : attention_shapes) {
    for (auto& fault : run(shape, kind)) all.push_back(std::move(fault));
  }
  return all;
}

// The gradient of long sequences along random directions: element by element it would take too long.
std::vector<std::string> long_gradient() {
  Check check;
  const AttentionShape& shape = long_shape;
  AttentionCall made(check, shape, Kind::float32, 40);
  const Numbers dout =
      rounded(random_numbers(shape.T() * shape.B * (shape.F() + shape.m), 41), Kind::float32);
  AttentionGradientCall gradient(check, shape, made.call, dout, Kind::float32);
  kernels::attention_gradient(gradient.call, nullptr);
  Numbers found = gradient.dpacked->values();
  const Numbers more = gradient.dpacked_2->values();
  found.insert(found.end(), more.begin(), more.end());
  for (unsigned direction = 0; direction < 6; ++direction) {
    const Numbers along = random_numbers(found.size(), 50 + direction);
    double slope = 0;
    for (size_t i = 0; i < found.size(); ++i) slope += found[i] * along[i];
    const Numbers expected = reference::gradient(
        [&](const Numbers& distance) {
          reference::AttentionInputs moved = made.inputs;
          for (size_t i = 0; i < along.size(); ++i) moved.packed[i] += distance[0] * along[i];
          return reference::attention(shape, moved);
        },
        {0.0}, dout);
    check.expect(std::abs(slope - expected[0]) < 1e-4 * std::max(1.0, std::abs(expected[0])),
                 "the slope along direction " + std::to_string(direction) + ", " + std::to_string(slope) +
                     ", is " + std::to_string(expected[0]));
  }
  return check.faults();
}

std::vector<std::string> same_bits() {
  Check check;
  const AttentionShape& shape = long_shape;
  AttentionCall made(check, shape, Kind::float32, 60);
  const Numbers dout = random_numbers(shape.T() * shape.B * (shape.F() + shape.m), 61);
  AttentionGradientCall once(check, shape, made.call, dout, Kind::float32),
      again(check, shape, made.call, dout, Kind::float32);
  kernels::attention_gradient(once.call, nullptr);
  kernels::attention_gradient(again.call, nullptr);
  check.compare_bits(*once.dpacked, *again.dpacked);
  check.compare_bits(*once.dscales, *again.dscales);
  return check.faults();
}

}  // namespace

const std::vector<KernelCase>& kernel_cases() {
  static const std::vector<KernelCase> cases{
      {"modulated norm, float32", [] { return norm_forward(norm_float32); }},
      {"modulated norm, bfloat16", [] { return norm_forward(norm_bfloat16); }},
      {"modulated norm, bfloat16 to float32", [] { return norm_forward(norm_to_float32); }},
      {"modulated norm far from zero", norm_far_from_zero},
      {"gradient of the modulated norm, float32", [] { return norm_gradient(norm_float32); }},
      {"gradient of the modulated norm, bfloat16", [] { return norm_gradient(norm_bfloat16); }},
      {"gradient of the modulated norm, bfloat16 to float32", [] { return norm_gradient(norm_to_float32); }},
      {"gated residual, float32", [] { return gated_forward(Kind::float32); }},
      {"gated residual, bfloat16", [] { return gated_forward(Kind::bfloat16); }},
      {"gradient of the gated residual, float32", [] { return gated_gradient(Kind::float32); }},
      {"gradient of the gated residual, bfloat16", [] { return gated_gradient(Kind::bfloat16); }},
      {"gelu and its gradient, float32", [] { return gelu_both(Kind::float32); }},
      {"gelu and its gradient, bfloat16", [] { return gelu_both(Kind::bfloat16); }},
      {"gelu of very large numbers", gelu_extremes},
      {"attention, float32", [] { return for_all_shapes(attention_forward, Kind::float32); }},
      {"attention, bfloat16", [] { return for_all_shapes(attention_forward, Kind::bfloat16); }},
      {"attention of many tokens", [] { return attention_forward(long_shape, Kind::float32); }},
      {"attention of the most tokens", [] { return attention_forward(longest_shape, Kind::float32); }},
      {"gradient of attention, float32", [] { return for_all_shapes(attention_backward, Kind::float32); }},
      {"gradient of attention, bfloat16", [] { return for_all_shapes(attention_backward, Kind::bfloat16); }},
      {"gradient of attention of many tokens", long_gradient},
      {"update without clipping", [] { return update_with(kernels::Clip::none, false); }},
      {"update with adaptive clipping", [] { return update_with(kernels::Clip::adaptive, false); }},
      {"update with global clipping", [] { return update_with(kernels::Clip::global, false); }},
      {"update with a bfloat16 working copy", [] { return update_with(kernels::Clip::adaptive, true); }},
      {"an infinite gradient is seen in its norm", undefined_gradient},
      {"the same input gives the same bits", same_bits},
  };
  return cases;
}

}  // namespace fluxsbi::test
