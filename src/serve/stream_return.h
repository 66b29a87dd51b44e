#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <mutex>

#include "net/emulated_link.h"
#include "net/flow_stream.h"
#include "serve/flow_node.h"

namespace isthmus {

// The way back along a stream that another machine opened to this one: shaped like the link in that
// direction, and granting credits. Thread-safe.
class StreamReturn final : public ReturnPath {
 public:
  // The link from here to the machine that opened the stream, for frames of a source.
  using LinkOf = std::function<std::shared_ptr<EmulatedLink>(std::uint16_t source)>;

  // Grants `window` credits for each edge at once. `cut` must outlive it.
  StreamReturn(std::shared_ptr<FlowStream> stream, int window, LinkOf link_of,
               const std::atomic<bool>& cut);

  bool is_local() const override { return false; }
  void send(const Deployment* deployment, Parcel parcel) override;
  void grant(const EdgeKey& key, int room) override;
  // Grants at once what is owed for a plan that is not deployed any more, so that neither end
  // counts it for ever.
  void settle(DeploymentId id);
  void close() { stream_->close(); }
  std::int64_t sent_bytes() const { return sent_bytes_; }

 private:
  void find_link(std::uint16_t source);

  const std::shared_ptr<FlowStream> stream_;
  const int window_;
  const LinkOf link_of_;
  const std::atomic<bool>& cut_;
  std::atomic<std::int64_t> sent_bytes_ = 0;
  std::mutex mutex_;
  std::map<EdgeKey, int> owed_;
  std::shared_ptr<EmulatedLink> link_;
};

}  // namespace isthmus
