#include "cli/app.h"
#include "core/heap.h"

int main(int argc, char** argv) {
  isthmus::keep_freed_memory();
  return isthmus::run_cli(argc, argv);
}
