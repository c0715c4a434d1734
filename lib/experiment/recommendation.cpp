#include "experiment/recommendation.hpp"

#include <algorithm>
#include <sstream>
#include <utility>
#include <vector>

#include "config/reader.hpp"
#include "core/error.hpp"
#include "core/text.hpp"
#include "data/dataset.hpp"
#include "experiment/experiment.hpp"
#include "model/cards.hpp"
#include "model/embedding/embedded_network.hpp"

namespace fluxsbi::experiment {

namespace {

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

std::vector<std::string> lines_of(const data::DataOptions& options) {
  config::Writer writer;
  writer.add(data::data_table(), options);
  writer.add(data::data_names_table(), options);
  std::vector<std::string> lines;
  std::istringstream text(writer.text());
  for (std::string line; std::getline(text, line);) lines.push_back(line);
  return lines;
}

// The keys of the section `data` that are not as usual, a line each.
std::string data_lines(const data::DataOptions& source) {
  const auto lines = lines_of(source), usual = lines_of({});
  core::require(lines.size() == usual.size(), "an option is a line");
  std::string text, parent;
  for (size_t i = 1; i < lines.size(); ++i) {  // behind "data:"
    if (lines[i].ends_with(":")) parent = lines[i] + "\n";
    const bool to_change = source.task && lines[i].starts_with("  simulations:");
    if (lines[i] == usual[i] && !to_change) continue;
    if (lines[i].starts_with("    ")) text += std::exchange(parent, "");
    text += lines[i] + "\n";
  }
  return text;
}

std::string config_text(const data::DataOptions& source, const std::string& model,
                        const data::DataShape& shape) {
  const std::string embedding(model::recommended_embedding(model, shape));
  // A posterior is one of the conditionals that a joint model learns.
  const bool joint = model != "flux1" && shape.x_dim > 0;
  return "strategy:\n  method: flow\n  model: " + model +
         "\n  time_distribution: logit_normal  # favours times near the data, but not only those\n"
         "  time_mean: 1.0\n  time_std: 1.5\n\nmodel:\n" +
         model::recommended_section(model, shape) +
         (joint ? "\ncondition_mask:\n  posterior: 0.8            # half of the rows train the posterior\n"
                : "") +
         (embedding.empty() ? "" : "\nembedding:\n  network: " + embedding + "\n") + "\ndata:\n" +
         data_lines(source) +
         "\noptimizer:\n  max_lr: 1.0e-3\n  min_lr: 1.0e-6\n"
         "  decay_transition: 0.3     # the rate falls after three tenths of the steps\n\n"
         "training:                   # take more steps if the validation loss still falls at the end\n"
         "  nsteps: 12000\n  batch_size: 256\n  val_every: 200\n  early_stopping: true\n";
}

// What the table says about the config's own model.
std::string finding_lines(const std::string& yaml, const data::DataShape& shape) {
  const config::Value document = config::parse_yaml(yaml, "the recommended config");
  Experiment experiment = read_experiment(document);
  model::resolve(*experiment.model, experiment.embedding, shape);
  std::string lines;
  for (const auto& finding : model::findings(*experiment.model, shape)) {
    lines += comment((finding.rule->warns ? "warning: " : "note: ") + finding.text()) +
             comment("\"" + std::string(finding.rule->card) + "\"", "  ");
  }
  return lines;
}

}  // namespace

std::string recommended_config(const data::DataOptions& source, const std::string& wanted) {
  const data::DataShape shape = data::dataset_shape(source);
  const model::ChoiceRule& rule = model::choose_model(shape, /*embedded=*/false);
  const std::string model =
      wanted.empty() ? std::string(rule.model) : std::string(model::make_spec(wanted)->name());
  const std::string config = config_text(source, model, shape);
  const std::string choice =
      wanted.empty() ? "model " + model + ", by the model cards' rule ["
                     : "the model cards' choice is " + std::string(rule.model) + ", by the rule [";
  std::string text = comment(shape_line(shape));
  text += comment(choice + std::string(rule.id) + "]:");
  text += comment("\"" + std::string(rule.card) + "\"", "  ");
  text += finding_lines(config, shape);
  if (model != "flux1joint" && shape.theta_channels == shape.x_channels) {
    text += comment(
        "take --model flux1joint if the likelihood dominates the problem, or if you will ask for other "
        "conditionals than the posterior");
  }
  return text + "\n" + config;
}

std::string recommendation_rules() {
  std::string text = "Which model (strategy.model: auto takes the first rule that holds):\n";
  for (const auto& rule : model::choice_rules()) {
    text += "  " + std::string(rule.id) + " -> " + std::string(rule.model) + "\n    " +
            std::string(rule.card) + "\n";
  }
  text += "What a model's numbers should be:\n";
  for (const auto& rule : model::card_rules()) {
    text += "  " + std::string(rule.id) + ": " + std::string(rule.what) + "\n    " + std::string(rule.card) +
            "\n";
  }
  return text + "fluxsbi recommend --data F applies them to your data.\n";
}

}  // namespace fluxsbi::experiment
