// A file that could not be written.
#pragma once

#include "core/error.hpp"

namespace fluxsbi::core {

/// The disk, its space or its permissions, and not what was asked for: a service that goes on to the next
/// request would fail at that, too.
class WriteFailure : public UserError {
 public:
  using UserError::UserError;
};

}  // namespace fluxsbi::core
