#include "data/data_section.hpp"

#include <optional>
#include <string>

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

}  // namespace fluxsbi::data
