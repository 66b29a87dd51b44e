#pragma once

#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "core/json.h"

namespace isthmus {

// Puts a document together from the events of a parser, and refuses, with Error{kInvalid}, one that
// nests deeper than kMaxDocumentDepth or names a key twice. The text in front of a message (file,
// line) is `place`, which the parser sets as it goes.
class DocumentBuilder {
 public:
  std::string place;

  void begin_object() { push(Json::object()); }
  void begin_array() { push(Json::array()); }
  // What comes next is the value of this key.
  void key(std::string name);
  void value(Json value);
  // Closes the innermost object or list; returns it for a moment, so that a parser may keep a copy.
  const Json& end();

  // Whether the innermost open value is an object that waits for a key.
  bool wants_key() const;
  Json take() { return std::move(root_); }
  [[noreturn]] void fail(const std::string& what) const;

 private:
  struct Level {
    Json json;
    std::string key;
    bool has_key = false;
    std::unordered_set<std::string> keys;
  };

  void push(Json json);
  const Json& add(Json value);

  std::vector<Level> levels_;
  Json root_;
};

// The value of a plain scalar by YAML 1.2's core schema: null, bool, number or string.
Json typed_scalar(const std::string& text);

}  // namespace isthmus
