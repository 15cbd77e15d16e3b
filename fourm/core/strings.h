// Small helpers on text.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace fourm {

std::vector<std::string> split(std::string_view text, char separator);
std::string join(const std::vector<std::string>& parts, std::string_view separator);
std::string trim(std::string_view text);
bool contains(const std::vector<std::string>& names, std::string_view name);

/// The candidate with the smallest edit distance to `name`; empty when none is close (more than a third
/// of its characters differ, or of a short name more than one).
std::string nearest_name(std::string_view name, const std::vector<std::string>& candidates);

/// " (did you mean 'x'?)" or "".
std::string did_you_mean(std::string_view name, const std::vector<std::string>& candidates);

/// In quotes, printable and short, for messages that quote a file: UTF-8 stays as it is; control and format characters,
/// line breaks and bytes that are not UTF-8 become '?'; text is cut after `limit` characters.
std::string printable(std::string_view text, size_t limit = 80);

/// For the text and the attributes of HTML and SVG.
std::string html_escaped(std::string_view text);

/// "1 sample", "2 samples", "0 samples". `plural` where it is not the noun with an "s": counted(2, "index", "indices").
std::string counted(int64_t n, std::string_view noun, std::string_view plural = "");

/// 3.2 s, 4:05, 1:02:09.
std::string duration(double seconds);

}  // namespace fourm
