// seqsweep list: what a sweep file may name, with every setting and its default.
#include <fmt/format.h>

#include <algorithm>

#include "core/data/registry.h"
#include "core/train/batch_schedule.h"
#include "core/train/model.h"
#include "core/train/optimizer.h"
#include "tools/commands/commands.h"

namespace seqsweep {
namespace {

// The runs that an objective needs: {"role": "the usual model"}.
Json roles_of(const ComponentIndex::Entry& entry) {
  const Json needs = entry.traits.value("needs", Json());
  return needs.is_object() ? needs : Json::object();
}

void print_entry(const ComponentIndex::Entry& entry) {
  fmt::print("{:<28}{}\n", entry.name, entry.summary);
  const std::vector<FieldDoc> rows = entry.describe();
  size_t name_width = 0, type_width = 0;
  for (const FieldDoc& row : rows) {
    name_width = std::max(name_width, row.name.size());
    type_width = std::max(type_width, row.type.size() + row.default_text.size() + 3);
  }
  for (const FieldDoc& row : rows) {
    fmt::print("    {:<{}}  {:<{}}  {}\n", row.name, name_width,
               fmt::format("{} [{}]", row.type, row.default_text), type_width, row.help);
  }
  const Json roles = roles_of(entry);
  for (const auto& [role, model] : roles.items()) {
    fmt::print("    {}: a trained run, of a model's entry [{}]\n", role, model.get<std::string>());
  }
}

int list(const std::string& kind, bool as_json) {
  const Catalog all = catalog();
  for (const ComponentIndex* index :
       {&all.models, &all.datasets, &all.optimizers, &all.objectives, &all.batch_schedules}) {
    if (index->kind() + "s" != kind) continue;
    Json json = Json::array();
    for (const std::string& name : index->names()) {
      const ComponentIndex::Entry& entry = index->find(name, Position{"command line"});
      if (!as_json) {
        print_entry(entry);
        continue;
      }
      Json fields = Json::array();
      for (const FieldDoc& row : entry.describe()) {
        fields.push_back({{"name", row.name},
                          {"type", row.type},
                          {"default", Json::parse(row.default_text)},
                          {"help", row.help}});
      }
      json.push_back({{"name", name}, {"summary", entry.summary}, {"settings", fields}});
      if (const Json roles = roles_of(entry); !roles.empty()) json.back()["needs"] = roles;
    }
    if (as_json) fmt::print("{}\n", json.dump(2));
  }
  return kExitDone;
}

struct ListOptions {
  std::string kind;
  bool json = false;
};

}  // namespace

Catalog catalog() {
  return {models(), datasets(), optimizers(), objectives(), batch_schedules()};
}

void add_list(CLI::App& app, Action& action) {
  auto* command =
      app.add_subcommand("list", "What a sweep file may name, with settings and defaults");
  auto options = std::make_shared<ListOptions>();
  command
      ->add_option("KIND", options->kind,
                   "models, datasets, optimizers, objectives or batch_schedules")
      ->required()
      ->check(CLI::IsMember({"models", "datasets", "optimizers", "objectives", "batch_schedules"}));
  command->add_flag("--json", options->json, "JSON instead of text");
  command->footer("Example:\n  seqsweep list models");
  command->callback(
      [&action, options] { action = [options] { return list(options->kind, options->json); }; });
}

}  // namespace seqsweep
