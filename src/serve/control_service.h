#pragma once

#include <memory>

#include "net/security.h"
#include "serve/machine.h"

namespace grpc {
class Service;
}

namespace isthmus {

// The calls of proto/isthmus.proto, answered by a machine, which must outlive the service. Errors
// become statuses.
std::unique_ptr<grpc::Service> make_control_service(AgentMachine& machine,
                                                    const Security& security);

}  // namespace isthmus
