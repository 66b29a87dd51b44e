// What the networks are called. To add one: a function in networks.h, and a line here.
#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "zoo/networks.h"

namespace isthmus {

namespace {

ZooEntry imagenet(std::string name, std::string description, std::int64_t params, std::int64_t size,
                  WriteNetwork write) {
  return {std::move(name), std::move(description), params, {3, size, size}, 1000, std::move(write)};
}

ZooEntry cifar(std::string name, std::string description, std::int64_t params, WriteNetwork write) {
  return {std::move(name), std::move(description), params, {3, 32, 32}, 10, std::move(write)};
}

WriteNetwork alexnet_of(std::int64_t dense) {
  return [=](GraphBuilder& net, const std::string& image, const ZooOptions& options) {
    return alexnet(net, image, options, dense);
  };
}

WriteNetwork resnet_of(ResNetShape shape) {
  return [=](GraphBuilder& net, const std::string& image, const ZooOptions& options) {
    return resnet(net, image, options, shape);
  };
}

WriteNetwork densenet_of(std::array<int, 4> layers) {
  return [=](GraphBuilder& net, const std::string& image, const ZooOptions& options) {
    return densenet(net, image, options, layers);
  };
}

WriteNetwork resnet_cifar_of(int depth) {
  return [=](GraphBuilder& net, const std::string& image, const ZooOptions& options) {
    return resnet_cifar(net, image, options, depth);
  };
}

std::vector<ZooEntry> make_zoo() {
  constexpr auto kBasic = ResidualBlock::kBasic;
  constexpr auto kBottleneck = ResidualBlock::kBottleneck;
  return {
      imagenet("alexnet", "AlexNet, one stream, as in torchvision", 61'100'840, 224,
               alexnet_of(4096)),
      // The paper states the number but not the sizes; its convolutions with dense layers that make
      // it.
      imagenet("alexnet-40m", "AlexNet with narrower dense layers, for 40 M parameters", 40'000'000,
               224, alexnet_of(2880)),
      imagenet("vgg16", "VGG with 13 convolutions and 3 dense layers", 138'357'544, 224, vgg16),
      imagenet("resnet18", "ResNet of 18 layers, basic blocks", 11'689'512, 224,
               resnet_of({kBasic, {2, 2, 2, 2}})),
      imagenet("resnet50", "ResNet of 50 layers, bottleneck blocks", 25'557'032, 224,
               resnet_of({kBottleneck, {3, 4, 6, 3}})),
      imagenet("resnet152", "ResNet of 152 layers, bottleneck blocks", 60'192'808, 224,
               resnet_of({kBottleneck, {3, 8, 36, 3}})),
      imagenet("densenet121", "DenseNet of 121 layers, growth 32", 7'978'856, 224,
               densenet_of({6, 12, 24, 16})),
      imagenet("densenet169", "DenseNet of 169 layers, growth 32", 14'149'480, 224,
               densenet_of({6, 12, 32, 32})),
      imagenet("densenet201", "DenseNet of 201 layers, growth 32", 20'013'928, 224,
               densenet_of({6, 12, 48, 32})),
      imagenet("inception-v3", "Inception-v3 without the auxiliary classifier of training",
               23'834'568, 299, inception_v3),
      imagenet("mobilenet-v2", "MobileNetV2, width 1", 3'504'872, 224, mobilenet_v2),
      imagenet("xception", "Xception", 22'855'952, 299, xception),
      {"c3d",
       "C3D over clips of 16 frames, Sports-1M head",
       79'995'751,
       {3, 16, 112, 112},
       487,
       c3d},
      cifar("wrn40-4", "wide ResNet of depth 40 and width 4; wrnD-K makes others", 8'949'210,
            [](GraphBuilder& net, const std::string& image, const ZooOptions& options) {
              return wide_resnet(net, image, options, 40, 4);
            }),
      cifar("resnet20", "ResNet of 20 layers for CIFAR", 269'722, resnet_cifar_of(20)),
      cifar("resnet32", "ResNet of 32 layers for CIFAR", 464'154, resnet_cifar_of(32)),
      cifar("resnet56", "ResNet of 56 layers for CIFAR", 853'018, resnet_cifar_of(56)),
  };
}

}  // namespace

const std::vector<ZooEntry>& zoo() {
  static const std::vector<ZooEntry> entries = make_zoo();
  return entries;
}

}  // namespace isthmus
