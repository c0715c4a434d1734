#include <algorithm>
#include <array>
#include <span>
#include <utility>

#include <nlohmann/json.hpp>

#include "checkpoint/model_file.hpp"
#include "checkpoint/refined_for.hpp"
#include "core/error.hpp"
#include "core/log.hpp"
#include "core/text.hpp"
#include "data/files/names.hpp"
#include "data/look/reference.hpp"
#include "diagnose/samples.hpp"
#include "io/files.hpp"
#include "report/run_folder.hpp"

namespace fluxsbi::report {

namespace {

using nlohmann::json;

// The named dimensions of `set` in the order of `names`, or all of them where there are as many.
std::vector<double> columns_like(const diagnose::SampleSet& set, const std::vector<std::string>& names) {
  if (set.dimensions == std::ssize(names) && (set.columns.empty() || set.columns == names)) return set.values;
  if (set.columns.empty())
    throw core::UserError(set.name + " holds draws of " + core::count_text(set.dimensions, "number") +
                          " without names, but the posterior has " + std::to_string(names.size()) + " (" +
                          core::list_first(names) + "); give a file of as many, or one that names them");
  return diagnose::with_columns(set, names).values;
}

// A list of texts in an object; empty for anything else.
std::vector<std::string> strings_of(const json& object, const std::string& key) {
  std::vector<std::string> texts;
  if (!object.is_object() || !object.contains(key) || !object[key].is_array()) return texts;
  for (const json& text : object[key])
    texts.push_back(text.is_string() ? text.get<std::string>() : text.dump());
  return texts;
}

// What fluxsbi sample wrote beside the samples: the observation, and where they come from.
void read_origin(PosteriorContent& posterior, const std::string& path, int64_t row, json& meta) {
  std::vector<std::string> keys;
  const auto listed = io::list_arrays(path);
  const auto holds = [&](const std::string& key) {
    return std::any_of(listed.begin(), listed.end(), [&](const auto& array) { return array.name == key; });
  };
  if (!holds("samples")) return;  // another kind of file, whose x are not what its draws were given
  for (const char* key : {"x", "given", "meta"})
    if (holds(key)) keys.emplace_back(key);
  if (keys.empty()) return;
  const io::Arrays arrays = io::load_arrays(path, keys).arrays;
  if (const auto found = arrays.find("meta"); found != arrays.end()) {
    const auto* text = reinterpret_cast<const char*>(found->second.bytes.data());
    meta = json::parse(text, text + found->second.bytes.size(), nullptr, false);
  }
  for (const char* key : {"x", "given"}) {
    const auto found = arrays.find(key);
    if (found == arrays.end() || found->second.shape.empty()) continue;
    const int64_t rows = found->second.shape[0],
                  width = found->second.elements() / std::max<int64_t>(rows, 1);
    if (row >= rows || width == 0) continue;
    const std::vector<double> all = found->second.to_double();
    const auto begin = all.begin() + row * width;
    posterior.x.assign(begin, begin + width);
    const std::string names = std::string(key) == "x" ? "x_names" : "names";
    posterior.x_names = strings_of(meta, names);
    if (std::ssize(posterior.x_names) != width)
      posterior.x_names = posterior.x_names.empty() || width % std::ssize(posterior.x_names) != 0
                              ? data::default_names("x", width)
                              : data::feature_names(posterior.x_names, width / std::ssize(posterior.x_names));
  }
}

// Of a joint model's question only what was given.
void drop_inferred(PosteriorContent& posterior) {
  std::vector<double> x;
  std::vector<std::string> names;
  for (size_t i = 0; i < posterior.x.size(); ++i) {
    const bool inferred = std::find(posterior.names.begin(), posterior.names.end(), posterior.x_names[i]) !=
                          posterior.names.end();
    if (inferred) continue;
    x.push_back(posterior.x[i]);
    names.push_back(posterior.x_names[i]);
  }
  posterior.x = std::move(x);
  posterior.x_names = std::move(names);
}

// What the members of an ensemble say of a row of the file that `run` drew: of theta given x alone.
void add_agreement(PosteriorContent& posterior, const std::string& run, const std::string& path, int64_t row,
                   int64_t members) {
  std::string note;
  const data::Standardiser theta = checkpoint::load_model(checkpoint::find_model(run, note)).theta;
  const io::Arrays arrays = io::load_arrays(path, {"samples", "filled"}).arrays;
  const auto samples = arrays.find("samples"), filled = arrays.find("filled");
  if (samples == arrays.end() || filled == arrays.end() || filled->second.shape.size() != 2) return;
  const int64_t draws = filled->second.shape[1], size = std::ssize(theta.mean);
  if (row >= filled->second.shape[0] || samples->second.elements() != filled->second.elements() * size)
    return;
  const std::vector<double> values = samples->second.to_double(), flags = filled->second.to_double();
  const std::vector<uint8_t> of_row(flags.begin() + row * draws, flags.begin() + (row + 1) * draws);
  const auto of_values =
      std::span(values).subspan(static_cast<size_t>(row * draws * size), static_cast<size_t>(draws * size));
  for (const auto& found : sample::disagreements({of_values, of_row, 1, draws, members}, theta))
    posterior.remarks.push_back(agreement_sentence(found, members, posterior.names));
}

// What is to be said of the observation of samples that `run` drew: of theta given x alone.
void add_observation(PosteriorContent& posterior, const std::string& run) {
  std::string note;
  const checkpoint::ModelFile model = checkpoint::load_model(checkpoint::find_model(run, note));
  if (std::ssize(posterior.x) != model.shape.x_size()) return;
  for (const std::string& sentence :
       observation_sentences(model.reference, checkpoint::refined_for(model), posterior.x, posterior.x_names))
    posterior.remarks.push_back(sentence);
}

// Throws for draws of another model. Where the file does not say who drew them, at least their number of
// parameters has to fit, and they get the model's names; returns a sentence for the reader then.
std::string check_origin(const json& meta, diagnose::SampleSet& samples, const std::string& run,
                         const ReportContent& content) {
  if (meta.is_object() && meta.contains("model") && meta["model"].is_string()) {
    const std::string drawn_by = meta["model"].get<std::string>();
    if (drawn_by == content.model) return "";
    throw core::UserError(samples.name + " was drawn by another model (" + drawn_by + ") than that of " +
                          run + " (" + (content.model.empty() ? "which has no weights yet" : content.model) +
                          "); draw it anew with fluxsbi sample " + shell_word(run));
  }
  const auto& known = content.parameters;
  if (!known.empty() && std::ssize(known) != samples.dimensions)
    throw core::UserError(samples.name + " holds draws of " + core::count_text(samples.dimensions, "number") +
                          ", but the model of " + run + " infers " + std::to_string(known.size()) + " (" +
                          core::list_first(known) + "); give samples of this run");
  if (samples.columns.empty()) samples.columns = known;
  return samples.name + " does not say which model drew it; it is taken for the one of " + run + ".";
}

}  // namespace

std::string agreement_sentence(const sample::Disagreement& row, int64_t members,
                               const std::vector<std::string>& names) {
  std::string sentence = row.text(members, names) + ".";
  sentence.front() = 'T';
  return sentence;
}

std::vector<std::string> observation_sentences(const data::Reference& reference,
                                               std::span<const double> refined_for, std::span<const double> x,
                                               std::span<const std::string> names) {
  std::vector<std::string> sentences;
  if (!checkpoint::is_refined_for(refined_for, x))
    sentences.push_back(
        "This is not the observation that the model was refined for: " + checkpoint::loss_of_others() + ".");
  for (const auto& unlike : data::unlike_training(reference, x, names))
    sentences.push_back(unlike.text + ". The network never saw such data, and its answer is a guess.");
  return sentences;
}

void add_samples(ReportContent& content, const std::string& run, const SamplesRequest& request) {
  diagnose::SampleSet samples = diagnose::load_finite_samples(request.path, request.row);
  PosteriorContent posterior;
  json meta;
  read_origin(posterior, request.path, std::max<int64_t>(request.row, 0), meta);
  const std::string remark = check_origin(meta, samples, run, content);
  if (!remark.empty()) {
    core::log::warning(remark);
    posterior.remarks.push_back(remark);
  } else if (!posterior.x.empty()) {
    add_observation(posterior, run);
  }
  if (meta.is_object() && meta.contains("target"))
    posterior.remarks.push_back("These are samples of " + meta["target"].get<std::string>() +
                                ". The tests on this page are of the model's own posterior.");
  for (int64_t i = std::ssize(samples.columns); i < samples.dimensions; ++i)
    samples.columns.push_back("theta_" + std::to_string(i));
  posterior.names = samples.columns;
  posterior.draws = std::move(samples.values);
  if (samples.unfilled > 0)
    posterior.remarks.push_back(
        core::count_text(samples.unfilled, "draw") +
        " could not be filled, or are not finite, and stand nowhere in what follows.");
  if (meta.is_object() && meta.value("members", int64_t{1}) > 1)
    add_agreement(posterior, run, request.path, std::max<int64_t>(request.row, 0),
                  meta["members"].get<int64_t>());
  drop_inferred(posterior);
  posterior.observation = "the observation of " + samples.name;
  if (!request.prior.empty())
    posterior.prior = columns_like(diagnose::load_finite_samples(request.prior), posterior.names);
  if (!request.truth.empty() && request.truth.size() != posterior.names.size())
    throw core::UserError("--truth has " + core::count_text(std::ssize(request.truth), "number") + ", but " +
                          request.path + " holds " + std::to_string(posterior.names.size()) +
                          " parameters; give one for each: " + core::list_first(posterior.names));
  posterior.truth = request.truth;
  std::string command = "fluxsbi sample " + shell_word(run) + " --x OBSERVATION -n " +
                        std::to_string(samples.rows + samples.unfilled);
  if (meta.is_object() && meta.contains("seed")) command += " --seed " + meta["seed"].dump();
  content.commands.push_back(command + " -o " + shell_word(request.path));
  content.posterior.content = std::move(posterior);
}

}  // namespace fluxsbi::report
