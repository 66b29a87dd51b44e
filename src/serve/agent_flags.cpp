#include <charconv>

#include "core/error.h"
#include "serve/agent.h"

namespace isthmus {
namespace {

// "512", "512k", "512M", "2G": bytes, powers of 1024.
std::int64_t parse_bytes(const std::string& text) {
  std::int64_t value = 0;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  const std::string unit(stop, end);
  const int shift = unit.empty() ? 0 : unit == "k" ? 10 : unit == "M" ? 20 : unit == "G" ? 30 : -1;
  if (error != std::errc() || value < 0 || shift < 0 || value > INT64_MAX >> shift)
    throw Error(ErrorKind::kInvalid, "not a number of bytes (as 512M or 2G): \"" + text + "\"");
  return value << shift;
}

}  // namespace

const char* const kAgentExample =
    "Example:\n"
    "  isthmus-agent --listen 127.0.0.1:7000 --cache /var/lib/isthmus --memory 2G\n"
    "  isthmus-agent --listen 0.0.0.0:7000 --cert agent.pem --key agent.key --token SECRET";

std::vector<AgentFlag> agent_flags(AgentOptions& options) {
  const auto text = [](std::string& field) {
    return [&field](const std::string& value) { field = value; };
  };
  return {
      {"--listen", "HOST:PORT to listen on; port 0 takes a free one (127.0.0.1:0)",
       text(options.listen)},
      {"--name", "What to call this machine (the host's name)", text(options.name)},
      {"--cache", "Folder where plans' parts are kept over a restart (memory only)",
       [&options](const std::string& value) { options.cache = value; }},
      {"--memory", "Bytes that weights and running may take, as 512M or 2G (no limit)",
       [&options](const std::string& value) { options.memory = parse_bytes(value); }},
      {"--metrics", "HOST:PORT of the Prometheus endpoint (none)", text(options.metrics)},
      {"--model", "NAME=FILE.onnx to serve through the v2 inference protocol from the start",
       [&options](const std::string& value) { options.models.push_back(value); }, true},
      {"--cert", "PEM file: certificate of this machine, for TLS",
       text(options.security.certificate)},
      {"--key", "PEM file: its key", text(options.security.key)},
      {"--ca",
       "PEM file: whose certificates callers must have, and other agents; without it agents "
       "that share one certificate trust each other",
       text(options.security.authority)},
      {"--token", "What callers must know", text(options.security.token)},
      {"--log-level", "debug, info, warning, error or off (warning)",
       [&options](const std::string& value) { options.log_level = log_level_from_string(value); }},
  };
}

}  // namespace isthmus
