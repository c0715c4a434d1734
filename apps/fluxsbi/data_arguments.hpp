// --data, --task, --theta-key and --x-key: where the commands that train, check and recommend take
// simulations from.
#pragma once

#include <string>
#include <vector>

#include "common.hpp"
#include "config/value.hpp"

namespace fluxsbi::app {

struct DataArguments {
  std::string data, task, theta_key, x_key;

  bool names_data() const { return !data.empty() || !task.empty(); }
};
void add_data(CLI::App& app, DataArguments& arguments);

/// Throws core::UserError where both --data and --task are given.
void require_one_source(const DataArguments& arguments);

/// Leaves the files out that the document names.
void forget_files(config::Value& document);

/// The config, or without one nothing, with the data and then `assignments` (--set); what it leaves open the
/// recipe chooses, as `train` does it. Throws UserError where neither names data: `purpose` is what nothing
/// is there to do then ("plan").
config::Value completed_document(const std::string& config, const DataArguments& arguments,
                                 const std::vector<std::string>& assignments, const std::string& purpose);

/// Puts them in place of the document's own source of data, which gives way. They must have been checked.
void put_into(const DataArguments& arguments, config::Value& document);

}  // namespace fluxsbi::app
