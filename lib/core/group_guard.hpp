// Process groups that end with this process, however it ends.
#pragma once

#include <sys/types.h>

namespace fluxsbi::core {

/// Starts the guard, a small process that holds none of this process's files, where it has not started yet.
/// Before a group is started, so that as little time as can be lies between its start and guard_group().
/// Without a guard (no more processes), groups stay unguarded. All functions may be called from several
/// threads.
void start_guard();
/// Puts a group under guard: where this process ends without dropping it, by SIGKILL or a crash, the guard
/// sends the group SIGTERM, and SIGKILL two seconds later. A group that started in the instant before such an
/// end may escape.
void guard_group(pid_t group);
/// Says that the group's leader has ended.
void drop_group(pid_t group);

}  // namespace fluxsbi::core
