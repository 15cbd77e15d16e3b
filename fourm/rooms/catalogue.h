// The furniture models: those of the .sh3f files (zip) of Debian's package sweethome3d-furniture, or simple solids where
// it is missing. A model is read when it is first used and stays in memory.
#pragma once

#include <memory>

#include "fourm/core/file.h"
#include "fourm/core/lazy.h"
#include "fourm/rooms/classes.h"
#include "fourm/rooms/geometry.h"

namespace fourm {

inline constexpr const char* kFurnitureFolder = "/usr/share/sweethome3d/furniture";

enum class Split { kTrain, kVal, kTest, kAll };
Split parse_split(const std::string& name);  ///< "train", "val", "test" or "all"
std::string_view split_name(Split split);

struct FurnitureModel {
  std::string id, name, category;  ///< name in English, lower case
  std::string creator, licence;    ///< UTF-8; the licence is its address
  fs::path archive;                ///< empty for solids
  std::string entry;               ///< of the OBJ inside the archive
  Vec3 size;                       ///< metres: width (x), height (y), depth (z); the front faces +z
  Mat3 rotation;                   ///< applied to the OBJ before it is fitted into `size`
  float elevation = 0;             ///< height of its base above the floor
  bool supports_objects = false;   ///< other objects can stand on it
  RoomClass semantic = kOther;
  Split split = Split::kTrain;  ///< about 80 / 10 / 10 of each class, by a hash of the id
};

class Catalogue {
 public:
  /// The models of all .sh3f files in the folder, ordered by id; with the solids where `solids` is true or there
  /// are no models. Error on a broken file.
  explicit Catalogue(const fs::path& folder = kFurnitureFolder, bool solids = false);

  const std::vector<FurnitureModel>& models() const { return models_; }
  bool only_solids() const { return only_solids_; }

  /// The model fitted into its size: centred in x and z, base at y = 0, front to +z. Null when its files cannot be
  /// read. Safe to call from several threads.
  std::shared_ptr<const Mesh> mesh(size_t model) const;

 private:
  std::vector<FurnitureModel> models_;
  bool only_solids_ = false;
  using Slot = Lazy<std::shared_ptr<const Mesh>>;
  std::unique_ptr<Slot[]> slots_;  // of each model
};

}  // namespace fourm
