#include "engine/tile/planner.hpp"

#include <algorithm>
#include <iterator>
#include <numeric>

namespace fluxsbi::engine::tile {

namespace {

bool meet(const Request& a, const Request& b) {
  for (const Life& x : a.lives) {
    for (const Life& y : b.lives) {
      if (x.first <= y.last && y.first <= x.last) return true;
    }
  }
  return false;
}

}  // namespace

std::vector<std::vector<Life>> lives_of(const std::vector<Access>& steps, size_t count,
                                        const std::vector<size_t>& stays) {
  std::vector<std::vector<Life>> lives(count);
  std::vector<bool> open(count, false), pinned(count, false);
  for (const size_t buffer : stays) {
    lives[buffer] = {{-1, static_cast<int>(steps.size())}};
    open[buffer] = pinned[buffer] = true;
  }
  const auto extend = [&](size_t buffer, int time) {
    if (!lives[buffer].empty()) lives[buffer].back().last = std::max(lives[buffer].back().last, time);
  };
  for (int time = 0; time < std::ssize(steps); ++time) {
    const Access& step = steps[static_cast<size_t>(time)];
    for (const size_t buffer : step.renewed) open[buffer] = pinned[buffer];
    for (const size_t buffer : step.reads) extend(buffer, time);
    for (const size_t buffer : step.writes) {
      if (!open[buffer]) lives[buffer].push_back({time, time});
      open[buffer] = true;
      extend(buffer, time);
    }
  }
  return lives;
}

Places place(const std::vector<Request>& requests) {
  std::vector<size_t> order(requests.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](size_t a, size_t b) { return requests[a].size > requests[b].size; });
  Places places{std::vector<int64_t>(requests.size(), -1), 0};
  std::vector<size_t> placed;  // by offset
  for (const size_t i : order) {
    if (requests[i].lives.empty()) continue;
    int64_t offset = 0;
    for (const size_t other : placed) {
      if (!meet(requests[i], requests[other])) continue;
      if (offset + requests[i].size <= places.offsets[other]) break;
      offset = std::max(offset, places.offsets[other] + requests[other].size);
    }
    places.offsets[i] = offset;
    places.size = std::max(places.size, offset + requests[i].size);
    const auto behind = std::find_if(placed.begin(), placed.end(),
                                     [&](size_t other) { return places.offsets[other] > offset; });
    placed.insert(behind, i);
  }
  return places;
}

}  // namespace fluxsbi::engine::tile
