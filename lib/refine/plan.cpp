#include "refine/plan.hpp"

#include <algorithm>
#include <filesystem>
#include <optional>
#include <utility>

#include "checkpoint/model_file.hpp"
#include "config/flow_text.hpp"
#include "config/reader.hpp"
#include "core/error.hpp"
#include "core/log.hpp"
#include "core/registry.hpp"
#include "core/text.hpp"
#include "data/files/names.hpp"
#include "data/files/observations.hpp"
#include "data/simulate/command_prior.hpp"
#include "data/simulate/online.hpp"
#include "data/sources.hpp"
#include "data/symmetry/symmetry.hpp"
#include "experiment/ensemble.hpp"
#include "experiment/experiment.hpp"
#include "experiment/recommendation.hpp"

namespace fluxsbi::refine {

namespace {

namespace fs = std::filesystem;
using config::Value;

void set(Value& document, const std::string& key, const std::string& value) {
  config::set_from_command_line(document, key + "=" + value);
}

const Value* find(const Value& document, const char* section, const char* key) {
  const Value* keys = document.find(section);
  const Value* value = keys ? keys->find(key) : nullptr;
  return value && value->kind != Value::Kind::null ? value : nullptr;
}

void check_numbers(const RefinementRequest& request) {
  if (request.rounds < 1)
    throw core::UserError("--rounds " + std::to_string(request.rounds) + ": must be at least 1");
  if (request.simulations < fewest_simulations)
    throw core::UserError("--simulations " + std::to_string(request.simulations) + ": must be at least " +
                          std::to_string(fewest_simulations) +
                          ", since a network learns nothing from fewer rows");
  if (!(request.epsilon > 0 && request.epsilon <= most_epsilon))
    throw core::UserError("--epsilon " + core::number_text(request.epsilon) +
                          ": must be above 0 and at most " + core::number_text(most_epsilon) +
                          "; it is the share of the posterior that a region leaves out");
  if (request.x.empty())
    throw core::UserError("--x is missing: name the file of the observation; refine works for one");
  std::error_code ignored;
  const std::string without_key = request.x.substr(0, request.x.rfind(':'));
  if (!fs::exists(request.x, ignored) && !fs::exists(without_key, ignored))
    throw core::UserError("--x " + request.x + ": there is no such file");
}

bool is_run(const std::string& path) {
  std::error_code ignored;
  return fs::is_directory(path, ignored);
}

data::Sources read_sources(const Value& document) {
  config::Reader reader(document);
  data::Sources sources = data::read_sources(reader);
  reader.finish_part();
  return sources;
}

void forget_sources(Value& document) {
  for (const char* key : {"file", "theta_file", "x_file"}) {
    if (find(document, "data", key)) set(document, std::string("data.") + key, "null");
  }
  if (find(document, "data", "files")) set(document, "data.files", "[]");
}

// The run that is the first round where `run` is named: itself, or of an ensemble a member.
std::string first_round(const std::string& run) {
  std::error_code ignored;
  if (!fs::exists(fs::path(run) / "config.yaml", ignored))
    throw core::UserError(run + ": is not a run folder (no config.yaml in it); name a config or a run");
  std::string note;
  const std::string path = checkpoint::find_model(run, note);
  if (!note.empty())
    throw core::UserError(run + ": its training has not finished; fluxsbi resume " + run +
                          " goes on with it");
  const checkpoint::ModelFile model = checkpoint::load_model(path);
  if (model.teacher)
    throw core::UserError(run + " is a student, whose densities are its teacher's; name the teacher's run");
  if (model.members.empty()) return run;
  return experiment::best_member(run, model, "the first round is one model");
}

// `subject` names the run that is the first round.
Value given_document(const RefinementRequest& request, const std::string& subject) {
  if (request.subject.empty() && request.task.empty())
    throw core::UserError(
        "nothing to refine: name a config with a simulator and a prior, a run folder, or a built-in task "
        "with --task NAME");
  if (is_run(subject)) {
    if (!request.task.empty())
      throw core::UserError("--task " + request.task + ": the run " + request.subject +
                            " says itself what simulates; leave one of them out");
    return config::load_yaml((fs::path(subject) / "config.yaml").string());
  }
  if (request.subject.empty()) return config::parse_yaml("{}", "the command line");
  return config::load_yaml(request.subject);
}

std::string section_text(const data::PriorOptions& options) {
  config::Writer writer;
  writer.add(data::prior_table(), options);
  return writer.text();
}

// The prior as the section of a config that trains on files.
void put_prior(const data::PriorOptions& options, Value& document) {
  const Value section = config::parse_yaml(section_text(options), "the task's prior");
  for (auto& [name, value] : document.map) {
    if (name == "prior") {
      value = *section.find("prior");
      return;
    }
  }
  document.map.push_back(section.map.front());
  document.key_places.push_back(section.key_places.front());
}

// Whether components bound each other, so that a box does not tell the support.
bool bounds_itself(const data::Prior& prior) {
  const data::PriorOptions options = prior.options();
  if (options.kind != data::PriorKind::parameters) return false;
  const auto& parts = options.parameters->parts;
  return std::any_of(parts.begin(), parts.end(), [](const data::PriorPart& part) {
    const auto* row = core::find_row(data::prior_kinds(), part.kind);
    return row && row->name == "dirichlet";
  });
}

// What a task asks for where the config leaves it open: a file of its simulations does not say it.
void put_needs(const data::Task& task, const data::DataOptions& given, Value& document) {
  const data::DataNeeds needs = task.data_needs();
  const data::TransformWords unsaid{data::TransformWord::automatic};
  if (needs.standardise_x != data::Standardise::automatic &&
      given.standardise_x == data::Standardise::automatic)
    set(document, "data.standardise_x", config::emit(needs.standardise_x));
  if (needs.constant != data::ConstantColumns::automatic &&
      given.constant == data::ConstantColumns::automatic)
    set(document, "data.constant", config::emit(needs.constant));
  if (needs.transform_theta != data::TransformWord::automatic && given.transform_theta == unsaid)
    set(document, "data.transform_theta", config::emit(needs.transform_theta));
  if (needs.transform_x != data::TransformWord::automatic && given.transform_x == unsaid)
    set(document, "data.transform_x", config::emit(needs.transform_x));
  if (task.padded()) set(document, "data.nan", config::emit(data::NanPolicy::pad));
}

class Planner {
 public:
  explicit Planner(const RefinementRequest& request) : request_(request) {}

  RefinementPlan make() {
    check_numbers(request_);
    std::string subject = request_.subject;
    if (is_run(subject)) {
      subject = first_round(subject);
      plan_.run = fs::absolute(subject).lexically_normal().string();
    }
    plan_.document = given_document(request_, subject);
    plan_.by_recipe = experiment::leaves_training_open(plan_.document);
    if (!request_.task.empty()) set(plan_.document, "data.task", config::emit(request_.task));
    if (request_.seed) set(plan_.document, "training.seed", std::to_string(*request_.seed));
    for (const std::string& one : request_.assignments) config::set_from_command_line(plan_.document, one);
    sources_ = read_sources(plan_.document);
    if (!plan_.run.empty() && sources_.data.online)
      throw core::UserError(request_.subject +
                            " simulated while it trained, so its rows are not kept; name its config, "
                            "with which the first round simulates anew: " +
                            request_.subject + "/config.yaml");
    if (plan_.run.empty() && sources_.data.names_rows() && !sources_.data.task)
      core::log::warning(request_.subject +
                         " names a file of data, which is left out: the first round simulates its own rows; "
                         "to begin with that file, train on it and name the run");
    take_simulator();
    use_all_of_x();
    check_training();
    read_observation();
    plan_.description = description();
    return std::move(plan_);
  }

 private:
  std::string who() const { return request_.subject.empty() ? "--task " + request_.task : request_.subject; }

  void take_simulator() {
    const bool command = sources_.simulator.command && !sources_.simulator.command->empty();
    if (command && sources_.data.task)
      throw core::UserError(who() + ": data.task and simulator.command both say what simulates; keep one");
    if (!command && !sources_.data.task)
      throw core::UserError(
          who() +
          ": refine makes simulations itself, and nothing here says how: name a program with --set "
          "simulator.command='python3 mine.py' (docs/simulators.md), or a built-in task (data.task)");
    data::SimulateRequest& simulate = plan_.simulate;
    simulate.theta_names = sources_.data.theta_names;
    simulate.x_names = sources_.data.x_names;
    if (command) {
      take_command();
    } else {
      take_task();
    }
    plan_.transform = sources_.prior.transform;
    if (!simulate.theta_names.empty())  // the section prior, which may go, may have told them
      set(plan_.document, "data.names.theta", config::emit(simulate.theta_names));
    if (request_.workers) simulate.simulator.workers = request_.workers;
    simulate.simulator.command = command ? sources_.simulator.command : std::nullopt;
    forget_sources(plan_.document);
  }

  void take_command() {
    if (sources_.prior.kind == data::PriorKind::none || sources_.prior.kind == data::PriorKind::custom)
      throw core::UserError(who() + ": refine draws theta from the prior, and prior.kind = " +
                            config::name_of(sources_.prior.kind) +
                            " cannot be drawn from; give a section prior (docs/priors.md)");
    plan_.prior = data::command_prior(sources_.prior, std::ssize(sources_.data.theta_names));
    plan_.simulate.simulator = sources_.simulator;
    plan_.simulate.prior = sources_.prior;
  }

  void take_task() {
    const std::shared_ptr<const data::Task> task = data::make_task(*sources_.data.task);
    plan_.prior = {task, &task->prior()};
    plan_.simulate.task = sources_.data.task;
    data::PriorOptions own = task->prior().options();
    own.transform = sources_.prior.transform;
    if (sources_.prior.kind != data::PriorKind::none && section_text(sources_.prior) != section_text(own))
      throw core::UserError(who() + ": the task " + *sources_.data.task +
                            " draws from a prior of its own; leave the section prior out");
    put_prior(own, plan_.document);
    put_needs(*task, sources_.data, plan_.document);
  }

  // The values of x that are worth a look differ from round to round.
  void use_all_of_x() {
    if (!sources_.data.use_x.names.empty())
      throw core::UserError(who() + ": its model sees some values of x (data.use_x), and refine needs all; " +
                            "train it with data.use_x=all");
    set(plan_.document, "data.use_x", "all");
  }

  // Within a region parameters depend on each other. What data.symmetries: auto finds, it finds there.
  void leave_shifts_out() {
    const std::string& named = sources_.data.symmetries;
    const std::optional<std::string> kept = data::without_shifts(named);
    if (!kept) return;
    core::log::warning(
        who() + ": the shifts of data.symmetries are left out (" + named +
        "): after the first round theta is drawn within a region, where a parameter depends on "
        "the others");
    set(plan_.document, "data.symmetries", *kept);
  }

  // Reads the whole config, as if it simulated while training: no file of rows is there yet.
  void check_training() {
    Value online = plan_.document;
    set(online, "data.online", "true");
    if (find(online, "data", "symmetries")) set(online, "data.symmetries", "none");  // of no use online
    leave_shifts_out();
    if (plan_.simulate.simulator.command) {
      set(online, "simulator.batch", "1");  // for the shape of x
      set(online, "simulator.workers", "1");
    }
    if (plan_.by_recipe) {
      const experiment::Recommendation made = experiment::recommend(online);
      plan_.shape = made.facts.shape;
      online = made.document;
    } else {
      const data::Sources sources = read_sources(online);
      plan_.shape = data::online_shape(sources.data, sources.simulator, sources.prior);
    }
    const experiment::Experiment read = experiment::read_experiment(online);
    for (const std::string& warning : read.warnings) core::log::warning(warning);
    if (experiment::is_ensemble(read)) {
      core::log::warning(who() + ": training.ensemble = " + std::to_string(read.training.ensemble) +
                         " gives way: each round of a refinement is one model");
      set(plan_.document, "training.ensemble", "1");
    }
    if (read.distillation.active())
      throw core::UserError(who() + ": is the config of a student; name its teacher's");
    plan_.seed = static_cast<uint64_t>(read.training.seed);
    if (plan_.simulate.task) set(plan_.document, "data.task", "null");
    if (plan_.document.find("task_name")) set(plan_.document, "task_name", "null");
  }

  void read_observation() {
    plan_.shape.padded = plan_.shape.padded || sources_.data.nan == data::NanPolicy::pad;
    plan_.theta_names = data::resolve_names(sources_.data.theta_names, "theta", plan_.shape.theta_dim);
    plan_.x_names = data::resolve_names(sources_.data.x_names, "x", plan_.shape.x_dim);
    const auto observed = data::load_observations(request_.x, plan_.shape, plan_.x_names);
    if (observed.rows != 1)
      throw core::UserError(request_.x + " holds " + core::count_text(observed.rows, "observation") +
                            ", and a refinement is for one; give a file with that row alone, and refine each "
                            "observation into a folder of its own");
    plan_.x = observed.x;
  }

  std::string description() const {
    std::string x;
    for (const double value : plan_.x) x += (x.empty() ? "" : ",") + config::emit(value);
    return "x " + x + "; simulations " + std::to_string(request_.simulations) + "; epsilon " +
           config::emit(request_.epsilon) + "; seed " + std::to_string(plan_.seed) +
           (plan_.simulate.task ? "; task " + *plan_.simulate.task : "") +
           (plan_.run.empty() ? "" : "; first round " + plan_.run) + "; config " +
           config::flow_text(plan_.document);
  }

  const RefinementRequest& request_;
  RefinementPlan plan_;
  data::Sources sources_;
};

}  // namespace

Value RefinementPlan::training_document(const std::string& file, bool of_prior) const {
  Value training = document;
  if (!of_prior && bounds_itself(*prior)) {
    core::log::info(
        "the prior holds a dirichlet, whose support is no box, so that the section prior stays as it is: a "
        "warning that theta is not distributed as the prior says is then about the regions alone");
  } else if (!of_prior) {
    data::PriorOptions box;
    box.kind = data::PriorKind::custom;
    for (size_t i = 0; i < static_cast<size_t>(prior->dim()); ++i) {
      const auto [low, high] = prior->ends(i);
      box.low.push_back(low);
      box.high.push_back(high);
    }
    box.transform = transform;
    put_prior(box, training);
  }
  set(training, "data.online", "false");
  set(training, "data.file", config::emit(fs::absolute(file).lexically_normal().string()));
  const std::pair<const char*, const char*> plain[] = {
      {"theta_key", "theta"}, {"x_key", "x"}, {"ignore", "[]"}, {"transposed", "null"}};
  for (const auto& [key, value] : plain) {
    if (find(training, "data", key)) set(training, std::string("data.") + key, value);
  }
  return training;
}

RefinementPlan make_plan(const RefinementRequest& request) {
  return Planner(request).make();
}

}  // namespace fluxsbi::refine
