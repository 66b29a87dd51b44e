#include "train/gloo_workers.h"

// libtorch's headers show gloo only to who says that it is there.
#define USE_C10D_GLOO 1
#include <torch/csrc/distributed/c10d/ProcessGroupGloo.hpp>
#include <torch/csrc/distributed/c10d/TCPStore.hpp>

#include <chrono>
#include <cstdlib>
#include <vector>

#include "core/error.h"
#include "train/torch_error.h"

namespace isthmus {
namespace {

bool is_loopback(const std::string& address) {
  return address == "localhost" || address.starts_with("127.") || address == "::1";
}

// Until all have come.
constexpr std::chrono::minutes kPatience{5};
// For the slowest to read its images. One that dies is noticed at once.
constexpr std::chrono::minutes kStepPatience{30};

// The way to the others: GLOO_SOCKET_IFNAME, as PyTorch reads it, or what the host's name resolves
// to.
std::shared_ptr<gloo::transport::Device> device_towards(const std::string& address) {
  using c10d::ProcessGroupGloo;
  if (const char* interface = std::getenv("GLOO_SOCKET_IFNAME"); interface && *interface)
    return ProcessGroupGloo::createDeviceForInterface(interface);
  return is_loopback(address) ? ProcessGroupGloo::createDeviceForHostname("127.0.0.1")
                              : ProcessGroupGloo::createDefaultDevice();
}

class GlooWorkers final : public Workers {
 public:
  explicit GlooWorkers(const Rendezvous& rendezvous) : Workers(rendezvous.rank, rendezvous.size) {
    c10d::TCPStoreOptions store_options;
    store_options.port = static_cast<std::uint16_t>(rendezvous.port);
    store_options.isServer = rendezvous.rank == 0;
    store_options.numWorkers = static_cast<std::size_t>(rendezvous.size);
    store_options.timeout = kPatience;
    auto store = c10::make_intrusive<c10d::TCPStore>(rendezvous.address, store_options);
    auto options = c10d::ProcessGroupGloo::Options::create();
    options->timeout = kStepPatience;
    options->devices.push_back(device_towards(rendezvous.address));
    group_ = c10::make_intrusive<c10d::ProcessGroupGloo>(store, rendezvous.rank, rendezvous.size,
                                                         options);
  }

  void sum(torch::Tensor& tensor) override {
    try {
      std::vector<torch::Tensor> tensors{tensor};
      group_->allreduce(tensors)->wait();
    } catch (const std::exception& error) {
      throw Error(ErrorKind::kUnavailable,
                  "another process of this training is gone: " + first_line(error.what()));
    }
  }

 private:
  c10::intrusive_ptr<c10d::ProcessGroupGloo> group_;
};

}  // namespace

std::unique_ptr<Workers> make_gloo_workers(const Rendezvous& rendezvous) {
  try {
    return std::make_unique<GlooWorkers>(rendezvous);
  } catch (const std::exception& error) {
    throw Error(ErrorKind::kUnavailable,
                "the processes of this training do not find each other at " + rendezvous.address +
                    ':' + std::to_string(rendezvous.port) + ": " + first_line(error.what()) +
                    " (GLOO_SOCKET_IFNAME names the network interface to use)");
  }
}

}  // namespace isthmus
