#include "core/data/fetch.h"

#include <openssl/evp.h>

#include <array>
#include <cstdlib>
#include <memory>
#include <string_view>

#include "core/base/check.h"
#include "core/base/error.h"
#include "core/base/files.h"
#include "core/base/log.h"
#include "core/base/text.h"
#include "core/data/cache_folder.h"
#include "core/data/process.h"

namespace seqsweep {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kPip = "pip:";

std::string python() {
  const char* chosen = std::getenv("SEQSWEEP_PYTHON");
  return chosen && *chosen ? chosen : "python3";
}

std::string digest_of_file(const fs::path& path, const std::string& algorithm) {
  const MappedFile file(path);
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest;
  unsigned int length = 0;
  const EVP_MD* method = EVP_get_digestbyname(algorithm.c_str());
  SEQ_CHECK(method != nullptr);
  SEQ_CHECK(EVP_Digest(file.bytes().data(), file.bytes().size(), digest.data(), &length, method,
                       nullptr) == 1);
  std::string text;
  for (unsigned int i = 0; i < length; ++i) text += fmt::format("{:02x}", digest[i]);
  return text;
}

// Removes the file before it throws, so that the next try starts afresh.
void require_checksum(const fs::path& path, const std::string& checksum) {
  if (checksum.empty()) {
    log_info("{}: no checksum is published; its SHA-256 is {}", path.string(),
             sha256_of_file(path));
    return;
  }
  const size_t colon = checksum.find(':');
  const std::string expected = checksum.substr(colon + 1);
  const std::string found = digest_of_file(path, checksum.substr(0, colon));
  if (found == expected) return;
  fs::remove(path);
  throw_world(
      "{}: wrong checksum: expected {}, got {}; it was removed: try again, or get the file in "
      "another way and give it with --raw PATH",
      path.string(), expected, found);
}

void download_web(const std::string& url, const fs::path& part) {
  const std::vector<std::string> curl = {
      "curl",     "--fail",      "--location",    "--proto", "=https,file",    "--retry", "5",
      "--output", part.string(), "--continue-at", "-",       "--progress-bar", url};
  constexpr int kHttpError = 22, kRangeError = 33;  // Also what a complete .part file gives.
  int code = run_program(curl);
  if ((code == kHttpError || code == kRangeError) && fs::remove(part)) code = run_program(curl);
  if (code != 0) {
    throw_world("{}: curl ended with {}: look at your network and try again; what has come is kept",
                url, code);
  }
}

void download_wheel(const std::string& package, const fs::path& part) {
  const fs::path folder = part.string() + ".d";
  fs::remove_all(folder);
  const int code = run_program({python(), "-m", "pip", "download", "--quiet", "--no-deps",
                                "--disable-pip-version-check", "--dest", folder.string(), package});
  if (code != 0) {
    throw_world("{}: pip ended with {}: look at your network and at '{} -m pip --version'", package,
                code, python());
  }
  fs::rename(fs::directory_iterator(folder)->path(), part);
  fs::remove_all(folder);
}

void unpack(const fs::path& archive, const std::vector<std::string>& members,
            const fs::path& folder) {
  const fs::path unpacked = archive.string() + ".d";
  fs::remove_all(unpacked);
  const int code =
      run_program({python(), "-m", "zipfile", "-e", archive.string(), unpacked.string()});
  if (code != 0) throw_world("{}: {} -m zipfile ended with {}", archive.string(), python(), code);
  for (const std::string& member : members) {
    fs::rename(unpacked / member, folder / fs::path(member).filename());
  }
  fs::remove_all(unpacked);
}

void download(const Download& wanted, const fs::path& folder) {
  const fs::path part = folder / (wanted.file + ".part");
  log_info("fetching {}", wanted.url);
  if (wanted.url.starts_with(kPip)) {
    download_wheel(wanted.url.substr(kPip.size()), part);
  } else {
    download_web(wanted.url, part);
  }
  require_checksum(part, wanted.checksum);
  if (wanted.members.empty()) {
    fs::rename(part, folder / wanted.file);
  } else {
    unpack(part, wanted.members, folder);
    fs::remove(part);
  }
}

// Returns how many files it copied.
int copy_known(const RawNames& names, const fs::path& raw, const fs::path& folder) {
  int copied = 0;
  const auto copy = [&](const std::vector<std::string>& alternatives) {
    for (const std::string& name : alternatives) {
      const fs::path from = fs::is_directory(raw) ? raw / name : raw;
      if (from.filename() != name || !fs::is_regular_file(from)) continue;
      const fs::path part = folder / (name + ".part");
      fs::copy_file(from, part, fs::copy_options::overwrite_existing);
      fs::rename(part, folder / name);
      log_info("copied {}", from.string());
      ++copied;
    }
  };
  copy(names.interactions);
  copy(names.titles);
  return copied;
}

void fetch_into(const fs::path& folder, const std::string& dataset, const FetchRecipe& recipe,
                const std::optional<fs::path>& raw) {
  const RawNames& names = recipe.files;
  if (raw) {
    if (!fs::exists(*raw)) throw_input("--raw {}: there is no such file or folder", raw->string());
    if (copy_known(names, *raw, folder) > 0) return;
    throw_input("--raw {}: none of the files of {}: expected {} and, for titles, {}", raw->string(),
                dataset, join(names.interactions, " or "), join(names.titles, " or "));
  }
  for (const Download& wanted : recipe.downloads) {
    if (wanted.members.empty() && fs::exists(folder / wanted.file)) continue;
    download(wanted, folder);
  }
}

}  // namespace

void fetch(const std::string& dataset, const FetchRecipe& recipe, const fs::path& data_dir,
           const std::optional<fs::path>& raw) {
  const fs::path folder = data_dir / dataset;
  if (!raw && first_existing(folder, recipe.files.interactions) &&
      first_existing(folder, recipe.files.titles)) {
    log_info("{}: the raw files are in {}", dataset, folder.string());
    return;
  }
  try {
    fs::create_directories(folder);
    const FileLock lock(folder / ".fetch.lock");
    fetch_into(folder, dataset, recipe, raw);
  } catch (const fs::filesystem_error& error) {
    throw_world("{}: cannot bring its raw files into {}: {}", dataset, folder.string(),
                error.what());
  }
}

}  // namespace seqsweep
