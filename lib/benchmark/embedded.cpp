#include "benchmark/embedded.hpp"

// The assembler puts the files' bytes into the program.
asm(".pushsection .rodata, \"a\"\n"
    ".global fluxsbi_published\n"
    ".hidden fluxsbi_published\n"
    "fluxsbi_published:\n"
    ".incbin \"" FLUXSBI_PUBLISHED_FILE
    "\"\n"
    ".global fluxsbi_published_end\n"
    ".hidden fluxsbi_published_end\n"
    "fluxsbi_published_end:\n"
    ".global fluxsbi_forest\n"
    ".hidden fluxsbi_forest\n"
    "fluxsbi_forest:\n"
    ".incbin \"" FLUXSBI_FOREST_FILE
    "\"\n"
    ".global fluxsbi_forest_end\n"
    ".hidden fluxsbi_forest_end\n"
    "fluxsbi_forest_end:\n"
    ".popsection\n");
extern "C" [[gnu::visibility("hidden")]] const char fluxsbi_published[], fluxsbi_published_end[],
    fluxsbi_forest[], fluxsbi_forest_end[];

namespace fluxsbi::benchmark {

std::string_view published_file() {
  return {fluxsbi_published, fluxsbi_published_end};
}

std::string_view forest_script() {
  return {fluxsbi_forest, fluxsbi_forest_end};
}

}  // namespace fluxsbi::benchmark
