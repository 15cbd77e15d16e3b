// Official tokenizers do not store the kind of their input. It follows from names of modalities (tok_normal@224), published
// folders (4M_tokenizers_edge_8k_224-512) and training domains (CLIP-B16).
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace fourm {

/// What an image may hold (InputConfig::kind).
const std::vector<std::string>& image_kinds();

/// The InputConfig::kind that the words of a name stand for: "tok_normal@224" -> normal, "canny_edge" -> grey,
/// "DINOv2-B14-global" -> features. Nothing when no word is known, or when words of different kinds occur.
std::optional<std::string> kind_in_name(std::string_view name);

}  // namespace fourm
