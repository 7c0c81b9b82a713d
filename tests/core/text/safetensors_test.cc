#include "core/text/safetensors.h"

#include <gmock/gmock.h>

#include <cstring>

#include "core/base/error.h"
#include "core/base/random.h"
#include "tests/support/temporary_folder.h"

namespace seqsweep {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

template <typename T>
std::vector<T> values_of(const TensorBytes& tensor) {
  std::vector<T> values(tensor.bytes.size() / sizeof(T));
  std::memcpy(values.data(), tensor.bytes.data(), tensor.bytes.size());
  return values;
}

template <typename T>
TensorBytes tensor_of(std::string name, std::string dtype, std::vector<int64_t> shape,
                      const std::vector<T>& values) {
  return {std::move(name), std::move(dtype), std::move(shape), std::as_bytes(std::span(values))};
}

// A file with this header over so many bytes of data.
std::string file_of(const std::string& header, size_t data_bytes) {
  const uint64_t length = header.size();
  std::string file(reinterpret_cast<const char*>(&length), sizeof(length));
  return file + header + std::string(data_bytes, '\1');
}

class Safetensors : public ::testing::Test {
 protected:
  // The complaint about a file of these bytes; "" when it is read.
  std::string complaint(const std::string& bytes) {
    write_file_atomic(path_, bytes);
    try {
      const SafetensorsFile file(path_);
      for (const TensorBytes& tensor : file.tensors()) values_of<char>(tensor);
      return "";
    } catch (const Error& error) {
      EXPECT_EQ(error.fault(), Fault::Input);
      return error.what();
    }
  }

  TemporaryFolder folder_;
  std::filesystem::path path_ = folder_.path() / "x.safetensors";
};

TEST_F(Safetensors, ReadsBackWhatWasWritten) {
  const std::vector<float> floats = {1.5F, -2, 3, 4, 5, 6};
  const std::vector<int64_t> longs = {INT64_MIN, 7};
  const std::vector<uint8_t> flags = {1, 0, 1};
  write_safetensors(
      path_,
      {tensor_of("flags", "BOOL", {3}, flags), tensor_of("w", "F32", {2, 3}, floats),
       tensor_of("ids", "I64", {2}, longs), tensor_of("none", "F32", {0, 9}, std::vector<float>{})},
      {{"title", "\"caf\xc3\xa9\"\n"}});
  const SafetensorsFile file(path_);
  ASSERT_EQ(file.tensors().size(), 4u);
  EXPECT_EQ(file.find("w")->dtype, "F32");
  EXPECT_THAT(file.find("w")->shape, ElementsAre(2, 3));
  EXPECT_EQ(values_of<float>(*file.find("w")), floats);
  EXPECT_EQ(values_of<int64_t>(*file.find("ids")), longs);
  EXPECT_EQ(values_of<uint8_t>(*file.find("flags")), flags);
  EXPECT_TRUE(file.find("none")->bytes.empty());
  EXPECT_EQ(file.find("other"), nullptr);
  EXPECT_EQ(file.metadata().at("title"), "\"caf\xc3\xa9\"\n");
  for (const TensorBytes& tensor : file.tensors()) {
    EXPECT_EQ(reinterpret_cast<uintptr_t>(tensor.bytes.data()) % dtype_size(tensor.dtype), 0u);
  }
}

TEST_F(Safetensors, OrderOfTensorsDoesNotShow) {
  const std::vector<float> a = {1, 2};
  const std::vector<uint8_t> b = {3};
  const auto first = tensor_of("a", "F32", {2}, a), second = tensor_of("b", "U8", {1}, b);
  const std::string hash = write_safetensors(path_, {first, second});
  EXPECT_EQ(hash, sha256_of_file(path_));
  EXPECT_EQ(hash, write_safetensors(path_, {second, first}));
}

// Written by the format's own library: tests/golden/make_safetensors.py.
TEST_F(Safetensors, ReadsAFileOfTheReferenceLibrary) {
  const SafetensorsFile file(SEQSWEEP_SOURCE_DIR "/tests/golden/reference.safetensors");
  EXPECT_EQ(file.tensors().size(), 5u);
  EXPECT_EQ(file.metadata().at("made_by"), "safetensors");
  EXPECT_THAT(file.find("matrix")->shape, ElementsAre(2, 3));
  EXPECT_THAT(values_of<float>(*file.find("matrix")), ElementsAre(0, 0.5F, 1, 1.5F, 2, 2.5F));
  EXPECT_THAT(values_of<int64_t>(*file.find("ids")), ElementsAre(-1, 1LL << 40));
  EXPECT_THAT(values_of<uint16_t>(*file.find("half")), ElementsAre(0x3f80, 0xc000));
  EXPECT_EQ(file.find("half")->dtype, "BF16");
  EXPECT_THAT(values_of<uint8_t>(*file.find("mask")), ElementsAre(1, 0, 1));
  EXPECT_TRUE(file.find("scalar")->shape.empty());
  EXPECT_THAT(values_of<double>(*file.find("scalar")), ElementsAre(3.25));
}

TEST_F(Safetensors, NamesWhatIsWrong) {
  const std::string good = R"({"w":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})";
  ASSERT_EQ(complaint(file_of(good, 8)), "");
  const auto tensor = [](const std::string& fields) {
    return file_of("{\"w\":{" + fields + "}}", 8);
  };

  EXPECT_THAT(complaint(""),
              HasSubstr("x.safetensors: not a valid safetensors file: it has 0 bytes"));
  EXPECT_THAT(complaint("1234567"), HasSubstr("it has 7 bytes"));
  EXPECT_THAT(complaint(std::string(16, '\xff')), HasSubstr("header claims 18446744073709551615"));
  EXPECT_THAT(complaint(std::string(8, '\0')), HasSubstr("no JSON map"));
  EXPECT_THAT(complaint(file_of("[1]", 0)), HasSubstr("no JSON map"));
  EXPECT_THAT(complaint(file_of("{\"w\":", 0)), HasSubstr("no JSON map"));
  EXPECT_THAT(complaint(file_of("{\"w\":1}", 0)), HasSubstr("tensor 'w' needs a dtype"));
  EXPECT_THAT(complaint(tensor(R"("dtype":"F32","shape":[2])")), HasSubstr("needs a dtype"));
  EXPECT_THAT(complaint(tensor(R"("dtype":"F32","shape":[-2],"data_offsets":[0,8])")),
              HasSubstr("needs a dtype"));
  EXPECT_THAT(
      complaint(tensor(R"("dtype":"F32","shape":[9223372036854775808],"data_offsets":[0,8])")),
      HasSubstr("needs a dtype"));
  EXPECT_THAT(complaint(tensor(R"("dtype":"F32","shape":[2],"data_offsets":[0,8,8])")),
              HasSubstr("needs a dtype"));
  EXPECT_THAT(complaint(tensor(R"("dtype":"F31","shape":[2],"data_offsets":[0,8])")),
              HasSubstr("tensor 'w' has the unknown dtype 'F31'"));
  EXPECT_THAT(complaint(tensor(R"("dtype":"F32","shape":[2],"data_offsets":[0,16])")),
              HasSubstr("tensor 'w' lies at [0, 16) of 8 bytes"));
  EXPECT_THAT(complaint(tensor(R"("dtype":"F32","shape":[2],"data_offsets":[8,0])")),
              HasSubstr("lies at [8, 0)"));
  EXPECT_THAT(complaint(tensor(R"("dtype":"F32","shape":[3],"data_offsets":[0,8])")),
              HasSubstr("tensor 'w' of dtype F32 and shape [3] has 8 bytes"));
  // 2^62 * 4 bytes wraps to 0.
  EXPECT_THAT(
      complaint(file_of(
          R"({"w":{"dtype":"F32","shape":[4611686018427387904],"data_offsets":[0,0]}})", 0)),
      HasSubstr("has 0 bytes"));
  // No bytes, but strides of 2^64.
  EXPECT_THAT(
      complaint(file_of(
          R"({"w":{"dtype":"F32","shape":[0,4611686018427387904,4],"data_offsets":[0,0]}})", 0)),
      HasSubstr("has 0 bytes"));
  EXPECT_THAT(complaint(file_of(R"({"__metadata__":{"a":1}})", 0)), HasSubstr("is no text"));
  EXPECT_THAT(complaint(file_of(R"({"__metadata__":[]})", 0)), HasSubstr("is no map"));
}

TEST_F(Safetensors, BytesBelongToExactlyOneTensor) {
  const auto two = [](const std::string& second, size_t bytes) {
    return file_of(R"({"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]},"b":{"dtype":"U8",)" +
                       second + "}}",
                   bytes);
  };
  EXPECT_EQ(complaint(two(R"("shape":[4],"data_offsets":[4,8])", 8)), "");
  EXPECT_THAT(complaint(two(R"("shape":[5],"data_offsets":[3,8])", 8)),
              HasSubstr("tensor 'b' overlaps"));
  EXPECT_THAT(complaint(two(R"("shape":[3],"data_offsets":[5,8])", 8)),
              HasSubstr("tensor 'b' leaves a hole"));
  EXPECT_THAT(complaint(two(R"("shape":[4],"data_offsets":[4,8])", 9)),
              HasSubstr("1 bytes after the last tensor"));
  const std::string twice = R"("w":{"dtype":"U8","shape":[1],"data_offsets":[0,1]})";
  EXPECT_THAT(complaint(file_of("{" + twice + "," + twice + "}", 1)),
              HasSubstr("tensor 'w' comes twice"));
}

TEST_F(Safetensors, TerminalEscapesInNamesAreHarmless) {
  EXPECT_THAT(complaint(file_of("{\"\\u001b[2J\":1}", 0)), ::testing::Not(HasSubstr("\x1b")));
}

// Whatever bytes change, a file is read within its bounds or refused with an Error.
TEST_F(Safetensors, SurvivesRandomDamage) {
  const std::vector<float> floats = {1, 2, 3};
  write_safetensors(path_,
                    {tensor_of("w", "F32", {3}, floats), tensor_of("v", "F32", {1, 3}, floats)});
  const std::string good = read_file(path_);
  Rng rng(1);
  int refused = 0;
  for (int i = 0; i < 400; ++i) {
    std::string bad = good.substr(0, i % 4 == 0 ? rng.below(good.size()) : good.size());
    for (uint64_t flips = rng.below(4); flips > 0 && !bad.empty(); --flips) {
      bad[rng.below(bad.size())] ^= static_cast<char>(1 << rng.below(8));
    }
    refused += complaint(bad).empty() ? 0 : 1;
  }
  EXPECT_GT(refused, 200);
}

}  // namespace
}  // namespace seqsweep
