#include "experiment/kept_work.hpp"

#include <cstdio>
#include <filesystem>

#include "config/reader.hpp"
#include "core/log.hpp"
#include "core/write_failure.hpp"
#include "io/atomic_file.hpp"

namespace fluxsbi::experiment {

std::string checksum_text(int64_t numbers, uint32_t crc) {
  char text[16];
  std::snprintf(text, sizeof text, "%08x", crc);
  return std::to_string(numbers) + " numbers with CRC-32 " + text;
}

WorkDescription::WorkDescription(const std::string& command, sample::Posterior& posterior) {
  add("command", command);
  add("model", posterior.identity());
  // On a GPU of another number, or on several, the same work goes on.
  const at::Device device(posterior.engine().device().type());
  add("engine", std::string(posterior.engine().name()) + " on " + device.str());
  add("compute", at::toString(posterior.engine().parameters().working.scalar_type()));
}

void WorkDescription::add(const std::string& key, const std::string& value) {
  text_ += key + ": " + value + "\n";
}

void WorkDescription::add(const std::string& key, std::span<const double> values) {
  add(key, checksum_text(std::ssize(values), io::crc32(std::as_bytes(values))));
}

void WorkDescription::add(const sample::SamplingOptions& options) {
  const sample::SamplingOptions defaults;
  sample::SamplingOptions deciding = options;
  deciding.max_tries = defaults.max_tries;
  deciding.max_seconds = defaults.max_seconds;
  config::Writer writer;
  writer.add(sample::sampling_table(), deciding);
  text_ += writer.text();
}

KeptWork::KeptWork(sample::Posterior& posterior, const std::string& output, bool force,
                   const WorkDescription& work)
    : posterior_(posterior) {
  std::error_code ignored;
  const bool device =
      std::filesystem::exists(output, ignored) && !std::filesystem::is_regular_file(output, ignored);
  if (output.empty() || device) return;
  journal_ = std::make_shared<sample::ChunkJournal>(output + ".partial", work.text(), force);
  posterior_.keep_in(journal_);
}

KeptWork::~KeptWork() {
  posterior_.keep_in(nullptr);
}

void KeptWork::stop(const core::Interrupted& interrupted) {
  if (!journal_) return;
  if (!journal_->flush()) {  // a scheduler that started it again would do so for ever
    throw core::Interrupted(interrupted.signal(),
                            std::string("stopped by ") + core::signal_name(interrupted.signal()) +
                                " before another chunk was finished; a smaller --chunk takes "
                                "less time");
  }
  throw core::Stopped(std::string("stopped by ") + core::signal_name(interrupted.signal()) +
                      "; what was computed is kept in " + journal_->path() +
                      ", and the same command goes on from there");
}

void KeptWork::finish() {
  if (journal_) journal_->remove();
}

std::string KeptWork::state(bool has_values) const {
  if (!journal_ || journal_->state().empty() || has_values) return journal_ ? journal_->state() : "";
  core::log::warning(journal_->path() + " speaks of results beside it that are gone; beginning anew");
  return "";
}

void KeptWork::fail(const core::UserError& problem) const {
  const std::string what = problem.what(), remedy = "the same command then continues";
  try {
    if (journal_) journal_->flush();
  } catch (const core::UserError&) {  // what was kept before stays
  }
  const bool said = !journal_ || !journal_->begun() || what.find(remedy) != std::string::npos;
  const std::string text = said ? what
                                : what + ". What was finished is kept in " + journal_->path() + "; " +
                                      remedy + " where this one stopped";
  if (dynamic_cast<const core::WriteFailure*>(&problem) != nullptr) throw core::WriteFailure(text);
  throw core::UserError(text);
}

}  // namespace fluxsbi::experiment
