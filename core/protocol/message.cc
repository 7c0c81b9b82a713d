#include "core/protocol/message.h"

#include "core/base/text.h"

namespace seqsweep {
namespace {

// One list of fields a struct serves encoding and decoding, as in core/base/config.h.
void fields(auto& x, auto&& f);

template <typename T>
concept Numbers = std::is_same_v<T, std::vector<float>> || std::is_same_v<T, std::vector<int32_t>>;
template <typename T>
concept Structs = std::is_same_v<T, std::vector<StepRow>> ||
    std::is_same_v<T, std::vector<MetricRow>> || std::is_same_v<T, std::vector<LatencySample>>;

template <typename T>
Json pack(const T& x) {
  if constexpr (Numbers<T>) {  // Long vectors travel as bytes.
    const auto* bytes = reinterpret_cast<const uint8_t*>(x.data());
    return Json::binary({bytes, bytes + x.size() * sizeof(typename T::value_type)});
  } else if constexpr (Structs<T>) {
    Json list = Json::array();
    for (const auto& element : x) list.push_back(pack(element));
    return list;
  } else if constexpr (std::is_constructible_v<Json, T>) {
    return x;
  } else {
    Json list = Json::array();
    fields(const_cast<T&>(x), [&](auto& member) { list.push_back(pack(member)); });
    return list;
  }
}

// A whole number of a struct; the library would also turn fractions, however large, into one.
int64_t whole_number(const Json& json) {
  if (!json.is_number_integer() ||
      (json.is_number_unsigned() && json.get<uint64_t>() > INT64_MAX)) {
    throw_world("message: a whole number is expected, not {}", json.type_name());
  }
  return json.get<int64_t>();
}

template <typename T>
void unpack(const Json& json, T& x) {
  if constexpr (Numbers<T>) {
    using Number = typename T::value_type;
    const auto& bytes = json.get_binary();
    if (bytes.size() % sizeof(Number) != 0) throw_world("message: a vector of odd length");
    x.resize(bytes.size() / sizeof(Number));
    std::copy(bytes.begin(), bytes.end(), reinterpret_cast<uint8_t*>(x.data()));
  } else if constexpr (Structs<T>) {
    if (!json.is_array()) throw_world("message: a list is expected, not {}", json.type_name());
    for (const Json& element : json) unpack(element, x.emplace_back());
  } else if constexpr (std::is_same_v<T, int64_t>) {
    x = whole_number(json);
  } else if constexpr (std::is_constructible_v<Json, T>) {
    json.get_to(x);
  } else {
    size_t i = 0;
    fields(x, [&](auto& member) { unpack(json.at(i++), member); });
    if (i != json.size()) throw_world("message: {} fields came, {} are valid", json.size(), i);
  }
}

void fields(auto& x, auto&& f) {
  using T = std::remove_cvref_t<decltype(x)>;
  if constexpr (std::is_same_v<T, Ticket>) {
    f(x.run_id), f(x.attempt), f(x.coordinator_epoch);
  } else if constexpr (std::is_same_v<T, Hello>) {
    f(x.host), f(x.pid), f(x.cores), f(x.device), f(x.environment), f(x.gpu), f(x.gpu_bytes);
    f(x.host_bytes);
  } else if constexpr (std::is_same_v<T, StepRow>) {
    f(x.step), f(x.epoch_position), f(x.loss), f(x.batch_size), f(x.microbatches);
    f(x.h), f(x.r), f(x.beta), f(x.c1), f(x.c2), f(x.learning_rate);
  } else if constexpr (std::is_same_v<T, MetricRow>) {
    f(x.epoch), f(x.split), f(x.name), f(x.value);
  } else if constexpr (std::is_same_v<T, Progress>) {
    f(x.ticket), f(x.step), f(x.epoch), f(x.epochs), f(x.fraction), f(x.seconds_left), f(x.phase);
    f(x.signs), f(x.steps), f(x.metrics);
  } else if constexpr (std::is_same_v<T, LatencySample>) {
    f(x.mean_ms), f(x.user_ms);
  } else if constexpr (std::is_same_v<T, RunResult>) {
    f(x.metrics), f(x.user_ranks), f(x.latency), f(x.latency_ms), f(x.latency_low_ms);
    f(x.latency_high_ms), f(x.tokens_per_s), f(x.params), f(x.params_no_embedding), f(x.epochs);
    f(x.best_epoch), f(x.steps), f(x.train_s), f(x.peak_memory_bytes), f(x.device);
    f(x.users), f(x.items), f(x.interactions);
  } else if constexpr (std::is_same_v<T, Finished>) {
    f(x.ticket), f(x.result);
  } else if constexpr (std::is_same_v<T, Failed>) {
    f(x.ticket), f(x.cause), f(x.text);
  } else if constexpr (std::is_same_v<T, Interrupted>) {
    f(x.ticket), f(x.step);
  } else if constexpr (std::is_same_v<T, Dispatch>) {
    f(x.ticket), f(x.config), f(x.members), f(x.folder), f(x.data_dir);
  } else if constexpr (std::is_same_v<T, Committed>) {
    f(x.ticket);
  } else if constexpr (std::is_same_v<T, Cancel>) {
    f(x.ticket), f(x.goes_on_elsewhere);
  } else {
    static_assert(std::is_same_v<T, Drain> || std::is_same_v<T, Shutdown>);
  }
}

// The message of the type with this index in the variant.
template <size_t I = 0>
Message unpack_kind(size_t kind, const Json& json) {
  if constexpr (I == std::variant_size_v<Message>) {
    throw_world("message: unknown kind {}", kind);
  } else {
    if (kind != I) return unpack_kind<I + 1>(kind, json);
    std::variant_alternative_t<I, Message> message;
    unpack(json, message);
    return message;
  }
}

// Builds the value and stops at a nesting that no message has: the reader goes one call deeper
// with each level.
class ShallowReader : public nlohmann::detail::json_sax_dom_parser<Json> {
 public:
  explicit ShallowReader(Json& json) : json_sax_dom_parser(json) {}
  bool start_array(size_t elements) {
    return deeper() && json_sax_dom_parser::start_array(elements);
  }
  bool start_object(size_t elements) {
    return deeper() && json_sax_dom_parser::start_object(elements);
  }
  bool end_array() { return --depth_, json_sax_dom_parser::end_array(); }
  bool end_object() { return --depth_, json_sax_dom_parser::end_object(); }

 private:
  bool deeper() {
    if (++depth_ > kJsonDepthMax) throw_world("message: nested more than {} deep", kJsonDepthMax);
    return true;
  }
  int depth_ = 0;
};

}  // namespace

std::vector<uint8_t> encode(const Message& message) {
  const Json body = std::visit([](const auto& m) { return pack(m); }, message);
  return Json::to_msgpack(Json::array({message.index(), body}));
}

Message decode(const std::vector<uint8_t>& bytes) {
  try {
    Json json;
    ShallowReader reader(json);
    Json::sax_parse(bytes, &reader, Json::input_format_t::msgpack);
    if (!json.is_array() || json.size() != 2) throw_world("message: no pair of kind and body");
    return unpack_kind(static_cast<size_t>(whole_number(json[0])), json[1]);
  } catch (const Json::exception& error) {
    throw_world("message: {} bytes that are none: {}", bytes.size(), printable(error.what()));
  }
}

}  // namespace seqsweep
