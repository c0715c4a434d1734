#include "evidence/kept_diagnosis.hpp"

#include <filesystem>
#include <span>
#include <utility>

#include "core/error.hpp"
#include "core/log.hpp"
#include "data/simulate/program_files.hpp"
#include "diagnose/finding_json.hpp"
#include "io/atomic_file.hpp"
#include "io/output.hpp"
#include "io/source.hpp"

namespace fluxsbi::evidence {

namespace {

namespace fs = std::filesystem;

constexpr const char* note_extension = ".unfinished";
// Kinds of records beside those of the sampler, whose kinds are small.
constexpr int64_t beginning_kind = 1000, findings_kind = 1001;

std::string text_of(const std::string& file) {
  const auto bytes = io::FileSource(file).read_all();
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

std::string checksum_of(const std::string& file) {
  return std::to_string(io::crc32(io::FileSource(file).read_all()));
}

// Lines that are the same for the same simulations.
std::string note_text(const data::SimulateRequest& request, const std::string& config) {
  std::string text = "config " + checksum_of(config) + "\nseed " + std::to_string(request.seed) +
                     "\nsimulations " + std::to_string(request.simulations) + "\n";
  if (request.task) text += "task " + *request.task + "\n";
  if (request.theta_file) text += "theta " + checksum_of(*request.theta_file) + "\n";
  if (request.simulator.command) text += data::program_text(*request.simulator.command) + "\n";
  return text;
}

}  // namespace

DiagnosisFolder::DiagnosisFolder(std::string folder) : folder_(std::move(folder)) {
  std::error_code problem;
  fs::create_directories(folder_, problem);
  if (problem)
    throw core::UserError(folder_ + " cannot be made: " + problem.message() +
                          "; give a folder that can be written to (diagnose -o)");
  io::check_output((fs::path(folder_) / "pit.npz").string(), true, {});
}

DiagnosisFolder::~DiagnosisFolder() {
  std::error_code not_empty;
  fs::remove(folder_, not_empty);
}

KeptDiagnosis::KeptDiagnosis(sample::Posterior& posterior, std::string folder,
                             const experiment::WorkDescription& work)
    : folder_(std::move(folder)), kept_(posterior, (fs::path(folder_) / "unfinished").string(), true, work) {
  if (!kept_.journal()) return;
  const uint64_t beginning = sample::chunk_key(beginning_kind, {});
  resumed_ = kept_.journal()->take(beginning).has_value();
  if (!resumed_) kept_.journal()->keep(beginning, {});
}

std::vector<diagnose::Finding> KeptDiagnosis::findings(
    const std::string& test, const std::function<std::vector<diagnose::Finding>()>& make) {
  if (!kept_.journal()) return make();
  const std::vector<int64_t> letters(test.begin(), test.end());
  const uint64_t key = sample::chunk_key(findings_kind, letters);
  if (const auto chunk = kept_.journal()->take(key)) {
    const std::string_view text(reinterpret_cast<const char*>(chunk->numbers.data()), chunk->numbers.size());
    return diagnose::findings_from_json(text, folder_);
  }
  std::vector<diagnose::Finding> made = make();
  const std::string text = diagnose::to_json(made);
  const auto bytes = std::as_bytes(std::span(text));
  kept_.journal()->keep(key, {0, {}, {bytes.begin(), bytes.end()}});
  return made;
}

void KeptDiagnosis::stop(const core::Interrupted& interrupted) {
  if (!kept_.journal()) throw interrupted;
  const std::string stopped = std::string("stopped by ") + core::signal_name(interrupted.signal());
  if (!kept_.journal()->flush())  // a scheduler that started it again would do so for ever
    throw core::Interrupted(interrupted.signal(), stopped + " before another part was finished; what " +
                                                      kept_.journal()->path() + " holds stays there");
  throw core::Stopped(stopped + "; what is finished is kept in " + kept_.journal()->path() +
                      ", and the same command goes on from there");
}

void KeptDiagnosis::finish() {
  kept_.finish();
  forget_simulations(folder_);
}

std::optional<data::SimulateOutcome> simulate_once(const data::SimulateRequest& request,
                                                   const std::string& config) {
  const std::string note = request.output + note_extension, text = note_text(request, config);
  std::error_code ignored;
  if (fs::exists(request.output, ignored) && fs::exists(note, ignored) && text_of(note) == text) {
    core::log::info(request.output + " was simulated before this command was stopped; going on with it");
    return std::nullopt;
  }
  fs::remove(note, ignored);
  data::SimulateOutcome outcome = data::simulate_to_file(request);
  io::write_text(note, text);
  return outcome;
}

void forget_simulations(const std::string& folder) {
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(folder, ignored)) {
    if (entry.path().extension() == note_extension && entry.path().stem().extension() == ".npz")
      fs::remove(entry.path(), ignored);
  }
}

}  // namespace fluxsbi::evidence
