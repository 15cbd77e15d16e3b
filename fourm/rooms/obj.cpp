#include "fourm/rooms/obj.h"

#include <algorithm>
#include <charconv>
#include <map>

#include "fourm/core/error.h"
#include "fourm/core/strings.h"

namespace fourm {
namespace {

// Words of one line after another.
class Lines {
 public:
  explicit Lines(std::string_view text) : rest_(text) {}

  /// Moves to the next line with a first word; false at the end.
  bool next(std::string_view& word) {
    while (!rest_.empty()) {
      const size_t end = std::min(rest_.find('\n'), rest_.size());
      line_ = rest_.substr(0, end);
      rest_.remove_prefix(std::min(end + 1, rest_.size()));
      word = this->word();
      if (!word.empty() && word[0] != '#') return true;
    }
    return false;
  }
  std::string_view word() {
    while (!line_.empty() && is_space(line_[0])) line_.remove_prefix(1);
    size_t end = 0;
    while (end < line_.size() && !is_space(line_[end])) ++end;
    const auto found = line_.substr(0, end);
    line_.remove_prefix(end);
    return found;
  }
  float number(float missing = 0) {
    auto w = word();
    if (w.starts_with('+')) w.remove_prefix(1);
    float value = missing;
    if (std::from_chars(w.data(), w.data() + w.size(), value).ec != std::errc() || !std::isfinite(value))
      return missing;
    return value;
  }
  Vec3 triple() {
    const float x = number(), y = number(), z = number();
    return {x, y, z};
  }
  std::string text() const { return trim(line_); }

 private:
  static bool is_space(char c) { return c == ' ' || c == '\t' || c == '\r'; }
  std::string_view rest_, line_;
};

std::string lower_case(std::string text) {
  for (char& c : text)
    if (c >= 'A' && c <= 'Z') c += 'a' - 'A';
  return text;
}

bool names_wood(const std::string& name) {
  static const std::vector<std::string> kWords = {"wood", "oak", "walnut", "pine", "teak", "bois", "chene", "timber"};
  const std::string low = lower_case(name);
  return std::any_of(kWords.begin(), kWords.end(), [&](const auto& w) { return low.find(w) != std::string::npos; });
}

std::map<std::string, Material> parse_mtl(std::string_view text, const FileSource& file) {
  std::map<std::string, Material> materials;
  std::map<std::string, std::shared_ptr<const Texture>> textures;
  Material* m = nullptr;
  Lines lines(text);
  const auto srgb = [](Vec3 c) {  // MTL colours are meant as shown
    const auto f = [](float v) { return to_linear(static_cast<uint8_t>(std::clamp(v, 0.0f, 1.0f) * 255 + 0.5f)); };
    return Vec3{f(c.x), f(c.y), f(c.z)};
  };
  for (std::string_view word; lines.next(word);) {
    if (word == "newmtl") {
      const std::string name = lines.text();
      m = &materials[name];
      m->name = name;
      m->wood = names_wood(name);
    }
    if (!m) continue;
    if (word == "Kd") m->colour = srgb(lines.triple());
    if (word == "Ke") m->emission = srgb(lines.triple()) * 0.5f;
    if (word == "Ks") {
      const Vec3 ks = lines.triple();
      m->specular = std::clamp((ks.x + ks.y + ks.z) / 3, 0.0f, 1.0f);
    }
    if (word == "Ns") m->shininess = std::clamp(lines.number(20), 4.0f, 400.0f);
    if (word == "d") m->opacity = std::clamp(lines.number(1), 0.0f, 1.0f);
    if (word == "map_Kd") {
      const std::string name = lines.text();
      m->wood |= names_wood(name);
      if (!textures.count(name)) {
        textures[name] = nullptr;
        const std::string bytes = file(name);
        try {
          if (!bytes.empty()) textures[name] = std::make_shared<Texture>(decode_image_rgba(bytes, name));
        } catch (const Error&) {
        }
      }
      m->texture = textures[name];
    }
  }
  return materials;
}

}  // namespace

Mesh parse_obj(std::string_view text, const std::string& origin, const FileSource& file) {
  Mesh mesh;
  std::map<std::string, Material> library;
  std::map<std::string, uint32_t> used;
  uint32_t material = Face::kNone;
  Lines lines(text);
  const auto use = [&](const std::string& name) {
    const auto [found, fresh] = used.try_emplace(name, static_cast<uint32_t>(mesh.materials.size()));
    if (fresh) mesh.materials.push_back(library[name]);
    material = found->second;
  };
  for (std::string_view word; lines.next(word);) {
    if (word == "v") {
      mesh.points.push_back(lines.triple());
    } else if (word == "vn") {
      mesh.normals.push_back(normalised(lines.triple()));
    } else if (word == "vt") {
      const float u = lines.number(), v = lines.number();
      mesh.uvs.push_back({u, v});
    } else if (word == "mtllib") {
      library = parse_mtl(file(lines.text()), file);
    } else if (word == "usemtl") {
      use(lines.text());
    } else if (word == "f") {
      if (material == Face::kNone) use("");
      Face face{};
      face.material = material;
      for (int corner = 0;; ++corner) {
        auto w = lines.word();
        if (w.empty()) break;
        uint32_t index[3] = {Face::kNone, Face::kNone, Face::kNone};
        const size_t sizes[3] = {mesh.points.size(), mesh.uvs.size(), mesh.normals.size()};
        for (int k = 0; k < 3 && !w.empty(); ++k) {
          const size_t end = std::min(w.find('/'), w.size());
          int64_t value = 0;
          if (end > 0) {
            check(std::from_chars(w.data(), w.data() + end, value).ec == std::errc(), origin, ": broken face");
            value = value < 0 ? static_cast<int64_t>(sizes[k]) + value : value - 1;
            check(value >= 0 && value < static_cast<int64_t>(sizes[k]), origin, ": a face names a missing vertex");
            index[k] = static_cast<uint32_t>(value);
          }
          w.remove_prefix(std::min(end + 1, w.size()));
        }
        check(index[0] != Face::kNone, origin, ": broken face");
        if (index[2] != Face::kNone && dot(mesh.normals[index[2]], mesh.normals[index[2]]) == 0) index[2] = Face::kNone;
        const int slot = std::min(corner, 2);
        if (corner > 2) {
          face.point[1] = face.point[2];
          face.uv[1] = face.uv[2];
          face.normal[1] = face.normal[2];
        }
        face.point[slot] = index[0];
        face.uv[slot] = index[1];
        face.normal[slot] = index[2];
        if (corner >= 2) mesh.faces.push_back(face);
      }
    }
  }
  check(!mesh.faces.empty(), origin, ": holds no faces");
  mesh.complete_normals();
  return mesh;
}

}  // namespace fourm
