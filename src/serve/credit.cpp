#include "serve/credit.h"

#include <algorithm>
#include <array>
#include <memory>

#include "core/error.h"

namespace isthmus {

EdgeKey edge_key(const FrameHeader& header) {
  return {{header.key.source, header.key.epoch}, header.edge};
}

FlowMessage to_message(const Credit& credit) {
  const auto count = static_cast<std::uint32_t>(std::max(0, credit.count));
  auto owner = std::make_shared<std::array<std::byte, 4>>();
  for (std::size_t i = 0; i < owner->size(); ++i)
    (*owner)[i] = static_cast<std::byte>(count >> 8 * i);
  return {.header = {.type = FrameType::kCredit,
                     .key = {.source = credit.key.deployment.source,
                             .epoch = credit.key.deployment.epoch},
                     .edge = credit.key.edge},
          .payload = Payload(*owner, owner),
          .trailer = {}};
}

Credit to_credit(const FlowMessage& message) {
  const auto bytes = message.payload.bytes();
  if (bytes.size() != 4)
    throw Error(ErrorKind::kInvalid,
                "a credit has " + std::to_string(bytes.size()) + " bytes of payload instead of 4");
  std::uint32_t count = 0;
  for (std::size_t i = 0; i < bytes.size(); ++i)
    count |= std::to_integer<std::uint32_t>(bytes[i]) << 8 * i;
  constexpr std::uint32_t kMost = 1u << 20;
  return {edge_key(message.header), static_cast<int>(std::min(count, kMost))};
}

void CreditAccount::reset() {
  window_ = 0;
  exhausted_ = 0;
  edges_.clear();
}

int CreditAccount::left_of(const Edge& edge) const {
  return std::min(std::max(window_, 1), edge.room) - edge.sent - edge.reserved;
}

template <typename Change>
void CreditAccount::change(Edge& edge, const EdgeKey& key, const Change& change) {
  exhausted_ -= left_of(edge) <= 0;
  change(edge);
  exhausted_ += left_of(edge) <= 0;
  if (edge.sent == 0 && edge.reserved == 0) edges_.erase(key);
}

void CreditAccount::granted(const Credit& credit) {
  if (credit.key.edge == kNoIndex) {
    window_ = credit.count;
    exhausted_ = static_cast<int>(
        std::ranges::count_if(edges_, [&](const auto& each) { return left_of(each.second) <= 0; }));
  } else if (const auto found = edges_.find(credit.key); found != edges_.end()) {
    change(found->second, credit.key,
           [&](Edge& edge) { edge.sent = std::max(0, edge.sent - credit.count); });
  }
}

bool CreditAccount::has(const EdgeKey& key, int room) const {
  const auto found = edges_.find(key);
  return found == edges_.end() ? room > 0 : left_of(found->second) > 0;
}

bool CreditAccount::take(const EdgeKey& key, int room) {
  if (!is_open() || !has(key, room)) return false;
  change(edges_.try_emplace(key, Edge{.room = room}).first->second, key,
         [](Edge& edge) { ++edge.sent; });
  return true;
}

void CreditAccount::reserve(const EdgeKey& key, int room) {
  change(edges_.try_emplace(key, Edge{.room = room}).first->second, key,
         [](Edge& edge) { ++edge.reserved; });
}

void CreditAccount::release(const EdgeKey& key) {
  const auto found = edges_.find(key);
  if (found == edges_.end() || found->second.reserved == 0) return;
  change(found->second, key, [](Edge& edge) { --edge.reserved; });
}

}  // namespace isthmus
