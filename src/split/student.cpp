#include "split/student.h"

#include <array>
#include <utility>

#include "core/error.h"
#include "core/text.h"
#include "split/autoencoder.h"
#include "split/bottleneck.h"
#include "split/classifier.h"
#include "split/mimic.h"
#include "split/narrow.h"

namespace isthmus {
namespace {

constexpr std::array<std::pair<StudentKind, std::string_view>, 5> kNames = {{
    {StudentKind::kBottleneck, "bottleneck"},
    {StudentKind::kMimic, "mimic"},
    {StudentKind::kAutoencoder, "autoencoder"},
    {StudentKind::kNarrow, "narrow"},
    {StudentKind::kClassifier, "classifier"},
}};

}  // namespace

std::string_view to_string(StudentKind kind) {
  for (const auto& [each, name] : kNames)
    if (each == kind) return name;
  return "";
}

StudentKind student_kind_from_string(std::string_view name) {
  std::vector<std::string> names;
  std::string list;
  for (const auto& [kind, each] : kNames) {
    if (each == name) return kind;
    names.emplace_back(each);
    list += (list.empty() ? "" : ", ") + names.back();
  }
  throw Error(ErrorKind::kInvalid, "no kind of student is called " + std::string(name) +
                                       suggestion(name, names) + "; there are " + list);
}

Student make_student(const Graph& teacher, const StudentSpec& spec) {
  switch (spec.kind) {
    case StudentKind::kBottleneck: return make_bottleneck_student(teacher, spec);
    case StudentKind::kMimic: return make_mimic_student(teacher, spec);
    case StudentKind::kAutoencoder: return make_autoencoder_student(teacher, spec);
    case StudentKind::kNarrow: return make_narrow_student(teacher, spec);
    case StudentKind::kClassifier: return make_classifier_student(teacher, spec);
  }
  throw Error(ErrorKind::kInvalid, "no such kind of student");
}

}  // namespace isthmus
