// Files that appear in a folder.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "core/file_descriptor.hpp"

namespace fluxsbi::io {

/// Tells which files of a folder are whole, without those whose names begin with a dot. By inotify, a file is
/// whole once it was renamed into the folder or closed by its writer; a file whose writing was not seen (it
/// was there before, or the file system has no inotify, as network disks have none) once it has not changed
/// for two seconds.
class FolderWatch {
 public:
  /// Throws UserError for what is no folder that can be read.
  explicit FolderWatch(std::string folder);

  /// The names of whole files, in the order of their times; those of this moment, told each time anew.
  std::vector<std::string> whole_files();
  /// Why the system does not tell of files that come; "" where it does.
  const std::string& no_events() const { return no_events_; }
  /// Waits until something happens in the folder, `seconds` at most.
  void wait(double seconds);

 private:
  struct Seen {
    int64_t size = -1, time = 0;  ///< ns
    double since = 0;             ///< steady time
    bool closed = false;          ///< by inotify
  };
  void take_events();

  std::string folder_, no_events_;
  core::FileDescriptor events_;  ///< not open where the system has no inotify
  std::map<std::string, Seen> seen_;
};

}  // namespace fluxsbi::io
