#include "core/data/delimited.h"

#include <gmock/gmock.h>

#include "core/base/error.h"
#include "tests/core/data/table_support.h"
#include "tests/support/raw_folder.h"

namespace seqsweep {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

const InteractionColumns kColumns = {
    {{"user"}}, {{"item"}}, {{"rating"}, false}, {{"timestamp"}, false}};

class Delimited : public ::testing::Test {
 protected:
  std::vector<std::string> read(const std::string& text, const DelimitedFormat& format = {},
                                const InteractionColumns& columns = kColumns) {
    InteractionTable table;
    malformed_ = read_delimited(folder_.write("raw.txt", text), format, columns, share_, table);
    return rows_of(table);
  }
  std::string error_of(const std::string& text, const DelimitedFormat& format = {}) {
    try {
      read(text, format);
    } catch (const Error& error) {
      EXPECT_EQ(error.fault(), Fault::Input);
      EXPECT_THAT(error.what(), HasSubstr("raw.txt"));
      return error.what();
    }
    return "no error";
  }

  RawFolder folder_;
  double share_ = 0;
  int64_t malformed_ = 0;
};

TEST_F(Delimited, ColumnsAreFoundByNameInAnyOrder) {
  EXPECT_THAT(read("timestamp,item,extra,user\n5,i,x,u\n"), ElementsAre("u i 5000000"));
  EXPECT_THAT(read("user,item\nu,i\nu,j\n"), ElementsAre("u i", "u j"));
  EXPECT_THAT(read("who,item\nu,i\n", {}, {.user = {{"user", "who"}}, .item = {{"item"}}}),
              ElementsAre("u i"));
}

TEST_F(Delimited, SeparatorsMayHaveSeveralCharacters) {
  const DelimitedFormat format = {.separator = "::",
                                  .columns = {"user", "item", "rating", "timestamp"}};
  EXPECT_THAT(read("1::1193::5::978300760\n1::661::3::978302109\n", format),
              ElementsAre("1 1193 5 978300760000000", "1 661 3 978302109000000"));
}

TEST_F(Delimited, WindowsLinesByteOrderMarkAndMissingLastLineEnd) {
  EXPECT_THAT(read("\xef\xbb\xbfuser,item,rating\r\nu,i,4.5\r\nu,j,1"),
              ElementsAre("u i 4.5", "u j 1"));
}

TEST_F(Delimited, QuotedFieldsHoldSeparatorsAndQuotes) {
  const DelimitedFormat format = {.quotes = true};
  EXPECT_THAT(read("\"user\",item,rating\n\"a,b\",\"say \"\"x\"\"\",\"5\"\nu,i\"j,1\n", format),
              ElementsAre("a,b say \"x\" 5", "u i\"j 1"));
  EXPECT_THAT(error_of("user,item\n\"u,i\n", format), HasSubstr("a quote is not closed"));
  EXPECT_THAT(error_of("user,item\n\"u\"x,i\n", format), HasSubstr("a quote is not closed"));
  EXPECT_THAT(read("user,item\n\"u,i\n"), ElementsAre("\"u i")) << "a quote is a character";
}

TEST_F(Delimited, EmptyLastFieldsCountAsFields) {
  EXPECT_THAT(read("user,item,note\nu,i,\n"), ElementsAre("u i"));
  EXPECT_THAT(read("user,item,note\nu,i,\"\"\n", {.quotes = true}), ElementsAre("u i"));
}

TEST_F(Delimited, WithoutAHeaderFurtherFieldsAreIgnored) {
  EXPECT_THAT(read("u|i|5|9|x|y\n", {.separator = "|", .columns = {"user", "item", "rating"}}),
              ElementsAre("u i 5"));
}

TEST_F(Delimited, MissingColumnsAreNamedWithWhatTheFileHas) {
  EXPECT_THAT(error_of("usr,item\nu,i\n"),
              AllOf(HasSubstr("no column 'user'"), HasSubstr("did you mean 'usr'?"),
                    HasSubstr("the file has: usr, item")));
}

TEST_F(Delimited, EmptyFilesAndBareHeadersAreRefused) {
  EXPECT_THAT(error_of(""), HasSubstr("the file is empty"));
  EXPECT_THAT(error_of("user,item\n"), HasSubstr("no rows"));
  EXPECT_THAT(error_of("", {.columns = {"user", "item"}}), HasSubstr("no rows"));
}

// Lines 3, 4, 6, 7, 8, 9, 11 are wrong, each in its own way.
constexpr const char* kMalformed =
    "user,item,rating,timestamp\nu,a,1,1\nu,b\n,c,1,1\nu,d,1,2\nu,,1,1\nu,f,good,1\nu,g,1,noon\n"
    "u,h,1,1,1\nu,i,1,3\nu,j,nan,1\nu,k,1,4\n";

TEST_F(Delimited, MalformedRowsAreCountedAndTheFirstShownWithTheirLines) {
  share_ = 0.7;
  ::testing::internal::CaptureStderr();
  EXPECT_THAT(read(kMalformed),
              ElementsAre("u a 1 1000000", "u d 1 2000000", "u i 1 3000000", "u k 1 4000000"));
  const std::string log = ::testing::internal::GetCapturedStderr();
  EXPECT_EQ(malformed_, 7);
  EXPECT_THAT(log, AllOf(HasSubstr("raw.txt:3: too few fields: 'u,b'"),
                         HasSubstr("raw.txt:4: no user: ',c,1,1'"),
                         HasSubstr("raw.txt:6: no item: 'u,,1,1'"),
                         HasSubstr("raw.txt:7: the rating is not a number: 'u,f,good,1'"),
                         HasSubstr("raw.txt:8: the time is not a number: 'u,g,1,noon'")));
  EXPECT_THAT(log, AllOf(Not(HasSubstr("raw.txt:9:")), HasSubstr("7 of 11 rows are malformed")))
      << "only the first ones are shown";
}

TEST_F(Delimited, MoreThanTheShareIsAnErrorThatShowsTheRows) {
  share_ = 0.5;
  EXPECT_THAT(error_of(kMalformed),
              AllOf(HasSubstr("7 of 11 rows are malformed"), HasSubstr("raw.txt:3: too few fields"),
                    HasSubstr("At most 50 % may be"), HasSubstr("malformed_share")));
  share_ = 0;
  EXPECT_THAT(error_of("user,item\nu,i\nu\n"), HasSubstr("1 of 2 rows"));
}

TEST_F(Delimited, ControlCharactersInMalformedRowsAreMadeVisible) {
  EXPECT_THAT(error_of("user,item\n\x1b[31m\n"), Not(HasSubstr("\x1b")));
}

TEST_F(Delimited, TitlesOfTheFirstRowCountAndLatin1BecomesUtf8) {
  const auto path = folder_.write("movies.dat",
                                  "73::Mis\xe9rables, Les (1995)::Drama|Musical\n"
                                  "2:: Jumanji (1995) ::Adventure\n"
                                  "73::Another title::Drama\n"
                                  "9::not kept::Drama\n");
  const DelimitedFormat format = {.separator = "::", .columns = {"item", "title"}};
  EXPECT_THAT(
      titles_of(
          {"2", "73", "5"},
          [&](TitleTable& table) {
            EXPECT_EQ(read_delimited_titles(path, format, {{{"item"}}, {{"title"}}}, 0, table), 0);
          }),
      ElementsAre("Jumanji (1995)", "Mis\xc3\xa9rables, Les (1995)", ""));
}

}  // namespace
}  // namespace seqsweep
