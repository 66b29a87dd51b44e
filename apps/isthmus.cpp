#include "cli/app.h"

int main(int argc, char** argv) { return isthmus::run_cli(argc, argv); }
