#pragma once

#include <concepts>
#include <string>
#include <string_view>

namespace isthmus {

// A name that is kept once, however many values bear it: those are small, and cheap to copy and to
// compare. For the names of machines, parts and edges, of which a long trace has few and very many
// spans. The text stays to the end of the process. Thread-safe.
class Name {
 public:
  // Empty.
  Name();
  // Implicit, like the conversion back, because a name is a string to all but those who count
  // bytes.
  Name(std::string_view text);
  Name(const std::string& text);
  Name(const char* text);

  const std::string& text() const { return *text_; }
  operator const std::string&() const { return *text_; }

  friend bool operator==(const Name& a, const Name& b) { return a.text_ == b.text_; }
  template <std::convertible_to<std::string_view> Text>
  friend bool operator==(const Name& name, const Text& text) {
    return name.text() == std::string_view(text);
  }

 private:
  // Never null.
  const std::string* text_;
};

}  // namespace isthmus
