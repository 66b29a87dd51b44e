#pragma once

namespace isthmus {

// The whole command line. Exit code: 0, 2 for what the user can mend, 1 for a failure, 130 after
// Ctrl-C. Prints errors as one line on stderr.
int run_cli(int argc, char** argv);

}  // namespace isthmus
