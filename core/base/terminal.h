// Where people see the log.
#pragma once

#include <cstddef>

namespace seqsweep {

// Columns of the terminal that standard error ends on: this process's own, or that of the mpirun
// that started it, which passes on what its ranks write. 0: it ends in a file or a pipe.
size_t terminal_width();

}  // namespace seqsweep
