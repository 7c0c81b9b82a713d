#include <limits>

#include "core/base/files.h"
#include "core/data/cache.h"
#include "core/protocol/message.h"
#include "core/protocol/run_config.h"
#include "core/text/safetensors.h"
#include "core/text/train_bpe.h"
#include "core/train/checkpoint_record.h"
#include "tests/fuzz/targets/targets.h"
#include "tests/support/prepared_data.h"
#include "tests/support/temporary_folder.h"

namespace seqsweep {
namespace {

Seeds sweeps() {
  return {
      {"small.yaml", "name: small\ndatasets: [films]\nmodels: [deep]\n"},
      {"grid.yaml", R"(# Every kind of entry.
name: grid-1
datasets: [films, {name: books, width: 3}]
models:
  - {name: deep, width: 4, train: {epochs: 3}, evaluate: {cutoffs: [5]}}
  - {name: wide, objective: {name: pair, scout: {name: wide, width: 2, optimizer: jump}}}
  - {name: deep, start: {width: 5, train: {epochs: 1}}, optimizers: [{name: climb, rate: 0.25}]}
optimizers: [climb, {name: jump, boldly: true}]
seeds: [1, 2]
train: {batch_size: 16, epochs: 20, patience: 3, threads: 1, checkpoint_s: 0.5}
latency: {samples: 3}
prune: {metric: ndcg@10, keep: 0.5, rungs: [2, 4]}
data_dir: "data"
)"},
      {"aliases.yaml",
       "name: a\ndatasets: &d [films]\nmodels: [&m {name: deep, width: 2}, "
       "{name: wide}]\ntrain: &t {epochs: 1}\nseeds: [0x1, 3]\noptimizers: [*m, *d]\n"},
      {"stored.json",
       R"({"name":"j","datasets":["films"],"models":["deep"],"seeds":[9223372036854775807]})"},
  };
}

RunConfig config() {
  RunConfig config;
  config.dataset = config.model = config.objective = config.optimizer =
      config.batch_schedule = {{"name", "plain"}};
  config.needs["teacher"] = RunConfig{}.json();
  return config;
}

Seeds messages() {
  const Ticket ticket{"0123456789abcdef", 2, 7};
  Progress progress{.ticket = ticket, .step = 4, .epoch = 1, .epochs = 3, .phase = "train"};
  progress.steps = {{.step = 4, .loss = 2.5, .h = std::numeric_limits<double>::quiet_NaN()}};
  progress.metrics = {{1, "validation", "ndcg@10", 0.25}};
  Finished finished{.ticket = ticket};
  finished.result.metrics = {{3, "test", "ndcg@10", 0.25}};
  finished.result.user_ranks = {0, 5, 1 << 30, -1};
  finished.result.latency = {{0.5, {0.25F, 0.75F}}, {0.6, {}}};
  finished.result.device = "cpu";
  const Message all[] = {Hello{"host", 1, 2, "cuda:0 GPU", "{}", "GPU-1", 3, 4},
                         progress,
                         finished,
                         Failed{ticket, "nan", "loss"},
                         Interrupted{ticket, 9},
                         Dispatch{ticket, config().json().dump(), {1, 2}, "runs/a", "data"},
                         Committed{ticket},
                         Cancel{ticket},
                         Drain{},
                         Shutdown{}};
  const char* names[] = {"hello",    "progress",  "finished", "failed", "interrupted",
                         "dispatch", "committed", "cancel",   "drain",  "shutdown"};
  Seeds seeds;
  for (const Message& message : all) {
    const std::vector<uint8_t> bytes = encode(message);
    seeds.emplace_back(names[message.index()], std::string(bytes.begin(), bytes.end()));
  }
  return seeds;
}

Seeds safetensors() {
  const TemporaryFolder folder;
  const std::vector<float> floats = {1, -2, 0.5, 3};
  const std::vector<int64_t> numbers = {-1, int64_t{1} << 40};
  const auto bytes = [](const auto& values) { return std::as_bytes(std::span(values)); };
  write_safetensors(folder / "full",
                    {{"w", "F32", {2, 2}, bytes(floats)},
                     {"n.1", "I64", {2}, bytes(numbers)},
                     {"none", "BF16", {0, 3}, {}}},
                    {{"made_by", "seqsweep"}});
  write_safetensors(folder / "scalar", {{"x", "I64", {}, bytes(numbers).first(8)}});
  write_safetensors(folder / "empty", {});
  Seeds seeds;
  for (const char* name : {"full", "scalar", "empty"}) {
    seeds.emplace_back(std::string(name) + ".safetensors", read_file(folder / name));
  }
  return seeds;
}

Seeds caches() {
  const TemporaryFolder folder;
  const CacheOrigin origin = {.settings_hash = std::string(64, 'a'),
                              .raw_hash = std::string(64, 'b'),
                              .stamps = {{1, 2, 3, 4}}};
  PreparedData data = small_prepared_data();
  data.preparation = {.raw_users = 5, .raw_items = 6, .raw_interactions = 70, .short_users = 9};
  write_cache(folder / "full", origin, data);
  data.sequences.ratings.clear(), data.sequences.timestamps.clear();
  write_cache(folder / "bare", origin, data);
  return {{"full.cache", read_file(folder / "full")}, {"bare.cache", read_file(folder / "bare")}};
}

Seeds checkpoints() {
  return {{"step-000000012.json",
           to_text({.step = 12,
                    .tensors_sha256 = sha256_hex("tensors"),
                    .scalars = {{"epoch", 3}, {"score", 0.1}, {"trainer", {{"lr", 0.001}}}}})},
          {"step-000000000.json", to_text({.scalars = nullptr})}};
}

// Small ones of both kinds of tokenizer.json; real ones are in tests/golden/tokenizers.json.
constexpr const char* kByteFallback = R"json({"added_tokens":[
 {"id":0,"content":"<unk>","special":true},
 {"id":1,"content":"<s>","special":true,"lstrip":true,"normalized":true}],
"normalizer":{"type":"Sequence","normalizers":[{"type":"Prepend","prepend":"\u2581"},
 {"type":"Replace","pattern":{"String":" "},"content":"\u2581"},{"type":"NFC"}]},
"pre_tokenizer":null,
"decoder":{"type":"Sequence","decoders":[
 {"type":"Replace","pattern":{"String":"\u2581"},"content":" "},{"type":"ByteFallback"},
 {"type":"Fuse"},{"type":"Strip","content":" ","start":1,"stop":0}]},
"model":{"type":"BPE","unk_token":"<unk>","fuse_unk":true,"byte_fallback":true,
"vocab":{"<unk>":0,"<s>":1,"\u2581":2,"t":3,"h":4,"e":5,"th":6,"the":7},
"merges":["t h",["th","e"]]}})json";
constexpr const char* kSplit = R"json({"added_tokens":[],"normalizer":{"type":"NFC"},
"pre_tokenizer":{"type":"Sequence","pretokenizers":[
 {"type":"Split","pattern":{"Regex":"\\p{N}{1,3}|\\s+(?!\\S)"},"behavior":"Isolated"},
 {"type":"ByteLevel","add_prefix_space":false,"use_regex":false}]},
"decoder":{"type":"ByteLevel"},
"model":{"type":"BPE","ignore_merges":true,"vocab":{"a":0,"b":1,"ab":2,"\u0120":3},
"merges":["a b"]}})json";

Seeds tokenizers() {
  const std::vector<std::string> texts = {"the cat sat on the mat", "the hat"};
  return {{"byte_level.json", train_byte_level_bpe(texts, 265)->files().at("tokenizer.json")},
          {"byte_fallback.json", kByteFallback},
          {"split.json", kSplit}};
}

Seeds sentencepieces() {
  const auto field = [](int number, const std::string& text) {
    return std::string{static_cast<char>(number << 3 | 2), static_cast<char>(text.size())} + text;
  };
  const auto piece = [&](const std::string& text, unsigned char score, int type) {
    const std::string bits{0, 0, static_cast<char>(0x80), static_cast<char>(score)};
    return field(1, field(1, text) + '\x15' + bits + '\x18' + static_cast<char>(type));
  };
  std::string model = piece("<unk>", 0x3f, 2) + piece("<s>", 0x3f, 3) + piece("a", 0xc0, 1) +
                      piece("ab", 0xc1, 1) + piece("\xe2\x96\x81", 0xc2, 1) +
                      piece("<user>", 0x3f, 4) + field(2, "\x18\x02") +
                      field(3, std::string("\x18\x01\x20\x01", 4));
  std::string bytes;
  for (int byte = 0; byte < 256; ++byte) bytes += piece(fmt::format("<0x{:02X}>", byte), 0x3f, 6);
  return {{"small.model", model},
          {"bytes.model",
           piece("<unk>", 0x3f, 2) + bytes + field(2, std::string("\x18\x02\x98\x02\x01", 5))}};
}

}  // namespace

Seeds seeds_of(const std::string& target) {
  if (target == "sweep") return sweeps();
  if (target == "message") return messages();
  if (target == "safetensors") return safetensors();
  if (target == "checkpoint") return checkpoints();
  if (target == "cache") return caches();
  if (target == "tokenizer") return tokenizers();
  return sentencepieces();
}

}  // namespace seqsweep
