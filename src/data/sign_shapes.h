#pragma once

#include <array>

namespace isthmus {

// Outlines of the built-in signs as distances: negative inside, positive outside, in the units of
// the coordinates; u to the right, v down. Exact on edges, too small near corners, which is all
// that smooth edges need.

enum class SignShape { kCircle, kTriangle, kOctagon, kDiamond };
enum class Pictogram { kArrow, kBar, kCross, kBang };

inline constexpr std::array kSignShapes = {SignShape::kCircle, SignShape::kTriangle,
                                           SignShape::kOctagon, SignShape::kDiamond};
inline constexpr std::array kPictograms = {Pictogram::kArrow, Pictogram::kBar, Pictogram::kCross,
                                           Pictogram::kBang};

// About the unit circle; no point is further than 1.3 from the middle.
float shape_distance(SignShape shape, float u, float v);
// Fills [-1, 1] x [-1, 1]. `weight` about 1 makes strokes thinner or thicker.
float pictogram_distance(Pictogram pictogram, float u, float v, float weight);

// Where a pictogram has room within a shape.
struct PictogramPlace {
  float scale;
  float down;
};
PictogramPlace pictogram_place(SignShape shape);

float box_distance(float u, float v, float half_width, float half_height);

}  // namespace isthmus
