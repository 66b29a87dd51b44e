#pragma once

#include <cstdint>
#include <string>

#include "engine/verify.h"
#include "graph/graph.h"

namespace isthmus {

// MODEL as people name it: a file, zoo:NAME, or the name of a network in a model folder
// (data/known_models.h). Gives a path or zoo:NAME, which load_model takes.
std::string resolve_model(const std::string& name);

// Images of a data set, folder or file, resized, cropped and normalised for the network: what
// `verify` compares on. At most `limit`.
InputSource image_inputs(const Graph& graph, const std::string& model, const std::string& images,
                         std::int64_t limit);

}  // namespace isthmus
