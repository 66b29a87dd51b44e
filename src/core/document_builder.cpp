#include "core/document_builder.h"

#include <charconv>
#include <cstdlib>
#include <limits>
#include <optional>

namespace isthmus {
namespace {

bool is_one_of(std::string_view text, std::initializer_list<std::string_view> names) {
  for (const std::string_view name : names)
    if (text == name) return true;
  return false;
}

std::optional<Json> whole(std::string_view digits, int base) {
  std::int64_t small = 0;
  const char* const end = digits.data() + digits.size();
  if (auto [stop, error] = std::from_chars(digits.data(), end, small, base);
      error == std::errc{} && stop == end)
    return Json(small);
  std::uint64_t big = 0;
  if (auto [stop, error] = std::from_chars(digits.data(), end, big, base);
      error == std::errc{} && stop == end)
    return Json(big);
  return std::nullopt;
}

// [-+]? ( . digits | digits [. digits?] ) ( [eE] [-+]? digits )?
bool is_decimal(std::string_view text) {
  std::size_t at = 0;
  const auto digits = [&] {
    const std::size_t begin = at;
    while (at < text.size() && text[at] >= '0' && text[at] <= '9') ++at;
    return at - begin;
  };
  const auto skip = [&](std::string_view any) {
    const bool there = at < text.size() && any.find(text[at]) != std::string_view::npos;
    at += there;
    return there;
  };
  skip("+-");
  const std::size_t before = digits();
  if (skip(".")) {
    if (digits() + before == 0) return false;
  } else if (before == 0) {
    return false;
  }
  if (skip("eE")) {
    skip("+-");
    if (digits() == 0) return false;
  }
  return at == text.size();
}

// Not strtod: the decimal point must not depend on the locale.
double decimal(std::string_view text) {
  if (text.front() == '+') text.remove_prefix(1);
  double value = 0;
  const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error == std::errc::result_out_of_range)
    return std::strtod(std::string(text).c_str(), nullptr);
  return value;
}

}  // namespace

void DocumentBuilder::fail(const std::string& what) const {
  throw Error(ErrorKind::kInvalid, place + ": " + what);
}

void DocumentBuilder::push(Json json) {
  if (levels_.size() == kMaxDocumentDepth)
    fail("nested deeper than " + std::to_string(kMaxDocumentDepth) + " levels");
  levels_.push_back({.json = std::move(json), .key = {}, .has_key = false, .keys = {}});
}

bool DocumentBuilder::wants_key() const {
  return !levels_.empty() && levels_.back().json.is_object() && !levels_.back().has_key;
}

void DocumentBuilder::key(std::string name) {
  Level& level = levels_.back();
  if (!level.keys.insert(name).second) fail("this key is given twice: " + name);
  level.key = std::move(name);
  level.has_key = true;
}

void DocumentBuilder::value(Json value) { add(std::move(value)); }

const Json& DocumentBuilder::end() {
  Json done = std::move(levels_.back().json);
  levels_.pop_back();
  return add(std::move(done));
}

const Json& DocumentBuilder::add(Json value) {
  if (levels_.empty()) return root_ = std::move(value);
  Level& level = levels_.back();
  if (level.json.is_array()) {
    level.json.push_back(std::move(value));
    return level.json.back();
  }
  level.has_key = false;
  // The list under the ordered map: its own insertion looks through all keys every time.
  auto& entries = static_cast<Json::object_t::Container&>(level.json.get_ref<Json::object_t&>());
  return entries.emplace_back(std::move(level.key), std::move(value)).second;
}

Json typed_scalar(const std::string& text) {
  if (is_one_of(text, {"", "~", "null", "Null", "NULL"})) return nullptr;
  if (is_one_of(text, {"true", "True", "TRUE"})) return true;
  if (is_one_of(text, {"false", "False", "FALSE"})) return false;
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  if (is_one_of(text, {".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF"})) return kInfinity;
  if (is_one_of(text, {"-.inf", "-.Inf", "-.INF"})) return -kInfinity;
  if (is_one_of(text, {".nan", ".NaN", ".NAN"})) return std::numeric_limits<double>::quiet_NaN();

  const std::string_view view = text;
  if (view.starts_with("0x") || view.starts_with("0o")) {
    const bool negative = view.size() > 2 && view[2] == '-';
    const auto number = whole(view.substr(2), view[1] == 'x' ? 16 : 8);
    return number && !negative ? *number : Json(text);
  }
  if (!is_decimal(view)) return text;
  const auto number = whole(view.front() == '+' ? view.substr(1) : view, 10);
  return number ? *number : Json(decimal(view));
}

}  // namespace isthmus
