#include "sample/files/sample_file.hpp"

#include <algorithm>
#include <optional>
#include <utility>

#include <nlohmann/json.hpp>

#include "io/files.hpp"
#include "sample/files/sample_writer.hpp"

namespace fluxsbi::sample {

io::Array text_array(const std::string& text) {
  io::Array array{io::DType::u8, {static_cast<int64_t>(text.size())}, {}};
  const auto bytes = std::as_bytes(std::span(text));
  array.bytes.assign(bytes.begin(), bytes.end());
  return array;
}

namespace {

// Origin::target, or that of densities and modes; none where the file cannot tell.
std::optional<std::string> said_target(const std::string& path) {
  const std::string extension = io::extension_of(path);
  if (extension != ".npz" && extension != ".h5" && extension != ".hdf5") return {};
  const auto list = io::list_arrays(path);
  const auto holds = [&](const char* name) {
    return std::any_of(list.begin(), list.end(),
                       [&](const io::ArrayInfo& info) { return info.name == name && info.problem.empty(); });
  };
  if (!holds("meta") || !(holds("samples") || holds("log_prob") || holds("map"))) return {};
  const io::Array meta = std::move(io::load_arrays(path, {"meta"}).arrays.at("meta"));
  const auto* begin = reinterpret_cast<const char*>(meta.bytes.data());
  const auto values = nlohmann::json::parse(begin, begin + meta.bytes.size(), nullptr, false);
  if (!values.is_object() || !values.contains("model")) return {};
  const bool says = values.contains("target") && values["target"].is_string();
  return says ? values["target"].get<std::string>() : "";
}

}  // namespace

std::string target_of(const std::string& path) {
  return said_target(path).value_or("");
}

std::string other_target(const std::string& samples, const std::string& densities) {
  const auto of_samples = said_target(samples), of_densities = said_target(densities);
  if (!of_samples || !of_densities || *of_samples == *of_densities) return "";
  const auto text = [](const std::string& target) {
    return target.empty() ? std::string("the model's own posterior") : target;
  };
  return densities + " holds densities of " + text(*of_densities) + ", and " + samples + " samples of " +
         text(*of_samples);
}

const std::vector<std::string>& sample_extensions() {
  static const std::vector<std::string> extensions{".npz", ".npy", ".h5", ".hdf5"};
  return extensions;
}

void save_samples(const std::string& path, const Samples& samples, const Question& question,
                  const Origin& origin, NumberType type) {
  SampleWriter writer(
      path, "sample",
      {samples.rows, samples.draws, samples.tokens, samples.channels, question, origin, type});
  writer.append(samples.values, samples.filled);
  writer.commit(samples.drawn);
}

}  // namespace fluxsbi::sample
