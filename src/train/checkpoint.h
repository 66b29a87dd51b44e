#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "core/json.h"

namespace isthmus {

// Where a training run stands between two epochs: all that is needed to go on to the same result.
// What is random in an epoch depends on seed, stage and epoch alone, so no generator's state is
// kept.
struct Checkpoint {
  // What belongs to whom stands in train/trainer.cpp.
  Json state;
  // The student as ONNX, weights and running statistics as they are.
  std::string network;
  // As train/optimizer.h saves it; empty between two stages.
  std::string optimizer;
};

// One file, written whole or not at all:
//   "isthmus.checkpoint/1\n", one line of JSON {state, network, optimizer, sha256}, network,
//   optimizer
// where the numbers are the bytes of what follows and the hash is over both. Throws Error{kIo}.
void write_checkpoint(const std::filesystem::path& file, const Checkpoint& checkpoint);
// Nothing where there is no such file. Throws Error{kInvalid} for a damaged one.
std::optional<Checkpoint> read_checkpoint(const std::filesystem::path& file);

}  // namespace isthmus
