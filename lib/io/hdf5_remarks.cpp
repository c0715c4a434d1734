#include "io/hdf5_remarks.hpp"

#include <mutex>
#include <set>

#include "core/log.hpp"

namespace fluxsbi::io {

namespace {

// A file is opened several times.
void warn_once(const std::string& message) {
  static std::mutex guard;
  static std::set<std::string> said;
  {
    const std::scoped_lock lock(guard);
    if (!said.insert(message).second) return;
  }
  core::log::warning(message);
}

}  // namespace

namespace h5 {

void send_remarks(const Dataset& dataset, uint64_t missing, Isolated::Outlet& out) {
  std::vector<std::string> infos, warnings;
  if (dataset.decoding) {
    infos = dataset.decoding->remarks;
    warnings = dataset.decoding->warnings;
    if (missing > 0) infos.push_back(dataset.decoding->missing_text(missing));
  }
  for (const auto& texts : {infos, warnings}) {
    out.send(texts.size());
    for (const std::string& text : texts) out.send(text);
  }
}

}  // namespace h5

void log_remarks(Isolated& child, const std::string& path, const std::string& dataset) {
  const std::string start = path + ": dataset '" + dataset + "': ";
  for (uint64_t count = child.receive_number(); count > 0; --count)
    core::log::info_once(start + child.receive_text());
  for (uint64_t count = child.receive_number(); count > 0; --count) warn_once(start + child.receive_text());
}

}  // namespace fluxsbi::io
