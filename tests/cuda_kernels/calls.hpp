// Calls of the kernels on a check's buffers: inputs of given shapes, made of random numbers.
#pragma once

#include <cmath>

#include "cuda_kernels/check.hpp"
#include "cuda_kernels/references.hpp"
#include "engine/cuda/kernels/kernels.hpp"

namespace fluxsbi::test {

namespace kernels = engine::cuda::kernels;

inline constexpr float norm_eps = 1e-6F;

inline kernels::Storage storage(Kind kind) {
  return kind == Kind::float32 ? kernels::Storage::float32 : kernels::Storage::bfloat16;
}

/// An attention's inputs as buffers and as the numbers that the kernel reads.
struct AttentionCall {
  AttentionCall(Check& check, const reference::AttentionShape& shape, Kind kind, unsigned seed);

  reference::AttentionInputs inputs;
  kernels::Attention call;
};

inline AttentionCall::AttentionCall(Check& check, const reference::AttentionShape& s, Kind kind,
                                    unsigned seed) {
  const auto first = static_cast<std::ptrdiff_t>(s.T0 * s.B * s.row());
  inputs.packed = rounded(random_numbers(s.T() * s.B * s.row(), seed), kind);
  const auto at = inputs.packed.begin() + first;
  call.B = static_cast<int64_t>(s.B);
  call.H = static_cast<int64_t>(s.H);
  call.D = static_cast<int64_t>(s.D);
  call.m = static_cast<int64_t>(s.m);
  call.eps = norm_eps;
  call.type = storage(kind);
  call.first.T = static_cast<int64_t>(s.T0);
  call.second.T = static_cast<int64_t>(s.T1);
  call.first.packed = check.input("packed", kind, Numbers(inputs.packed.begin(), at)).data();
  if (s.T1 > 0) call.second.packed = check.input("packed_2", kind, Numbers(at, inputs.packed.end())).data();
  if (s.normed) {
    inputs.scales = rounded(random_numbers(4 * s.D, seed + 1, 0.3, 1), kind);
    const void* scales[4] = {};
    for (size_t i = 0; i < (s.T1 > 0 ? 4U : 2U); ++i) {
      const auto begin = inputs.scales.begin() + static_cast<std::ptrdiff_t>(i * s.D);
      scales[i] = check
                      .input("scale_" + std::to_string(i), kind,
                             Numbers(begin, begin + static_cast<std::ptrdiff_t>(s.D)))
                      .data();
    }
    call.first.query_scale = scales[0], call.first.key_scale = scales[1];
    call.second.query_scale = scales[2], call.second.key_scale = scales[3];
  }
  if (s.rotated) {
    const size_t samples = s.rope_per_sample ? s.B : 1, pairs = s.D / 2;
    inputs.rope = random_numbers(s.T() * samples * pairs, seed + 2, 3);
    Numbers table;
    for (const double angle : inputs.rope) table.push_back(std::cos(angle)), table.push_back(std::sin(angle));
    call.rope = check.input("rope", Kind::float32, table).as<const float>();
    call.rope_token = static_cast<int64_t>(samples * pairs);
    call.rope_sample = s.rope_per_sample ? static_cast<int64_t>(pairs) : 0;
  }
  if (s.edges != reference::AttentionShape::all) {
    const size_t samples = s.edges == reference::AttentionShape::per_sample ? s.B : 1;
    inputs.edges = random_numbers(s.T() * samples * s.T(), seed + 3);
    for (double& edge : inputs.edges) edge = edge > -0.3 ? 1 : 0;
    for (size_t key = 0; key < s.T(); ++key)  // the first sample's middle token may attend to none
      inputs.edges[s.T() / 2 * samples * s.T() + key] = 0;
    call.edges = check.input("edges", Kind::float32, inputs.edges).as<const float>();
    call.edges_token = static_cast<int64_t>(samples * s.T());
    call.edges_sample = samples > 1 ? static_cast<int64_t>(s.T()) : 0;
  }
}

}  // namespace fluxsbi::test
