#include "fourm/core/file_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include "fourm/core/error.h"

namespace fourm {

FileLock::FileLock(const fs::path& file) : file_(::open(file.c_str(), O_CREAT | O_RDWR | O_CLOEXEC, 0644)) {
  check(file_ >= 0, file.string(), ": cannot be written");
  taken_ = ::flock(file_, LOCK_EX | LOCK_NB) == 0;
}

FileLock::~FileLock() { ::close(file_); }

}  // namespace fourm
