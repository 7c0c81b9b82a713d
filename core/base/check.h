// SEQ_CHECK guards states that only a bug can reach. Wrong input never reaches it: that is an
// Error.
#pragma once

#include <cstdio>
#include <cstdlib>

// The macro exists for __FILE__, __LINE__ and the text of the condition.
#define SEQ_CHECK(condition)                                                                    \
  do {                                                                                          \
    if (!(condition)) {                                                                         \
      std::fprintf(stderr, "%s:%d: bug: '%s' does not hold\n", __FILE__, __LINE__, #condition); \
      std::abort();                                                                             \
    }                                                                                           \
  } while (false)
