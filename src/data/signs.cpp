#include "data/signs.h"

#include <cassert>
#include <cmath>

#include "core/rng.h"
#include "data/canvas.h"
#include "data/sign_shapes.h"

namespace isthmus {
namespace {

float uniform(Rng& rng, double low, double high) {
  return static_cast<float>(rng.uniform(low, high));
}

bool chance(Rng& rng, double probability) { return rng.uniform() < probability; }

Rgb random_colour(Rng& rng, double low, double high) {
  return {uniform(rng, low, high), uniform(rng, low, high), uniform(rng, low, high)};
}

// Nearer to grey, as most of the world is.
Rgb muted_colour(Rng& rng, double low, double high) {
  const Rgb colour = random_colour(rng, low, high);
  const float grey = (colour[0] + colour[1] + colour[2]) / 3;
  return mix(colour, {grey, grey, grey}, uniform(rng, 0.2, 0.8));
}

constexpr Rgb kWhite = {0.93F, 0.93F, 0.91F};
constexpr Rgb kBlack = {0.07F, 0.07F, 0.08F};
constexpr Rgb kRed = {0.76F, 0.09F, 0.12F};
constexpr Rgb kBlue = {0.08F, 0.25F, 0.62F};
constexpr Rgb kYellow = {0.95F, 0.76F, 0.10F};
constexpr Rgb kGreen = {0.06F, 0.42F, 0.24F};

struct Paints {
  Rgb rim;
  Rgb face;
  Rgb pictogram;
};

// None belongs to a shape or a pictogram.
constexpr std::array<Paints, 8> kPaints = {{{kRed, kWhite, kBlack},
                                            {kRed, kYellow, kBlack},
                                            {kWhite, kBlue, kWhite},
                                            {kWhite, kRed, kWhite},
                                            {kBlack, kYellow, kBlack},
                                            {kWhite, kGreen, kWhite},
                                            {kBlack, kWhite, kRed},
                                            {kBlue, kWhite, kBlue}}};
constexpr std::array<Rgb, 6> kSignColours = {kWhite, kBlack, kRed, kBlue, kYellow, kGreen};

Rgb faded(const Rgb& colour, Rng& rng) {
  const Rgb dirt = random_colour(rng, 0.2, 0.8);
  return mix(colour, dirt, uniform(rng, 0, 0.2));
}

// From the picture back to a plane that is seen turned and in perspective.
class View {
 public:
  struct Point {
    float u;
    float v;
    // Width of a pixel there.
    float pixel;
  };

  // (u, v) is seen at `centre` + `scale` R (u, v * aspect) / (1 + p u + q v), R a turn by twice the
  // angle whose tangent is `half_tangent`.
  View(float centre_x, float centre_y, float scale, float aspect, float half_tangent, float p,
       float q)
      : scale_(scale), p_(p), q_(q) {
    const float square = half_tangent * half_tangent;
    const float cosine = (1 - square) / (1 + square);
    const float sine = 2 * half_tangent / (1 + square);
    const float a = scale * cosine + centre_x * p;
    const float b = -scale * aspect * sine + centre_x * q;
    const float c = scale * sine + centre_y * p;
    const float d = scale * aspect * cosine + centre_y * q;
    // The adjugate of [[a b cx] [c d cy] [p q 1]]; its scale cancels.
    inverse_ = {d - centre_y * q, centre_x * q - b, b * centre_y - centre_x * d,
                centre_y * p - c, a - centre_x * p, centre_x * c - a * centre_y,
                c * q - d * p,    b * p - a * q,    a * d - b * c};
  }

  Point to_plane(float x, float y) const {
    const float w = inverse_[6] * x + inverse_[7] * y + inverse_[8];
    const float u = (inverse_[0] * x + inverse_[1] * y + inverse_[2]) / w;
    const float v = (inverse_[3] * x + inverse_[4] * y + inverse_[5]) / w;
    const float depth = 1 + p_ * u + q_ * v;
    // Behind the horizon: far outside of everything.
    if (!(depth > 0.05F)) return {.u = 1e3F, .v = 1e3F, .pixel = 1};
    return {.u = u, .v = v, .pixel = depth / scale_};
  }

 private:
  float scale_;
  float p_;
  float q_;
  std::array<float, 9> inverse_;
};

View random_view(Rng& rng, double small, double large, double room) {
  const float scale = uniform(rng, small, large);
  const double play = kSignsSize / 2.0 - room * scale;
  const double middle = kSignsSize / 2.0;
  const float x = uniform(rng, middle - play, middle + play);
  const float y = uniform(rng, middle - play, middle + play);
  return {x,
          y,
          scale,
          uniform(rng, 0.85, 1.15),
          uniform(rng, -0.12, 0.12),
          uniform(rng, -0.25, 0.25),
          uniform(rng, -0.25, 0.25)};
}

void paint_background(Canvas& canvas, Rng& rng) {
  const std::array<Rgb, 2> upper = {muted_colour(rng, 0.15, 0.95), muted_colour(rng, 0.15, 0.95)};
  const std::array<Rgb, 2> lower = {muted_colour(rng, 0.05, 0.75), muted_colour(rng, 0.05, 0.75)};
  const ValueNoise coarse(3 + static_cast<int>(rng.below(5)), rng);
  const ValueNoise fine(12 + static_cast<int>(rng.below(28)), rng);
  const float grain = uniform(rng, 0.15, 0.6);
  const float horizon = uniform(rng, -0.2, 1.2);
  const float slope = uniform(rng, -0.3, 0.3);
  const auto size = static_cast<float>(canvas.size());
  for (int row = 0; row < canvas.size(); ++row)
    for (int column = 0; column < canvas.size(); ++column) {
      const float x = (static_cast<float>(column) + 0.5F) / size;
      const float y = (static_cast<float>(row) + 0.5F) / size;
      const auto& colours = y < horizon + slope * x ? upper : lower;
      const float blend = (1 - grain) * coarse(x, y) + grain * fine(x, y);
      canvas.at(column, row) = mix(colours[0], colours[1], blend);
    }
}

// Plain boards, lamps and posts of the same colours and shapes as signs.
void paint_distractors(Canvas& canvas, Rng& rng) {
  const auto count = rng.below(5);
  for (std::uint64_t i = 0; i < count; ++i) {
    const View view = random_view(rng, 6, 26, 0.2);
    const SignShape shape = kSignShapes[rng.below(kSignShapes.size())];
    const bool box = chance(rng, 0.5);
    const float half_width = uniform(rng, 0.15, 1);
    const float half_height = uniform(rng, 0.15, 1.6);
    const Rgb colour = faded(kSignColours[rng.below(kSignColours.size())], rng);
    canvas.paint(colour, [&](float x, float y) {
      const auto [u, v, pixel] = view.to_plane(x, y);
      return inside(box ? box_distance(u, v, half_width, half_height) : shape_distance(shape, u, v),
                    pixel);
    });
  }
}

void paint_sign(Canvas& canvas, SignShape shape, Pictogram pictogram, Rng& rng) {
  const View view = random_view(rng, 19, 35, 1.15);
  const Paints& paints = kPaints[rng.below(kPaints.size())];
  const Rgb rim = faded(paints.rim, rng);
  const Rgb face = faded(paints.face, rng);
  const Rgb symbol = faded(paints.pictogram, rng);
  const float rim_width = uniform(rng, 0.07, 0.2);
  const float weight = uniform(rng, 0.8, 1.25);
  const auto [scale, down] = pictogram_place(shape);
  const float size = scale * uniform(rng, 0.9, 1.1);
  const float post = uniform(rng, 0.05, 0.1);
  const Rgb post_colour = faded({0.5F, 0.5F, 0.5F}, rng);
  const bool has_post = chance(rng, 0.6);

  for (int row = 0; row < canvas.size(); ++row)
    for (int column = 0; column < canvas.size(); ++column) {
      const auto [u, v, pixel] =
          view.to_plane(static_cast<float>(column) + 0.5F, static_cast<float>(row) + 0.5F);
      Rgb& target = canvas.at(column, row);
      if (has_post && v > 0) target = mix(target, post_colour, inside(std::abs(u) - post, pixel));
      const float distance = shape_distance(shape, u, v);
      if (distance > pixel) continue;
      Rgb colour = mix(rim, face, inside(distance + rim_width, pixel));
      const float stroke =
          pictogram_distance(pictogram, u / size, (v - down) / size, weight) * size;
      colour = mix(colour, symbol, inside(stroke, pixel));
      target = mix(target, colour, inside(distance, pixel));
    }
}

// A branch or a wire in front.
void paint_occluder(Canvas& canvas, Rng& rng) {
  const float x0 = uniform(rng, 0, kSignsSize);
  const float y0 = uniform(rng, 0, kSignsSize);
  const float across = uniform(rng, -1, 1);
  const float along = uniform(rng, -1, 1);
  const float length = std::sqrt(across * across + along * along) + 1e-3F;
  const float half_width = uniform(rng, 0.5, 2.5);
  canvas.paint(random_colour(rng, 0.02, 0.35), [&](float x, float y) {
    const float distance = std::abs(across * (x - x0) + along * (y - y0)) / length;
    return inside(distance - half_width, 1);
  });
}

// Exposure, colour of the light, its fall-off, the edge of a shadow, haze.
void light(Canvas& canvas, Rng& rng) {
  const float gain = uniform(rng, 0.4, 1.2);
  const Rgb tint = random_colour(rng, 0.85, 1.15);
  const float across = uniform(rng, -0.4, 0.4);
  const float down = uniform(rng, -0.4, 0.4);
  const float shade = chance(rng, 0.3) ? uniform(rng, 0.45, 0.8) : 1.0F;
  const float shade_across = uniform(rng, -1, 1);
  const float shade_down = uniform(rng, -1, 1);
  const float haze = chance(rng, 0.3) ? uniform(rng, 0.1, 0.5) : 0.0F;
  const Rgb haze_colour = random_colour(rng, 0.55, 0.8);
  const auto size = static_cast<float>(canvas.size());
  for (int row = 0; row < canvas.size(); ++row)
    for (int column = 0; column < canvas.size(); ++column) {
      const float x = static_cast<float>(column) / size - 0.5F;
      const float y = static_cast<float>(row) / size - 0.5F;
      const float shadow = shade_across * x + shade_down * y > 0 ? shade : 1.0F;
      const float factor = gain * shadow * (1 + across * x + down * y);
      Rgb& pixel = canvas.at(column, row);
      for (std::size_t c = 0; c < 3; ++c) pixel[c] *= factor * tint[c];
      pixel = mix(pixel, haze_colour, haze);
    }
}

class Signs final : public Dataset {
 public:
  Signs(Split split, std::int64_t count)
      : seed_(split == Split::kTrain ? 0x5167'0001 : 0x5167'0002), count_(count) {}

  const std::string& name() const override { return name_; }
  std::int64_t size() const override { return count_; }
  const std::vector<std::string>& class_names() const override { return signs_class_names(); }
  std::int64_t label(std::int64_t index) const override { return index % kSignsClasses; }

  Sample get(std::int64_t index) const override {
    const auto number = static_cast<std::uint64_t>(index);
    return {.image = draw_sign(static_cast<int>(label(index)), mix_seed(seed_, number)),
            .label = label(index),
            .id = "sign " + std::to_string(index)};
  }

 private:
  std::string name_ = "signs";
  std::uint64_t seed_;
  std::int64_t count_;
};

}  // namespace

const std::vector<std::string>& signs_class_names() {
  static const std::vector<std::string> names = [] {
    std::vector<std::string> made;
    for (const char* shape : {"circle", "triangle", "octagon", "diamond"})
      for (const char* pictogram : {"arrow", "bar", "cross", "bang"})
        made.push_back(std::string(shape) + ' ' + pictogram);
    return made;
  }();
  return names;
}

Tensor draw_sign(int label, std::uint64_t seed) {
  assert(label >= 0 && label < kSignsClasses);
  const auto index = static_cast<std::size_t>(label);
  Rng rng(seed);
  Canvas canvas(kSignsSize);
  paint_background(canvas, rng);
  paint_distractors(canvas, rng);
  paint_sign(canvas, kSignShapes[index / kPictograms.size()],
             kPictograms[index % kPictograms.size()], rng);
  if (chance(rng, 0.3)) paint_occluder(canvas, rng);
  light(canvas, rng);
  canvas.blur(static_cast<int>(rng.below(5)));
  canvas.add_noise(rng, uniform(rng, 0.005, 0.07));
  return canvas.to_image();
}

std::unique_ptr<Dataset> make_signs(Split split, std::int64_t count) {
  if (count <= 0) count = split == Split::kTrain ? kSignsTrainImages : kSignsTestImages;
  return std::make_unique<Signs>(split, count);
}

}  // namespace isthmus
