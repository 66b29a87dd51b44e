#include "pipeline/regression.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "core/error.h"
#include "core/statistics.h"

namespace isthmus {
namespace {

constexpr int kRounds = 6;
constexpr int kMostSweeps = 5000;
constexpr double kConverged = 1e-12;
// A relative error up to which samples weigh the same.
constexpr double kUsualError = 0.02;

using Row = std::vector<double>;

double product(const Row& a, const Row& b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += a[i] * b[i];
  return sum;
}

// min |A x - b|^2, x >= 0, from A^T A and A^T b, one coordinate at a time.
Row non_negative_least_squares(const std::vector<Row>& gram, const Row& right, Row x) {
  for (int sweep = 0; sweep < kMostSweeps; ++sweep) {
    double moved = 0;
    for (std::size_t j = 0; j < x.size(); ++j) {
      if (gram[j][j] <= 0) continue;
      const double next = std::max(0.0, x[j] + (right[j] - product(gram[j], x)) / gram[j][j]);
      // Columns have a mean of 1.
      moved = std::max(moved, std::abs(next - x[j]));
      x[j] = next;
    }
    if (moved < kConverged) break;
  }
  return x;
}

// Every row is divided by its time, so that what is fitted is 1.
class RelativeFit {
 public:
  explicit RelativeFit(std::span<const WorkSample> samples) {
    for (const WorkSample& sample : samples)
      for (const auto& [kind, amount] : sample.work)
        if (amount > 0 && std::ranges::find(kinds_, kind) == kinds_.end()) kinds_.push_back(kind);
    scale_.assign(kinds_.size() + 1, 0);
    for (const WorkSample& sample : samples) {
      Row row{1 / sample.time.count()};
      for (const std::string& kind : kinds_) {
        const auto at = sample.work.find(kind);
        row.push_back(at == sample.work.end() ? 0 : at->second / sample.time.count());
      }
      for (std::size_t j = 0; j < row.size(); ++j)
        scale_[j] += row[j] / static_cast<double>(samples.size());
      rows_.push_back(std::move(row));
    }
    for (Row& row : rows_)
      for (std::size_t j = 0; j < row.size(); ++j)
        if (scale_[j] > 0) row[j] /= scale_[j];
  }

  // Without one of the rows, if it is one.
  Row solve(std::size_t left_out) const {
    Row x(scale_.size(), 0);
    Row weights(rows_.size(), 1);
    for (int round = 0; round < kRounds; ++round) {
      std::vector<Row> gram(x.size(), Row(x.size(), 0));
      Row right(x.size(), 0);
      for (std::size_t i = 0; i < rows_.size(); ++i)
        if (i != left_out) accumulate(rows_[i], weights[i], gram, right);
      x = non_negative_least_squares(gram, right, x);
      for (std::size_t i = 0; i < rows_.size(); ++i)
        weights[i] = 1 / std::max(kUsualError, error(i, x));
    }
    return x;
  }

  double error(std::size_t row, const Row& x) const { return std::abs(product(rows_[row], x) - 1); }

  WorkRegression regression() const {
    const Row x = solve(rows_.size());
    WorkRegression result{.fixed = Seconds{x[0] / scale_[0]}, .samples = rows_.size()};
    for (std::size_t j = 0; j < kinds_.size(); ++j)
      result.seconds[kinds_[j]] = scale_[j + 1] > 0 ? x[j + 1] / scale_[j + 1] : 0;
    std::vector<double> errors;
    for (std::size_t i = 0; i < rows_.size(); ++i) errors.push_back(error(i, solve(i)));
    result.error = {.median = quantile(errors, 0.5), .p95 = quantile(errors, 0.95)};
    return result;
  }

 private:
  static void accumulate(const Row& row, double weight, std::vector<Row>& gram, Row& right) {
    for (std::size_t j = 0; j < row.size(); ++j) {
      right[j] += weight * row[j];
      for (std::size_t k = 0; k < row.size(); ++k) gram[j][k] += weight * row[j] * row[k];
    }
  }

  std::vector<std::string> kinds_;
  std::vector<Row> rows_;
  // Mean of each column; the first is the fixed time.
  Row scale_;
};

}  // namespace

Seconds WorkRegression::predict(const GraphWork& work) const {
  Seconds time = fixed;
  for (const auto& [kind, amount] : work)
    if (const auto at = seconds.find(kind); at != seconds.end())
      time += Seconds{at->second * amount};
  return time;
}

WorkRegression fit_work(std::span<const WorkSample> samples) {
  if (samples.empty()) throw Error(ErrorKind::kInvalid, "a regression needs measured layers");
  for (const WorkSample& sample : samples)
    if (!(sample.time.count() > 0) || !std::isfinite(sample.time.count()))
      throw Error(ErrorKind::kInvalid,
                  fmt::format("a regression needs positive times: {} s", sample.time.count()));
  return RelativeFit(samples).regression();
}

}  // namespace isthmus
