#pragma once

#include <cstdint>

#include "graph/graph.h"

namespace isthmus {

// A small network whose layers and wiring follow from the seed: convolutions (grouped, strided,
// dilated), batch normalisation, ReLU, pooling, Add, Concat, Split, and a classifier; sometimes a
// second output, as an early exit has. Input "image" is batch x 3 x 16 x 16. To try laws that must
// hold for every network.
Graph random_network(std::uint64_t seed);

}  // namespace isthmus
