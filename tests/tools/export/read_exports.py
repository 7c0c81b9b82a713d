"""Reads an export as its own program does and prints it as JSON: {run: {name: [[step, value], ...]}}.

read_exports.py tensorboard|mlflow FOLDER
"""
import json
import os
import sys


def tensorboard(folder):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    runs = {}
    for where, _, files in os.walk(folder):
        if not files:
            continue
        events = EventAccumulator(where, size_guidance={"scalars": 0, "tensors": 0}).Reload()
        runs[os.path.relpath(where, folder)] = {
            "scalars": {tag: [[e.step, e.value] for e in events.Scalars(tag)] for tag in events.Tags()["scalars"]},
            "settings": events.Tensors("settings/text_summary" if "settings/text_summary" in events.Tags()["tensors"]
                                       else "settings")[0].tensor_proto.string_val[0].decode(),
        }
    return runs


def mlflow(folder):
    os.environ["MLFLOW_ALLOW_FILE_STORE"] = "true"
    from mlflow.tracking import MlflowClient

    client = MlflowClient(tracking_uri="file://" + os.path.abspath(folder))
    runs = {}
    for experiment in client.search_experiments():
        for run in client.search_runs([experiment.experiment_id]):
            names = run.data.metrics
            runs[run.info.run_id] = {
                "experiment": experiment.name,
                "name": run.info.run_name,
                "status": run.info.status,
                "start": run.info.start_time,
                "end": run.info.end_time,
                "settings": run.data.params,
                "tags": run.data.tags,
                "scalars": {n: [[m.step, m.value] for m in client.get_metric_history(run.info.run_id, n)] for n in names},
            }
    return runs


print(json.dumps({"tensorboard": tensorboard, "mlflow": mlflow}[sys.argv[1]](sys.argv[2])))
