#include "fourm/text/plural.h"

#include <string_view>

namespace fourm {

std::string plural(const std::string& noun) {
  const std::string_view stem = std::string_view(noun).substr(0, noun.size() - (noun.empty() ? 0 : 1));
  const auto ends_with_vowel = [](std::string_view text) {
    return !text.empty() && std::string_view("aeiou").find(text.back()) != std::string_view::npos;
  };
  if (noun.ends_with("lf")) return std::string(stem) + "ves";
  if (noun.ends_with('y') && !ends_with_vowel(stem)) return std::string(stem) + "ies";
  for (const char* ending : {"s", "x", "z", "ch", "sh"})
    if (noun.ends_with(ending)) return noun + "es";
  return noun + "s";
}

}  // namespace fourm
