#include "io/npz.hpp"

#include <algorithm>
#include <limits>
#include <utility>

#include "core/error.hpp"
#include "core/text.hpp"
#include "io/content.hpp"
#include "io/npy.hpp"
#include "io/zip.hpp"

namespace fluxsbi::io {

namespace {

// The members that are arrays, with the key that numpy gives them: the name without ".npy".
std::vector<std::pair<std::string, zip::Member>> arrays_in(const Source& source) {
  constexpr std::string_view suffix = ".npy";
  refuse_other_content(source, Content::zip, "a .npz archive");
  std::vector<std::pair<std::string, zip::Member>> found;
  for (auto& member : zip::read_directory(source)) {
    if (!member.name.ends_with(suffix)) continue;
    std::string key = member.name.substr(0, member.name.size() - suffix.size());
    found.emplace_back(std::move(key), std::move(member));
  }
  return found;
}

zip::MemberStream open_member(const Source& source, const std::string& key, const zip::Member& member) {
  return zip::MemberStream(source, member, source.name() + ": array '" + key + "'");
}

Arrays read_npz(const Source& source, const std::optional<std::vector<std::string>>& keys) {
  const auto members = arrays_in(source);
  std::vector<std::string> known;
  for (const auto& entry : members) known.push_back(entry.first);
  for (const auto& key : keys.value_or(std::vector<std::string>{})) {
    if (!std::count(known.begin(), known.end(), key))
      source.fail("holds no array '" + key + "'; it holds " +
                  (known.empty() ? "none" : core::join(known) + key_remedy(key)));
  }
  Arrays arrays;
  for (const auto& [key, member] : members) {
    if (keys && !std::count(keys->begin(), keys->end(), key)) continue;
    auto stream = open_member(source, key, member);
    Array array = read_npy(stream);
    stream.check();
    arrays.emplace(key, std::move(array));
  }
  return arrays;
}

}  // namespace

Arrays load_npz(const std::string& path, const std::optional<std::vector<std::string>>& keys) {
  return read_npz(FileSource(path), keys);
}

Arrays parse_npz(std::span<const std::byte> bytes, const std::string& name) {
  return read_npz(MemorySource(bytes, name), {});
}

std::vector<ArrayInfo> list_npz(const std::string& path) {
  const FileSource source(path);
  std::vector<ArrayInfo> list;
  for (const auto& [key, member] : arrays_in(source)) {
    auto stream = open_member(source, key, member);
    try {
      NpyHeader header = read_npy_header(stream);
      list.push_back({key, header.dtype, std::move(header.shape)});
    } catch (const UnsupportedDType& problem) {
      list.push_back({key, {}, {}, problem.what()});
    }
  }
  return list;
}

std::string key_remedy(const std::string& key) {
  return key == "theta" || key == "x" ? "; name another with --" + key + "-key (data." + key + "_key)" : "";
}

}  // namespace fluxsbi::io
