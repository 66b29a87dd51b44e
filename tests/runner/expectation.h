#pragma once

#include <filesystem>
#include <functional>
#include <string>

namespace isthmus {

// Checks what follows the word `expect` in a case, see tests/cases/README.md. `locate` turns the
// name of a file, stdout and stderr included, into its path. Throws Failure if it does not hold.
void expect(const std::string& text,
            const std::function<std::filesystem::path(const std::string&)>& locate);

}  // namespace isthmus
