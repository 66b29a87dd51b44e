#pragma once

#include <initializer_list>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace isthmus {

// The candidate with the smallest Levenshtein distance to `name`, the first of equals, or "" if
// none is near (distance over half the length of the name). Upper and lower case count as equal.
std::string nearest_name(std::string_view name, std::span<const std::string> candidates);
// " (did you mean X?)" or "", to be put behind a message.
std::string suggestion(std::string_view name, std::span<const std::string> candidates);

// The pieces between separators, empty ones too; one piece for a text without any.
std::vector<std::string> split_text(std::string_view text, char separator);
bool ends_with_any(std::string_view text, std::initializer_list<std::string_view> endings);

// All with three significant digits, whole below the first unit.
// "602 B", "2.40 kB", "1.10 MB" (powers of 1000).
std::string format_bytes(double bytes);
// "812", "41.2 M", "1.28 G".
std::string format_count(double count);
// "42.0 us", "0.42 ms", "12.3 ms", "1.97 s".
std::string format_seconds(double seconds);

}  // namespace isthmus
