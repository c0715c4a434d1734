#include "engine/tile/operation.hpp"

namespace fluxsbi::engine::tile {

namespace {

// One token serves any number.
template <class Number>
BlockOf<Number> block(Number* buffer, const Value& value, int64_t token) {
  return {buffer + value.first_token * token + value.first_feature * lanes, value.T, value.F,
          value.T == 1 ? 0 : token};
}

}  // namespace

In Frame::read(const Value& value) const {
  const Out out = write(value);
  return {out.data, out.T, out.F, out.token};
}

Out Frame::write(const Value& value) const {
  const auto& buffer = placement->buffers[static_cast<size_t>(value.buffer)];
  return block(arena + buffer.value, value, buffer.token);
}

Gradient Frame::gradient(const Source& source) const {
  if (!source.wanted) return {};
  return {gradient_to(source.value), source.adds};
}

Out Frame::gradient_to(const Value& value) const {
  const auto& buffer = placement->buffers[static_cast<size_t>(value.buffer)];
  return block(arena + buffer.gradient, value, buffer.token);
}

In Frame::gradient_of(const Value& value) const {
  const Out out = gradient_to(value);
  return {out.data, out.T, out.F, out.token};
}

}  // namespace fluxsbi::engine::tile
