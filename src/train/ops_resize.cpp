#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>

#include "train/torch_operator.h"

namespace isthmus {
namespace {

using Extents = std::vector<std::int64_t>;

struct Resizing {
  std::string mode, coordinates, nearest;
  double cubic = -0.75;
  bool exclude_outside = false;
  double extrapolation = 0;
};

struct ResizedAxis {
  std::int64_t in = 1;
  std::int64_t out = 1;
  double scale = 1;
  // Of the box that tf_crop_and_resize cuts out, in shares of the axis.
  double from = 0;
  double to = 1;

  bool changes() const { return in != out || scale != 1 || from != 0 || to != 1; }
};

// Before opset 11 there was one way only.
Resizing resizing_of(const TorchCall& call) {
  if (call.opset < 11 || call.node.op == "Upsample")
    return {
        .mode = call.node.text("mode", "nearest"), .coordinates = "asymmetric", .nearest = "floor"};
  if (call.node.integer("antialias", 0) != 0) call.refuse("antialias");
  if (call.node.text("keep_aspect_ratio_policy", "stretch") != "stretch")
    call.refuse("keep_aspect_ratio_policy");
  return {.mode = call.node.text("mode", "nearest"),
          .coordinates = call.node.text("coordinate_transformation_mode", "half_pixel"),
          .nearest = call.node.text("nearest_mode", "round_prefer_floor"),
          .cubic = call.node.real("cubic_coeff_a", -0.75F),
          .exclude_outside = call.node.integer("exclude_outside", 0) != 0,
          .extrapolation = call.node.real("extrapolation_value", 0)};
}

std::vector<double> scales_of(const TorchCall& call) {
  if (call.node.has("scales")) {
    const auto& list = call.node.attributes.at("scales");
    if (const auto* scales = std::get_if<std::vector<float>>(&list))
      return {scales->begin(), scales->end()};
  }
  const bool old = call.opset < 11 || call.node.op == "Upsample";
  const std::size_t input = old ? 1 : 2;
  return call.has(input) ? call.reals(input) : std::vector<double>{};
}

std::vector<ResizedAxis> axes_of(const TorchCall& call, const Resizing& how) {
  const at::Tensor& x = call[0];
  const std::vector<double> scales = scales_of(call);
  const Extents sizes = scales.empty() ? call.integers(3) : Extents{};
  const std::size_t count = std::max(scales.size(), sizes.size());
  Extents which = call.node.integers("axes", {});
  if (which.empty())
    for (std::size_t i = 0; i < count; ++i) which.push_back(static_cast<std::int64_t>(i));
  if (which.size() != count) call.complain("scales or sizes has the wrong length");
  std::vector<ResizedAxis> axes;
  for (const std::int64_t extent : x.sizes()) axes.push_back({.in = extent, .out = extent});
  const bool crops = how.coordinates == "tf_crop_and_resize";
  const std::vector<double> box = crops ? call.reals(1) : std::vector<double>{};
  if (crops && box.size() != 2 * count) call.complain("roi has the wrong length");
  for (std::size_t i = 0; i < count; ++i) {
    ResizedAxis& axis = axes[static_cast<std::size_t>(call.wrapped(which[i], x.dim()))];
    const auto in = static_cast<double>(axis.in);
    axis.out = scales.empty() ? sizes[i] : static_cast<std::int64_t>(std::floor(in * scales[i]));
    axis.scale = scales.empty() ? static_cast<double>(axis.out) / in : scales[i];
    if (!crops) continue;
    axis.from = box[i];
    axis.to = box[count + i];
  }
  return axes;
}

// Where place i of the output lies in the input.
double source_of(const TorchCall& call, const Resizing& how, const ResizedAxis& axis,
                 std::int64_t i) {
  const auto place = static_cast<double>(i);
  const auto last_in = static_cast<double>(axis.in - 1);
  const auto last_out = static_cast<double>(axis.out - 1);
  const std::string& mode = how.coordinates;
  if (mode == "half_pixel") return (place + 0.5) / axis.scale - 0.5;
  if (mode == "pytorch_half_pixel") return axis.out > 1 ? (place + 0.5) / axis.scale - 0.5 : 0;
  if (mode == "asymmetric") return place / axis.scale;
  if (mode == "tf_half_pixel_for_nn") return (place + 0.5) / axis.scale;
  if (mode == "align_corners") return axis.out > 1 ? place * last_in / last_out : 0;
  if (mode != "tf_crop_and_resize") call.refuse("coordinate_transformation_mode " + mode);
  if (axis.out == 1) return 0.5 * (axis.from + axis.to) * last_in;
  return axis.from * last_in + place * (axis.to - axis.from) * last_in / last_out;
}

double nearest_of(const TorchCall& call, const std::string& mode, double x) {
  if (mode == "round_prefer_floor") return std::ceil(x - 0.5);
  if (mode == "round_prefer_ceil") return std::floor(x + 0.5);
  if (mode == "floor") return std::floor(x);
  if (mode == "ceil") return std::ceil(x);
  call.refuse("nearest_mode " + mode);
}

// Keys' cubic kernel at a distance.
double cubic_weight(double a, double distance) {
  const double d = std::abs(distance);
  if (d <= 1) return ((a + 2) * d - (a + 3)) * d * d + 1;
  if (d < 2) return ((a * d - 5 * a) * d + 8 * a) * d - 4 * a;
  return 0;
}

// Places of the input, and their weights, that make one place of the output.
struct Tap {
  double place;
  double weight;
};

std::vector<Tap> taps_at(const TorchCall& call, const Resizing& how, const ResizedAxis& axis,
                         double x) {
  if (how.mode == "nearest") return {{nearest_of(call, how.nearest, x), 1}};
  const double floor = std::floor(x);
  if (how.mode == "linear") return {{floor, 1 - (x - floor)}, {floor + 1, x - floor}};
  if (how.mode != "cubic") call.refuse("mode " + how.mode);
  std::vector<Tap> taps;
  double total = 0;
  for (int k = -1; k <= 2; ++k) {
    Tap tap{floor + k, cubic_weight(how.cubic, x - floor - k)};
    const bool outside = tap.place < 0 || tap.place > static_cast<double>(axis.in - 1);
    if (how.exclude_outside && outside) tap.weight = 0;
    total += tap.weight;
    taps.push_back(tap);
  }
  if (how.exclude_outside)
    for (Tap& tap : taps) tap.weight /= total;
  return taps;
}

// y = sum over the taps of weight_t x[place_t], along one axis.
at::Tensor resize_axis(const TorchCall& call, const at::Tensor& x, const Resizing& how,
                       const ResizedAxis& axis, std::int64_t at) {
  std::vector<Extents> places;
  std::vector<std::vector<double>> weights;
  for (std::int64_t i = 0; i < axis.out; ++i) {
    const auto taps = taps_at(call, how, axis, source_of(call, how, axis, i));
    places.resize(taps.size());
    weights.resize(taps.size());
    for (std::size_t t = 0; t < taps.size(); ++t) {
      const double place = std::clamp(taps[t].place, 0.0, static_cast<double>(axis.in - 1));
      places[t].push_back(static_cast<std::int64_t>(place));
      weights[t].push_back(taps[t].weight);
    }
  }
  Extents shape(static_cast<std::size_t>(x.dim()), 1);
  shape[static_cast<std::size_t>(at)] = axis.out;
  at::Tensor sum;
  for (std::size_t t = 0; t < places.size(); ++t) {
    const at::Tensor indices = at::tensor(at::IntArrayRef(places[t]), at::kLong).to(x.device());
    at::Tensor term = at::index_select(x, at, indices);
    if (how.mode != "nearest")
      term =
          term *
          at::tensor(at::ArrayRef<double>(weights[t]), at::kDouble).to(x.options()).reshape(shape);
    sum = sum.defined() ? sum + term : term;
  }
  return sum;
}

// What lies outside of the input has a value of its own there.
at::Tensor extrapolated(const TorchCall& call, const at::Tensor& y, const Resizing& how,
                        const ResizedAxis& axis, std::int64_t at) {
  Extents outside;
  for (std::int64_t i = 0; i < axis.out; ++i) {
    const double x = source_of(call, how, axis, i);
    if (x < 0 || x > static_cast<double>(axis.in - 1)) outside.push_back(i);
  }
  if (outside.empty()) return y;
  const at::Tensor places = at::tensor(at::IntArrayRef(outside), at::kLong).to(y.device());
  return y.index_fill(at, places, how.extrapolation);
}

// libtorch's own, which is several times as fast; undefined where it has no such mode.
at::Tensor directly(const at::Tensor& x, const Resizing& how,
                    const std::vector<ResizedAxis>& axes) {
  if (x.dim() != 4 || axes[0].changes() || axes[1].changes()) return {};
  if (!at::isFloatingType(x.scalar_type())) return {};
  const Extents size = {axes[2].out, axes[3].out};
  const double down = axes[2].scale;
  const double right = axes[3].scale;
  const bool centers = how.coordinates == "half_pixel" ||
                       (how.coordinates == "pytorch_half_pixel" && size[0] > 1 && size[1] > 1);
  const bool corners = how.coordinates == "align_corners";
  if (how.mode == "nearest" && how.coordinates == "asymmetric" && how.nearest == "floor")
    return at::upsample_nearest2d(x, size, down, right);
  if (how.mode == "linear" && (centers || corners))
    return at::upsample_bilinear2d(x, size, corners, down, right);
  if (how.mode == "cubic" && how.cubic == -0.75 && !how.exclude_outside && (centers || corners))
    return at::upsample_bicubic2d(x, size, corners, down, right);
  return {};
}

// Every mode is a sum along one axis after the other.
TorchTensors resize(const TorchCall& call) {
  const Resizing how = resizing_of(call);
  const auto axes = axes_of(call, how);
  at::Tensor y = directly(call[0], how, axes);
  if (y.defined()) return {y};
  y = call[0];
  for (std::size_t i = 0; i < axes.size(); ++i)
    if (axes[i].changes()) y = resize_axis(call, y, how, axes[i], static_cast<std::int64_t>(i));
  if (how.coordinates == "tf_crop_and_resize")
    for (std::size_t i = 0; i < axes.size(); ++i)
      y = extrapolated(call, y, how, axes[i], static_cast<std::int64_t>(i));
  return {y};
}

}  // namespace

TorchOperators resize_operators() {
  constexpr InputSet all_but_data = ~kFirstInput;
  const TorchOperator entry = {.run = resize, .gradient = kFirstInput, .host = all_but_data};
  return {{"Resize", entry}, {"Upsample", entry}};
}

}  // namespace isthmus
