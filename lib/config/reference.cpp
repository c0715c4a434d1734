#include "config/reader.hpp"
#include "core/text.hpp"

namespace fluxsbi::config {

std::string reference(const Section& section, const void* defaults) {
  const std::string title =
      section.name + (section.variant.empty() ? std::string() : " (" + section.variant + ")");
  std::string text = "## " + title + "\n\n" + section.help + "\n\n";
  text += "| key | type | default | allowed | meaning |\n|---|---|---|---|---|\n";
  for (const Row& row : section.rows) {
    std::string names = "`" + row.key + "`";
    for (const auto& alias : row.aliases) names += " (alias `" + alias + "`)";
    if (!row.unused_because.empty()) {
      text += "| " + names + " | | | | accepted without effect: " + row.unused_because + " |\n";
    } else {
      text += "| " + names + " | " + row.type + " | `" + row.emit(defaults) + "` | " + row.allowed + " | " +
              row.help + " |\n";
    }
  }
  return text + "\n";
}

}  // namespace fluxsbi::config
