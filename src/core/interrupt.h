#pragma once

namespace isthmus {

// Ctrl-C as a flag. Long work calls `check_interrupt`, which throws Error{kInterrupted} once SIGINT
// or SIGTERM has come; a second signal ends the process at once. Child processes get the signal
// through whoever started them.
void install_interrupt_handler();
bool interrupted();
void check_interrupt();

}  // namespace isthmus
