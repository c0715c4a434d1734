// A value of a config as YAML of one line.
#pragma once

#include <string>

#include "config/value.hpp"

namespace fluxsbi::config {

/// "{depth: 2, names: [a, \"b c\"]}", "1e-3", "null": read again it is the same value.
std::string flow_text(const Value& value);
/// A key as YAML takes it, in quotes where it needs them.
std::string key_text(const std::string& key);

}  // namespace fluxsbi::config
