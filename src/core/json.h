#pragma once

#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "core/error.h"
#include "core/json_fwd.h"

namespace isthmus {

// Reads YAML, or JSON where the name ends in .json or the text is JSON. Plain YAML scalars are
// typed by YAML 1.2's core schema; quoted ones stay strings. An empty YAML document is null. At
// most `kMaxDocumentBytes` of text, nested `kMaxDocumentDepth` deep; aliases may repeat at most
// `kMaxAliasedValues` values. Throws Error{kNotFound} for a missing file and Error{kInvalid} with
// file, line and column for a malformed one.
Json read_document(const std::filesystem::path& file);
// The same for text; `name` stands for the file in messages.
Json parse_document(std::string_view text, const std::string& name);

// Written as JSON for a name that ends in .json, as YAML otherwise; whole or not at all.
void write_document(const std::filesystem::path& file, const Json& document);
std::string to_yaml(const Json& document);

inline constexpr std::size_t kMaxDocumentBytes = std::size_t{64} << 20;
inline constexpr std::size_t kMaxDocumentDepth = 64;
inline constexpr std::size_t kMaxAliasedValues = 100'000;

// Reads the fields of one JSON object and knows where it stands, so that an error names the place:
// "cluster.yaml: machines[1].slowdown must be a number: \"fast\"". Every accessor throws
// Error{kInvalid}; `finish` refuses fields that nobody asked for (with the nearest known name).
class Fields {
 public:
  // `where` is the document's name ("cluster.yaml"), or the path within it
  // ("cluster.yaml: machines[1]"). `object` must outlive this.
  Fields(const Json& object, std::string where);

  bool has(const std::string& key) const;
  // Required.
  const Json& at(const std::string& key);
  std::string string(const std::string& key);
  double number(const std::string& key);
  std::int64_t integer(const std::string& key);
  bool boolean(const std::string& key);
  // With a default.
  std::string string(const std::string& key, const std::string& fallback);
  double number(const std::string& key, double fallback);
  std::int64_t integer(const std::string& key, std::int64_t fallback);
  bool boolean(const std::string& key, bool fallback);
  // A required object; lists of objects or strings, which are empty if missing.
  Fields object(const std::string& key);
  std::vector<Fields> objects(const std::string& key);
  std::vector<std::string> strings(const std::string& key);

  // Checks the field `schema: NAME/VERSION`; the message says which version this program reads.
  void expect_schema(const std::string& name, int version);
  void finish() const;

  const std::string& where() const { return where_; }
  const Json& json() const { return *object_; }
  // Throws Error{kInvalid} "WHERE.KEY WHAT".
  [[noreturn]] void fail(const std::string& key, const std::string& what) const;

 private:
  std::string path(const std::string& key) const;

  const Json* object_;
  std::string where_;
  mutable std::vector<std::string> asked_;
};

}  // namespace isthmus
