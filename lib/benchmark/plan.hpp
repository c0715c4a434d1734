// Which entries a benchmark has: tasks x budgets x models x methods x seeds.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "benchmark/entry.hpp"

namespace fluxsbi::benchmark {

/// A generative method by the short name that tables use.
struct MethodRow {
  std::string_view name;
  std::string_view keys;  ///< of the section `strategy`
  std::vector<std::string_view> aliases = {};
};
std::span<const MethodRow> methods();

/// The short name of a config's strategy.method, strategy.preconditioning and strategy.sde.
std::string method_name(const std::string& method, const std::string& preconditioning,
                        const std::string& sde);

/// What the command line asks for; names as the user wrote them.
struct Selection {
  std::vector<std::string> tasks{"all"};    ///< all: those of benchmark_tasks()
  std::vector<std::string> models{"auto"};  ///< auto: what the recommended config says
  std::vector<std::string> methods{"flow"};
  std::vector<int64_t> budgets{10000};  ///< numbers of simulations
  std::vector<uint64_t> seeds{1};
  std::string label;
};

/// The tasks that are named, each once. Throws UserError with the nearest name for an unknown one.
std::vector<std::string> task_names(const std::vector<std::string>& words);

/// Every combination once, the tasks in their order, with full names of models and methods; `models` are
/// those there are. Throws UserError for unknown names (with the nearest), a label that is no folder's name,
/// budgets below `least_simulations`, and seeds of held_out_seeds.
std::vector<Entry> plan(const Selection& selection, const std::vector<std::string>& models);

inline constexpr int64_t least_simulations = 100;

/// Seeds of what entries are scored by: simulations of a training never have them.
inline constexpr uint64_t held_out_seed = 900001, fresh_seed = 900002, exact_seed = 900003;

/// Part "I/N" of some entries: those whose number leaves the remainder I, counted from 0. Throws UserError
/// for another text.
std::vector<Entry> part_of(const std::vector<Entry>& entries, const std::string& shard);

}  // namespace fluxsbi::benchmark
