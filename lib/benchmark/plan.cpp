#include "benchmark/plan.hpp"

#include <algorithm>

#include "benchmark/published.hpp"
#include "core/error.hpp"
#include "core/registry.hpp"
#include "core/text.hpp"
#include "data/tasks/task.hpp"
#include "sample/files/shard.hpp"

namespace fluxsbi::benchmark {

namespace {

template <class T>
void add_once(std::vector<T>& values, const T& value) {
  if (std::find(values.begin(), values.end(), value) == values.end()) values.push_back(value);
}

template <class T>
std::vector<T> each_once(const std::vector<T>& values) {
  std::vector<T> found;
  for (const T& value : values) add_once(found, value);
  return found;
}

std::string known_model(const std::string& word, const std::vector<std::string>& models) {
  if (word == "auto" || std::find(models.begin(), models.end(), word) != models.end()) return word;
  std::vector<std::string> choices = models;
  choices.emplace_back("auto");
  throw core::UserError("--models: unknown model " + core::quoted(word) + core::did_you_mean(word, choices));
}

void check_numbers(const Selection& selection) {
  for (const int64_t budget : selection.budgets) {
    if (budget < least_simulations)
      throw core::UserError("--budgets " + std::to_string(budget) + ": a training takes at least " +
                            std::to_string(least_simulations) +
                            " simulations, since a part of them is kept for validation");
  }
  for (const uint64_t seed : selection.seeds) {
    if (seed >= held_out_seed && seed <= exact_seed)
      throw core::UserError("--seeds " + std::to_string(seed) +
                            " is the seed of the pairs that models are scored by; choose another");
  }
}

}  // namespace

std::span<const MethodRow> methods() {
  static const std::vector<MethodRow> rows{
      {"flow", "method: flow"},
      {"edm", "method: diffusion, preconditioning: edm"},
      {"score", "method: score_matching, sde: ve", {"ve"}},
      {"vp", "method: score_matching, sde: vp"},
  };
  return rows;
}

std::string method_name(const std::string& method, const std::string& preconditioning,
                        const std::string& sde) {
  if (method == "score_matching") return sde == "vp" ? "vp" : "score";
  if (method == "diffusion") return preconditioning == "edm" ? "edm" : "diffusion-" + preconditioning;
  return method;
}

std::vector<std::string> task_names(const std::vector<std::string>& words) {
  std::vector<std::string> names;
  for (const std::string& word : words) {
    if (word == "all") {
      for (const std::string& task : benchmark_tasks()) add_once(names, task);
    } else {
      add_once(names, std::string(data::make_task(word)->name()));
    }
  }
  return names;
}

std::vector<Entry> plan(const Selection& selection, const std::vector<std::string>& models) {
  check_label(selection.label);
  check_numbers(selection);
  std::vector<Entry> entries;
  for (const std::string& task : task_names(selection.tasks)) {
    for (const int64_t budget : each_once(selection.budgets)) {
      for (const std::string& model : each_once(selection.models)) {
        for (const std::string& word : selection.methods) {
          const MethodRow& method =
              core::row_named(methods(), word, "--methods: unknown method " + core::quoted(word));
          for (const uint64_t seed : each_once(selection.seeds)) {
            add_once(entries, Entry{task, known_model(model, models), std::string(method.name), budget, seed,
                                    selection.label});
          }
        }
      }
    }
  }
  return entries;
}

std::vector<Entry> part_of(const std::vector<Entry>& entries, const std::string& shard) {
  const sample::Shard part = sample::parse_shard(shard);
  std::vector<Entry> found;
  for (int64_t i = part.index; i < std::ssize(entries); i += part.count)
    found.push_back(entries[static_cast<size_t>(i)]);
  return found;
}

}  // namespace fluxsbi::benchmark
