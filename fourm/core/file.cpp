#include "fourm/core/file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "fourm/core/error.h"
#include "fourm/core/output_file.h"
#include "fourm/core/strings.h"

namespace fourm {

// What stands in a repository for a file that Git LFS keeps elsewhere.
static void check_no_pointer(const fs::path& path, std::string_view bytes) {
  check(!bytes.starts_with("version https://git-lfs.github.com/spec/"), path.string(),
        ": is a Git LFS pointer, not the file itself; run `git lfs pull` in its repository, or download the file");
}

std::string read_file(const fs::path& path, uint64_t limit) {
  std::error_code error;
  const auto status = fs::status(path, error);
  check(!error || status.type() == fs::file_type::not_found, path.string(), ": ", error.message());
  check(fs::exists(status), path.string(), ": no such file");
  check(fs::is_regular_file(status), path.string(), ": is not a regular file");
  const uint64_t size = fs::file_size(path, error);
  check(!error, path.string(), ": ", error.message());
  check(size <= limit, path.string(), ": has ", size, " bytes, at most ", limit, " are read here");
  std::ifstream in(path, std::ios::binary);
  std::string bytes(size, '\0');
  check(in.read(bytes.data(), static_cast<std::streamsize>(size)) || size == 0, path.string(), ": cannot be read (",
        std::strerror(errno), ")");
  check_no_pointer(path, bytes);
  return bytes;
}

MappedFile map_file(const fs::path& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);  // a pipe would wait for its writer
  check(fd >= 0, path.string(), ": cannot be opened (", std::strerror(errno), ")");
  struct stat status {};
  const bool regular = ::fstat(fd, &status) == 0 && S_ISREG(status.st_mode);
  const size_t size = regular ? static_cast<size_t>(status.st_size) : 0;
  void* address = size ? ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, fd, 0) : MAP_FAILED;
  ::close(fd);
  check(regular, path.string(), ": is not a regular file");
  check(size > 0, path.string(), ": is empty; is the download complete?");
  check(address != MAP_FAILED, path.string(), ": cannot be mapped (", std::strerror(errno), ")");
  MappedFile file{{address, [size](const void* p) { ::munmap(const_cast<void*>(p), size); }}, size};
  check_no_pointer(path, {static_cast<const char*>(address), size});
  return file;
}

// A new file takes the place of a file, never of a folder or a device.
static void check_replaceable(const fs::path& path) {
  std::error_code ignored;
  const auto status = fs::status(path, ignored);
  check(!fs::exists(status) || fs::is_regular_file(status), path.string(), ": is ",
        fs::is_directory(status) ? "a folder" : "not a regular file", ", expected the name of a file to write");
}

constexpr std::string_view kTemporary = ".tmp";

OutputFile::OutputFile(fs::path path) : path_(std::move(path)) {
  check_replaceable(path_);
  if (path_.has_parent_path()) make_folder(path_.parent_path());
  static std::atomic<int64_t> count = 0;  // several threads may write the same file
  // Hidden, so that what a killed process leaves is nowhere taken for a file of its own.
  std::error_code ignored;
  // What a link leads to is written, the link stays.
  target_ = fs::exists(path_, ignored) ? fs::canonical(path_, ignored) : path_;
  beside_ = target_.parent_path() / concat(".", target_.filename().string(), kTemporary, getpid(), "-", count++);
  out_.open(beside_, std::ios::binary | std::ios::trunc);
  check(out_.good(), path_.string(), ": cannot be written (", std::strerror(errno), ")");
}

OutputFile::~OutputFile() {
  std::error_code ignored;
  fs::remove(beside_, ignored);
}

void OutputFile::commit() {
  out_.flush();
  check(out_.good(), path_.string(), ": cannot be written (", std::strerror(errno), "); is the disk full?");
  out_.close();
  const int fd = ::open(beside_.c_str(), O_RDONLY);
  const bool synced = fd >= 0 && ::fsync(fd) == 0;
  if (fd >= 0) ::close(fd);
  check(synced, path_.string(), ": cannot be written (", std::strerror(errno), ")");
  std::error_code error;
  fs::rename(beside_, target_, error);
  check(!error, path_.string(), ": ", error.message());
}

void remove_temporary_files(const fs::path& folder, const std::function<bool(const std::string& name)>& is_own) {
  std::error_code ignored;
  std::vector<fs::path> left;
  for (const auto& entry : fs::directory_iterator(folder, ignored)) {
    const std::string name = entry.path().filename().string();
    const size_t end = name.rfind(kTemporary);
    if (name.starts_with(".") && end != std::string::npos && end > 0 && is_own(name.substr(1, end - 1)))
      left.push_back(entry.path());
  }
  for (const auto& file : left) fs::remove(file, ignored);
}

void write_file(const fs::path& path, const std::function<void(std::ostream&)>& produce) {
  OutputFile file(path);
  produce(file.stream());
  file.commit();
}

void write_file(const fs::path& path, std::string_view bytes) {
  write_file(path, [&](std::ostream& out) { out.write(bytes.data(), static_cast<std::streamsize>(bytes.size())); });
}

void make_folder(const fs::path& path) {
  std::error_code error;
  fs::create_directories(path, error);
  check(!error && fs::is_directory(path, error), path.string(), ": the folder cannot be made (",
        error ? error.message() : "a file is in the way", ")");
}

void check_writable_folder(const fs::path& folder) {
  check(!folder.empty(), "the name of a folder to write is empty");
  std::error_code ignored;
  fs::path there = fs::absolute(folder);
  while (!fs::exists(there, ignored) && there.has_relative_path()) there = there.parent_path();
  check(fs::is_directory(there, ignored), folder.string(), ": cannot be a folder, because ", there.string(),
        " is a file");
  std::string trial = (there / ".fourm-XXXXXX").string();
  const bool is_made = ::mkdtemp(trial.data()) != nullptr;
  const int reason = errno;
  check(is_made, folder.string(), ": cannot be written (", std::strerror(reason), ")");
  ::rmdir(trial.c_str());
}

void check_writable_file(const fs::path& file) {
  check_replaceable(file);
  check_writable_folder(fs::absolute(file).parent_path());
}

static bool holds(const fs::path& folder, const fs::path& path) {
  return std::mismatch(folder.begin(), folder.end(), path.begin(), path.end()).first == folder.end();
}

// Without links, "." and a slash at the end.
static fs::path resolved(const fs::path& folder) {
  std::error_code error;
  const fs::path path = fs::weakly_canonical(fs::absolute(folder), error).lexically_normal();
  check(!error, folder.string(), ": ", error.message());
  return path.has_filename() ? path : path.parent_path();
}

void check_outside(const fs::path& source, const fs::path& out) {
  const fs::path from = resolved(source), to = resolved(out);
  check(from != to, out.string(), ": is the folder of the data; write into another folder");
  check(!holds(from, to), out.string(), ": is inside of the data, ", source.string(), "; write into another folder");
}

void check_apart(const fs::path& source, const fs::path& out) {
  check_outside(source, out);
  check(!holds(resolved(out), resolved(source)), out.string(), ": contains the data, ", source.string(),
        "; write into another folder");
}

std::vector<fs::path> list_files(const fs::path& folder, const std::vector<std::string>& extensions) {
  std::error_code error;
  check(fs::is_directory(folder, error), folder.string(), ": no such folder");
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(folder, error)) {
    std::error_code ignored;
    if (!entry.is_regular_file(ignored) || entry.path().filename().string().starts_with('.')) continue;
    const std::string extension = entry.path().extension().string();
    if (extensions.empty() || contains(extensions, extension)) files.push_back(entry.path());
  }
  check(!error, folder.string(), ": ", error.message());
  std::sort(files.begin(), files.end());
  return files;
}

}  // namespace fourm
