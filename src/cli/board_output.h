#pragma once

#include "boards/study.h"

namespace isthmus {

// A table for each network: every method on so many boards, against the best single board of the
// same scenario where there is one; and the layers, where they were listed.
void print_boards(const BoardResults& results);
// The same as Markdown, for FOLDER/report.md.
std::string boards_markdown(const BoardResults& results);

}  // namespace isthmus
