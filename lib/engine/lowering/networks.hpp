// The rows of lowering.cpp's table, one a model, and what they are made of.
#pragma once

#include "engine/lowering/lowering.hpp"

namespace fluxsbi::engine::lowering {

extern const Traits flux1_traits, flux1joint_traits, simformer_traits;

template <class Model>
bool is(const model::Network& network) {
  return dynamic_cast<const Model*>(&network) != nullptr;
}

/// The network of a row that matches it.
template <class Model>
const Model& as(const model::Network& network) {
  return static_cast<const Model&>(network);
}

/// True for ids [B or 1, tokens, A] that are the same for all rows and, if they pick rows of a learned table,
/// are 0, 1, 2, ...; true where no ids are given.
bool one_numbering(const at::Tensor& ids, bool picks);

}  // namespace fluxsbi::engine::lowering
