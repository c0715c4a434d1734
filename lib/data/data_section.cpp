#include "data/data_section.hpp"

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "core/registry.hpp"
#include "data/tasks/task.hpp"

namespace fluxsbi::data {

namespace {

// Keys of GenSBI's that stand beside the sections.
struct TopOptions {
  std::optional<std::string> task_name;
};
const config::Table<TopOptions>& top_table() {
  static const auto table =
      config::Table<TopOptions>("", "Keys beside the sections.")
          .add("task_name", &TopOptions::task_name, config::any<std::optional<std::string>>(),
               "a built-in task, where the config names no other data");
  return table;
}

// A task_name is the source of data where nothing else is.
void take_task_name(const TopOptions& top, DataOptions& data, config::Reader& reader) {
  if (!top.task_name || data.task == top.task_name) return;
  const bool has_data = data.names_rows();
  if (!has_data && core::find_row(tasks(), *top.task_name) != nullptr) {
    data.task = top.task_name;
  } else {
    reader.warning("task_name", "has no effect: " + std::string(has_data ? "the data are named elsewhere"
                                                                         : "no built-in task has this name"));
  }
}

}  // namespace

void read_data_section(config::Reader& reader, DataOptions& options) {
  TopOptions top;
  reader.read(top_table(), top);
  reader.read(data_table(), options);
  reader.read(data_names_table(), options);
  take_task_name(top, options, reader);
}

std::optional<std::string> missing_file(const DataOptions& options) {
  namespace fs = std::filesystem;
  std::vector<std::string> paths = options.files;
  for (const auto& path : {options.file, options.theta_file, options.x_file}) {
    if (path) paths.push_back(*path);
  }
  for (const std::string& path : paths) {
    std::error_code ignored;
    const bool pattern = path.find_first_of("*?[") != std::string::npos;
    if (pattern || fs::exists(path, ignored)) continue;
    const fs::path theta = fs::path(path).replace_extension().string() + "_theta.npy";  // of the pair OUT.npy
    if (fs::path(path).extension() == ".npy" && fs::exists(theta, ignored)) continue;
    return path;
  }
  return {};
}

}  // namespace fluxsbi::data
