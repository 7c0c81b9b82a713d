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
#include "core/base/process.h"
#include "core/base/text.h"
#include "core/data/cache_folder.h"

namespace seqsweep {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kPip = "pip:";
constexpr std::string_view kAnotherWay =
    "get the files in another way and give their folder with --raw PATH";

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

// Sets a file that is not the expected one aside, so that the next try starts afresh.
void require_checksum(const fs::path& part, const Download& wanted) {
  if (wanted.checksum.empty()) {
    log_info("{}: no checksum is published; its SHA-256 is {}", wanted.url, sha256_of_file(part));
    return;
  }
  const size_t colon = wanted.checksum.find(':');
  const std::string expected = wanted.checksum.substr(colon + 1);
  const std::string found = digest_of_file(part, wanted.checksum.substr(0, colon));
  if (found == expected) return;
  const fs::path aside = part.parent_path() / (wanted.file + ".wrong");
  fs::rename(part, aside);
  throw_world("{}: wrong checksum: expected {}, got {}; what came is in {}: try again, or {}",
              wanted.url, expected, found, aside.string(), kAnotherWay);
}

void download_web(const std::string& url, const fs::path& part) {
  const auto curl = [&url](const fs::path& into) {
    return run_program({"curl",
                        "--fail",
                        "--location",
                        "--proto",
                        "=https,http,file",
                        "--proto-redir",
                        "=https",
                        "--connect-timeout",
                        "20",
                        "--speed-time",
                        "60",
                        "--speed-limit",
                        "1",
                        "--retry",
                        "3",
                        "--output",
                        into.string(),
                        "--continue-at",
                        "-",
                        "--progress-bar",
                        url});
  };
  constexpr int kHttpError = 22, kRangeError = 33;
  int code = curl(part);
  if ((code == kHttpError || code == kRangeError) && fs::exists(part)) {
    // Perhaps the server cannot go on in the middle. What has come is kept until all has.
    const fs::path whole = part.string() + ".whole";
    fs::remove(whole);
    code = curl(whole);
    if (code == 0) fs::rename(whole, part);
  }
  if (code == 0) return;
  throw_world(
      "{}: curl ended with {}: look at your network and try again (what has come is kept), or {}",
      url, code, kAnotherWay);
}

void download_wheel(const std::string& package, const fs::path& part) {
  const fs::path folder = part.string() + ".d";
  fs::remove_all(folder);
  const int code = run_program({python(), "-m", "pip", "download", "--quiet", "--no-deps",
                                "--disable-pip-version-check", "--dest", folder.string(), package});
  if (code != 0) {
    throw_world("{}: pip ended with {}: look at your network and at '{} -m pip --version', or {}",
                package, code, python(), kAnotherWay);
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
  require_checksum(part, wanted);
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

std::string expected_files(const RawNames& names) {
  const std::string interactions = join(names.interactions, " or ");
  if (names.titles.empty()) return interactions;
  return fmt::format("{} and, for titles, {}", interactions, join(names.titles, " or "));
}

void fetch_into(const fs::path& folder, const std::string& dataset, const FetchRecipe& recipe,
                const std::optional<fs::path>& raw) {
  const RawNames& names = recipe.files;
  if (raw) {
    if (!fs::exists(*raw)) throw_input("--raw {}: there is no such file or folder", raw->string());
    if (copy_known(names, *raw, folder) > 0) return;
    throw_input("--raw {}: none of the files of {}: expected {}", raw->string(), dataset,
                expected_files(names));
  }
  if (recipe.downloads.empty()) {
    throw_input("{}: cannot be downloaded: give the folder of its files with --raw PATH ({})",
                dataset, expected_files(names));
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
      (recipe.files.titles.empty() || first_existing(folder, recipe.files.titles))) {
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
