#include <algorithm>
#include <cmath>

#include "core/json.h"
#include "core/text.h"

namespace isthmus {
namespace {

std::string shown(const Json& value) {
  constexpr std::size_t kLongest = 60;
  std::string text = value.dump(-1, ' ', false, Json::error_handler_t::replace);
  if (text.size() > kLongest) text = text.substr(0, kLongest) + "...";
  return text;
}

}  // namespace

Fields::Fields(const Json& object, std::string where) : object_(&object), where_(std::move(where)) {
  if (!object.is_object())
    throw Error(ErrorKind::kInvalid, where_ + " must be an object: " + shown(object));
}

std::string Fields::path(const std::string& key) const {
  const bool inside = where_.find(": ") != std::string::npos;
  return where_ + (inside ? "." : ": ") + key;
}

void Fields::fail(const std::string& key, const std::string& what) const {
  throw Error(ErrorKind::kInvalid, path(key) + ' ' + what);
}

bool Fields::has(const std::string& key) const {
  asked_.push_back(key);
  return object_->contains(key);
}

const Json& Fields::at(const std::string& key) {
  asked_.push_back(key);
  const auto found = object_->find(key);
  if (found == object_->end()) fail(key, "is missing");
  return *found;
}

std::string Fields::string(const std::string& key) {
  const Json& value = at(key);
  if (!value.is_string()) fail(key, "must be a text: " + shown(value));
  return value.get<std::string>();
}

double Fields::number(const std::string& key) {
  const Json& value = at(key);
  if (!value.is_number()) fail(key, "must be a number: " + shown(value));
  return value.get<double>();
}

std::int64_t Fields::integer(const std::string& key) {
  const Json& value = at(key);
  if (value.is_number_integer() && !value.is_number_unsigned()) return value.get<std::int64_t>();
  if (value.is_number_unsigned() && value.get<std::uint64_t>() >> 63 == 0)
    return static_cast<std::int64_t>(value.get<std::uint64_t>());
  // 1e6 is a whole number too.
  if (value.is_number_float()) {
    const double real = value.get<double>();
    if (std::abs(real) < 0x1p53 && real == std::floor(real)) return static_cast<std::int64_t>(real);
  }
  fail(key, "must be a whole number: " + shown(value));
}

bool Fields::boolean(const std::string& key) {
  const Json& value = at(key);
  if (!value.is_boolean()) fail(key, "must be true or false: " + shown(value));
  return value.get<bool>();
}

std::string Fields::string(const std::string& key, const std::string& fallback) {
  asked_.push_back(key);
  return has(key) ? string(key) : fallback;
}

double Fields::number(const std::string& key, double fallback) {
  asked_.push_back(key);
  return has(key) ? number(key) : fallback;
}

std::int64_t Fields::integer(const std::string& key, std::int64_t fallback) {
  asked_.push_back(key);
  return has(key) ? integer(key) : fallback;
}

bool Fields::boolean(const std::string& key, bool fallback) {
  asked_.push_back(key);
  return has(key) ? boolean(key) : fallback;
}

Fields Fields::object(const std::string& key) { return Fields(at(key), path(key)); }

std::vector<Fields> Fields::objects(const std::string& key) {
  asked_.push_back(key);
  std::vector<Fields> list;
  if (!has(key)) return list;
  const Json& value = at(key);
  if (!value.is_array()) fail(key, "must be a list: " + shown(value));
  for (const Json& item : value)
    list.emplace_back(item, path(key) + '[' + std::to_string(list.size()) + ']');
  return list;
}

std::vector<std::string> Fields::strings(const std::string& key) {
  asked_.push_back(key);
  std::vector<std::string> list;
  if (!has(key)) return list;
  const Json& value = at(key);
  const auto is_text = [](const Json& item) { return item.is_string(); };
  if (!value.is_array() || !std::ranges::all_of(value, is_text))
    fail(key, "must be a list of texts: " + shown(value));
  return value.get<std::vector<std::string>>();
}

void Fields::expect_schema(const std::string& name, int version) {
  const std::string expected = name + '/' + std::to_string(version);
  const std::string found = string("schema");
  if (found != expected) fail("schema", "must be " + expected + " for this program: " + found);
}

void Fields::finish() const {
  for (const auto& [key, value] : object_->items())
    if (std::ranges::find(asked_, key) == asked_.end())
      fail(key, "is no known field" + suggestion(key, asked_));
}

}  // namespace isthmus
