// Reading, resolving and writing the section `model` in tests of specs.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "config/reader.hpp"
#include "core/error.hpp"
#include "core/text.hpp"
#include "model/network.hpp"

namespace fluxsbi::model {

/// Reads the lines of a model section and resolves them; the warnings go to `warnings` where that is given.
template <class AnySpec>
AnySpec read_spec(const std::string& lines, const data::DataShape& shape, std::string* warnings = nullptr) {
  const config::Value document = config::parse_yaml("model: {" + lines + "}\n", "a.yaml");
  config::Reader reader(document);
  AnySpec spec;
  spec.read(reader);
  const auto found = reader.finish();
  if (warnings) *warnings = core::join(found);
  spec.resolve(shape);
  return spec;
}

/// The message of the mistake in the lines, or "".
template <class AnySpec>
std::string spec_error(const std::string& lines, const data::DataShape& shape) {
  try {
    read_spec<AnySpec>(lines, shape);
  } catch (const core::UserError& error) {
    return error.what();
  }
  return "";
}

inline std::string written(const Spec& spec) {
  config::Writer writer;
  spec.write(writer);
  return writer.text();
}

/// The spec that the written section of a resolved one reads back as, without a warning.
template <class AnySpec>
AnySpec read_back(const AnySpec& spec, const data::DataShape& shape) {
  const config::Value document = config::parse_yaml(written(spec), "config.yaml");
  config::Reader reader(document);
  AnySpec again;
  again.read(reader);
  core::require(reader.finish().empty(), "a resolved section reads without a warning");
  again.resolve(shape);
  return again;
}

/// Name and shape of every parameter.
inline std::vector<std::pair<std::string, std::vector<int64_t>>> parameter_shapes(const Spec& spec) {
  std::vector<std::pair<std::string, std::vector<int64_t>>> list;
  for (const auto& item : spec.build()->named_parameters()) {
    list.emplace_back(item.key(), item.value().sizes().vec());
  }
  return list;
}

inline bool holds(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

}  // namespace fluxsbi::model
