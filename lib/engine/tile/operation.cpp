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
  const auto& buffer = placement->buffers[static_cast<size_t>(source.value.buffer)];
  return {block(arena + buffer.gradient, source.value, buffer.token), source.adds};
}

In Frame::gradient_of(const Value& out) const {
  const auto& buffer = placement->buffers[static_cast<size_t>(out.buffer)];
  return block<const float>(arena + buffer.gradient, out, buffer.token);
}

}  // namespace fluxsbi::engine::tile
