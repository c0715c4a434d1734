// Two configs side by side.
#pragma once

#include <map>
#include <string>

#include "config/value.hpp"

namespace fluxsbi::benchmark {

/// Every value of a document by its path: "optimizer.max_lr" -> "1e-3", "model.axes[0]" -> "4".
using FlatConfig = std::map<std::string, std::string>;
FlatConfig flat_config(const config::Value& document);

/// "optimizer.max_lr is 1e-3 there and 1e-4 here", for the first key that differs; "" where none does.
std::string first_difference(const FlatConfig& there, const FlatConfig& here);

}  // namespace fluxsbi::benchmark
