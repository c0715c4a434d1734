#include "benchmark/entry.hpp"

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <tuple>

#include <nlohmann/json.hpp>

#include "benchmark/published.hpp"
#include "core/error.hpp"
#include "core/text.hpp"
#include "io/atomic_file.hpp"
#include "io/text_file.hpp"

namespace fluxsbi::benchmark {

namespace {

namespace fs = std::filesystem;

Entry load_entry(const std::string& path) {
  const auto json = nlohmann::json::parse(io::read_text(path), nullptr, false);
  try {
    return {json.at("task"),        json.at("model"), json.at("method"),
            json.at("simulations"), json.at("seed"),  json.at("label")};
  } catch (const nlohmann::json::exception&) {
    throw core::UserError(path + ": is damaged; remove the folder of this entry, which is then made anew");
  }
}

// The benchmark's tasks in their order, then others by name.
size_t place_of(const std::string& task) {
  const auto& tasks = benchmark_tasks();
  return static_cast<size_t>(std::find(tasks.begin(), tasks.end(), task) - tasks.begin());
}

}  // namespace

std::string Entry::name() const {
  return model + "_" + method + "_" + std::to_string(simulations) + "_seed" + std::to_string(seed) +
         (label.empty() ? "" : "_" + label);
}

std::string Entry::title() const {
  return task + "/" + name();
}

std::string Entry::folder(const std::string& out) const {
  return (fs::path(out) / task / name()).string();
}

std::string Entry::notes(const std::string& out) const {
  return (fs::path(out) / task / name() / "benchmark").string();
}

void check_label(const std::string& label) {
  const bool fits = std::all_of(label.begin(), label.end(), [](unsigned char c) {
    return std::isalnum(c) != 0 || c == '-' || c == '.' || c == '_';
  });
  if (!fits || label.size() > 100)
    throw core::UserError("--name " + core::quoted(label) +
                          " becomes part of a folder's name: at most 100 letters, digits, '-', '.' and '_'");
}

void save_entry(const std::string& out, const Entry& entry) {
  const nlohmann::ordered_json json{{"task", entry.task},     {"model", entry.model},
                                    {"method", entry.method}, {"simulations", entry.simulations},
                                    {"seed", entry.seed},     {"label", entry.label}};
  io::write_text(entry.notes(out) + "/entry.json", json.dump(1) + "\n");
}

std::vector<Entry> entries_in(const std::string& out) {
  std::vector<Entry> entries;
  std::error_code ignored;
  for (const auto& task : fs::directory_iterator(out, ignored)) {
    for (const auto& run : fs::directory_iterator(task.path(), ignored)) {
      const std::string file = (run.path() / "benchmark" / "entry.json").string();
      if (fs::exists(file, ignored)) entries.push_back(load_entry(file));
    }
  }
  std::sort(entries.begin(), entries.end(), [](const Entry& a, const Entry& b) {
    const auto key = [](const Entry& entry) {
      return std::tuple(place_of(entry.task), entry.task, entry.simulations, entry.model, entry.method,
                        entry.label, entry.seed);
    };
    return key(a) < key(b);
  });
  return entries;
}

}  // namespace fluxsbi::benchmark
