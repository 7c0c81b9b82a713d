#include "core/protocol/message.h"
#include "core/protocol/run_config.h"
#include "tests/fuzz/targets/read_or_refuse.h"
#include "tests/fuzz/targets/targets.h"

namespace seqsweep {

bool fuzz_message(Bytes bytes) {
  return read_or_refuse([&] {
    const Message message = decode({bytes.begin(), bytes.end()});
    // What was read is a message: it can be sent on, and is the same then.
    const std::vector<uint8_t> sent = encode(message);
    SEQ_CHECK(encode(decode(sent)) == sent);
    if (const auto* dispatch = std::get_if<Dispatch>(&message)) RunConfig::parse(dispatch->config);
  });
}

}  // namespace seqsweep
