#include "io/hdf5_remarks.hpp"

#include "core/log.hpp"

namespace fluxsbi::io {

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
  for (uint64_t count = child.receive_number(); count > 0; --count)
    core::log::warning_once(start + child.receive_text());
}

}  // namespace fluxsbi::io
