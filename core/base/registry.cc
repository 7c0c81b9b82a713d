#include "core/base/registry.h"

#include "core/base/check.h"
#include "core/base/text.h"

namespace seqsweep {

void ComponentIndex::add(Entry entry) {
  const bool is_new = entries_.emplace(entry.name, entry).second;
  SEQ_CHECK(is_new && "two components of one kind have the same name");
}

const ComponentIndex::Entry& ComponentIndex::find(const std::string& name,
                                                  const Position& at) const {
  const auto found = entries_.find(name);
  if (found == entries_.end()) {
    throw_input("{}: unknown {} '{}'{} (known: {}; settings: seqsweep list {}s)", at.text(), kind_,
                printable(name), did_you_mean(name, names()), join(names(), ", "), kind_);
  }
  return found->second;
}

std::vector<std::string> ComponentIndex::names() const {
  std::vector<std::string> all;
  for (const auto& [name, entry] : entries_) all.push_back(name);
  return all;
}

}  // namespace seqsweep
