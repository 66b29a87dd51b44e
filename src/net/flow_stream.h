#pragma once

#include <functional>
#include <memory>
#include <string>

#include "net/flow_message.h"
#include "net/security.h"

namespace grpc {
class Channel;
class Service;
}  // namespace grpc

namespace isthmus {

// One end of a bidirectional stream of frames between two machines. Thread-safe.
class FlowStream {
 public:
  virtual ~FlowStream() = default;

  // Hands a message to the transport and does not wait for it; messages keep their order. False
  // once the stream is closed. What the message views stays alive by its owner.
  virtual bool send(const FlowMessage& message) = 0;
  // Bytes handed over that the transport has not taken yet.
  virtual std::int64_t waiting_bytes() const = 0;
  // Breaks the stream off. Returns at once; twice does nothing.
  virtual void close() = 0;
};

// Called one at a time for one stream, on a thread of the transport, which must not be blocked for
// long.
struct FlowHandlers {
  std::function<void(FlowMessage)> on_message;
  // Once, after the last message: the stream is over. `why` is empty where the other end closed it
  // in order.
  std::function<void(const std::string& why)> on_closed;
};

// Opens a stream to the agent behind `channel`. `machine` is what the caller is called in the
// cluster. The stream lives until it is closed by either end, whether or not the pointer is kept;
// handlers must therefore not own it, nor refer to what may die before on_closed.
std::shared_ptr<FlowStream> open_flow(const std::shared_ptr<grpc::Channel>& channel,
                                      const std::string& machine, const Security& security,
                                      FlowHandlers handlers);

// The server's end: `accept` is asked for the handlers of each new stream.
using AcceptFlow =
    std::function<FlowHandlers(std::shared_ptr<FlowStream> stream, const std::string& machine)>;
std::unique_ptr<grpc::Service> make_flow_service(const Security& security, AcceptFlow accept);

}  // namespace isthmus
