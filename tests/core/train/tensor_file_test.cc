#include "core/train/tensor_file.h"

#include <gmock/gmock.h>
#include <torch/types.h>

#include "core/base/error.h"
#include "core/text/safetensors.h"
#include "tests/support/temporary_folder.h"

namespace seqsweep {
namespace {

using ::testing::HasSubstr;

TEST(TensorFile, EveryTypeAndLayoutComesBackWithTheSameBits) {
  const TemporaryFolder folder;
  const auto path = folder.path() / "x.safetensors";
  NamedTensors tensors = {{"transposed", torch::arange(6).reshape({2, 3}).t()},
                          {"slice", torch::arange(10).slice(0, 1, 8, 3)},
                          {"scalar", torch::full({}, 2.5)},
                          {"empty", torch::zeros({3, 0})},
                          {"gradient", torch::ones({2}, torch::requires_grad())}};
  for (const auto type :
       {torch::kFloat32, torch::kFloat64, torch::kFloat16, torch::kBFloat16, torch::kInt64,
        torch::kInt32, torch::kInt8, torch::kUInt8, torch::kBool}) {
    tensors.emplace_back(c10::toString(type), torch::arange(5).to(type));
  }
  save_tensors(path, tensors, {{"model", "toy"}});
  const NamedTensors loaded = load_tensors(path);
  ASSERT_EQ(loaded.size(), tensors.size());
  for (const auto& [name, tensor] : tensors) {
    const auto found = std::find_if(loaded.begin(), loaded.end(),
                                    [&, &name = name](const auto& x) { return x.first == name; });
    ASSERT_NE(found, loaded.end()) << name;
    EXPECT_EQ(found->second.dtype(), tensor.dtype()) << name;
    EXPECT_TRUE(torch::equal(found->second, tensor)) << name;
  }
  EXPECT_EQ(SafetensorsFile(path).metadata().at("model"), "toy");
}

TEST(TensorFile, TensorsOutliveTheFile) {
  NamedTensors loaded;
  {
    const TemporaryFolder folder;
    save_tensors(folder.path() / "x", {{"w", torch::arange(100)}});
    loaded = load_tensors(folder.path() / "x");
  }
  EXPECT_TRUE(torch::equal(loaded[0].second, torch::arange(100)));
}

TEST(TensorFile, TypesOutsideTheFormatAreErrors) {
  const TemporaryFolder folder;
  const auto path = folder.path() / "x";
  EXPECT_THROW(save_tensors(path, {{"w", torch::zeros({1}, torch::kComplexFloat)}}), Error);
  const std::array<std::byte, 8> bytes{};
  write_safetensors(path, {{.name = "w", .dtype = "U64", .shape = {1}, .bytes = bytes}});
  EXPECT_THROW(load_tensors(path), Error);
}

TEST(CopyTensors, RefusesWhatDoesNotFitAndChangesNothing) {
  const auto message = [](const NamedTensors& from, const NamedTensors& into) -> std::string {
    try {
      copy_tensors(from, into, "file");
      return "";
    } catch (const Error& error) {
      EXPECT_EQ(error.fault(), Fault::Input);
      return error.what();
    }
  };
  const NamedTensors from = {{"a", torch::ones({2})}, {"b", torch::ones({3})}};
  const torch::Tensor a = torch::zeros({2});
  EXPECT_THAT(message(from, {{"a", a}, {"c", torch::zeros({3})}}), HasSubstr("no tensor 'c'"));
  EXPECT_THAT(message(from, {{"a", a}, {"b", torch::zeros({4})}}),
              HasSubstr("tensor 'b' is Float [3], needed is Float [4]"));
  EXPECT_THAT(message(from, {{"a", a}, {"b", torch::zeros({3}, torch::kFloat64)}}),
              HasSubstr("needed is Double [3]"));
  EXPECT_THAT(message(from, {{"a", a}}), HasSubstr("has 2 tensors, needed are 1"));
  EXPECT_TRUE(torch::equal(a, torch::zeros({2})));
  EXPECT_EQ(message(from, {{"a", a}, {"b", torch::zeros({3})}}), "");
  EXPECT_TRUE(torch::equal(a, torch::ones({2})));
}

}  // namespace
}  // namespace seqsweep
