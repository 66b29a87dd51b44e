#include "split/partition.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>

#include "core/error.h"
#include "graph/builder.h"

namespace isthmus {
namespace {

using testing::ElementsAre;

// x -> head -> a -> tail -> y, and head -> e.
Partition two_parts() {
  Partition partition{.name = "net"};
  partition.parts.push_back(
      {"head", parse_graph_text("net (float[N, 4] x) => (float[N, 4] a, float[N, 4] e) "
                                "{ a = Neg(x) e = Abs(x) }")});
  partition.parts.push_back(
      {"tail", parse_graph_text("net (float[N, 4] a) => (float[N, 4] y) { y = Relu(a) }")});
  partition.edges = {{"", "x", "head", "x"},
                     {"head", "a", "tail", "a"},
                     {"tail", "y", "", "y"},
                     {"head", "e", "", "e"}};
  return partition;
}

TEST(Partition, FindsItsParts) {
  const Partition partition = two_parts();
  EXPECT_EQ(partition.find("tail"), &partition.parts[1]);
  EXPECT_EQ(partition.find("middle"), nullptr);
}

TEST(CheckPartition, AcceptsPartsThatFit) {
  EXPECT_NO_THROW(check_partition(two_parts()));
  EXPECT_NO_THROW(check_partition(
      whole_partition(parse_graph_text("net (float[2] x) => (float[2] y) { y = Neg(x) }"))));
}

TEST(CheckPartition, NamesWhatIsWrong) {
  struct Case {
    const char* message;
    std::function<void(Partition&)> spoil;
  };
  const auto tail_takes = [](const std::string& type) {
    return [type](Partition& p) {
      p.parts[1].graph =
          parse_graph_text("net (" + type + " a) => (" + type + " y) { y = Relu(a) }");
    };
  };
  for (const Case& c : {
           Case{"partition net: it has no parts", [](Partition& p) { p.parts.clear(); }},
           Case{"partition net: a part has no name", [](Partition& p) { p.parts[0].name = ""; }},
           Case{"partition net: two parts are named head",
                [](Partition& p) { p.parts[1].name = "head"; }},
           Case{
               "partition net: edge head:a -> tial:a names a part that is not there: tial (did you "
               "mean tail?)",
               [](Partition& p) { p.edges[1].to_part = "tial"; }},
           Case{"partition net: edge head:aa -> tail:a: part head has no output aa (did you mean "
                "a?)",
                [](Partition& p) { p.edges[1].from_tensor = "aa"; }},
           Case{"partition net: edge head:a -> tail:zz: part tail has no input zz",
                [](Partition& p) { p.edges[1].to_tensor = "zz"; }},
           Case{"partition net: edge head:a -> tail:a: head gives float32 ?x4, tail takes float32 "
                "?x5",
                tail_takes("float[N, 5]")},
           Case{"partition net: edge head:a -> tail:a: head gives float32 ?x4, tail takes float32 "
                "?x4x1",
                tail_takes("float[N, 4, 1]")},
           Case{"partition net: edge head:a -> tail:a: head gives float32 ?x4, tail takes float64 "
                "?x4",
                tail_takes("double[N, 4]")},
           Case{"partition net: no edge leads to input a of part tail",
                [](Partition& p) { p.edges.erase(p.edges.begin() + 1); }},
           Case{"partition net: input tail:a has two edges into it: head:a -> tail:a and head:e -> "
                "tail:a",
                [](Partition& p) { p.edges.push_back({"head", "e", "tail", "a"}); }},
           Case{"partition net: output y has two edges into it: tail:y -> output y and head:e -> "
                "output y",
                [](Partition& p) { p.edges[3].to_tensor = "y"; }},
           Case{"partition net: no edge leads to an output of the whole",
                [](Partition& p) { p.edges.resize(2); }},
           Case{"partition net: edge input x -> output z joins the input and the output without a "
                "part",
                [](Partition& p) { p.edges.push_back({"", "x", "", "z"}); }},
           Case{"partition net: edge input  -> head:x names no tensor",
                [](Partition& p) { p.edges[0].from_tensor = ""; }},
       }) {
    SCOPED_TRACE(c.message);
    Partition partition = two_parts();
    c.spoil(partition);
    try {
      check_partition(partition);
      ADD_FAILURE() << "nothing was thrown";
    } catch (const Error& e) {
      EXPECT_EQ(e.kind(), ErrorKind::kInvalid);
      EXPECT_STREQ(e.what(), c.message);
    }
  }
}

TEST(CheckPartition, RefusesAnInputThatIsTwoThings) {
  Partition partition{.name = "net"};
  partition.parts.push_back(
      {"a", parse_graph_text("net (float[N, 4] x) => (float[N, 4] y) { y = Neg(x) }")});
  partition.parts.push_back(
      {"b", parse_graph_text("net (float[N, 5] x) => (float[N, 5] y) { y = Neg(x) }")});
  partition.edges = {
      {"", "image", "a", "x"}, {"", "image", "b", "x"}, {"a", "y", "", "y"}, {"b", "y", "", "z"}};
  try {
    check_partition(partition);
    FAIL();
  } catch (const Error& e) {
    EXPECT_STREQ(e.what(),
                 "partition net: input image goes to b as float32 ?x5 and to a as float32 ?x4");
  }
}

Partition ring() {
  Partition partition{.name = "ring"};
  for (const char* name : {"a", "b", "c"})
    partition.parts.push_back(
        {name, parse_graph_text("net (float[2] x) => (float[2] y) { y = Neg(x) }")});
  partition.edges = {
      {"", "x", "a", "x"}, {"b", "y", "c", "x"}, {"c", "y", "b", "x"}, {"a", "y", "", "y"}};
  return partition;
}

TEST(CheckPartition, NamesThePartsOfACycle) {
  try {
    check_partition(ring());
    FAIL();
  } catch (const Error& e) {
    EXPECT_STREQ(e.what(), "partition ring: the parts feed each other in a cycle: b, c");
  }
}

TEST(ExecutionOrder, PutsPartsBehindThoseThatFeedThem) {
  Partition partition = ring();
  partition.edges = {
      {"", "x", "c", "x"}, {"c", "y", "a", "x"}, {"a", "y", "b", "x"}, {"b", "y", "", "y"}};
  EXPECT_THAT(execution_order(partition), ElementsAre(2, 0, 1));
  EXPECT_THAT(execution_order(two_parts()), ElementsAre(0, 1));
}

TEST(WholePartition, HasOnePartAndAllItsEnds) {
  const Partition partition = whole_partition(
      parse_graph_text("net (float[2] x, float[2] s) => (float[2] y) { y = Mul(x, s) }"), "local");
  EXPECT_EQ(partition.name, "net");
  EXPECT_THAT(partition.edges, ElementsAre(Edge{"", "x", "local", "x"}, Edge{"", "s", "local", "s"},
                                           Edge{"local", "y", "", "y"}));
}

}  // namespace
}  // namespace isthmus
