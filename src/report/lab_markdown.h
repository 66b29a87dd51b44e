#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "core/results.h"

namespace isthmus {

// What the cells of a table say.
enum class LabQuantity : std::uint8_t {
  kTime,    // "time": median from capture to output, and the bytes of a frame.
  kMean,    // "mean": mean with its 90 % interval.
  kEnergy,  // "energy": of the device for a frame, and its mean power from capture to output.
  kGain,    // "gain": splits against other strategies by data rate (report/lab_gain.h).
};

// Throws Error{kInvalid} that lists the names.
LabQuantity lab_quantity_from_string(std::string_view name);

// A lab's results for a README: for each network a pipe table of strategies by links, the fastest
// strategy of each link (the winner by latency) in bold, and the notes.
std::string lab_markdown(const LabResults& results, LabQuantity quantity = LabQuantity::kTime);

}  // namespace isthmus
