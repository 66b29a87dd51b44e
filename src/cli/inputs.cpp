#include "cli/inputs.h"

#include <filesystem>

#include "data/known_models.h"

namespace isthmus {

std::string resolve_model(const std::string& name) {
  if (name.starts_with("zoo:") || std::filesystem::exists(name)) return name;
  const auto known = find_known_model(name);
  return known ? known->string() : name;
}

}  // namespace isthmus
