#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "lab/image_set.h"
#include "plan/plan.h"
#include "sim/simulate.h"

namespace isthmus {

// What frames cost here, for virtual time: the same on every link, so one measurement serves all of
// them.
//
// A part takes for every frame the least of its times over all frames of all plans that have it, as
// on an emulated machine (serve/least_run.h): other work on this machine only ever adds. The sizes
// of messages are each image's own.
class PlayCosts {
 public:
  // Runs at most `most` of the images one by one. False, and nothing done, for a plan of the same
  // parts and codecs that was measured before on images of that name.
  bool measure(const LoadedPlan& plan, const std::string& source, const std::string& image_name,
               const ImageSet& images, int most);
  // Runs some of the images again, for times alone. One engine may lie in memory better than the
  // next and one minute be quieter than another: plans that are to be compared are timed in turns.
  void time_again(const LoadedPlan& plan, const std::string& source, const ImageSet& images);
  // A time of a part, by hash, that was measured elsewhere.
  void note(const std::string& part_sha256, Seconds time);

  // Of a plan that was measured.
  std::vector<MeasuredFrame> frames(const Plan& plan, const std::string& image_name) const;
  std::optional<Seconds> least(const std::string& part_sha256) const;

 private:
  // By parts, codecs and images.
  std::map<std::string, std::vector<MeasuredFrame>> frames_;
  // By hash of the part.
  std::map<std::string, Seconds> least_;
};

}  // namespace isthmus
