#include "core/name.h"

#include <functional>
#include <mutex>
#include <unordered_set>

namespace isthmus {
namespace {

struct Hash {
  using is_transparent = void;  // NOLINT(readability-identifier-naming): the library's name.
  std::size_t operator()(std::string_view text) const {
    return std::hash<std::string_view>{}(text);
  }
};

// The nodes of a set stay where they are. Never destroyed, because names may outlive every static.
struct Known {
  std::mutex mutex;
  std::unordered_set<std::string, Hash, std::equal_to<>> texts;
  const std::string* empty = &*texts.emplace().first;
};

Known& known() {
  static Known& all = *new Known;
  return all;
}

const std::string* kept(std::string_view text) {
  Known& all = known();
  const std::lock_guard lock(all.mutex);
  const auto found = all.texts.find(text);
  return found != all.texts.end() ? &*found : &*all.texts.emplace(text).first;
}

}  // namespace

Name::Name() : text_(known().empty) {}
Name::Name(std::string_view text) : text_(kept(text)) {}
Name::Name(const std::string& text) : text_(kept(text)) {}
Name::Name(const char* text) : text_(kept(text)) {}

}  // namespace isthmus
