// Process groups that end with this process, however it ends.
#pragma once

#include <sys/types.h>

namespace fluxsbi::core {

/// Puts a group under guard: where this process ends without dropping it, by SIGKILL or a crash, a small
/// process beside it sends the group SIGTERM, and SIGKILL two seconds later. The guard is forked at the first
/// call and holds none of this process's files. Without one (no more processes), groups stay unguarded. Safe
/// to call from several threads.
void guard_group(pid_t group);
/// Says that the group's leader has ended.
void drop_group(pid_t group);

}  // namespace fluxsbi::core
