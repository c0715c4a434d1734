#include "engine/tile/written_cells.hpp"

namespace fluxsbi::engine::tile {

namespace {

// body(cell) for the cells of a value in a buffer of F features.
template <class Body>
void over_cells_of(const Value& value, int64_t F, const Body& body) {
  for (int64_t t = 0; t < value.T; ++t) {
    const int64_t first = (value.first_token + t) * F + value.first_feature;
    for (int64_t cell = first; cell < first + value.F; ++cell) body(cell);
  }
}

}  // namespace

void WrittenCells::add_buffer(int64_t T, int64_t F) {
  buffers_.push_back({F, std::vector<bool>(static_cast<size_t>(T * F), false)});
}

bool WrittenCells::any(const Value& value) const {
  const auto& [F, written] = buffers_[static_cast<size_t>(value.buffer)];
  bool found = false;
  over_cells_of(value, F, [&, &written = written](int64_t cell) {
    found = found || written[static_cast<size_t>(cell)];
  });
  return found;
}

std::vector<Cells> WrittenCells::fill(const Value& value) {
  auto& [F, written] = buffers_[static_cast<size_t>(value.buffer)];
  std::vector<Cells> fresh;
  over_cells_of(value, F, [&, &written = written](int64_t cell) {
    if (written[static_cast<size_t>(cell)]) return;
    written[static_cast<size_t>(cell)] = true;
    const bool goes_on = !fresh.empty() && fresh.back().first + fresh.back().count == cell;
    if (!goes_on) fresh.push_back({value.buffer, cell, 0});
    ++fresh.back().count;
  });
  return fresh;
}

}  // namespace fluxsbi::engine::tile
