#include "data/simulate/simulation_config.hpp"

#include <algorithm>
#include <array>
#include <vector>

#include "config/reader.hpp"
#include "core/error.hpp"
#include "core/log.hpp"
#include "data/data_section.hpp"

namespace fluxsbi::data {

namespace {

// The document without the sections of models.
config::Value without_models(const config::Value& document) {
  config::Value rest = document;
  rest.map.clear();
  rest.key_places.clear();
  const auto left_out = sections_of_models();
  for (size_t i = 0; i < document.map.size(); ++i) {
    if (std::find(left_out.begin(), left_out.end(), document.map[i].first) != left_out.end()) continue;
    rest.map.push_back(document.map[i]);
    rest.key_places.push_back(document.key_places[i]);
  }
  return rest;
}

// Sections without rows: they make their names known to the reader, which offers them where one is misspelt.
std::vector<config::Section> empty_sections() {
  std::vector<config::Section> sections;
  for (const std::string_view name : sections_of_models())
    sections.push_back({std::string(name), {}, {}, {}});
  return sections;
}

}  // namespace

std::span<const std::string_view> sections_of_models() {
  static constexpr std::array<std::string_view, 9> names{"strategy",  "model",     "condition_mask",
                                                         "embedding", "optimizer", "training",
                                                         "output",    "sampling",  "distillation"};
  return names;
}

void take_simulator(const std::string& config, SimulateRequest& request) {
  const config::Value document = without_models(config::load_yaml(config));
  const std::vector<config::Section> others = empty_sections();
  config::Reader reader(document);
  for (const config::Section& section : others) reader.read(section, nullptr);
  DataOptions data;
  read_data_section(reader, data);
  reader.read(simulator_table(), request.simulator);
  reader.read(prior_table(), request.prior);
  resolve(request.prior, reader);
  adopt_names(request.prior, data.theta_names, reader);
  for (const std::string& warning : reader.finish()) core::log::warning(warning);
  request.theta_names = data.theta_names;
  request.x_names = data.x_names;
  if (request.simulator.command) return;
  if (!data.task) {
    throw core::UserError(config + ": simulator.command is missing; it names the program that simulates");
  }
  request.task = *data.task;
}

}  // namespace fluxsbi::data
