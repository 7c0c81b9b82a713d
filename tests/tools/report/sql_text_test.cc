#include "tools/report/sql_text.h"

#include <gmock/gmock.h>

namespace seqsweep {
namespace {

SqlRows some() {
  return {{"model", "ndcg_10", "n", "blob"},
          {{std::string("sasrec"), 0.0574, int64_t{3}, SqlBlob{std::string("\x01\xff", 2)}},
           {std::string("naïve, \"x\"\n\x1b[31m"), std::monostate{}, int64_t{12}, SqlBlob{}}}};
}

TEST(SqlText, ATableIsAlignedAndHarmless) {
  EXPECT_EQ(sql_table(some()),
            "model                 ndcg_10   n  blob\n"
            "--------------------  -------  --  ---------\n"
            "sasrec                 0.0574   3  (2 bytes)\n"
            "naïve, \"x\"\\n\\x1b[31m           12  (0 bytes)\n");
  EXPECT_EQ(sql_table({{"a"}, {}}), "a\n-\n");
  const SqlRows longer = {{"a"}, {{std::string(100, 'x')}}};
  EXPECT_THAT(sql_table(longer), ::testing::HasSubstr(std::string(77, 'x') + "...\n"));
}

TEST(SqlText, CsvIsData) {
  EXPECT_EQ(sql_csv(some()),
            "model,ndcg_10,n,blob\nsasrec,0.0574,3,01ff\n"
            "\"naïve, \"\"x\"\"\\n\\x1b[31m\",,12,\n");
}

TEST(SqlText, JsonKeepsTypes) {
  const auto json = nlohmann::json::parse(sql_json(some()));
  EXPECT_EQ(json[0],
            (nlohmann::json{{"model", "sasrec"}, {"ndcg_10", 0.0574}, {"n", 3}, {"blob", "01ff"}}));
  EXPECT_TRUE(json[1]["ndcg_10"].is_null());
  EXPECT_EQ(json[1]["model"], "naïve, \"x\"\n\x1b[31m");
  EXPECT_EQ(sql_json({{"a"}, {}}), "[]\n");
  const SqlRows joined{{"b", "a", "a"}, {{int64_t{1}, int64_t{2}, int64_t{3}}}};
  EXPECT_EQ(sql_json(joined), "[\n  {\n    \"b\": 1,\n    \"a\": 2,\n    \"a:1\": 3\n  }\n]\n");
}

}  // namespace
}  // namespace seqsweep
