#include "core/log.h"

#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>

#include <cstdlib>
#include <memory>

#include "core/error.h"

namespace isthmus {
namespace {

spdlog::logger& logger() {
  static const std::shared_ptr<spdlog::logger> instance = [] {
    auto made = std::make_shared<spdlog::logger>(
        "isthmus", std::make_shared<spdlog::sinks::stderr_color_sink_mt>());
    made->set_level(spdlog::level::warn);
    return made;
  }();
  return *instance;
}

spdlog::level::level_enum to_spdlog(LogLevel level) {
  switch (level) {
    case LogLevel::kDebug: return spdlog::level::debug;
    case LogLevel::kInfo: return spdlog::level::info;
    case LogLevel::kWarning: return spdlog::level::warn;
    case LogLevel::kError: return spdlog::level::err;
    case LogLevel::kOff: return spdlog::level::off;
  }
  return spdlog::level::off;
}

void write(spdlog::level::level_enum level, std::string_view line) {
  logger().log(level, spdlog::string_view_t(line.data(), line.size()));
}

}  // namespace

LogLevel log_level_from_string(std::string_view name) {
  if (name == "debug") return LogLevel::kDebug;
  if (name == "info") return LogLevel::kInfo;
  if (name == "warning") return LogLevel::kWarning;
  if (name == "error") return LogLevel::kError;
  if (name == "off") return LogLevel::kOff;
  throw Error(ErrorKind::kInvalid,
              "the log level must be debug, info, warning, error or off: " + std::string(name));
}

void start_log(const std::string& program, LogLevel fallback) {
  const char* wanted = std::getenv("ISTHMUS_LOG");
  const LogLevel level = wanted && *wanted ? log_level_from_string(wanted) : fallback;
  logger().set_pattern("%H:%M:%S.%e " + program + " %^%l%$ %v");
  logger().set_level(to_spdlog(level));
}

bool log_shows(LogLevel level) {
  return level != LogLevel::kOff && logger().should_log(to_spdlog(level));
}

void log_debug(std::string_view line) { write(spdlog::level::debug, line); }
void log_info(std::string_view line) { write(spdlog::level::info, line); }
void log_warning(std::string_view line) { write(spdlog::level::warn, line); }
void log_error(std::string_view line) { write(spdlog::level::err, line); }

}  // namespace isthmus
