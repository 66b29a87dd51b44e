#include "core/json.h"

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/mark.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <istream>
#include <limits>
#include <map>
#include <streambuf>

#include "core/document_builder.h"
#include "core/file.h"

namespace isthmus {
namespace {

std::string place_of(const std::string& name, std::size_t line, std::size_t column) {
  return name + ":" + std::to_string(line) + ":" + std::to_string(column);
}

std::size_t count_values(const Json& json) {
  std::size_t count = 1;
  if (json.is_structured())
    for (const Json& child : json) count += count_values(child);
  return count;
}

// yaml-cpp tells of values one by one, so that aliases are ours to bound.
class YamlReader final : public YAML::EventHandler {
 public:
  explicit YamlReader(const std::string& name) : name_(name) {}

  Json take() { return builder_.take(); }

  void OnDocumentStart(const YAML::Mark&) override {}
  void OnDocumentEnd() override {}

  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    scalar(mark, anchor, "", nullptr);
  }

  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& text) override {
    at(mark);
    if (tag == "?" || tag.empty()) return scalar(mark, anchor, text, typed_scalar(text));
    if (tag != "!" && tag != "tag:yaml.org,2002:str") builder_.fail("unsupported YAML tag: " + tag);
    scalar(mark, anchor, text, text);
  }

  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    at(mark);
    const auto found = anchored_.find(anchor);
    if (builder_.wants_key() || found == anchored_.end())
      builder_.fail("an alias cannot stand here");
    aliased_ += count_values(found->second);
    if (aliased_ > kMaxAliasedValues)
      builder_.fail("aliases repeat more than " + std::to_string(kMaxAliasedValues) + " values");
    builder_.value(found->second);
  }

  void OnSequenceStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    begin(mark, anchor);
    builder_.begin_array();
  }

  void OnMapStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    begin(mark, anchor);
    builder_.begin_object();
  }

  void OnSequenceEnd() override { end(); }
  void OnMapEnd() override { end(); }

 private:
  void at(const YAML::Mark& mark) {
    builder_.place = place_of(name_, static_cast<std::size_t>(mark.line) + 1,
                              static_cast<std::size_t>(mark.column) + 1);
  }

  void scalar(const YAML::Mark& mark, YAML::anchor_t anchor, const std::string& text, Json value) {
    at(mark);
    if (builder_.wants_key()) return builder_.key(text);
    if (anchor != YAML::NullAnchor) anchored_[anchor] = value;
    builder_.value(std::move(value));
  }

  void begin(const YAML::Mark& mark, YAML::anchor_t anchor) {
    at(mark);
    if (builder_.wants_key()) builder_.fail("a key must be a plain value");
    open_.push_back(anchor);
  }

  void end() {
    const Json& done = builder_.end();
    const YAML::anchor_t anchor = open_.back();
    open_.pop_back();
    if (anchor == YAML::NullAnchor) return;
    aliased_ += count_values(done);
    if (aliased_ > kMaxAliasedValues)
      builder_.fail("anchors hold more than " + std::to_string(kMaxAliasedValues) + " values");
    anchored_[anchor] = done;
  }

  std::string name_;
  DocumentBuilder builder_;
  std::vector<YAML::anchor_t> open_;
  std::map<YAML::anchor_t, Json> anchored_;
  std::size_t aliased_ = 0;
};

class JsonReader final : public nlohmann::json_sax<Json> {
 public:
  JsonReader(std::string_view text, const std::string& name) : text_(text), name_(name) {
    builder_.place = name;
  }

  Json take() { return builder_.take(); }

  bool null() override { return add(nullptr); }
  bool boolean(bool value) override { return add(value); }
  bool number_integer(number_integer_t value) override { return add(value); }
  bool number_unsigned(number_unsigned_t value) override {
    constexpr auto kLargest =
        static_cast<number_unsigned_t>(std::numeric_limits<std::int64_t>::max());
    // As YAML's: signed where it fits.
    return value <= kLargest ? add(static_cast<std::int64_t>(value)) : add(value);
  }
  bool number_float(number_float_t value, const string_t&) override { return add(value); }
  bool string(string_t& value) override { return add(std::move(value)); }
  bool binary(binary_t&) override { return false; }

  bool start_object(std::size_t) override {
    builder_.begin_object();
    return true;
  }
  bool start_array(std::size_t) override {
    builder_.begin_array();
    return true;
  }
  bool key(string_t& name) override {
    builder_.key(std::move(name));
    return true;
  }
  bool end_object() override { return builder_.end(), true; }
  bool end_array() override { return builder_.end(), true; }

  bool parse_error(std::size_t byte, const std::string& token,
                   const nlohmann::detail::exception&) override {
    const std::string_view before = text_.substr(0, byte == 0 ? 0 : byte - 1);
    const auto line = static_cast<std::size_t>(std::ranges::count(before, '\n')) + 1;
    const std::size_t column = before.size() - (before.rfind('\n') + 1) + 1;
    throw Error(ErrorKind::kInvalid,
                place_of(name_, line, column) + ": malformed JSON near: " + printable(token));
  }

 private:
  bool add(Json value) {
    builder_.value(std::move(value));
    return true;
  }

  static std::string printable(const std::string& token) {
    std::string text = token.substr(0, 40);
    for (char& c : text)
      if (c < ' ' || c > '~') c = '?';
    return text.empty() ? "the end" : text;
  }

  std::string_view text_;
  std::string name_;
  DocumentBuilder builder_;
};

Json parse_json(std::string_view text, const std::string& name) {
  JsonReader reader(text, name);
  Json::sax_parse(text.begin(), text.end(), &reader);
  return reader.take();
}

// Reads from memory that is not copied.
class ViewBuffer final : public std::streambuf {
 public:
  explicit ViewBuffer(std::string_view text) {
    char* const begin = const_cast<char*>(text.data());
    setg(begin, begin, begin + text.size());
  }
};

Json parse_yaml(std::string_view text, const std::string& name) {
  ViewBuffer buffer(text);
  std::istream stream(&buffer);
  YamlReader reader(name);
  try {
    YAML::Parser parser(stream);
    if (!parser.HandleNextDocument(reader)) return nullptr;
    YamlReader second(name);
    if (parser.HandleNextDocument(second))
      throw Error(ErrorKind::kInvalid, name + ": holds more than one YAML document");
  } catch (const YAML::Exception& error) {
    throw Error(ErrorKind::kInvalid, place_of(name, static_cast<std::size_t>(error.mark.line) + 1,
                                              static_cast<std::size_t>(error.mark.column) + 1) +
                                         ": malformed YAML: " + error.msg);
  }
  return reader.take();
}

bool is_plain(std::string_view text) {
  constexpr std::string_view kFirst =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_/.0123456789";
  constexpr std::string_view kMore = " +-:@()";
  if (text.empty() || kFirst.find(text.front()) == std::string_view::npos) return false;
  if (text.back() == ' ' || text.back() == ':' || text.find(": ") != std::string_view::npos)
    return false;
  if (text.starts_with("---") || text.starts_with("...")) return false;
  return std::ranges::all_of(text, [&](char c) {
    return kFirst.find(c) != std::string_view::npos || kMore.find(c) != std::string_view::npos;
  });
}

std::string json_text(const Json& json, int indent) {
  return json.dump(indent, ' ', false, Json::error_handler_t::replace);
}

std::string yaml_string(const std::string& text) {
  return is_plain(text) && typed_scalar(text).is_string() ? text : json_text(text, -1);
}

std::string yaml_scalar(const Json& json) {
  if (json.is_string()) return yaml_string(json.get_ref<const std::string&>());
  if (json.is_number_float()) {
    const double value = json.get<double>();
    if (value != value) return ".nan";
    if (value > std::numeric_limits<double>::max()) return ".inf";
    if (value < std::numeric_limits<double>::lowest()) return "-.inf";
  }
  return json_text(json, -1);
}

// Lists of scalars (and of such lists) stand on one line.
bool fits_on_a_line(const Json& json) {
  if (json.is_object()) return json.empty();
  return !json.is_array() || std::ranges::all_of(json, fits_on_a_line);
}

std::string on_a_line(const Json& json) {
  if (json.is_object()) return "{}";
  if (!json.is_array()) return yaml_scalar(json);
  std::string text;
  for (const Json& item : json) text += (text.empty() ? "" : ", ") + on_a_line(item);
  return "[" + text + "]";
}

void write_block(std::string& out, const Json& json, std::size_t indent) {
  if (json.is_object()) {
    for (const auto& [key, value] : json.items()) {
      out.append(indent, ' ') += yaml_string(key) + ':';
      if (fits_on_a_line(value)) {
        out += ' ' + on_a_line(value) + '\n';
      } else {
        out += '\n';
        write_block(out, value, indent + 2);
      }
    }
    return;
  }
  for (const Json& item : json) {
    const std::size_t begin = out.size();
    if (fits_on_a_line(item))
      out.append(indent + 2, ' ') += on_a_line(item) + '\n';
    else
      write_block(out, item, indent + 2);
    out[begin + indent] = '-';
  }
}

}  // namespace

Json parse_document(std::string_view text, const std::string& name) {
  if (text.size() > kMaxDocumentBytes)
    throw Error(ErrorKind::kInvalid,
                name + ": larger than " + std::to_string(kMaxDocumentBytes >> 20) + " MiB");
  if (name.ends_with(".json")) return parse_json(text, name);
  // JSON is YAML, but its own parser is 50 times as fast.
  const std::size_t first = text.find_first_not_of(" \t\r\n");
  if (first != std::string_view::npos && (text[first] == '{' || text[first] == '[') &&
      Json::accept(text.begin(), text.end()))
    return parse_json(text, name);
  return parse_yaml(text, name);
}

Json read_document(const std::filesystem::path& file) {
  return parse_document(read_file(file, kMaxDocumentBytes), file.string());
}

void write_document(const std::filesystem::path& file, const Json& document) {
  write_file(file, file.extension() == ".json" ? json_text(document, 1) + '\n' : to_yaml(document));
}

std::string to_yaml(const Json& document) {
  if (fits_on_a_line(document)) return on_a_line(document) + '\n';
  std::string text;
  write_block(text, document, 0);
  return text;
}

}  // namespace isthmus
