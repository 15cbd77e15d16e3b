// Archives such as PyTorch writes, made by hand: tensors of any safetensors file, and broken ones.
#pragma once

#include <cstring>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "fourm/io/safetensors.h"

namespace fourm::test {

inline std::string little(uint64_t value, size_t width) { return {reinterpret_cast<const char*>(&value), width}; }

using ZipMembers = std::vector<std::pair<std::string, std::string>>;

/// Stored members, then the directory. Checksums are 0: the reader does not look.
inline std::string zip_of(const ZipMembers& members) {
  std::string file, directory;
  for (const auto& [name, bytes] : members) {
    const std::string sizes = little(0, 4) + little(bytes.size(), 4) + little(bytes.size(), 4) + little(name.size(), 2);
    directory += "PK\x01\x02" + std::string(12, '\0') + sizes + std::string(12, '\0') + little(file.size(), 4) + name;
    file += "PK\x03\x04" + std::string(10, '\0') + sizes + little(0, 2) + name + bytes;
  }
  return file + directory + "PK\x05\x06" + std::string(4, '\0') + little(members.size(), 2) +
         little(members.size(), 2) + little(directory.size(), 4) + little(file.size(), 4) + little(0, 2);
}

inline std::string pickle_text(const std::string& text) {
  return std::string("X").append(little(text.size(), 4)).append(text);
}
inline std::string pickle_int(int64_t value) { return "\x8a\x08" + little(static_cast<uint64_t>(value), 8); }
inline std::string pickle_tuple(const std::vector<int64_t>& values) {
  std::string out = "(";
  for (const int64_t v : values) out += pickle_int(v);
  return out + "t";
}
/// _rebuild_tensor_v2 of a storage of `elements` numbers.
inline std::string pickle_tensor(const std::string& storage, const std::string& key, int64_t elements, int64_t offset,
                                 const std::vector<int64_t>& shape, const std::vector<int64_t>& strides) {
  return "ctorch._utils\n_rebuild_tensor_v2\n((" + pickle_text("storage") + "ctorch\n" + storage + "\n" +
         pickle_text(key) + pickle_text("cpu") + pickle_int(elements) + "tQ" + pickle_int(offset) +
         pickle_tuple(shape) + pickle_tuple(strides) + "\x89" + "ccollections\nOrderedDict\n)RtR";
}
inline std::string pickle_dict(const std::string& items) { return "}(" + items + "u"; }
inline std::string pickle_of(const std::string& value) { return "\x80\x02" + value + "."; }

/// A training checkpoint {"model": tensors, "args": Namespace(arguments)} with the float32 tensors of a file.
inline std::string checkpoint_of(const SafetensorsFile& file, const std::map<std::string, std::string>& arguments) {
  ZipMembers members{{"archive/data.pkl", ""}};
  std::string model, args;
  for (const auto& t : file.tensors()) {
    const std::string key = std::to_string(members.size());
    std::vector<int64_t> strides(t.shape.size());
    int64_t stride = 1;
    for (size_t d = t.shape.size(); d-- > 0; stride *= t.shape[d]) strides[d] = stride;
    model += pickle_text(t.name) + pickle_tensor("FloatStorage", key, stride, 0, t.shape, strides);
    members.emplace_back("archive/data/" + key, std::string(reinterpret_cast<const char*>(t.data), t.bytes));
  }
  for (const auto& [key, value] : arguments) args += pickle_text(key) + value;
  members[0].second = pickle_of(pickle_dict(pickle_text("model") + pickle_dict(model) + pickle_text("args") +
                                            "cargparse\nNamespace\n)\x81" + pickle_dict(args) + "b"));
  return zip_of(members);
}

}  // namespace fourm::test
