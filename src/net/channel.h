#pragma once

#include <cstdint>
#include <exception>
#include <memory>
#include <string>

#include "core/clock.h"
#include "net/security.h"

namespace grpc {
class Channel;
class ClientContext;
class ServerBuilder;
class ServerContextBase;
class Status;
}  // namespace grpc

namespace isthmus {

struct ChannelOptions {
  // The largest message that may come back; what a peer sends beyond is refused before memory is
  // taken.
  std::int64_t max_message_bytes = std::int64_t{4} << 20;
  // A TCP connection of its own, shared with no other channel of this process.
  bool own_connection = true;
};

// HOST:PORT of an agent. Connects when first used, and again by itself after a loss, within half a
// second of the peer's return. Throws Error{kInvalid} for an address that is none, or a token that
// would travel unprotected.
std::shared_ptr<grpc::Channel> open_channel(const std::string& address, const Security& security,
                                            const ChannelOptions& options = {});

// What every call needs: a token if there is one, and a limit in time (none: 0).
void prepare_call(grpc::ClientContext& context, const Security& security, Seconds limit);

// Adds the port and the limits to a server. `port` gets the one that was taken once the server has
// started; it stays 0 if there was none to be had. Throws Error{kInvalid} for an address that is
// none, or one that is not loopback without TLS.
void add_listener(grpc::ServerBuilder& builder, const std::string& listen, const Security& security,
                  std::int64_t max_message_bytes, int& port);

// Whether the call carries the token that `security` demands.
bool is_authorised(const grpc::ServerContextBase& context, const Security& security);

// Whether HOST:PORT names this host only.
bool is_loopback(const std::string& address);

// What a handler answers for an exception: the status that throw_if_failed turns back into the same
// kind of Error.
grpc::Status to_status(const std::exception& error);

// Throws Error with the kind that fits and a message that begins with `who`; does nothing for OK.
void throw_if_failed(const grpc::Status& status, const std::string& who);

}  // namespace isthmus
