#include "data/simulate/likelihood.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <system_error>
#include <utility>

#include "config/reader.hpp"
#include "config/rules.hpp"
#include "core/error.hpp"
#include "core/io_problem.hpp"
#include "core/log.hpp"
#include "core/process.hpp"
#include "core/stop.hpp"
#include "core/text.hpp"
#include "data/simulate/program_files.hpp"
#include "data/simulate/rows_text.hpp"
#include "data/tasks/task.hpp"

namespace fluxsbi::data {

namespace {

class TaskLikelihood final : public Likelihood {
 public:
  explicit TaskLikelihood(std::unique_ptr<Task> task) : task_(std::move(task)) {}
  std::string name() const override { return "task " + std::string(task_->name()); }

 private:
  std::vector<double> compute(std::span<const double> theta, std::span<const double> x) const override {
    const auto size = static_cast<size_t>(task_->theta_dim());
    std::vector<double> found;
    for (size_t first = 0; first < theta.size(); first += size) {
      core::interruption_point();
      found.push_back(task_->log_likelihood(theta.subspan(first, size), x));
    }
    return found;
  }

  std::unique_ptr<Task> task_;
};

class CommandLikelihood final : public Likelihood {
 public:
  CommandLikelihood(std::string file, LikelihoodOptions options, std::vector<std::string> names)
      : file_(std::move(file)), options_(std::move(options)), names_(std::move(names)) {}
  std::string name() const override { return "likelihood.command of " + file_; }
  // With what its files hold: a program that was mended does not go on with the weights of the one before.
  std::string text() const override { return program_text(*options_.command); }

 private:
  std::vector<double> compute(std::span<const double> theta, std::span<const double> x) const override {
    const size_t size = names_.size() - x.size(), rows = theta.size() / size;
    const auto batch = static_cast<size_t>(options_.batch);
    std::vector<double> found;
    for (size_t first = 0; first < rows; first += batch) {
      const size_t count = std::min(batch, rows - first);
      std::vector<double> values;
      for (size_t row = first; row < first + count; ++row) {
        const auto point = theta.subspan(row * size, size);
        values.insert(values.end(), point.begin(), point.end());
        values.insert(values.end(), x.begin(), x.end());
      }
      const std::vector<double> part = run(values, count);
      found.insert(found.end(), part.begin(), part.end());
    }
    return found;
  }

  std::vector<double> run(std::span<const double> values, size_t rows) const {
    core::interruption_point();
    const std::string input = write_rows(names_, values);
    core::CommandResult result;
    try {
      result = core::run({.arguments = {"/bin/sh", "-c", *options_.command},
                          .input = input,
                          .environment = {},
                          .timeout_seconds = options_.timeout_seconds,
                          .stop = core::stop_requested});
    } catch (const std::system_error& problem) {
      fail("cannot be run: " + core::io_problem(problem.code().value()), {});
    }
    if (result.stopped) {
      core::interruption_point();
      throw core::Interrupted(core::stop_requested(), "stopped while " + name() + " ran");
    }
    if (result.timed_out)
      fail("ran longer than likelihood.timeout_seconds = " + core::number_text(options_.timeout_seconds),
           result);
    if (result.status != 0) fail("ended with exit status " + std::to_string(result.status), result);
    if (result.too_long) fail("writes without an end", result);
    const std::vector<ParsedRow> lines = read_rows(result.output, rows + 1);
    if (lines.size() != rows)
      fail("wrote " + std::string(lines.size() > rows ? "at least " : "") +
               core::count_text(std::ssize(lines), "line") + " for " +
               core::count_text(static_cast<int64_t>(rows), "row") +
               "; it writes log p(x | theta), one number a line, for each row that it reads",
           result);
    std::vector<double> found;
    for (const ParsedRow& line : lines) {
      if (!line.problem.empty()) fail("wrote " + line.problem, result);
      if (line.values.size() != 1)
        fail("wrote a line of " + std::to_string(line.values.size()) + " numbers, where one is expected",
             result);
      found.push_back(line.values.front());
    }
    return found;
  }

  [[noreturn]] void fail(const std::string& what, const core::CommandResult& result) const {
    throw core::UserError(
        name() + " " + what +
        (result.error_tail.empty() ? "" : "; its last words on standard error:\n" + result.error_tail));
  }

  std::string file_;
  LikelihoodOptions options_;
  std::vector<std::string> names_;
};

LikelihoodOptions read_likelihood(const std::string& file) {
  const config::Value document = config::load_yaml(file);
  LikelihoodOptions options;
  config::Reader reader(document);
  reader.read(likelihood_table(), options);
  for (const std::string& warning : reader.finish()) core::log::warning(warning);
  if (!options.command)
    throw core::UserError(file +
                          ": likelihood.command is missing; write, for example, likelihood: {command: "
                          "python3 log_likelihood.py}");
  return options;
}

}  // namespace

const config::Table<LikelihoodOptions>& likelihood_table() {
  static const auto table =
      config::Table<LikelihoodOptions>(
          "likelihood",
          "Your own likelihood, for --likelihood: a command that reads rows of theta and x as CSV with a "
          "header on standard input and writes log p(x | theta) of each row, one number a line.")
          .add("command", &LikelihoodOptions::command, config::any<std::optional<std::string>>(),
               "the command, which /bin/sh runs once for each batch")
          .add("batch", &LikelihoodOptions::batch, config::integer_between(1, 10000000),
               "how many rows one run of the command gets")
          .add("timeout_seconds", &LikelihoodOptions::timeout_seconds, config::number_at_least(0),
               "the time in seconds after which a run of the command is stopped; 0: no limit");
  return table;
}

std::vector<double> Likelihood::values(std::span<const double> theta, std::span<const double> x) const {
  std::vector<double> found = compute(theta, x);
  const size_t size = found.empty() ? 0 : theta.size() / found.size();
  for (size_t row = 0; row < found.size(); ++row) {
    if (!std::isnan(found[row]) && found[row] < std::numeric_limits<double>::infinity()) continue;
    std::vector<std::string> point;
    for (const double value : theta.subspan(row * size, size)) point.push_back(core::number_text(value));
    throw core::UserError(name() + ": log p(x | theta) at theta = (" + core::join(point) + ") is " +
                          (std::isnan(found[row]) ? "not a number" : "infinite") +
                          "; it must be a number, or -inf where x is impossible");
  }
  return found;
}

std::unique_ptr<Likelihood> open_likelihood(const std::string& source, const DataShape& shape,
                                            std::vector<std::string> names) {
  if (source.ends_with(".yaml") || source.ends_with(".yml"))
    return std::make_unique<CommandLikelihood>(source, read_likelihood(source), std::move(names));
  std::unique_ptr<Task> task;
  try {
    task = make_task(source);
  } catch (const core::UserError& problem) {
    throw core::UserError("--likelihood " + source +
                          " is neither a YAML file with likelihood.command nor a task: " + problem.what());
  }
  if (task->theta_dim() != shape.theta_size() || task->x_dim() != shape.x_size())
    throw core::UserError("--likelihood " + source + ": the task has " + std::to_string(task->theta_dim()) +
                          " parameters and " + std::to_string(task->x_dim()) +
                          " numbers of x, but the model " + std::to_string(shape.theta_size()) + " and " +
                          std::to_string(shape.x_size()) +
                          (shape.x_places.empty() ? "" : ", because it sees some values of x (data.use_x)"));
  return std::make_unique<TaskLikelihood>(std::move(task));
}

}  // namespace fluxsbi::data
