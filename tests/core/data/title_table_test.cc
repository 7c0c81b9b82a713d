#include "core/data/title_table.h"

#include <gmock/gmock.h>

#include "tests/core/data/table_support.h"

namespace seqsweep {
namespace {

TEST(TitleTable, TheFirstTitleThatIsNotEmptyCounts) {
  EXPECT_THAT(titles_of({"a", "b", "c"},
                        [](TitleTable& table) {
                          table.add("b", "  ");
                          table.add("b", " Second \r");
                          table.add("b", "Third");
                          table.add("c", "Second");  // Two items may have the same title.
                          table.add("elsewhere", "x");
                        }),
              ::testing::ElementsAre("", "Second", "Second"));
}

TEST(TitleTable, ItemsThatWereDroppedArePassedOver) {
  KeyTable keys;
  keys.intern("kept");
  keys.intern("dropped");
  const std::vector<int32_t> new_ids = {0, KeyTable::kAbsent};
  TitleTable table(keys, new_ids, 1);
  table.add("dropped", "no");
  table.add("kept", "Caf\xe9");
  EXPECT_THAT(table.titles(), ::testing::ElementsAre("Caf\xc3\xa9"));
}

}  // namespace
}  // namespace seqsweep
