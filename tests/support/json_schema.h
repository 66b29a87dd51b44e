#pragma once

#include <filesystem>
#include <string>

#include "core/json.h"

namespace isthmus {

// Where `document` first breaks a JSON schema ("parts[1].name: not a string"); "" if it keeps it.
// Knows the words that our schemas use; any other word counts as broken.
std::string schema_violation(const Json& document, const Json& schema);

// The documents in a Markdown page: the n-th ```yaml block. Throws if there is none.
Json yaml_block(const std::filesystem::path& page, std::size_t n = 0);

// The repository: ISTHMUS_SOURCE, or the working directory.
std::filesystem::path source_folder();

}  // namespace isthmus
