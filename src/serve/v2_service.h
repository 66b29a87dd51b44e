#pragma once

#include <memory>

#include "net/security.h"
#include "serve/machine.h"

namespace grpc {
class Service;
}

namespace isthmus {

// The Open Inference Protocol v2 (proto/open_inference.proto) for every part that the machine
// holds: a model called PART and NETWORK.PART, whose versions are the epochs that run it, and those
// given by --model. `machine` must outlive the service. Errors are statuses with one line:
// NOT_FOUND for an unknown model, INVALID_ARGUMENT for inputs that do not fit.
std::unique_ptr<grpc::Service> make_v2_service(AgentMachine& machine, const Security& security);

}  // namespace isthmus
