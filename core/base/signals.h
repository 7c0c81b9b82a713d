// A wish to stop, from a signal or from whoever watches. Drains, never aborts: runs checkpoint at
// their next step. SIGUSR1 is the one that mpirun passes on (docs/decisions/0003-interrupting.md).
#pragma once

namespace seqsweep {

// SIGINT, SIGTERM and SIGUSR1 request a stop from now on. A second SIGINT ends the process at once.
void install_stop_signals();
bool stop_requested();  // Any thread; does not block.
void request_stop();

// Asks the kernel to send SIGTERM when the parent (mpirun) dies; call after MPI_Init.
void stop_with_parent();
// True when the parent that was there at stop_with_parent() is gone: the process is an orphan, its
// peers cannot be trusted to answer.
bool orphaned();

}  // namespace seqsweep
