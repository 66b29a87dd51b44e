#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>

#include "core/clock.h"
#include "isthmus.pb.h"
#include "net/security.h"
#include "serve/part_bundle.h"

namespace grpc {
class Channel;
}

namespace isthmus {

// The calls of proto/isthmus.proto to one agent. Failures are Errors that begin with the machine's
// name and address. Thread-safe.
class AgentClient {
 public:
  AgentClient(const std::string& machine, std::string address, Security security);
  ~AgentClient();

  // Waits for the agent to come up, for at most `limit`. Throws Error{kUnavailable} if it does not,
  // or is of another version.
  v1::GreetReply greet(Seconds limit);
  // Sends the blobs that the agent lacks and gives their bytes.
  std::int64_t send_blobs(
      const std::map<std::string, Blob>& blobs,
      const std::function<void(std::int64_t done, std::int64_t total)>& progress);
  void deploy(const v1::DeployRequest& request);
  void undeploy(const v1::UndeployRequest& request, Seconds limit);
  v1::StatsReply stats();
  // Ends what is under way, but for undeploy() and stats(), with Error{kUnavailable}, and all later
  // calls of that kind.
  void break_off();

  const std::string& address() const { return address_; }

 private:
  struct Stub;
  class Call;
  void send_blob(const std::string& hash, const Blob& blob,
                 const std::function<void(std::int64_t)>& sent);

  std::string who_;
  std::string address_;
  Security security_;
  std::unique_ptr<Stub> stub_;
};

}  // namespace isthmus
