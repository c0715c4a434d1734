#include "benchmark/search.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <set>

#include "config/flow_text.hpp"
#include "config/value.hpp"
#include "core/error.hpp"
#include "core/philox.hpp"

namespace fluxsbi::benchmark {

namespace {

constexpr int64_t eta = 3, most_rungs = 4;

void collect(const config::Value& map, const std::string& prefix, SearchSpace& space) {
  for (size_t i = 0; i < map.map.size(); ++i) {
    const auto& [name, value] = map.map[i];
    const std::string key = prefix.empty() ? name : prefix + "." + name;
    if (value.kind == config::Value::Kind::map) {
      collect(value, key, space);
      continue;
    }
    if (value.kind != config::Value::Kind::list || value.list.empty())
      throw core::UserError(map.key_places[i].text() + ": " + key +
                            " needs a list of the values to try, such as [1e-3, 3e-4]; found " +
                            value.description());
    std::vector<std::string> values;
    for (const config::Value& item : value.list) {
      const std::string text = config::flow_text(item);
      if (std::find(values.begin(), values.end(), text) == values.end()) values.push_back(text);
    }
    space.keys.emplace_back(key, std::move(values));
  }
}

// Combination number `index`, the last key running fastest.
std::vector<std::string> combination(const SearchSpace& space, uint64_t index) {
  std::vector<std::string> settings(space.keys.size());
  for (size_t i = space.keys.size(); i-- > 0;) {
    const auto& [key, values] = space.keys[i];
    settings[i] = key + "=" + values[index % values.size()];
    index /= values.size();
  }
  return settings;
}

}  // namespace

int64_t SearchSpace::size() const {
  constexpr int64_t most = 1'000'000'000'000'000;
  int64_t product = 1;
  for (const auto& [key, values] : keys) {
    if (product > most / std::ssize(values)) return most;
    product *= std::ssize(values);
  }
  return product;
}

SearchSpace load_space(const std::string& path) {
  SearchSpace space;
  collect(config::load_yaml(path), "", space);
  if (space.keys.empty())
    throw core::UserError(
        path + ": names nothing to try; give keys with lists, such as optimizer.max_lr: [1e-3, 3e-4]");
  return space;
}

std::vector<std::vector<std::string>> draw_trials(const SearchSpace& space, int64_t trials, uint64_t seed) {
  std::vector<std::vector<std::string>> drawn;
  const int64_t size = space.size();
  if (size <= trials) {
    for (int64_t i = 0; i < size; ++i) drawn.push_back(combination(space, static_cast<uint64_t>(i)));
    return drawn;
  }
  std::set<std::vector<std::string>> known;
  core::Philox random(seed, core::Purpose::shuffle);
  while (std::ssize(drawn) < trials) {
    auto settings = combination(space, random.below(static_cast<uint64_t>(size)));
    if (known.insert(settings).second) drawn.push_back(std::move(settings));
  }
  return drawn;
}

std::vector<Rung> rungs_of(int64_t trials, int64_t steps) {
  std::vector<Rung> rungs;
  for (int64_t left = trials; std::ssize(rungs) < most_rungs; left /= eta) {
    rungs.push_back({left, 0});
    if (left < eta) break;
  }
  int64_t share = steps;
  for (auto rung = rungs.rbegin(); rung != rungs.rend(); ++rung) {
    rung->steps = std::max<int64_t>(1, share);
    share /= eta;
  }
  return rungs;
}

std::vector<size_t> best_of(const std::vector<double>& scores, size_t count) {
  std::vector<size_t> places(scores.size());
  std::iota(places.begin(), places.end(), size_t{0});
  const auto value = [&](size_t i) { return std::isnan(scores[i]) ? -INFINITY : scores[i]; };
  std::stable_sort(places.begin(), places.end(), [&](size_t a, size_t b) { return value(a) > value(b); });
  places.resize(std::min(count, places.size()));
  return places;
}

}  // namespace fluxsbi::benchmark
