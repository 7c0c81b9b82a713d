// The language-model rows from the sweep file to the results: queries, a ranker over a retriever
// that the sweep trains for it, and preferences learnt on top.
#include <gmock/gmock.h>

#include "core/base/text.h"
#include "tests/support/command.h"
#include "tests/support/python.h"

namespace seqsweep {
namespace language_models_test {

using ::testing::HasSubstr;

constexpr const char* kSweep = R"(name: texts
datasets: [{name: synthetic, users: 40, items: 40, seed: 1, max_length: 20}]
models:
  - {name: gpt4rec, width: 16, heads: 2, vocabulary: 400, objective: {name: next_title, beams: 3, title_tokens_max: 12}}
  - {name: mamrec, width: 16, heads: 2, vocabulary: 400, objective: {name: next_title, beams: 3, title_tokens_max: 12}}
  - name: llamarec
    width: 16
    heads: 2
    vocabulary: 400
    objective: {name: orpo, candidates: 4, title_tokens_max: 12, retriever: &retriever {name: lrurec, width: 8}, parts: 2}
    start: {objective: {name: rank_candidates, candidates: 4, title_tokens_max: 12, retriever: *retriever}}
    optimizers: [{name: paged_adamw, lr: 0.001}, {name: usgm, adaptive_batch: true}]
optimizers: [{name: adam, lr: 0.003}]
train: {batch_size: 16, epochs: 2, patience: 0, threads: 1, device: cpu}
latency: {samples: 2, users: 4, warm_up: 1}
)";

TEST(LanguageModels, EveryRowRunsToTheTable) {
  const TestFolder folder("texts");
  const std::string db = folder.at("results.db"), data = "data_dir=" + folder.at("data");
  const CommandResult sweep =
      run_command({kSeqsweep, "sweep", folder.file("sweep.yaml", kSweep), "--db", db, data});
  ASSERT_EQ(sweep.code, 0) << sweep.output;
  const auto sql = [&](const std::string& text) {
    return std::string(trim(run_command({"sqlite3", db, text}).output));
  };
  // gpt4rec, mamrec, lrurec, lightfm, the ranker, and ORPO from it with two optimizers.
  EXPECT_EQ(sql("SELECT count(*), sum(status = 'done') FROM results"), "7|7");
  EXPECT_EQ(sql("SELECT count(*) FROM results WHERE tokens_per_s > 0"), "5");
  EXPECT_EQ(
      sql("SELECT count(DISTINCT epoch) FROM metrics JOIN results ON run = run_id WHERE name = "
          "'rewards/margins' AND optimizer LIKE 'paged_adamw%'"),
      "3");  // Before training too.

  const std::string run = sql("SELECT run_id FROM results WHERE optimizer LIKE 'paged_adamw%'");
  const std::string model = db + ".runs/" + run;
  EXPECT_EQ(run_command({"test", "-s", model + "/preferences.jsonl"}).code, 0);
  const CommandResult evaluated = run_command(
      {kSeqsweep, "evaluate", model, "--data-dir", folder.at("data"), "--cutoffs", "10"});
  EXPECT_EQ(evaluated.code, 0) << evaluated.output;
  EXPECT_THAT(evaluated.output, HasSubstr("ndcg@10"));
}

// A run exported and taken as `path` is worth what it was worth: the lr moves no parameter.
TEST(LanguageModels, AnExportedModelIsTheTrainedOne) {
  const TestFolder folder("exported");
  const std::string db = folder.at("results.db"), data = "data_dir=" + folder.at("data"),
                    out = folder.at("model");
  const auto sql = [&](const std::string& text) {
    return std::string(trim(run_command({"sqlite3", db, text}).output));
  };
  const auto train = [&](const std::string& settings) {
    const std::string sweep =
        "datasets: [{name: synthetic, users: 40, items: 40, seed: 1, max_length: 20}]\n"
        "optimizers: [adam]\nlatency: {samples: 0}\n"
        "train: {batch_size: 16, epochs: 2, patience: 0, threads: 1, device: cpu}\n" +
        settings;
    return run_command({kSeqsweep, "sweep", folder.file("sweep.yaml", sweep), "--db", db, data});
  };
  const auto exported = [&](const std::string& where, const std::string& to) {
    return run_command({kSeqsweep, "export",
                        db + ".runs/" + sql("SELECT run_id FROM results WHERE " + where), to,
                        "--format", "huggingface", "--data-dir", folder.at("data")});
  };
  const std::string small = "objective: {name: next_title, beams: 3, title_tokens_max: 12}";
  const CommandResult first = train(
      "name: first\nmodels:\n"
      "  - {name: gpt4rec, width: 16, heads: 2, vocabulary: 400, lora: {rank: 2}, " +
      small +
      ", optimizers: [{name: adam, lr: 0.03}]}\n"
      "  - popularity\n");
  ASSERT_EQ(first.code, 0) << first.output;
  const CommandResult result = exported("model = 'gpt4rec'", out);
  ASSERT_EQ(result.code, 0) << result.output;
  for (const char* file : {"config.json", "model.safetensors", "tokenizer.json"}) {
    EXPECT_TRUE(std::filesystem::exists(out + "/" + file)) << file;
  }
  const CommandResult second = train("name: second\nmodels: [{name: gpt4rec, path: " + out + ", " +
                                     small + ", optimizers: [{name: adam, lr: 1.0e-30}]}]\n");
  ASSERT_EQ(second.code, 0) << second.output;
  EXPECT_EQ(sql("SELECT count(*), count(DISTINCT ndcg_10), min(ndcg_10) > 0 FROM results WHERE "
                "model = 'gpt4rec'"),
            "2|1|1");

  EXPECT_THAT(exported("model = 'gpt4rec' LIMIT 1", out).output, HasSubstr("is there already"));
  EXPECT_THAT(exported("model = 'popularity'", folder.at("none")).output,
              HasSubstr("popularity is no language model"));
  ASSERT_EQ(train("name: third\nmodels: [{name: gpt4rec, weights: int8, lora: {rank: 2}, path: " +
                  out + ", " + small + "}]\n")
                .code,
            0);
  EXPECT_THAT(exported("sweep = 'third'", folder.at("none")).output, HasSubstr("held in few bits"));
  EXPECT_FALSE(std::filesystem::exists(folder.at("none")));
  if (!python_has("torch, transformers")) return;
  const std::string script = SEQSWEEP_SOURCE_DIR "/tests/golden/language_model_folder.py";
  const CommandResult read = run_command({test_python(), script, "logits", out});
  EXPECT_EQ(read.code, 0) << read.output;
}

}  // namespace language_models_test
}  // namespace seqsweep
