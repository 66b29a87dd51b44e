#pragma once

#include "core/link_profile.h"
#include "isthmus.pb.h"
#include "plan/replanning.h"
#include "serve/deployment.h"

namespace isthmus {

// Values as proto/isthmus.proto carries them. Reading throws Error{kInvalid} for what could not
// have been written.
v1::Link to_wire(const LinkProfile& link);
LinkProfile from_wire(const v1::Link& link);
v1::EdgeTensor to_wire(const EdgeTensor& tensor);
EdgeTensor from_wire(const v1::EdgeTensor& tensor);
v1::PartStatistics to_wire(const PartStatistics& part, std::uint16_t epoch,
                           const std::string& name);
// Its epoch and name stay with the caller.
PartStatistics from_wire(const v1::PartStatistics& part);

}  // namespace isthmus
