#include "engine/lowering/lowering.hpp"

#include <array>

#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>

#include "engine/lowering/networks.hpp"

namespace fluxsbi::engine::lowering {

namespace {

constexpr std::array all_traits{&flux1_traits, &flux1joint_traits, &simformer_traits};

}  // namespace

const Traits* traits_of(const model::Network& network) {
  for (const Traits* traits : all_traits) {
    if (traits->matches(network)) return traits;
  }
  return nullptr;
}

bool one_numbering(const at::Tensor& ids, bool picks) {
  if (!ids.defined()) return true;
  const at::Tensor first = ids.select(0, 0);  // [tokens, A]
  if (!ids.eq(first).all().item<bool>()) return false;
  return !picks || first.select(1, 0).eq(at::arange(first.size(0), first.options())).all().item<bool>();
}

}  // namespace fluxsbi::engine::lowering
