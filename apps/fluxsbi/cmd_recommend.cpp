#include <algorithm>
#include <iostream>
#include <memory>

#include <CLI/CLI.hpp>

#include "command.hpp"
#include "common.hpp"
#include "core/error.hpp"
#include "core/log.hpp"
#include "core/text.hpp"
#include "data/dataset.hpp"
#include "experiment/experiment.hpp"
#include "io/atomic_file.hpp"
#include "io/output.hpp"
#include "model/cards.hpp"
#include "model/embedding/embedded_network.hpp"

namespace fluxsbi::app {

namespace {

struct RecommendArguments {
  std::string data, task, model;
  OutputArgument output;
};

std::string shape_line(const data::DataShape& shape) {
  return "theta: " + core::count_text(shape.theta_dim, "token") + " of " +
         core::count_text(shape.theta_channels, "channel") +
         "; x: " + core::count_text(shape.x_dim, "token") + " of " +
         core::count_text(shape.x_channels, "channel");
}

// A comment of a YAML file, broken at 100 columns.
std::string comment(const std::string& text, const std::string& indent = "") {
  constexpr size_t width = 100;
  std::string lines, line = "# " + indent;
  size_t begin = 0;
  while (begin < text.size()) {
    const size_t end = std::min(text.find(' ', begin), text.size());
    if (line.size() + end - begin > width) {
      lines += line + "\n";
      line = "# " + indent;
    }
    line += (line.back() == ' ' ? "" : " ") + text.substr(begin, end - begin);
    begin = end + 1;
  }
  return lines + line + "\n";
}

std::string config_text(const RecommendArguments& arguments, const std::string& model,
                        const data::DataShape& shape) {
  const std::string source = arguments.task.empty()
                                 ? "  file: " + config::emit(arguments.data)
                                 : "  task: " + config::emit(arguments.task) + "\n  simulations: 100000";
  const std::string embedding(model::recommended_embedding(model, shape));
  // A posterior is one of the conditionals that a joint model learns.
  const bool joint = model != "flux1" && shape.x_dim > 0;
  return "strategy:\n  method: flow\n  model: " + model +
         "\n  time_distribution: logit_normal  # favours times near the data, but not only those\n"
         "  time_mean: 1.0\n  time_std: 1.5\n\nmodel:\n" +
         model::recommended_section(model, shape) +
         (joint ? "\ncondition_mask:\n  posterior: 0.8            # half of the rows train the posterior\n"
                : "") +
         (embedding.empty() ? "" : "\nembedding:\n  network: " + embedding + "\n") + "\ndata:\n" + source +
         "\n\noptimizer:\n  max_lr: 1.0e-3\n  min_lr: 1.0e-6\n"
         "  decay_transition: 0.3     # the rate falls after three tenths of the steps\n\n"
         "training:                   # take more steps if the validation loss still falls at the end\n"
         "  nsteps: 12000\n  batch_size: 256\n  val_every: 200\n  early_stopping: true\n";
}

// What the table says about the config's own model.
std::string finding_lines(const std::string& yaml, const data::DataShape& shape) {
  const config::Value document = config::parse_yaml(yaml, "the recommended config");
  experiment::Experiment experiment = experiment::read_experiment(document);
  model::resolve(*experiment.model, experiment.embedding, shape);
  std::string lines;
  for (const auto& finding : model::findings(*experiment.model, shape)) {
    lines += comment((finding.rule->warns ? "warning: " : "note: ") + finding.text()) +
             comment("\"" + std::string(finding.rule->card) + "\"", "  ");
  }
  return lines;
}

void print_rules() {
  std::cout << "Which model (strategy.model: auto takes the first rule that holds):\n";
  for (const auto& rule : model::choice_rules())
    std::cout << "  " << rule.id << " -> " << rule.model << "\n    " << rule.card << "\n";
  std::cout << "What a model's numbers should be:\n";
  for (const auto& rule : model::card_rules())
    std::cout << "  " << rule.id << ": " << rule.what << "\n    " << rule.card << "\n";
  std::cout << "fluxsbi recommend --data F applies them to your data.\n";
}

int recommend(const RecommendArguments& arguments) {
  if (!arguments.data.empty() && !arguments.task.empty())
    throw core::UserError("give --data or --task, not both");
  if (arguments.data.empty() && arguments.task.empty()) {
    if (!arguments.model.empty() || !arguments.output.path.empty())
      throw core::UserError("a config needs data: name them with --data F or --task NAME");
    print_rules();
    return 0;
  }
  if (!arguments.output.path.empty())
    io::check_output(arguments.output.path, arguments.output.force, {".yaml", ".yml"});
  data::DataOptions options;
  (arguments.task.empty() ? options.file : options.task) =
      arguments.task.empty() ? arguments.data : arguments.task;
  const data::DataShape shape = data::dataset_shape(options);
  const model::ChoiceRule& rule = model::choose_model(shape, /*embedded=*/false);
  const std::string model = arguments.model.empty() ? std::string(rule.model)
                                                    : std::string(model::make_spec(arguments.model)->name());

  const std::string config = config_text(arguments, model, shape);
  std::string text = comment(shape_line(shape));
  text += comment((arguments.model.empty()
                       ? "model " + model + ", by the model cards' rule ["
                       : "the model cards' choice is " + std::string(rule.model) + ", by the rule [") +
                  std::string(rule.id) + "]:");
  text += comment("\"" + std::string(rule.card) + "\"", "  ");
  text += finding_lines(config, shape);
  if (model != "flux1joint" && shape.theta_channels == shape.x_channels) {
    text += comment(
        "take --model flux1joint if the likelihood dominates the problem, or if you will ask for other "
        "conditionals than the posterior");
  }
  text += "\n" + config;
  if (arguments.output.path.empty()) {
    std::cout << text;
  } else {
    io::write_text(arguments.output.path, text);
    core::log::info("wrote " + arguments.output.path + "; next: fluxsbi train " + arguments.output.path);
  }
  return 0;
}

}  // namespace

Action declare_recommend(CLI::App& app) {
  auto arguments = std::make_shared<RecommendArguments>();
  app.add_option("--data", arguments->data, "simulations: .npz or .h5 with theta and x, or .csv");
  app.add_option("--task", arguments->task, "built-in task, instead of --data");
  app.add_option("--model", arguments->model, "model to use instead of the one that the cards choose");
  app.add_option("-o,--output", arguments->output.path, "config file to write (.yaml; default: print it)");
  app.add_flag("--force", arguments->output.force, "replace the output if it exists");
  return [arguments] { return recommend(*arguments); };
}

}  // namespace fluxsbi::app
