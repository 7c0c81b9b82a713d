#include "tools/report/datasets_table.h"

#include <gtest/gtest.h>

#include "tools/report/csv.h"
#include "tools/report/markdown.h"

namespace seqsweep {
namespace {

const std::vector<DatasetRow> kDatasets = {
    {R"({"max_length":50,"name":"a|b"})", "a|b", 943, 1349, 99287},
    {R"({"max_length":50,"name":"ml-1m"})", "ml-1m", 6040, 3416, 999611},
    {R"({"max_length":200,"name":"a|b"})", "a|b", 10, 20, 100}};

const std::string kDensityNote =
    "\n- Density: interactions in % of users × items. An item that a user takes again counts "
    "again, "
    "as the paper counts all reviews, so that it can be above 100 %.\n";

TEST(DatasetsTable, ThePapersDatasetsComeFirstWithItsFigures) {
  EXPECT_EQ(
      markdown(datasets_table(kDatasets, paper())),
      "## Table 4: Datasets\n"
      "\n"
      "| Dataset | Users | Paper | Items | Paper | Interactions | Paper | Mean length | "
      "Density (%) |\n"
      "| :--- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |\n"
      "| MovieLens-1M | 6,040 | 6,041 ×1.00 | 3,416 | 3,417 ×1.00 | 999,611 | 999,611 ×1.00 | "
      "165.50 | 4.84 |\n"
      "| a\\|b (max\\_length=200) | 10 | – | 20 | – | 100 | – | 10.00 | 50.0 |\n"
      "| a\\|b (max\\_length=50) | 943 | – | 1,349 | – | 99,287 | – | 105.29 | 7.80 |\n" +
          kDensityNote);
}

TEST(DatasetsTable, WithoutOneOfThePaperItsColumnsAreLeftOut) {
  EXPECT_EQ(markdown(datasets_table({kDatasets[0]}, paper())),
            "## Datasets\n"
            "\n"
            "| Dataset | Users | Items | Interactions | Mean length | Density (%) |\n"
            "| :--- | ---: | ---: | ---: | ---: | ---: |\n"
            "| a\\|b | 943 | 1,349 | 99,287 | 105.29 | 7.80 |\n" +
                kDensityNote);
}

TEST(DatasetsTable, CsvHasFullPrecision) {
  EXPECT_EQ(datasets_csv({kDatasets[1], kDatasets[2]}, paper()),
            "dataset,settings,users,users_paper,items,items_paper,interactions,"
            "interactions_paper,mean_length,density\n"
            "ml-1m,,6040,6041,3416,3417,999611,999611,165.49850993377484," +
                csv_number(999611.0 / 6040 / 3416) +
                "\n"
                "a|b,,10,,20,,100,,10,0.5\n");
}

}  // namespace
}  // namespace seqsweep
