#pragma once

#include <compare>
#include <cstdint>
#include <map>

#include "net/flow_message.h"
#include "serve/deployment.h"

namespace isthmus {

// A receiver's room is counted for each edge of each plan by itself (docs/runtime.md, "Flow"). With
// one count for all edges of a connection, two machines that serve several stages of a frame could
// wait for each other's room for ever.
struct EdgeKey {
  DeploymentId deployment;
  std::uint16_t edge = kNoIndex;

  friend auto operator<=>(const EdgeKey&, const EdgeKey&) = default;
};

// Of a tensor's message.
EdgeKey edge_key(const FrameHeader& header);

// Room for so many more messages of an edge; with `edge` kNoIndex, what each edge has from the
// stream's beginning.
struct Credit {
  EdgeKey key;
  int count = 0;
};

FlowMessage to_message(const Credit& credit);
// Of a message of type kCredit. Throws Error{kInvalid}.
Credit to_credit(const FlowMessage& message);

// What the sender knows of the other end's room. Before the receiver has said how much an edge has,
// one message of each counts as welcome, but none may be sent. Not thread-safe.
class CreditAccount {
 public:
  // A new stream: nothing is known.
  void reset();
  void granted(const Credit& credit);
  // Whether the receiver has spoken.
  bool is_open() const { return window_ > 0; }

  // `room`: how many messages of the edge its receiver has room for by the plan (DeployedEdge),
  // whatever it grants.
  bool has(const EdgeKey& key, int room) const;
  // Whether no edge lacks any.
  bool has_for_all() const { return exhausted_ == 0; }
  // For a message that leaves now; false if it may not.
  bool take(const EdgeKey& key, int room);
  // For one that will be sent, or perhaps not: kept from others until `release`.
  void reserve(const EdgeKey& key, int room);
  void release(const EdgeKey& key);

 private:
  struct Edge {
    int room = 0;
    int sent = 0;
    int reserved = 0;
  };
  int left_of(const Edge& edge) const;
  // Keeps `exhausted_` right, and forgets an edge that owes nothing.
  template <typename Change>
  void change(Edge& edge, const EdgeKey& key, const Change& change);

  int window_ = 0;
  int exhausted_ = 0;
  std::map<EdgeKey, Edge> edges_;
};

}  // namespace isthmus
