// Work in a child process, for a library that damaged files can crash, as HDF5's. A crash, an endless loop or
// a runaway allocation then ends only the child, and the caller gets an error. Used only within lib/io.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>

#include "core/file_descriptor.hpp"
#include "core/process.hpp"

namespace fluxsbi::io {

class Isolated {
 public:
  /// The child's end of the pipe.
  class Outlet {
   public:
    explicit Outlet(int descriptor) : descriptor_(descriptor) {}
    /// Starts a record: the caller's next() returns true.
    void begin_record();
    void send(std::span<const std::byte> bytes);
    void send(uint64_t number) { send(std::as_bytes(std::span(&number, 1))); }
    void send(const std::string& text);  ///< length, then bytes

   private:
    int descriptor_;
  };

  struct Setting {
    std::string file;      ///< these three for messages
    std::string library;   ///< what may break down: "the HDF5 library"
    std::string remedy;    ///< what to do then
    uint64_t memory = 0;   ///< bytes that the child may take beside what the program has
    uint64_t seconds = 0;  ///< of processor time
  };

  /// Starts `work` in a child. The work may use no threads and only state that it makes itself.
  Isolated(Setting setting, const std::function<void(Outlet&)>& work);

  /// True if a record follows, false when the work is done. Throws the UserError that the work threw, or one
  /// that says how the child broke down.
  bool next();
  void receive(std::span<std::byte> bytes);
  uint64_t receive_number();
  std::string receive_text();

 private:
  [[noreturn]] void fail(const std::string& what) const;
  [[noreturn]] void broken_down();

  Setting setting_;
  core::FileDescriptor inlet_;
  std::optional<core::Process> child_;
};

}  // namespace fluxsbi::io
