#pragma once

#include <string>
#include <string_view>

namespace isthmus {

enum class LogLevel { kDebug, kInfo, kWarning, kError, kOff };

// "debug", "info", "warning", "error", "off". Throws Error{kInvalid} for another word.
LogLevel log_level_from_string(std::string_view name);

// What a program says about its own running, as lines on stderr. For programs and the agent only:
// library code throws, returns or records instead. Thread-safe.
//
// Lines carry time, `program` and level. The level is ISTHMUS_LOG (debug, info, warning, error,
// off), else `fallback`. Throws Error{kInvalid} for another word. Before this is called only
// warnings and errors are shown.
void start_log(const std::string& program, LogLevel fallback = LogLevel::kWarning);

// Whether a line of this level would be shown.
bool log_shows(LogLevel level);

void log_debug(std::string_view line);
void log_info(std::string_view line);
void log_warning(std::string_view line);
void log_error(std::string_view line);

}  // namespace isthmus
