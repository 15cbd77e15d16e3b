#include "cli/bundled.h"

#include <vector>

#include "fourm/core/error.h"

namespace fourm {
namespace {

constexpr const char* kBundled = "rooms-ti";

// The folders that may hold models/, the nearest first.
std::vector<fs::path> roots() {
  std::error_code ignored;
  const fs::path program = fs::read_symlink("/proc/self/exe", ignored).parent_path();
  std::vector<fs::path> found{program.parent_path() / "share" / "fourm"};
  for (fs::path above = program; above.has_relative_path(); above = above.parent_path()) found.push_back(above);
  return found;
}

}  // namespace

fs::path find_model(const fs::path& path) {
  std::error_code ignored;
  if (path.empty() || path.is_absolute() || fs::exists(path, ignored)) return path;
  const fs::path normal = path.lexically_normal();
  const fs::path name = *normal.begin() == "models" ? normal.lexically_relative("models") : normal;
  if (name.empty() || *name.begin() == "..") return path;
  for (const auto& root : roots())
    if (fs::exists(root / "models" / name, ignored)) return root / "models" / name;
  return path;
}

fs::path bundled_model() {
  const fs::path found = find_model(fs::path("models") / kBundled);
  std::error_code ignored;
  check(fs::exists(found / "config.json", ignored), "the bundled model models/", kBundled,
        " was not found beside the program or in ../share/fourm; give a model with --model DIR");
  return found;
}

CLI::Validator model_path() {
  return {[](std::string& path) {
            path = find_model(path).string();
            return std::string();
          },
          ""};
}

}  // namespace fourm
