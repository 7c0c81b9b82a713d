// What an Error says.
#pragma once

#include <gtest/gtest.h>

#include <string>

#include "core/base/error.h"

namespace seqsweep {

// Of the Error (Fault::Input) that the call throws; "" when it throws none.
template <typename Call>
std::string input_error_of(Call&& call) {
  try {
    call();
    return "";
  } catch (const Error& error) {
    EXPECT_EQ(error.fault(), Fault::Input);
    return error.what();
  }
}

}  // namespace seqsweep
