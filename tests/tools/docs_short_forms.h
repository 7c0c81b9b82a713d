// How the commands of the pages become short enough for a test, or fit for a machine without a GPU,
// Docker or a cluster. Each row is tried on every command, in this order.
#pragma once

namespace seqsweep {
namespace docs_commands_test {

constexpr const char* kNotRun = nullptr;

// `by` stands in the place of every `text`. With {} it stands in the place of the whole command,
// which goes there. kNotRun: such a command is not run at all. What follows a '#' is left
// out.
struct ShortForm {
  const char* text;
  const char* by;
  const char* why;
};

// ${small[@]}: overrides that make any sweep file take a second. $run, $other: runs that are done.
constexpr ShortForm kShortForms[] = {
    // What is no command, or is not here.
    {"seqsweep was built without MPI", kNotRun, "a message"},
    {"docker build ", kNotRun, "no Docker: tests/tools/container_test.cc reads the recipe"},
    {"apptainer build ", kNotRun, "no Apptainer: tests/tools/container_test.cc reads the recipe"},
    {"apt-get ", kNotRun, "changes the machine"},
    {"nvidia-cuda-mps-control", kNotRun, "a service of the GPU's driver"},
    {"ssh -L 8321:127.0.0.1:8321 HOST", kNotRun, "another machine"},
    {"mlflow migrate-filestore", kNotRun, "MLflow's: mlflow_test reads our folder with MLflow"},
    {"datasette ", kNotRun, "another program"},
    {"git clone", kNotRun, "asks the network"},
    {"bench_kernels 5 cuda", kNotRun, "a GPU"},
    // The same programs without their containers and hosts.
    {"docker run --rm -v \"$PWD:/data\" --shm-size 1g seqsweep ", "seqsweep ", "no Docker"},
    {"docker run --rm -v \"$PWD:/data\" --entrypoint make_tables seqsweep ", "make_tables ",
     "same"},
    {"docker run --rm -v \"$PWD:/data\" seqsweep ", "seqsweep ", "no Docker"},
    {"apptainer run seqsweep.sif ", "seqsweep ", "no Apptainer"},
    {"srun --mpi=pmix apptainer exec seqsweep.sif ", "", "no Slurm"},
    {"ssh -L 8321:127.0.0.1:8321 cluster ", "", "another machine"},
    {"perf record ", "", "not on every machine"},
    {"train.device=cuda", "train.device=cpu", "a GPU"},
    // Builds and installations: that the presets, targets and scripts are there.
    {"cmake --preset release && CCACHE_DISABLE=1 cmake --build --preset release",
     "cmake --list-presets=build | grep -w release", "minutes"},
    {"cmake --preset cuda && cmake --build --preset cuda",
     "cmake --list-presets=build | grep -w cuda", "minutes"},
    {"cmake --preset asan && cmake --build --preset asan && ctest --preset asan",
     "cmake --list-presets=build | grep -w asan && ctest --list-presets | grep -w asan", "minutes"},
    {"cmake --preset tsan", "cmake --list-presets=configure | grep -w tsan", "minutes"},
    {"rm -rf out/quickstart && tools/quickstart.sh", "tools/quickstart.sh", "a folder of its own"},
    {"tools/quickstart.sh",
     "sed 's|^tools/build.sh.*|:|; s|ml-100k|synthetic|; s|quickstart.yaml|& \"${small[@]}\"|' "
     "tools/quickstart.sh > out/quickstart.sh && source out/quickstart.sh",
     "installs and builds: here the rest, on small data"},
    {"tools/run_tests.sh",
     "sed 's|^tools/build.sh|:|' tools/run_tests.sh > out/run_tests.sh && bash out/run_tests.sh -N",
     "builds, and runs the tests: here it lists them"},
    {"tools/setup.sh", "bash -n tools/setup.sh", "installs"},
    {"tools/fuzz.sh", "bash -n tools/fuzz.sh", "wants clang"},
    {"tests/run_cuda_tests.sh", "bash -n tests/run_cuda_tests.sh", "a GPU"},
    {"ctest -R", "ctest --test-dir build -N -R", "the tests are run as such"},
    {"--gtest_filter=", "--gtest_list_tests --gtest_filter=", "the tests are run as such"},
    {"build/bin/comm_test", "build/bin/comm_test --gtest_list_tests", "the tests are run as such"},
    {"train_mpi_test", "train_mpi_test --gtest_list_tests", "the tests are run as such"},
    // Benchmarks on little work, or with packages that are not here.
    {"tools/benchmarks.py", "tools/benchmarks.py --help #", "benchmarks_test runs it"},
    {"tools/bench_data.py", "tools/bench_data.py --help #", "pandas"},
    {"tools/bench_dispatch.py", "tools/bench_dispatch.py --help #", "mpi4py, libEnsemble"},
    {"tools/bench_language_models.py", "tools/bench_language_models.py --help #", "transformers"},
    {"tools/bench_lightfm.py", "tools/bench_lightfm.py --help #", "lightfm"},
    {"tools/bench_recbole.py", "tools/bench_recbole.py --help #", "RecBole"},
    {"tools/bench_recbole_protocol.py", "tools/bench_recbole_protocol.py --help #", "an hour"},
    {"tools/bench_llama_cpp.py", "tools/bench_llama_cpp.py --help #", "llama.cpp"},
    {"tools/bench_ssd_triton.py", "tools/bench_ssd_triton.py --help #", "Triton"},
    {"tools/bench_text.py", "tools/bench_text.py --help #", "bm25s, tokenizers"},
    {"tools/torture.py", "tools/torture.py --help #", "torture_test runs it"},
    {"bench_kernels 9 2", "bench_kernels 1 2 dropout", "one round of four rows"},
    {"bench_state_space.py ssd", "bench_state_space.py ssd --batch 2 --length 8 --rounds 1",
     "less"},
    {"bench_state_space.py scan", "bench_state_space.py scan --batch 2 --length 8", "less"},
    {"pairs --threads 2 --rounds 3", "pairs --threads 2 --rounds 1", "less"},
    {"compare --rounds 15", "compare --help #", "a minute"},
    {"compare --threads 1", "compare --help #", "a minute"},
    {"models --device cuda", "models --help #", "a GPU"},
    {"train sasrec 3416 200 64", "train sasrec 50 20 4", "less"},
    {"bench_models 1 cpu 8", "bench_models 1 cpu 1", "less"},
    {"bench_text make FOLDER", "bench_text make out 500 20", "less"},
    {"bench_text run FOLDER GPT2 LLAMA2", "bench_text run out", "no such tokenizers here"},
    {"bench_dispatch --runs 3000", "bench_dispatch --runs 30", "less"},
    {"bench_ranks MODEL 20", "bench_ranks sasrec 1", "a model, and less"},
    {"predict MB T_MS M HOP_US GB_S", "predict 1.2 5 64 5 50", "figures of the page"},
    {"bench_report large.db", "bench_report large.db --runs 40 --users 20 --latency-samples 20",
     "1 GB"},
    // Sweeps of the repository, made small; MovieLens may not be here.
    {"paper-small.yaml", "paper-small.yaml \"${small[@]}\"", "minutes"},
    {"figure3.yaml", "figure3.yaml \"${small[@]}\"", "hours"},
    {"usgm-robustness.yaml", "usgm-robustness.yaml \"${small[@]}\"", "hours"},
    {"orpo.yaml --db", "orpo.yaml \"${small[@]}\" --db", "minutes"},
    {"bench_sasrec.yaml", "bench_sasrec.yaml \"${small[@]}\"", "hours"},
    {"experiments/ml-1m.yaml", "experiments/ml-1m.yaml \"${small[@]}\"", "hours"},
    {"amazon-2014.yaml", "amazon-2014.yaml \"${small[@]}\"", "hours"},
    {"plan experiments/quickstart.yaml", "plan experiments/quickstart.yaml \"${small[@]}\"",
     "no MovieLens"},
    {"quickstart.yaml --db results.db", "quickstart.yaml \"${small[@]}\" --db quick.db",
     "a minute"},
    {"train ml-100k sasrec",
     "train synthetic sasrec dataset.users=60 train.epochs=1 latency.samples=2", "a minute"},
    {"data prepare ml-100k", "data prepare synthetic", "asks the network"},
    {"--raw ~/Downloads/ml-1m", "--raw raw", "a small one"},
    // What pages leave open.
    {"--simulate 64 --failures-per-hour 0.01", "--simulate 4 --failures-per-hour 0.01", "seconds"},
    {"results.db.runs/0f3a...", "results.db.runs/$run", "a run"},
    {"ml-1m.db.runs/RUN", "results.db.runs/$run", "a run"},
    {"DB.runs/RUN OUT", "results.db.runs/$run model", "a run"},
    {"cancel results.db 0f3a", "cancel results.db $failed", "a run that waits"},
    {"0f3a 91bc", "$run $other", "two runs"},
    {"logs results.db 0f3a", "logs results.db $run", "a run"},
    {"diff DB RUN RUN", "diff DB $run $other", "two runs"},
    {"retry DB RUN", "retry DB $failed", "a run that failed"},
    {"DB RUN", "DB $run", "a run"},
    {"--history 'Toy Story (1995)' 'Fargo (1996)'", "--history i1 i2", "items"},
    {"--user 196", "--user u1", "a user"},
    {"tail -f events", "cat events", "ends"},
    {"tensorboard|mlflow", "tensorboard", "one of them"},
    {"seqsweep export results.db.runs/$run model --format huggingface", "seqsweep export --help",
     "a language model: language_models_test"},
    {"/scratch/results.db", "results.db", "a place"},
    {"source <(seqsweep completion zsh)", "seqsweep completion zsh", "this is bash"},
    {"mpirun --with-ft ulfm", "mpirun --with-ft ulfm -n 1 true", "a program"},
    {"manual > docs/commands.md", "manual > out/commands.md", "a place"},
    {"drain results.db", "drain --help", "no sweep is live: kill_test has one"},
    // What goes on until it is ended.
    {" --host 0.0.0.0 --port 9000", "", "the next row has a port"},
    {"seqsweep dashboard ", "timeout 1 {} --port 0 || [ $? = 124 ]", "goes on"},
    {"--watch", "timeout 1 {} || [ $? = 124 ]", "goes on"},
    {"logs results.db --follow", "timeout 1 {} || [ $? = 124 ]", "goes on"},
};

}  // namespace docs_commands_test
}  // namespace seqsweep
