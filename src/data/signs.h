#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "core/tensor.h"
#include "data/dataset.h"

namespace isthmus {

// A set of made-up traffic signs that is drawn when asked for: no download, no licence, as many
// images as wanted. A class is a shape and a pictogram; colours, place, size, turn, perspective,
// light, blur, noise, background and distractors say nothing about it. No class is the mirror image
// of another. Equal on every CPU: nothing but IEEE additions, products, quotients and square roots.
inline constexpr int kSignsSize = 96;
inline constexpr int kSignsClasses = 16;
inline constexpr std::int64_t kSignsTrainImages = 8000;
inline constexpr std::int64_t kSignsTestImages = 2000;

// "circle arrow", "circle bar", ... "diamond bang".
const std::vector<std::string>& signs_class_names();

// u8 96x96x3. `label` in [0, kSignsClasses).
Tensor draw_sign(int label, std::uint64_t seed);

// Classes in turn; the splits have different seeds. `count` 0 for the default size.
std::unique_ptr<Dataset> make_signs(Split split, std::int64_t count = 0);

}  // namespace isthmus
