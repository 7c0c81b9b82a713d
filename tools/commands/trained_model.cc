#include "tools/commands/trained_model.h"

#include "tools/commands/places.h"
#include "worker/device.h"

namespace seqsweep {

void TrainedModelOptions::add_to(CLI::App& command) {
  command
      .add_option("FOLDER", folder,
                  "a run's folder: DB.runs/RUN (seqsweep status --runs lists them)")
      ->required();
  command.add_option("--data-dir", data_dir, "raw and cached data sets [SEQSWEEP_DATA or data]");
  command.add_option("--device", device, "auto, cpu or cuda [cpu]");
  command.add_flag("--json", json, "JSON instead of text");
}

LoadedModel TrainedModelOptions::load() const {
  const Value text = Value::scalar(device, Position{"command line: --device"});
  DeviceChoice choice{};
  read_field(text, "device", choice, {});
  const c10::Device chosen = use_device(choice).device;
  return load_model(folder, data_dir_or_default(data_dir), chosen);
}

}  // namespace seqsweep
