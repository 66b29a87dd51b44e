#pragma once

#include <string>

namespace isthmus {

// MODEL as people name it: a file, zoo:NAME, or the name of a network in a model folder
// (data/known_models.h). Gives a path or zoo:NAME, which load_model takes.
std::string resolve_model(const std::string& name);

}  // namespace isthmus
