#pragma once

#include <nlohmann/json_fwd.hpp>

namespace isthmus {

// A document in memory, its fields in the order of the file. For headers that only pass one on;
// who looks inside includes core/json.h.
using Json = nlohmann::ordered_json;

class Fields;

}  // namespace isthmus
