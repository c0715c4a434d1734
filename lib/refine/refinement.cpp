#include "refine/refinement.hpp"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <string>
#include <system_error>
#include <utility>

#include <nlohmann/json.hpp>

#include "checkpoint/refined_for.hpp"
#include "core/error.hpp"
#include "core/log.hpp"
#include "core/stop.hpp"
#include "core/text.hpp"
#include "data/simulate/program_files.hpp"
#include "experiment/training_run.hpp"
#include "io/atomic_file.hpp"
#include "io/lock.hpp"
#include "io/source.hpp"
#include "refine/round.hpp"

namespace fluxsbi::refine {

namespace {

namespace fs = std::filesystem;

std::string note_of(const std::string& folder) {
  return folder + "/refinement.json";
}

nlohmann::json json_in(const std::string& note) {
  const auto bytes = io::FileSource(note).read_all();
  return nlohmann::json::parse(std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size()));
}

// Rounds of two programs in one posterior would be an answer about neither.
void check_program(const RefinementRequest& request, const std::string& before, const std::string& now) {
  if (before == now) return;
  throw core::UserError(
      request.folder + " was begun by another program (" + before + ") than it is now (" + now +
      "; the numbers are checksums of files), and a refinement learns all its rounds from one; "
      "put the program back, name another folder with -o, or begin anew with --force");
}

// Until rounds trained on all rows, notes said nothing of which.
constexpr const char* rows_of_rounds = "all";

// What such a version left unfinished would end as a mixture of two rules.
void check_rows(const RefinementRequest& request, const nlohmann::json& note) {
  if (note.value("rows", "") == rows_of_rounds) return;
  for (int64_t number = 1; number <= request.rounds; ++number) {
    const std::string round = request.folder + "/rounds/" + std::to_string(number);
    std::error_code ignored;
    if (fs::exists(round + "/round.json", ignored)) continue;
    throw core::UserError(
        request.folder +
        " was begun by an earlier version of fluxsbi, whose rounds train on the rows inside the newest "
        "region alone, and round " +
        std::to_string(number) +
        " has not finished; rounds of this version train on the rows of all rounds. Name another folder with "
        "-o, begin anew with --force, or end it with that version");
  }
}

// The parts "key value" of two descriptions that differ, for a message.
std::string first_difference(const std::string& before, const std::string& now) {
  size_t at = 0;
  while (at < std::min(before.size(), now.size()) && before[at] == now[at]) ++at;
  const auto part = [at](const std::string& text) {
    const size_t begin = text.rfind(';', at) == std::string::npos ? 0 : text.rfind(';', at) + 2;
    constexpr size_t longest = 80;
    const std::string found = text.substr(std::min(begin, text.size()));
    const size_t end = found.find(';');
    const std::string one = found.substr(0, end);
    return one.size() <= longest ? one : "..." + text.substr(at > 20 ? at - 20 : 0, longest) + "...";
  };
  return part(before) + ", asked for is " + part(now);
}

// Makes the folder ready for this refinement, which may be there in part.
void open_folder(const RefinementRequest& request, const RefinementPlan& plan) {
  const std::string note = note_of(request.folder);
  const std::string& description = plan.description;
  const std::string program =
      plan.simulate.simulator.command ? data::program_text(*plan.simulate.simulator.command) : "";
  std::error_code ignored;
  if (fs::exists(note, ignored)) {
    const nlohmann::json json = json_in(note);
    const auto before = json.at("description").get<std::string>();
    const auto program_before = json.value("program", program);  // older notes do not hold it
    const bool same_rows = json.value("rows", "") == rows_of_rounds;
    if (before == description && (!request.force || (program_before == program && same_rows))) {
      check_program(request, program_before, program);
      check_rows(request, json);
      return;
    }
    if (!request.force)
      throw core::UserError(request.folder + " holds another refinement (" +
                            first_difference(before, description) +
                            "); name another folder with -o, or replace it with --force");
    fs::remove_all(fs::path(request.folder) / "rounds");
    fs::remove(fs::path(request.folder) / "model.safetensors");
  }
  io::write_text(
      note,
      nlohmann::json{{"description", description}, {"program", program}, {"rows", rows_of_rounds}}.dump(1) +
          "\n");
}

// "the whole prior", "13 % of the prior", "0.0021 % of the prior"
std::string share_text(double share) {
  constexpr double almost_all = 0.995, whole_percents = 0.1;
  if (share >= almost_all) return "the whole prior";
  char text[32];
  std::snprintf(text, sizeof text, share >= whole_percents ? "%.0f" : "%.2g", 100 * share);
  return std::string(text) + " % of the prior";
}

std::string where_text(const Narrowing& narrowing) {
  switch (narrowing.kind) {
    case Narrowing::Kind::whole_prior:
      return "the whole prior";
    case Narrowing::Kind::unchanged:
      return share_text(narrowing.share) + " as before";
    case Narrowing::Kind::box:
      return share_text(narrowing.share) + " (a box)";
    case Narrowing::Kind::density:
      return share_text(narrowing.share);
  }
  return "";
}

void say(int64_t number, int64_t rounds, const Narrowing& narrowing, const RoundSummary& summary) {
  core::log::info(
      "round " + std::to_string(number) + " of " + std::to_string(rounds) + ": " +
      core::count_text(summary.simulations, "simulation") + " of " + where_text(narrowing) +
      (summary.failed ? ", of which " + std::to_string(summary.failed) + " failed" : "") + ", " +
      core::count_text(summary.rows, "row") +
      (summary.inside < summary.rows ? ", " + std::to_string(summary.inside) + " of them inside" : "") +
      ", best validation loss " + core::brief_text(summary.validation_loss) + ", coverage " +
      summary.coverage.text());
  if (!summary.coverage.overconfident()) return;
  core::log::warning(
      "round " + std::to_string(number) +
      ": the posterior is overconfident: it covers less than it says, and may leave out where theta is. " +
      (number < rounds ? "The next round therefore does not narrow the region"
                       : "Do not trust its width; ask for a further round (--rounds)") +
      "; more simulations a round help (--simulations, in another folder)");
}

// The last round's model as the answer, which remembers for what. `for_any`: it learned the whole prior.
void write_answer(const RefinementRequest& request, const RefinementPlan& plan, const Round& last,
                  bool for_any) {
  checkpoint::ModelFile model = checkpoint::load_model(last.file("model.safetensors"));
  if (!for_any) checkpoint::remember_observation(plan.x, model);
  const std::string path = request.folder + "/model.safetensors";
  checkpoint::save_model(path, model);
  core::log::info("wrote " + path +
                  (for_any ? ", for any observation, since no round narrowed the prior: fluxsbi sample "
                           : ", for this observation alone: fluxsbi sample ") +
                  request.folder + " --x " + request.x + " -n 10000 -o samples.npz");
}

void run_rounds(const RefinementRequest& request, const RefinementPlan& plan) {
  Region region(plan.prior->dim(), plan.x);
  std::shared_ptr<sample::Posterior> posterior;
  bool overconfident = false;
  for (int64_t number = 1; number <= request.rounds; ++number) {
    Round round(plan, request, number);
    const Narrowing narrowing = [&] {
      const core::InterruptScope stops;
      return round.narrow(region, posterior, overconfident);
    }();
    round.simulate();
    round.train(region);
    posterior = round.posterior();
    auto summary = round.finished();
    if (!summary) summary = round.judge(region, *posterior);
    say(number, request.rounds, narrowing, *summary);
    overconfident = summary->coverage.overconfident();
  }
  write_answer(request, plan, Round(plan, request, request.rounds), region.is_whole());
}

constexpr const char* goes_on = "; give the same command again to go on";

}  // namespace

void refine(const RefinementRequest& request) {
  if (request.folder.empty()) throw core::UserError("-o is missing: name a folder for the refinement");
  std::error_code problem;
  if (!fs::exists(note_of(request.folder), problem)) {
    if (fs::exists(fs::path(request.folder) / "config.yaml", problem))
      throw core::UserError("-o " + request.folder +
                            ": holds a run already; name another folder for the refinement");
    experiment::check_run_folder(request.folder, /*force=*/false);
  }
  const RefinementPlan plan = make_plan(request);
  fs::create_directories(request.folder, problem);
  if (problem) throw core::UserError("-o " + request.folder + ": cannot be made: " + problem.message());
  const core::FileDescriptor lock = io::lock_folder(request.folder);
  open_folder(request, plan);
  try {
    run_rounds(request, plan);
  } catch (const core::Stopped&) {
    throw core::Stopped(request.folder + ": stopped" + goes_on);
  } catch (const core::Interrupted& stopped) {
    throw core::Stopped(request.folder + ": stopped by " + core::signal_name(stopped.signal()) + goes_on);
  }
}

}  // namespace fluxsbi::refine
