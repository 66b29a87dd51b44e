#include "serve/part_bundle.h"

#include <fstream>
#include <string>

#include "core/error.h"
#include "core/hash.h"
#include "engine/engine.h"
#include "graph/subgraph.h"
#include "serve/blob_store.h"
#include "serve/fixture.h"
#include "split/cut.h"

namespace isthmus {
namespace {

using namespace testing;

Graph roomy_network() {
  GraphBuilder net("roomy");
  std::string x = net.input("image", {-1, 3, 32, 32});
  x = net.relu(net.conv(x, 32, {.kernel = {3}, .stride = {2}, .pad = {1}}), "first");
  x = net.relu(net.conv(x, 32, {.kernel = {3}, .stride = {2}, .pad = {1}}), "second");
  x = net.gemm(net.flatten(x), 10, "scores");
  net.output(x);
  return net.build();
}

FindBlob find_in(const std::map<std::string, Blob>& blobs) {
  return [&blobs](const std::string& hash) {
    const auto found = blobs.find(hash);
    if (found == blobs.end()) throw Error(ErrorKind::kNotFound, hash);
    return found->second;
  };
}

std::size_t bytes_beyond(const PartBundle& bundle, const PartBundle& known) {
  std::size_t bytes = 0;
  for (const auto& [hash, blob] : bundle.blobs)
    if (!known.blobs.contains(hash)) bytes += blob.size();
  return bytes;
}

TEST(PartBundle, ComesBackAsTheSameNetwork) {
  const Graph graph = roomy_network();
  const PartBundle bundle = bundle_part(graph);
  const Graph back = unbundle_part(bundle.hash, find_in(bundle.blobs));
  EXPECT_EQ(back.inputs.size(), 1u);
  EXPECT_EQ(back.initializers.size(), graph.initializers.size());
  const std::vector<Tensor> input{normalise(noise_image(1), {})};
  const Tensor before = make_engine(graph)->run(input)[0];
  const Tensor after = make_engine(back)->run(input)[0];
  EXPECT_EQ(max_relative_difference(before, after), 0);
}

TEST(PartBundle, BigWeightsAreBlobsOfTheirOwn) {
  const PartBundle bundle = bundle_part(roomy_network());
  const Blob& manifest = bundle.blobs.at(bundle.hash);
  const auto contents =
      bundle_contents({reinterpret_cast<const char*>(manifest.bytes().data()), manifest.size()});
  EXPECT_EQ(contents.size(), bundle.blobs.size() - 1);
  EXPECT_LT(bundle.blobs.at(contents[0]).size(), 8000u) << "the skeleton holds no big weights";
}

TEST(PartBundle, AnotherCutOfTheSameNetworkSharesItsWeights) {
  const std::vector<std::string> first{"first"};
  const std::vector<std::string> second{"second"};
  const PartBundle early = bundle_part(cut_graph(roomy_network(), first).find("tail")->graph);
  const PartBundle late = bundle_part(cut_graph(roomy_network(), second).find("tail")->graph);
  std::size_t all = 0;
  for (const auto& [hash, blob] : late.blobs) all += blob.size();
  EXPECT_GT(all, 80'000u);
  EXPECT_LT(bytes_beyond(late, early), 5'000u);
}

TEST(PartBundle, RefusesABlobOfAnotherSize) {
  PartBundle bundle = bundle_part(roomy_network());
  for (auto& [hash, blob] : bundle.blobs)
    if (blob.size() > 30'000) blob = Blob(std::vector<std::byte>(10));
  EXPECT_THROW(unbundle_part(bundle.hash, find_in(bundle.blobs)), Error);
}

Blob blob_of(const std::string& text) {
  const auto bytes = std::as_bytes(std::span(text));
  return Blob(std::vector<std::byte>(bytes.begin(), bytes.end()));
}

TEST(BlobStore, KnowsWhatItLacks) {
  BlobStore store;
  const std::string hash = sha256("weights");
  EXPECT_EQ(store.missing({hash}), std::vector<std::string>{hash});
  store.put(hash, blob_of("weights"));
  EXPECT_TRUE(store.missing({hash}).empty());
  EXPECT_EQ(store.bytes(), 7);
}

TEST(BlobStore, RefusesBytesOfAnotherHash) {
  BlobStore store;
  EXPECT_THROW(store.put(sha256("one"), blob_of("other")), Error);
  EXPECT_EQ(store.bytes(), 0);
}

TEST(BlobStore, RefusesWhatDoesNotFitBeforeItTakesMemory) {
  BlobStore store({}, 10);
  EXPECT_THROW(BlobStore::Incoming(store, sha256("x"), 11), Error);
  EXPECT_NO_THROW(BlobStore::Incoming(store, sha256("x"), 10));
  BlobStore unlimited;
  EXPECT_THROW(BlobStore::Incoming(unlimited, sha256("x"), std::int64_t{1} << 40), Error);
}

TEST(BlobStore, TakesPiecesOfSmallAndLargeBlobs) {
  BlobStore store;
  for (const std::size_t size : {std::size_t{7}, std::size_t{300'000}}) {
    const std::string text(size, 'w');
    const std::string hash = sha256(text);
    BlobStore::Incoming incoming(store, hash, static_cast<std::int64_t>(size));
    incoming.append(std::as_bytes(std::span(text).first(3)));
    incoming.append(std::as_bytes(std::span(text).subspan(3)));
    EXPECT_THROW(incoming.append(std::as_bytes(std::span(text).first(1))), Error);
    incoming.finish();
    store.release_pages();
    EXPECT_EQ(sha256(store.get(hash).bytes()), hash);
  }
}

// Of files, in memory or not, in kB.
std::int64_t mapped_memory() {
  std::ifstream status("/proc/self/status");
  std::string line;
  std::int64_t sum = 0;
  while (std::getline(status, line))
    for (const std::string_view field : {"RssFile:", "RssShmem:"})
      if (line.starts_with(field)) sum += std::stoll(line.substr(field.size()));
  return sum;
}

// A board has the weights of the plan that it runs in memory, not those of the plan before.
TEST(BlobStore, MemoryOfABlobGoesWithItsLastReader) {
  constexpr std::size_t kBytes = 32 << 20;
  constexpr std::int64_t kMost = 8 << 10;
  BlobStore store;
  const std::int64_t before = mapped_memory();
  const std::string text(kBytes, 'w');
  const std::string hash = sha256(text);
  store.put(hash, blob_of(text));
  EXPECT_LT(mapped_memory() - before, kMost);
  {
    const Blob blob = store.get(hash);
    EXPECT_EQ(sha256(blob.bytes()), hash);
    EXPECT_GT(mapped_memory() - before, static_cast<std::int64_t>(kBytes >> 10) - kMost);
  }
  EXPECT_LT(mapped_memory() - before, kMost);
  EXPECT_EQ(sha256(store.get(hash).bytes()), hash);
}

TEST(BlobStore, TheOldestMakeRoom) {
  BlobStore store({}, 10);
  for (const char* text : {"1234", "5678", "abcd"})
    store.put(sha256(std::string_view(text)), blob_of(text));
  EXPECT_EQ(store.missing({sha256("1234"), sha256("5678"), sha256("abcd")}),
            std::vector<std::string>{sha256("1234")});
  EXPECT_EQ(store.bytes(), 8);
}

TEST(BlobStore, KeepsThemOnDiskOverARestart) {
  const TemporaryFolder folder;
  const std::string hash = sha256("weights");
  BlobStore(folder.path()).put(hash, blob_of("weights"));
  const BlobStore again(folder.path());
  EXPECT_TRUE(again.missing({hash}).empty());
  EXPECT_EQ(again.get(hash).size(), 7u);
}

TEST(BlobStore, FindsADamagedFile) {
  const TemporaryFolder folder;
  const std::string hash = sha256("weights");
  BlobStore(folder.path()).put(hash, blob_of("weights"));
  write_file(folder.path() / hash, std::string_view("w3ights"));
  EXPECT_THROW(BlobStore(folder.path()).get(hash), Error);
}

}  // namespace
}  // namespace isthmus
