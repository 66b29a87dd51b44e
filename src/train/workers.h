#pragma once

#include <torch/types.h>

#include <memory>

namespace isthmus {

// The processes that train one network together, each with the whole network and its share of every
// batch. Like those that torchrun starts: RANK, WORLD_SIZE, MASTER_ADDR and MASTER_PORT in the
// environment; without them this process is alone. They speak c10d over gloo.
class Workers {
 public:
  virtual ~Workers() = default;

  int rank() const { return rank_; }
  int size() const { return size_; }
  // The one that writes files and talks.
  bool first() const { return rank_ == 0; }

  // Replaces `tensor` by its sum over all processes. All must call it in the same order. Throws
  // Error{kUnavailable} if one of them is gone.
  virtual void sum(torch::Tensor& tensor) = 0;

 protected:
  Workers(int rank, int size) : rank_(rank), size_(size) {}

 private:
  int rank_;
  int size_;
};

std::unique_ptr<Workers> lone_worker();

// Throws Error{kInvalid} for a variable that makes no sense (named), Error{kUnavailable} if the
// others do not come, Error{kUnsupported} where libtorch was built without gloo.
std::unique_ptr<Workers> workers_from_environment();

// Replaces each tensor by its sum over the processes, in one message.
void sum_together(Workers& workers, const std::vector<torch::Tensor>& tensors);

}  // namespace isthmus
