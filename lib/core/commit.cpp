#include "core/commit.hpp"

namespace fluxsbi::core {

std::string_view source_commit() {
  return
#include "core/commit_id.inc"
      ;
}

}  // namespace fluxsbi::core
