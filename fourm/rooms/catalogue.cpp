#include "fourm/rooms/catalogue.h"

#include <algorithm>
#include <charconv>
#include <map>

#include "fourm/core/error.h"
#include "fourm/core/rng.h"
#include "fourm/core/strings.h"
#include "fourm/io/archive_reader.h"
#include "fourm/rooms/obj.h"
#include "fourm/rooms/solid_furniture.h"

namespace fourm {
namespace {

constexpr uint64_t kMaxBytes = uint64_t{256} << 20;  // of the files that are unpacked together

// The unpacked files whose names pass the filter.
std::map<std::string, std::string> unzip(const fs::path& path, const std::function<bool(const std::string&)>& wanted) {
  ArchiveReader zip(ArchiveFormat::kZip, path.string(), "furniture file");
  zip.open_file(path.string());
  std::map<std::string, std::string> files;
  while (const auto name = zip.next())
    if (wanted(*name)) files[*name] = zip.read(kMaxBytes);
  return files;
}

void append_utf8(std::string& out, uint32_t code) {
  if (code < 0x80) {
    out += static_cast<char>(code);
  } else if (code < 0x800) {
    out += {static_cast<char>(0xC0 | code >> 6), static_cast<char>(0x80 | (code & 63))};
  } else {
    out += {static_cast<char>(0xE0 | code >> 12), static_cast<char>(0x80 | (code >> 6 & 63)),
            static_cast<char>(0x80 | (code & 63))};
  }
}

// Java properties: Latin-1 with \uXXXX, "key=value" lines. Returned in UTF-8.
std::map<std::string, std::string> parse_properties(const std::string& bytes) {
  std::map<std::string, std::string> values;
  for (const auto& raw : split(bytes, '\n')) {
    std::string line;
    for (size_t i = 0; i < raw.size(); ++i) {
      uint32_t code = static_cast<uint8_t>(raw[i]);
      if (code == '\\' && i + 5 < raw.size() && raw[i + 1] == 'u' &&
          std::from_chars(&raw[i + 2], &raw[i + 6], code, 16).ptr == &raw[i + 6])
        i += 5;
      append_utf8(line, code);
    }
    const size_t equals = line.find('=');
    if (equals == std::string::npos || line[0] == '#') continue;
    values[trim(line.substr(0, equals))] = trim(line.substr(equals + 1));
  }
  return values;
}

float to_number(const std::string& text, float missing) {
  float value = missing;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return std::isfinite(value) ? value : missing;
}

std::string licence_address(const std::string& text) {
  const size_t start = text.find("http://creativecommons.org");
  if (start == std::string::npos) return "see the furniture file";
  const std::string address = text.substr(start, text.find_first_of(" \r\n\t", start) - start);
  return address.find("choose/zero") != std::string::npos ? "http://creativecommons.org/publicdomain/zero/1.0/"
                                                          : address;
}

std::vector<FurnitureModel> read_models(const fs::path& archive) {
  const auto files = unzip(archive, [](const std::string& name) {
    return name == "PluginFurnitureCatalog.properties" || name == "LICENSE.TXT";
  });
  const auto found = files.find("PluginFurnitureCatalog.properties");
  check(found != files.end(), archive.string(), ": holds no PluginFurnitureCatalog.properties");
  const auto values = parse_properties(found->second);
  const auto licence = files.find("LICENSE.TXT");
  std::vector<FurnitureModel> models;
  for (int i = 1;; ++i) {
    const auto get = [&](const std::string& key) {
      const auto value = values.find(concat(key, '#', i));
      return value == values.end() ? std::string() : value->second;
    };
    FurnitureModel m;
    m.id = get("id");
    if (m.id.empty()) return models;
    m.name = get("name");
    for (char& c : m.name)
      if (c >= 'A' && c <= 'Z') c += 'a' - 'A';
    m.category = get("category");
    m.creator = get("creator");
    m.licence = licence_address(licence == files.end() ? "" : licence->second);
    m.archive = archive;
    m.entry = get("model");
    if (m.entry.starts_with('/')) m.entry.erase(0, 1);
    m.size = Vec3{to_number(get("width"), 0), to_number(get("height"), 0), to_number(get("depth"), 0)} * 0.01f;
    m.elevation = to_number(get("elevation"), 0) * 0.01f;
    const std::string top = get("dropOnTopElevation");
    m.supports_objects = top.empty() || to_number(top, -1) >= 0;
    if (const auto r = split(get("modelRotation"), ' '); r.size() == 9) {
      float v[9];
      for (int k = 0; k < 9; ++k) v[k] = to_number(r[k], 0);
      m.rotation = {{v[0], v[1], v[2]}, {v[3], v[4], v[5]}, {v[6], v[7], v[8]}};
    }
    m.semantic = class_of_name(m.name);
    if (m.size.x > 0 && m.size.y > 0 && m.size.z > 0 && m.entry.ends_with(".obj")) models.push_back(std::move(m));
  }
}

// About 80 / 10 / 10 of each class, by the order of hashes; classes of three or more are in every split.
void divide(std::vector<FurnitureModel>& models) {
  std::map<RoomClass, std::vector<FurnitureModel*>> classes;
  for (auto& model : models) classes[model.semantic].push_back(&model);
  for (auto& [semantic, members] : classes) {
    std::sort(members.begin(), members.end(),
              [](const auto* a, const auto* b) { return hash_text(a->id) < hash_text(b->id); });
    const size_t share = members.size() < 3 ? 0 : std::max<size_t>(1, members.size() / 10);
    for (size_t i = 0; i < 2 * share; ++i) members[i]->split = i < share ? Split::kVal : Split::kTest;
  }
}

Mesh load(const FurnitureModel& model) {
  const std::string folder = model.entry.substr(0, model.entry.rfind('/') + 1);
  auto files = unzip(model.archive, [&](const std::string& name) { return name.starts_with(folder); });
  return parse_obj(files[model.entry], model.id, [&](const std::string& name) { return files[folder + name]; });
}

// Turns the mesh and stretches its bounds to the catalogue's size.
void fit(Mesh& mesh, const FurnitureModel& model) {
  for (Vec3& p : mesh.points) p = model.rotation * p;
  const Box3 box = mesh.bounds();
  const auto ratio = [](float wanted, float found) { return found > 1e-6f ? wanted / found : 1.0f; };
  const Vec3 scale{ratio(model.size.x, box.size().x), ratio(model.size.y, box.size().y),
                   ratio(model.size.z, box.size().z)};
  const Vec3 base{box.centre().x, box.low.y, box.centre().z};
  for (Vec3& p : mesh.points) p = p - base;
  for (Vec3& n : mesh.normals) n = model.rotation * n;
  mesh = *stretched(mesh, scale);
}

}  // namespace

Split parse_split(const std::string& name) {
  for (const Split s : {Split::kTrain, Split::kVal, Split::kTest, Split::kAll})
    if (name == split_name(s)) return s;
  fail("the split must be train, val, test or all, got ", printable(name));
}

std::string_view split_name(Split split) {
  constexpr std::string_view kNames[] = {"train", "val", "test", "all"};
  return kNames[static_cast<int>(split)];
}

Catalogue::Catalogue(const fs::path& folder, bool solids) {
  std::error_code missing;
  if (fs::is_directory(folder, missing))
    for (const auto& archive : list_files(folder, {".sh3f"}))
      for (auto& model : read_models(archive)) models_.push_back(std::move(model));
  only_solids_ = models_.empty();
  divide(models_);
  if (solids || only_solids_) {
    auto more = solid_models();
    divide(more);
    std::move(more.begin(), more.end(), std::back_inserter(models_));
  }
  std::sort(models_.begin(), models_.end(), [](const auto& a, const auto& b) { return a.id < b.id; });
  slots_ = std::make_unique<Slot[]>(models_.size());
}

std::shared_ptr<const Mesh> Catalogue::mesh(size_t index) const {
  return slots_[index].get([&]() -> std::shared_ptr<const Mesh> {
    const FurnitureModel& model = models_[index];
    try {
      Mesh mesh = model.archive.empty() ? solid_mesh(model) : load(model);
      fit(mesh, model);
      return std::make_shared<Mesh>(std::move(mesh));
    } catch (const Error&) {  // a model that cannot be read is left out of scenes
      return nullptr;
    }
  });
}

}  // namespace fourm
