// Files and folders that one process at a time may write.
#pragma once

#include <string>

#include "core/file_descriptor.hpp"

namespace fluxsbi::io {

/// Locks an open file until it is closed. False if another process holds it after a second: one that was
/// killed may do so for a moment longer, since a command that it had just forked keeps the lock until its
/// exec.
bool take_lock(int descriptor);

/// Whether `path` still names the open file: whoever held its lock before may have moved or removed it.
bool stands_at(int descriptor, const std::string& path);

/// A lock on a folder, which holds as long as the result lives. None where the file system knows no locks.
/// Throws UserError if another process holds it.
core::FileDescriptor lock_folder(const std::string& folder);

/// Whether another process holds such a lock now.
bool is_locked(const std::string& folder);

}  // namespace fluxsbi::io
