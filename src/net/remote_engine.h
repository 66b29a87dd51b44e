#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "core/clock.h"
#include "engine/engine.h"
#include "net/security.h"

namespace isthmus {

struct RemoteEngineOptions {
  // "" lets the server choose.
  std::string version;
  // For each call, metadata included.
  Seconds deadline{10};
  // The largest answer that is taken.
  std::int64_t max_message_bytes = std::int64_t{256} << 20;
  Security security;
};

// A model on another machine, behind the Open Inference Protocol v2 over gRPC: Triton, KServe, or
// any Isthmus agent.
//
// Asks for the model's metadata at once. Inputs go and answers come in raw form; typed answers are
// understood too. Error{kNotFound} for a model that the server does not hold, Error{kInvalid} for
// inputs that it refuses and for a token that would travel in the clear, Error{kUnsupported} for an
// answer over max_message_bytes, Error{kUnavailable} with address and reason for a server that is
// gone, late, or answers with something else than its metadata says.
std::unique_ptr<Engine> make_remote_engine(const std::string& address, const std::string& model,
                                           const RemoteEngineOptions& options = {});

}  // namespace isthmus
