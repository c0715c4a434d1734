#include "data/simulate/simulation_plan.hpp"

#include <algorithm>
#include <filesystem>

#include "config/reader.hpp"
#include "core/error.hpp"
#include "core/log.hpp"
#include "core/text.hpp"
#include "data/files/names.hpp"
#include "data/simulate/command_prior.hpp"
#include "data/simulate/journal.hpp"
#include "data/simulate/program_files.hpp"
#include "data/simulate/simulate.hpp"
#include "data/simulate/simulation_file.hpp"
#include "io/atomic_file.hpp"
#include "io/files.hpp"
#include "io/output.hpp"
#include "io/source.hpp"

namespace fluxsbi::data {

namespace {

constexpr int64_t task_batch = 4096;  // rows a record of a built-in task, which are quick

std::string one_line(std::string text) {
  std::replace(text.begin(), text.end(), '\n', ' ');
  return text;
}

// The command, its files, and what it reads and writes: all that rows of one run have in common.
std::string program_of(const SimulateRequest& request) {
  std::string text = program_text(*request.simulator.command);
  if (!request.theta_names.empty()) text += ", names " + core::join(request.theta_names);
  if (request.simulator.lines > 1) text += ", simulator.lines " + std::to_string(request.simulator.lines);
  return one_line(text);
}

void plan_command(const SimulateRequest& request, SimulationPlan& plan) {
  if (!request.simulator.command || request.simulator.command->empty()) {
    throw core::UserError("nothing to simulate: name a built-in task, or set simulator.command and prior");
  }
  plan.batch = request.simulator.batch;
  plan.program = program_of(request);
  plan.program_data = data_text(*request.simulator.command);
  const int64_t names = std::ssize(request.theta_names);
  if (request.theta_file) {  // a prior is welcome, but not needed
    plan.dim = std::max(prior_dim(request.prior), names);
    if (plan.dim > 0) plan.own_prior = make_prior(request.prior, plan.dim);
  } else {
    plan.own_prior = command_prior(request.prior, names);
    plan.dim = plan.own_prior->dim();
    config::Writer writer;
    writer.add(prior_table(), plan.own_prior->options());
    plan.description += one_line(writer.text());
  }
  plan.prior = plan.own_prior.get();
}

// Reads the rows of theta that are given, and says what the user should know of them.
void plan_theta(const SimulateRequest& request, SimulationPlan& plan) {
  plan.given = load_theta_rows(*request.theta_file, plan.dim, request.theta_names);
  const ThetaRows& given = *plan.given;
  plan.dim = std::ssize(given.theta) / given.rows;
  if (request.simulations > given.rows) {
    throw core::UserError(given.source + " gives " + std::to_string(given.rows) +
                          " rows of theta, fewer than the " + std::to_string(request.simulations) +
                          " simulations asked for; leave out -n");
  }
  plan.rows = request.simulations > 0 ? request.simulations : given.rows;
  plan.description +=
      "given theta with CRC-32 " + std::to_string(io::crc32(std::as_bytes(std::span(given.theta)))) + ", ";
  for (const auto& remark : given.remarks) core::log::warning(remark);
  int64_t outside = 0, first = 0;
  for (int64_t row = 0; plan.prior && row < plan.rows; ++row) {
    const auto begin = given.theta.begin() + row * plan.dim;
    if (plan.prior->in_support(std::vector<double>(begin, begin + plan.dim))) continue;
    if (outside++ == 0) first = row;
  }
  core::log::info(given.source + ": simulating at " + std::to_string(plan.rows) + " rows of theta");
  if (outside > 0) {
    core::log::warning(given.source + ": " + std::to_string(outside) + " of " + std::to_string(plan.rows) +
                       " rows of theta lie outside the prior's support, the first is row " +
                       std::to_string(first) + " (counted from 0); they are simulated as they are");
  }
}

// A table whose columns share a name cannot be read again.
void check_columns(const SimulateRequest& request) {
  if (io::extension_of(request.output) != ".csv") return;
  for (const auto& name : request.theta_names) {
    if (std::find(request.x_names.begin(), request.x_names.end(), name) == request.x_names.end()) continue;
    throw core::UserError("data.names: theta and x both have the name " + core::quoted(name) +
                          ", and the columns of " + request.output +
                          " need names of their own; rename one of them, or write .npz or .h5");
  }
}

/// The file beside OUT.partial that tells which program makes its rows.
std::string program_note(const std::string& output) {
  return output + ".partial.program";
}

}  // namespace

void SimulationPlan::theta_of(int64_t row, std::span<double> theta) const {
  if (!given) return draws->draw(row, theta);
  std::copy_n(given->theta.begin() + row * dim, dim, theta.begin());
}

SimulationPlan make_plan(const SimulateRequest& request) {
  if (request.simulations < (request.theta_file ? 0 : 1))
    throw core::UserError("the number of simulations must be at least 1");
  SimulationPlan plan;
  plan.files = simulation_files(request.output);
  check_columns(request);
  for (const auto& file : plan.files) io::check_output(file, request.force || request.retry_failed, {});
  if (request.task) {
    if (request.simulator.command) {
      throw core::UserError("both a task and simulator.command are given; keep one of them");
    }
    plan.task = make_task(*request.task);
    plan.prior = &plan.task->prior();
    plan.dim = plan.prior->dim();
    plan.batch = task_batch;
    plan.description = "task " + *request.task + ", ";
    resolve_names(request.x_names, "x", plan.task->x_dim());
  } else {
    plan_command(request, plan);
  }
  plan.rows = request.simulations;
  if (request.theta_file) {
    plan_theta(request, plan);
  } else {
    plan.draws.emplace(*plan.prior, request.seed);
  }
  plan.theta_names = resolve_names(request.theta_names, "theta", plan.dim);
  plan.description += "seed " + std::to_string(request.seed);
  return plan;
}

void check_program(const SimulateRequest& request, const SimulationPlan& plan) {
  if (plan.program.empty()) return;
  const std::string partial = request.output + ".partial", note = program_note(request.output);
  if (std::filesystem::exists(partial) && std::filesystem::exists(note)) {
    const auto bytes = io::FileSource(note).read_all();
    const std::string text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    const std::string begun = text.substr(0, text.find('\n')),
                      files = text.substr(std::min(begun.size() + 1, text.size()));
    if (begun == plan.program && files == plan.program_data) return;
    if (request.force) {
      Journal(partial, plan.description, true, [](const JournalRecord&) {}).remove();
    } else if (begun == plan.program) {  // a program may write to these files itself: no reason to stop
      const auto named = [](const std::string& sums) { return sums.empty() ? std::string("none") : sums; };
      core::log::warning(partial + " was begun with other files (" + named(files) +
                         ") than the command names now (" + named(plan.program_data) +
                         "; the numbers are checksums): if simulations depend on them, rows from before and "
                         "after the change stand in one file; --force begins anew");
      return;
    } else if (!request.retry_failed) {
      throw core::UserError(
          partial + " was begun by another program (" + begun + ") than it is now (" + plan.program +
          "; numbers behind files are checksums); --retry-failed keeps the rows that succeeded and "
          "runs the others with the new program, --force begins anew");
    }
  }
  io::write_text(note, plan.program + "\n" + plan.program_data);
}

void forget_program(const std::string& output) {
  std::error_code ignored;
  if (!std::filesystem::exists(output + ".partial")) std::filesystem::remove(program_note(output), ignored);
}

}  // namespace fluxsbi::data
