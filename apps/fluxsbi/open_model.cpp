#include "open_model.hpp"

#include <algorithm>

#include "core/log.hpp"
#include "core/system.hpp"
#include "core/text.hpp"

namespace fluxsbi::app {

namespace {

checkpoint::ModelFile load(const std::string& model) {
  std::string note;
  const std::string path = checkpoint::find_model(model, note);
  if (!note.empty()) core::log::warning(note);
  return checkpoint::load_model(path);
}

}  // namespace

OpenModel::OpenModel(const std::string& model, const experiment::Execution& execution,
                     const std::string& compute)
    : file(load(model)), posterior((set_up_threads(), file), execution.device, compute, execution.engine) {
  core::log::info(posterior.execution());
}

sample::Progress show_progress(const std::string& what, const std::string& unit) {
  return [what, unit, begin = core::steady_seconds()](int64_t done, int64_t total) {
    const double seconds = core::steady_seconds() - begin;
    const double rate = static_cast<double>(done) / std::max(seconds, 1e-9);
    core::log::progress(what + " " + std::to_string(done) + "/" + std::to_string(total) + "  " +
                        std::to_string(static_cast<int64_t>(rate)) + " " + unit + "/s  " +
                        core::duration_text(static_cast<double>(total - done) / std::max(rate, 1e-9)) +
                        " left");
  };
}

}  // namespace fluxsbi::app
