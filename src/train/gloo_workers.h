#pragma once

#include <memory>
#include <string>

#include "train/workers.h"

namespace isthmus {

struct Rendezvous {
  int rank = 0;
  int size = 1;
  // Where the process of rank 0 listens.
  std::string address;
  int port = 0;
};

// Waits for all processes to come. Throws as workers_from_environment.
std::unique_ptr<Workers> make_gloo_workers(const Rendezvous& rendezvous);

}  // namespace isthmus
