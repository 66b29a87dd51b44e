#include "serve/credit.h"

#include <gtest/gtest.h>

#include "core/error.h"

namespace isthmus {
namespace {

const EdgeKey kFirst{{1, 1}, 0};
const EdgeKey kSecond{{1, 1}, 1};
// More room than is granted.
constexpr int kMuch = 100;

CreditAccount open_account(int window) {
  CreditAccount account;
  account.granted({.key = {}, .count = window});
  return account;
}

TEST(Credit, TravelsAsAMessage) {
  const Credit credit{.key = {{7, 300}, 12}, .count = 1000};
  const Credit back = to_credit(to_message(credit));
  EXPECT_EQ(back.key, credit.key);
  EXPECT_EQ(back.count, 1000);
  FlowMessage short_one = to_message(credit);
  short_one.payload = Payload(short_one.payload.bytes().first(3), short_one.payload.owner());
  EXPECT_THROW(to_credit(short_one), Error);
}

TEST(CreditAccount, NothingIsSentBeforeTheReceiverHasSpoken) {
  CreditAccount account;
  EXPECT_TRUE(account.has(kFirst, kMuch));
  EXPECT_FALSE(account.take(kFirst, kMuch));
  account.reserve(kFirst, kMuch);
  EXPECT_FALSE(account.has(kFirst, kMuch)) << "one waits already";
  account.granted({.key = {}, .count = 2});
  EXPECT_TRUE(account.has(kFirst, kMuch));
}

TEST(CreditAccount, EachEdgeHasItsOwn) {
  CreditAccount account = open_account(2);
  EXPECT_TRUE(account.take(kFirst, kMuch));
  EXPECT_TRUE(account.take(kFirst, kMuch));
  EXPECT_FALSE(account.take(kFirst, kMuch));
  EXPECT_FALSE(account.has_for_all());
  EXPECT_TRUE(account.take(kSecond, kMuch));
  account.granted({.key = kFirst, .count = 1});
  EXPECT_TRUE(account.has_for_all());
  EXPECT_TRUE(account.take(kFirst, kMuch));
  EXPECT_FALSE(account.take(kFirst, kMuch));
}

TEST(CreditAccount, WhatIsReservedIsKeptFromOthers) {
  CreditAccount account = open_account(1);
  account.reserve(kFirst, kMuch);
  EXPECT_FALSE(account.take(kFirst, kMuch));
  account.release(kFirst);
  EXPECT_TRUE(account.take(kFirst, kMuch));
}

TEST(CreditAccount, MoreThanWasTakenIsNotGivenBack) {
  CreditAccount account = open_account(1);
  account.granted({.key = kFirst, .count = 5});
  account.release(kFirst);
  EXPECT_TRUE(account.take(kFirst, kMuch));
  EXPECT_FALSE(account.take(kFirst, kMuch));
}

TEST(CreditAccount, NoMoreIsTakenThanThereIsRoomFor) {
  CreditAccount account = open_account(64);
  account.reserve(kFirst, 2);
  EXPECT_TRUE(account.take(kFirst, 2));
  EXPECT_FALSE(account.take(kFirst, 2));
  EXPECT_FALSE(account.has_for_all());
  EXPECT_TRUE(account.take(kSecond, kMuch)) << "an edge of its own";
  account.granted({.key = kFirst, .count = 1});
  EXPECT_TRUE(account.has(kFirst, 2));
  account.release(kFirst);
  EXPECT_TRUE(account.take(kFirst, 2));
  EXPECT_TRUE(account.take(kFirst, 2));
  EXPECT_FALSE(account.take(kFirst, 2));
}

TEST(CreditAccount, ANewStreamKnowsNothing) {
  CreditAccount account = open_account(1);
  EXPECT_TRUE(account.take(kFirst, kMuch));
  account.reset();
  EXPECT_TRUE(account.has_for_all());
  EXPECT_FALSE(account.take(kFirst, kMuch));
  account.granted({.key = {}, .count = 1});
  EXPECT_TRUE(account.take(kFirst, kMuch));
}

}  // namespace
}  // namespace isthmus
