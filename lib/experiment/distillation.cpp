#include "experiment/distillation.hpp"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <optional>
#include <utility>

#include "checkpoint/training_state.hpp"
#include "config/value.hpp"
#include "core/error.hpp"
#include "core/log.hpp"
#include "core/text.hpp"
#include "data/data_section.hpp"
#include "distributed/ranks.hpp"
#include "experiment/data_look.hpp"
#include "experiment/ensemble.hpp"
#include "experiment/experiment.hpp"
#include "experiment/runs.hpp"
#include "experiment/training_run.hpp"

namespace fluxsbi::experiment {

namespace {

namespace fs = std::filesystem;

constexpr const char* teacher_file = "teacher.safetensors";

struct Teacher {
  std::string place;  // its run folder or file: of an ensemble that of a member
  std::shared_ptr<const checkpoint::ModelFile> model;
  int64_t steps = 0;  // that it was trained for
};

// The absolute path as YAML text.
std::string quoted_path(const std::string& path) {
  std::string text = "'";
  for (const char c : fs::absolute(path).lexically_normal().string())
    text += c == '\'' ? "''" : std::string(1, c);
  return text + "'";
}

// A run trains on after its best step.
int64_t trained_steps(const std::string& run_or_file, const checkpoint::ModelFile& model) {
  if (!fs::is_directory(run_or_file)) return model.step;
  const auto state = checkpoint::load_latest_state(run_or_file);
  return state ? std::max(state->step, model.step) : model.step;
}

Teacher open_teacher(const std::string& run_or_file) {
  std::string note;
  const std::string path = checkpoint::find_model(run_or_file, note);
  if (!note.empty()) core::log::warning(note);
  auto model = std::make_shared<checkpoint::ModelFile>(checkpoint::load_model(path));
  if (model->teacher)
    throw core::UserError(path +
                          " is a student itself, which jumps where a teacher must step; name the model "
                          "that it learned from (teacher.safetensors in the student's run folder)");
  if (!model->members.empty())
    return open_teacher(best_member(run_or_file, *model, "a student learns from one model"));
  const int64_t steps = trained_steps(run_or_file, *model);
  return {run_or_file, std::move(model), steps};
}

// The sections of a student's config that are its teacher's.
void refuse_assignments(const std::vector<std::string>& assignments) {
  for (const std::string& assignment : assignments) {
    const std::string key = assignment.substr(0, assignment.find('='));
    const bool free = key.starts_with("training.") || key.starts_with("optimizer.") ||
                      key.starts_with("output.") || key == "distillation.substeps" ||
                      key == "distillation.spacing";
    if (!free || key == "training.ensemble" || key == "training.member" || key == "training.seed")
      throw core::UserError(
          "--set " + assignment + ": a student is what its teacher is; --set changes the " +
          "sections training (not seed, ensemble and member, which split the rows), " +
          "optimizer and output, distillation.substeps and distillation.spacing" +
          (key == "distillation.evaluations" ? "; --evaluations says the evaluations" : ""));
  }
}

// A step of the student also evaluates the teacher; forward and backward cost three evaluations. Validation
// takes the rest of half of the time.
int64_t steps_of_student(int64_t teacher_steps, int64_t substeps) {
  constexpr double share_of_teacher = 0.48, of_step = 3;
  const double cost = (of_step + static_cast<double>(substeps)) / of_step;
  const double steps = share_of_teacher * static_cast<double>(teacher_steps) / cost;
  return std::max<int64_t>(100, static_cast<int64_t>(steps) / 10 * 10);
}

class StudentConfig {
 public:
  StudentConfig(const Teacher& teacher, const DistillationRequest& request)
      : document_(config::parse_yaml(teacher.model->config, "the teacher's configuration")) {
    const Experiment before = read_experiment(document_);
    for (const char* key : {"steps", "spacing"}) set(std::string("sampling.") + key, "null");
    set("sampling.solver", "auto");
    set("sampling.guidance_scale", "1");
    set("distillation.evaluations", std::to_string(request.evaluations));
    if (before.sampling.spacing) set("distillation.spacing", core::number_text(*before.sampling.spacing));
    set("distillation.teacher", quoted_path(teacher.place));
    for (const std::string& one : request.assignments) {
      if (one.starts_with("distillation.")) config::set_from_command_line(document_, one);
    }
    const int64_t substeps = read_experiment(document_).distillation.substeps.value();
    set_schedule(before, steps_of_student(teacher.steps, substeps));
    for (const std::string& one : request.assignments) config::set_from_command_line(document_, one);
  }

  Experiment read() const { return read_experiment(document_); }

 private:
  void set(const std::string& key, const std::string& value) {
    config::set_from_command_line(document_, key + "=" + value);
  }

  void set_schedule(const Experiment& before, int64_t steps) {
    constexpr int64_t validations = 10, checkpoints = 10, evaluations = 1024;
    set("training.nsteps", std::to_string(steps));
    set("training.val_every", std::to_string(std::max<int64_t>(1, steps / validations)));
    const int64_t often = std::max<int64_t>(1, steps / checkpoints);
    set("training.save_every", std::to_string(std::min(often, before.training.save_every)));
    set("training.validation_evaluations", std::to_string(evaluations));
    constexpr double memories = 20;  // the average forgets the teacher's weights so often
    const double decay = 1 - memories / static_cast<double>(steps);
    set("training.ema_decay", core::number_text(std::clamp(decay, 0.0, before.training.ema_decay)));
    set("optimizer.warmup_steps", "null");
    set("optimizer.schedule_steps", "null");
    set("training.x_noise", "0");  // the teacher's answers are no rows to learn by heart
    set("training.x_noise_end", "null");
  }

  config::Value document_;
};

void require_data(const Experiment& experiment, const std::string& teacher) {
  const std::string how = "; name simulations with --data F";
  if (!experiment.data.has_source()) throw core::UserError(teacher + ": its config names no data" + how);
  if (const auto gone = data::missing_file(experiment.data))
    throw core::UserError(teacher + ": the data " + *gone + " that it was trained on are not there any more" +
                          how);
}

Experiment experiment_of(const Teacher& teacher, const DistillationRequest& request) {
  Experiment experiment = StudentConfig(teacher, request).read();
  for (const auto& warning : experiment.warnings) core::log::warning(warning);
  if (!request.data.empty()) place_data(request.data, experiment.data, teacher.place);
  require_data(experiment, teacher.place);
  return experiment;
}

void refuse_own_run(const std::string& folder, const std::string& teacher) {
  std::error_code ignored;
  if (fs::equivalent(folder, teacher, ignored))
    throw core::UserError("-o " + folder +
                          ": is the teacher's own run, which the student would replace; name another folder");
}

// Long jumps are learned slowly (docs/distillation.md has the scores).
void log_expectation(const Experiment& experiment, int64_t evaluations) {
  constexpr int64_t long_jumps = 2, longer = 4;
  if (evaluations > long_jumps) return;
  core::log::info(
      "with " + core::count_text(evaluations, "evaluation") +
      " draws stay farther from the teacher's than with 4 (two_moons: a C2ST of " +
      (evaluations == 1 ? ".77" : ".58") + " where the teacher has .53); --evaluations 4 or --set " +
      "training.nsteps=" + std::to_string(longer * experiment.training.nsteps) + " brings them nearer");
}

void log_plan(const Experiment& experiment, const Teacher& teacher) {
  const method::DistillationOptions& distillation = experiment.distillation;
  core::log::info("a student that draws with " + core::count_text(*distillation.evaluations, "evaluation") +
                  " of the network, of a teacher trained for " + std::to_string(teacher.steps) + " steps");
  core::log::info("training.nsteps = " + std::to_string(experiment.training.nsteps) + ", of each row " +
                  core::count_text(*distillation.substeps, "evaluation") +
                  " of the teacher and one step of the student (docs/distillation.md)");
  log_expectation(experiment, *distillation.evaluations);
}

}  // namespace

std::shared_ptr<const checkpoint::ModelFile> kept_teacher(const std::string& folder) {
  const std::string path = (fs::path(folder) / teacher_file).string();
  if (!fs::exists(path))
    throw core::UserError(path +
                          " is missing, from which this student learns; put the teacher's model file " +
                          "(its model.safetensors) back under this name");
  return std::make_shared<const checkpoint::ModelFile>(checkpoint::load_model(path));
}

void start_distillation(const DistillationRequest& request) {
  distributed::Communicator& ranks = *request.execution.ranks;
  distributed::on_first(ranks, [&] {
    if (request.evaluations < 1 || request.evaluations > method::most_evaluations)
      throw core::UserError("--evaluations " + std::to_string(request.evaluations) + ": must be from 1 to " +
                            std::to_string(method::most_evaluations));
    refuse_assignments(request.assignments);
    refuse_own_run(request.folder, request.teacher);
    check_run_folder(request.folder, request.force);
  });
  Teacher teacher;
  std::unique_ptr<TrainingRun> training;
  distributed::together(ranks, [&] {
    teacher = open_teacher(request.teacher);
    refuse_own_run(request.folder, teacher.place);
    Experiment experiment = experiment_of(teacher, request);
    log_plan(experiment, teacher);
    use_all_threads();
    training = std::make_unique<TrainingRun>(request.folder, std::move(experiment), request.execution);
    training->take_teacher(teacher.model);
  });
  distributed::together(ranks, [&] { training->open_data(); });
  distributed::together(ranks, [&] {
    training->survey_data();
    training->find_symmetries();
    training->build();
    training->look_at_data();
    log_look(training->look());
    training->take_rows();
  });
  training->require_same_inputs(0);
  distributed::on_first(ranks, [&] {
    training->open_folder(/*anew=*/true);
    checkpoint::save_model((fs::path(request.folder) / teacher_file).string(), *teacher.model);
  });
  training->train(std::nullopt);
}

}  // namespace fluxsbi::experiment
