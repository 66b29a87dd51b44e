#pragma once

#include <string>

#include "core/json_fwd.h"
#include "graph/graph.h"

namespace isthmus {

// What `isthmus inspect --shards` says of every layer that can be cut for so many machines:
// multiplications and weights of the busiest, and elements sent in total, as true counts and as
// paper 4 prints them (Tables 1 and 2); or why it cannot be cut in that way.
Json inspect_shards(const Graph& graph, const std::string& model, int machines);

void print_shards(const Json& result);

}  // namespace isthmus
