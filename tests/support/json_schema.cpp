#include "support/json_schema.h"

#include <cstdlib>
#include <functional>
#include <map>

#include "core/file.h"

namespace isthmus {
namespace {

class Checker {
 public:
  explicit Checker(const Json& root) : root_(root) {}

  std::string check(const Json& value, const Json& schema, const std::string& where) const {
    for (const auto& [word, rule] : schema.items()) {
      const std::string wrong = keep(word, rule, value, schema, where);
      if (!wrong.empty()) return wrong;
    }
    return "";
  }

 private:
  static bool has_type(const Json& value, const std::string& type) {
    if (type == "integer")
      return value.is_number_integer() ||
             (value.is_number_float() &&
              value.get<double>() == static_cast<double>(value.get<std::int64_t>()));
    if (type == "number") return value.is_number();
    return type == value.type_name();
  }

  static bool has_some_type(const Json& value, const Json& types) {
    if (types.is_string()) return has_type(value, types.get<std::string>());
    for (const Json& type : types)
      if (has_type(value, type.get<std::string>())) return true;
    return false;
  }

  std::string keep(const std::string& word, const Json& rule, const Json& value, const Json& schema,
                   const std::string& where) const {
    const auto wrong = [&](bool is_wrong) {
      return is_wrong ? where + ": breaks " + word + ' ' + rule.dump() : std::string();
    };
    if (word == "$schema" || word == "title" || word == "$defs") return "";
    if (word == "$ref")
      return check(value, root_.at(Json::json_pointer(rule.get<std::string>().substr(1))), where);
    if (word == "type") return wrong(!has_some_type(value, rule));
    if (word == "const") return wrong(value != rule);
    if (word == "enum") return wrong(std::find(rule.begin(), rule.end(), value) == rule.end());
    if (word == "properties" || word == "required" || word == "additionalProperties")
      return value.is_object() ? keep_object(word, rule, value, schema, where) : "";
    if (word == "items" || word == "minItems" || word == "maxItems")
      return value.is_array() ? keep_array(word, rule, value, where) : "";
    if (word == "minLength")
      return wrong(value.is_string() && value.get<std::string>().size() < rule.get<std::size_t>());
    if (!value.is_number() && word.ends_with("imum")) return "";
    if (word == "minimum") return wrong(value.get<double>() < rule.get<double>());
    if (word == "maximum") return wrong(value.get<double>() > rule.get<double>());
    if (word == "exclusiveMinimum") return wrong(value.get<double>() <= rule.get<double>());
    if (word == "exclusiveMaximum") return wrong(value.get<double>() >= rule.get<double>());
    return "the schema has a word that this check does not know: " + word;
  }

  std::string keep_object(const std::string& word, const Json& rule, const Json& value,
                          const Json& schema, const std::string& where) const {
    if (word == "required") {
      for (const Json& key : rule)
        if (!value.contains(key.get<std::string>()))
          return where + ": lacks " + key.get<std::string>();
      return "";
    }
    for (const auto& [key, inner] : value.items()) {
      const bool listed = schema.contains("properties") && schema["properties"].contains(key);
      if (word == "properties" && listed) {
        const std::string wrong = check(inner, rule[key], where + '.' + key);
        if (!wrong.empty()) return wrong;
      }
      if (word != "additionalProperties" || listed) continue;
      const std::string wrong = rule.is_object() ? check(inner, rule, where + '.' + key)
                                : rule == false
                                    ? where + ": has a field that is not in the schema: " + key
                                    : "";
      if (!wrong.empty()) return wrong;
    }
    return "";
  }

  std::string keep_array(const std::string& word, const Json& rule, const Json& value,
                         const std::string& where) const {
    if (word == "minItems")
      return value.size() < rule.get<std::size_t>() ? where + ": too short" : "";
    if (word == "maxItems")
      return value.size() > rule.get<std::size_t>() ? where + ": too long" : "";
    for (std::size_t i = 0; i < value.size(); ++i) {
      const std::string wrong = check(value[i], rule, where + '[' + std::to_string(i) + ']');
      if (!wrong.empty()) return wrong;
    }
    return "";
  }

  const Json& root_;
};

}  // namespace

std::string schema_violation(const Json& document, const Json& schema) {
  return Checker(schema).check(document, schema, "document");
}

Json yaml_block(const std::filesystem::path& page, std::size_t n) {
  const std::string text = read_file(page);
  const std::string fence = "```yaml\n";
  std::size_t at = 0;
  for (std::size_t i = 0; i <= n; ++i) {
    at = text.find(fence, at);
    if (at == std::string::npos)
      throw Error(ErrorKind::kNotFound, page.string() + " has no such example");
    at += fence.size();
  }
  return parse_document(text.substr(at, text.find("```", at) - at), page.string());
}

std::filesystem::path source_folder() {
  const char* folder = std::getenv("ISTHMUS_SOURCE");
  return folder ? std::filesystem::path(folder) : std::filesystem::current_path();
}

}  // namespace isthmus
