#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>

#include "core/clock.h"
#include "core/json_fwd.h"
#include "plan/plan.h"

namespace isthmus {

// Measured on one machine, one thread.
struct PartProfile {
  // Median and 95th percentile of `runs` runs after warm-up; CPU time of the median run. (Of a
  // profile with ProfileTimes::kFromMemory the least CPU time stands for the median.)
  Seconds median{0};
  Seconds p95{0};
  Seconds cpu{0};
  int runs = 0;
  std::int64_t macs = 0;
  std::int64_t weight_bytes = 0;
  std::int64_t peak_bytes = 0;
};

// Measured time and size of a codec on one tensor of a part's edge.
struct CodecProfile {
  Seconds encode{0};
  Seconds decode{0};
  // Mean message payload over the calibration images.
  double bytes = 0;
};

// What was measured on one machine: by part hash, and for codecs by codec_key.
struct Profile {
  // machine_fingerprint() of where it was measured: a profile from another machine is refused
  // unless asked for.
  std::string machine;
  std::string date;
  std::map<std::string, PartProfile> parts;
  std::map<std::string, CodecProfile> codecs;
};

// "HASH/TENSOR/CODEC": hash of the part that makes the tensor and its name there; for the input of
// the plan the part that takes it.
std::string codec_key(const Plan& plan, const PlanEdge& edge);
// The same where the part is at hand.
std::string codec_key(const PlacedPart& part, const PlanEdge& edge);
// "HASH/TENSOR/normalise", for input edges only: making the network's input from the image
// (`encode`; the rest is 0). Not required.
std::string normalise_key(const Plan& plan, const PlanEdge& edge);
std::string normalise_key(const PlacedPart& part, const PlanEdge& edge);

// What the operating system calls the processor of the machine at hand.
std::string processor_name();

// "HOST, CPU MODEL, N cores, isthmus VERSION" of the machine at hand.
std::string machine_fingerprint();

// Throws Error{kInvalid} for a profile that was measured on another machine than this.
void refuse_other_machine(const Profile& profile);

// Schema isthmus.profile/1 (docs/formats/profile.md).
Json to_json(const Profile& profile);
Profile profile_from_json(const Json& document, const std::string& where);

// What `newer` measured replaces what `older` has of the same.
Profile merged(Profile older, const Profile& newer);

// Of two measurements on the same machine the less of each time, a part's by its median: other work
// only ever adds. What only one of them has stays.
Profile least_of(Profile one, const Profile& other);

// What stands for the time of a part; times of both kinds in one store could not be compared.
enum class ProfileTimes : std::uint8_t {
  kMedian,      // Of its runs.
  kFromMemory,  // With weights that come from memory (measure_from_memory in lab/measure.h).
};

// Kept under cache_folder()/profiles by machine and kind of times; a new measurement of a part
// replaces the old one. Safe between processes. An unreadable store throws Error{kInvalid} that
// names the file.
Profile load_profile_store(ProfileTimes times = ProfileTimes::kMedian);
void merge_into_profile_store(const Profile& profile, ProfileTimes times = ProfileTimes::kMedian);

}  // namespace isthmus
