// Messages between two processes of one machine, over a stream socket.
#pragma once

#include <memory>

#include "core/base/descriptor.h"
#include "core/protocol/transport.h"

namespace seqsweep {

// One end, which goes by the number `rank` and talks to `peer` alone. What the peer has not read
// yet waits here: send() never blocks, and what is left is written in later calls and, for five
// seconds at most, at the end. The peer is dead once its end is closed and all that it said whole
// was received. receive() throws Error (Fault::World) on bytes that are no message.
std::unique_ptr<Transport> make_socket_transport(Descriptor socket, int rank, int peer);

}  // namespace seqsweep
