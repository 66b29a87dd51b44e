#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "boards/spread_study.h"
#include "core/progress.h"
#include "lab/clips.h"

namespace isthmus {

// How far a plan over many boards is from the whole network, as max|a-b| / max|a|.
struct SpreadCheck {
  // Of its parts alone: they compute the same.
  double parts = 0;
  // Of the plan's answer with the codecs between its machines, where they lose something.
  std::optional<double> answer;
};

// Compares them on `limit` frames of `spec` (open_frames, lab/frames.h). `source` is the machine
// with the camera. Throws Error{kInvalid} naming the tensor where the parts differ by more than
// 1e-4.
SpreadCheck check_spread(const NetworkUnderStudy& network, const SpreadResult& result,
                         const std::string& source, const std::string& spec, std::int64_t limit,
                         const ClipOptions& clips = {}, const Progress& progress = {});

// That `running` computes `network`, tried on one frame without meaning: a plan for another network
// in its place would answer wrongly. Throws Error{kInvalid} naming both.
void check_same_network(const NetworkUnderStudy& network, const LoadedPlan& running,
                        const std::string& source);

}  // namespace isthmus
