#include "data/sign_shapes.h"

#include <algorithm>
#include <cmath>

namespace isthmus {
namespace {

constexpr float kRootHalf = 0.70710678F;
constexpr float kHalfRootThree = 0.8660254F;

float disc_distance(float u, float v, float radius) { return std::sqrt(u * u + v * v) - radius; }

float arrow_distance(float u, float v, float weight) {
  const float head = std::max(v + 0.05F, 0.7682F * std::abs(u) - 0.6402F * (v + 1));
  return std::min(head, box_distance(u, v - 0.45F, 0.24F * weight, 0.55F));
}

float cross_distance(float u, float v, float weight) {
  const float a = kRootHalf * (u + v);
  const float b = kRootHalf * (u - v);
  return std::min(box_distance(a, b, 1.1F, 0.22F * weight),
                  box_distance(b, a, 1.1F, 0.22F * weight));
}

float bang_distance(float u, float v, float weight) {
  // The stroke narrows downwards.
  const float half_width = weight * (0.22F - 0.08F * (v + 0.35F));
  return std::min(box_distance(u, v + 0.35F, half_width, 0.65F),
                  disc_distance(u, v - 0.75F, 0.25F * weight));
}

}  // namespace

float box_distance(float u, float v, float half_width, float half_height) {
  return std::max(std::abs(u) - half_width, std::abs(v) - half_height);
}

float shape_distance(SignShape shape, float u, float v) {
  const float across = std::abs(u);
  const float along = std::abs(v);
  switch (shape) {
    case SignShape::kCircle: return disc_distance(u, v, 1);
    case SignShape::kTriangle: return std::max(v, kHalfRootThree * across - 0.5F * v) - 0.62F;
    case SignShape::kOctagon:
      return std::max({across, along, kRootHalf * (across + along)}) - 0.95F;
    case SignShape::kDiamond: return kRootHalf * (across + along) - 0.84F;
  }
  return 1;
}

float pictogram_distance(Pictogram pictogram, float u, float v, float weight) {
  switch (pictogram) {
    case Pictogram::kArrow: return arrow_distance(u, v, weight);
    case Pictogram::kBar: return box_distance(u, v, 0.95F, 0.27F * weight);
    case Pictogram::kCross: return cross_distance(u, v, weight);
    case Pictogram::kBang: return bang_distance(u, v, weight);
  }
  return 1;
}

PictogramPlace pictogram_place(SignShape shape) {
  switch (shape) {
    case SignShape::kCircle: return {.scale = 0.56F, .down = 0};
    case SignShape::kTriangle: return {.scale = 0.40F, .down = 0.08F};
    case SignShape::kOctagon: return {.scale = 0.58F, .down = 0};
    case SignShape::kDiamond: return {.scale = 0.48F, .down = 0};
  }
  return {.scale = 0.5F, .down = 0};
}

}  // namespace isthmus
