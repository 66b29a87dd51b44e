#include "runner/expectation.h"

#include <yaml-cpp/yaml.h>

#include <cmath>
#include <map>
#include <nlohmann/json.hpp>
#include <regex>
#include <vector>

#include "runner/case_file.h"

namespace isthmus {

namespace fs = std::filesystem;

namespace {

using Json = nlohmann::json;

Json json_of(const YAML::Node& node) {
  if (node.IsMap()) {
    Json object = Json::object();
    for (const auto& entry : node) object[entry.first.as<std::string>()] = json_of(entry.second);
    return object;
  }
  if (node.IsSequence()) {
    Json array = Json::array();
    for (const auto& item : node) array.push_back(json_of(item));
    return array;
  }
  if (!node.IsScalar()) return nullptr;
  const Json value = Json::parse(node.Scalar(), nullptr, /*allow_exceptions=*/false);
  return value.is_discarded() || node.Tag() == "!" ? Json(node.Scalar()) : value;
}

Json load_document(const fs::path& path) {
  const std::string text = read_file(path);
  if (path.extension() == ".yaml" || path.extension() == ".yml") return json_of(YAML::Load(text));
  Json value = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (value.is_discarded()) throw Failure("not JSON: " + tail(text));
  return value;
}

// The keys of .a."b.c"[0].# in order; # is the number of elements.
std::vector<std::string> parse_path(const std::string& path) {
  static const std::regex kKey(R"re(\."([^"]*)"|\.([^.\["]+)|\[(-?\d+)\])re");
  std::vector<std::string> keys;
  for (std::sregex_iterator it(path.begin(), path.end(), kKey), end; it != end; ++it)
    for (int group = 1; group <= 3; ++group)
      if ((*it)[group].matched) keys.push_back((*it)[group]);
  return keys;
}

Json value_at(const Json& document, const std::string& path) {
  const Json* at = &document;
  for (const std::string& key : parse_path(path)) {
    if (key == "#") return at->size();
    if (at->is_array()) {
      const int size = static_cast<int>(at->size());
      const int index = std::stoi(key) + (key.front() == '-' ? size : 0);
      if (index < 0 || index >= size)
        throw Failure(path + ": no element " + key + " of " + std::to_string(size));
      at = &(*at)[static_cast<std::size_t>(index)];
    } else if (at->is_object() && at->contains(key)) {
      at = &(*at)[key];
    } else {
      throw Failure(path + ": no '" + key + "' in " + tail(at->dump()));
    }
  }
  return *at;
}

double number(const Json& value) {
  if (!value.is_number()) throw Failure("not a number: " + value.dump());
  return value.get<double>();
}

Json literal(const std::string& text) {
  Json value = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  return value.is_discarded() ? Json(text) : value;
}

bool near(const Json& value, const std::string& operand) {
  static const std::regex kTolerance(R"((\S+)\s*\+-\s*(\S+))");
  std::smatch match;
  if (!std::regex_match(operand, match, kTolerance))
    throw Failure("expected: ~ VALUE +- TOLERANCE, not " + operand);
  return std::abs(number(value) - std::stod(match[1])) <= std::stod(match[2]);
}

void expect_value(const Json& value, const std::string& relation, const std::string& operand) {
  using Test = std::function<bool(const Json&, const std::string&)>;
  static const std::map<std::string, Test> kRelations = {
      {"==", [](const Json& v, const std::string& o) { return v == literal(o); }},
      {"!=", [](const Json& v, const std::string& o) { return v != literal(o); }},
      {"<", [](const Json& v, const std::string& o) { return number(v) < number(literal(o)); }},
      {"<=", [](const Json& v, const std::string& o) { return number(v) <= number(literal(o)); }},
      {">", [](const Json& v, const std::string& o) { return number(v) > number(literal(o)); }},
      {">=", [](const Json& v, const std::string& o) { return number(v) >= number(literal(o)); }},
      {"contains",
       [](const Json& v, const std::string& o) { return v.dump().find(o) != std::string::npos; }},
      {"~", near},
  };
  const auto test = kRelations.find(relation);
  if (test == kRelations.end()) throw Failure("unknown relation: " + relation);
  if (!test->second(value, operand)) throw Failure("is " + tail(value.dump()));
}

void expect_text(const std::string& text, const std::string& relation, const std::string& operand) {
  const bool found = text.find(operand) != std::string::npos;
  bool holds = false;
  if (relation == "contains") {
    holds = found;
  } else if (relation == "lacks") {
    holds = !found;
  } else if (relation == "is") {
    holds = trim(text) == operand;
  } else if (relation == "matches") {
    holds = std::regex_search(text, std::regex(operand, std::regex::ECMAScript));
  } else {
    throw Failure("unknown relation: " + relation);
  }
  if (!holds) throw Failure("is\n" + tail(text));
}

}  // namespace

void expect(const std::string& text, const std::function<fs::path(const std::string&)>& locate) {
  std::string rest = text;
  const fs::path file = locate(take_word(rest));
  std::string relation = take_word(rest);
  if (relation == "exists" || relation == "missing") {
    if (fs::exists(file) != (relation == "exists"))
      throw Failure(relation == "exists" ? "is missing" : "is there");
  } else if (relation.starts_with('.') || relation.starts_with('[')) {
    const Json value = value_at(load_document(file), relation);
    relation = take_word(rest);
    expect_value(value, relation, rest);
  } else {
    expect_text(read_file(file), relation, rest);
  }
}

}  // namespace isthmus
