#include "tools/report/gnuplot.h"

#include <unistd.h>

#include <cctype>
#include <filesystem>
#include <fstream>
#include <optional>

#include "core/base/error.h"
#include "core/base/files.h"
#include "core/base/process.h"
#include "tools/report/in_parallel.h"

namespace seqsweep {
namespace {

namespace fs = std::filesystem;

class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string name = (fs::temp_directory_path() / "seqsweep-figure-XXXXXX").string();
    if (!::mkdtemp(name.data())) throw_world("{}: no folder can be made", name);
    path_ = name;
  }
  ~TemporaryFolder() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  const fs::path& path() const { return path_; }

 private:
  fs::path path_;
};

// Cairo writes the time into every PDF; offsets stay, so the digits are changed in their places.
void fix_date(std::string& pdf) {
  constexpr std::string_view kKey = "/CreationDate (D:";
  const size_t at = pdf.find(kKey);
  if (at == std::string::npos) return;
  const std::string_view epoch = "19700101000000";
  for (size_t i = 0; i < epoch.size(); ++i) {
    char& c = pdf[at + kKey.size() + i];
    if (!std::isdigit(static_cast<unsigned char>(c))) return;
    c = epoch[i];
  }
}

Drawing draw_one(const std::string& slug, const std::string& script) {
  const TemporaryFolder folder;
  const std::string name = slug + ".gp";
  std::ofstream(folder.path() / name, std::ios::binary) << script;
  // -d: the user's own settings would change the figure.
  const std::optional<int> status = run_program_in(folder.path(), {"gnuplot", "-d", name});
  const fs::path svg = folder.path() / (slug + ".svg"), pdf = folder.path() / (slug + ".pdf");
  if (status != 0 || !fs::exists(svg) || !fs::exists(pdf)) {
    const fs::path output = folder.path() / "output.txt";
    const std::string said = fs::exists(output) ? read_file(output) : "";
    throw_world("gnuplot did not draw {} (status {}); it said: {}", name, status.value_or(-1),
                said.empty() ? "nothing" : said);
  }
  Drawing drawing{read_file(svg), read_file(pdf)};
  fix_date(drawing.pdf);
  return drawing;
}

}  // namespace

bool gnuplot_installed() {
  const TemporaryFolder folder;
  return run_program_in(folder.path(), {"gnuplot", "--version"}) == 0;
}

std::vector<Drawing> draw(const std::vector<FigureScript>& scripts) {
  std::vector<Drawing> drawings(scripts.size());
  in_parallel(scripts.size(),
              [&](size_t i) { drawings[i] = draw_one(scripts[i].slug, scripts[i].text); });
  return drawings;
}

}  // namespace seqsweep
