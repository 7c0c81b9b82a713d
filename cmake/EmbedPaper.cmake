# The paper's figures (tools/report/paper_*.csv) become generated/tools/report/paper_csv.h, so that
# make_tables carries them.
set(paper_values_file ${CMAKE_SOURCE_DIR}/tools/report/paper_values.csv)
set(paper_datasets_file ${CMAKE_SOURCE_DIR}/tools/report/paper_datasets.csv)
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS
             ${paper_values_file} ${paper_datasets_file})
file(READ ${paper_values_file} paper_values_csv)
file(READ ${paper_datasets_file} paper_datasets_csv)
file(CONFIGURE OUTPUT ${CMAKE_BINARY_DIR}/generated/tools/report/paper_csv.h @ONLY CONTENT
[[// Generated from tools/report/paper_values.csv and paper_datasets.csv.
#pragma once

namespace seqsweep {

inline constexpr const char* kPaperValuesCsv = R"csv(@paper_values_csv@)csv";
inline constexpr const char* kPaperDatasetsCsv = R"csv(@paper_datasets_csv@)csv";

}  // namespace seqsweep
]])
