#include "train/workers.h"

#include <ATen/ATen.h>

#include <charconv>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "core/error.h"
#include "train/gloo_workers.h"

namespace isthmus {
namespace {

class LoneWorker final : public Workers {
 public:
  LoneWorker() : Workers(0, 1) {}
  void sum(torch::Tensor&) override {}
};

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  if (!value || !*value)
    throw Error(ErrorKind::kInvalid,
                std::string(name) +
                    " is missing: WORLD_SIZE asks for several processes, and each needs RANK, "
                    "MASTER_ADDR and MASTER_PORT");
  return value;
}

int number(const char* name, int low, int high) {
  const std::string text = variable(name);
  int value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || value < low || value > high)
    throw Error(ErrorKind::kInvalid, std::string(name) + " must be a number from " +
                                         std::to_string(low) + " to " + std::to_string(high) +
                                         ": " + text);
  return value;
}

}  // namespace

std::unique_ptr<Workers> lone_worker() { return std::make_unique<LoneWorker>(); }

std::unique_ptr<Workers> workers_from_environment() {
  constexpr int kMostProcesses = 4096;
  constexpr int kMostPort = 65535;
  const char* world = std::getenv("WORLD_SIZE");
  if (!world || !*world) return lone_worker();
  const int size = number("WORLD_SIZE", 1, kMostProcesses);
  if (size == 1) return lone_worker();
  return make_gloo_workers({.rank = number("RANK", 0, size - 1),
                            .size = size,
                            .address = variable("MASTER_ADDR"),
                            .port = number("MASTER_PORT", 1, kMostPort)});
}

void sum_together(Workers& workers, const std::vector<torch::Tensor>& tensors) {
  if (workers.size() == 1 || tensors.empty()) return;
  const at::NoGradGuard no_gradient;
  std::vector<torch::Tensor> flat;
  for (const torch::Tensor& tensor : tensors) flat.push_back(tensor.flatten().to(torch::kCPU));
  torch::Tensor all = torch::cat(flat);
  workers.sum(all);
  std::int64_t offset = 0;
  for (torch::Tensor tensor : tensors) {
    tensor.copy_(all.narrow(0, offset, tensor.numel()).view(tensor.sizes()));
    offset += tensor.numel();
  }
}

}  // namespace isthmus
