#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/log.h"
#include "core/version.h"
#include "net/security.h"

namespace isthmus {

struct AgentOptions {
  // HOST:PORT; port 0 takes a free one.
  std::string listen = "127.0.0.1:0";
  // What it calls itself until a source deploys it under the name of the cluster file; empty: the
  // host's name.
  std::string name;
  // Where blobs are kept over a restart; empty: in memory only.
  std::filesystem::path cache;
  // Bytes that weights and running may take; 0 is no limit. A source may ask for less, never for
  // more.
  std::int64_t memory = 0;
  // HOST:PORT of the Prometheus endpoint; empty: none.
  std::string metrics;
  // ONNX files that are served through the v2 protocol from the start, as NAME=FILE.
  std::vector<std::string> models;
  Security security;
  // Messages of each edge of a plan that each sender may have here before it has to stop sending. A
  // frame keeps its place until its outputs are on their way.
  int queue = 64;
  // Lines on stderr, for run_agent (core/log.h).
  LogLevel log_level = LogLevel::kWarning;
  // What it says that it is; another than the source's own is refused.
  std::string version{kVersion};
};

// A machine's agent, running in this process: knows nothing beforehand; plans, parts and weights
// arrive over the wire (docs/protocol.md). Serves until it is stopped or destroyed.
class Agent {
 public:
  // Listens when it returns. Throws Error{kIo} for a port in use or an address that this host does
  // not have, and Error{kInvalid} for a host that is not loopback without TLS, a bad model file or
  // a bad option.
  explicit Agent(const AgentOptions& options);
  ~Agent();
  Agent(const Agent&) = delete;
  Agent& operator=(const Agent&) = delete;

  // HOST:PORT with the port that was taken.
  const std::string& address() const;
  // The same of the Prometheus endpoint; "" without one.
  const std::string& metrics_address() const;
  // Ends every stream and returns within a second. Also from another thread; twice does nothing.
  void stop();

  // For tests: from now on every link of this agent is cut, or whole again. A cut link delivers
  // nothing in either direction, heartbeats included, and closes nothing.
  void cut_links(bool cut);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// One command-line option of the agent, for isthmus-agent and `isthmus agent` alike.
struct AgentFlag {
  // "--listen".
  std::string name;
  std::string help;
  // Stores the text in the options that agent_flags was given. Throws Error{kInvalid}.
  std::function<void(const std::string&)> set;
  // May be given several times.
  bool repeated = false;
};

// `options` must outlive the flags.
std::vector<AgentFlag> agent_flags(AgentOptions& options);
// Behind the options in the help text.
extern const char* const kAgentExample;

// The whole program: serves until SIGINT or SIGTERM (core/interrupt.h, whose handler it installs),
// then ends within a second. `say` gets the line "listening on HOST:PORT" once it listens. Throws
// what Agent throws.
void run_agent(const AgentOptions& options, const std::function<void(const std::string&)>& say);

}  // namespace isthmus
