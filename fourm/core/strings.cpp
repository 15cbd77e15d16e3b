#include "fourm/core/strings.h"

#include <unicode/uchar.h>
#include <unicode/utf8.h>

#include <algorithm>
#include <cstdio>
#include <numeric>

namespace fourm {

std::vector<std::string> split(std::string_view text, char separator) {
  std::vector<std::string> parts;
  size_t begin = 0;
  while (true) {
    const size_t end = text.find(separator, begin);
    parts.emplace_back(text.substr(begin, end - begin));
    if (end == std::string_view::npos) return parts;
    begin = end + 1;
  }
}

std::string join(const std::vector<std::string>& parts, std::string_view separator) {
  std::string out;
  for (size_t i = 0; i < parts.size(); ++i) {
    if (i) out += separator;
    out += parts[i];
  }
  return out;
}

std::string trim(std::string_view text) {
  const auto begin = text.find_first_not_of(" \t\r\n");
  if (begin == std::string_view::npos) return "";
  return std::string(text.substr(begin, text.find_last_not_of(" \t\r\n") - begin + 1));
}

bool contains(const std::vector<std::string>& names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

/// Insertions, deletions, replacements and exchanges of neighbours that turn one text into the other.
static size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<size_t> before, last, row(b.size() + 1);  // rows i - 2, i - 1 and i
  std::iota(row.begin(), row.end(), size_t{0});
  for (size_t i = 1; i <= a.size(); ++i) {
    before = std::move(last);
    last = row;
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      row[j] = std::min({last[j] + 1, row[j - 1] + 1, last[j - 1] + (a[i - 1] != b[j - 1])});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) row[j] = std::min(row[j], before[j - 2] + 1);
    }
  }
  return row.back();
}

std::string nearest_name(std::string_view name, const std::vector<std::string>& candidates) {
  std::string best;
  size_t best_distance = std::max<size_t>(name.size() / 3, 1) + 1;
  for (const auto& candidate : candidates) {
    const size_t distance = edit_distance(name, candidate);
    if (distance < best_distance) {
      best_distance = distance;
      best = candidate;
    }
  }
  return best;
}

std::string did_you_mean(std::string_view name, const std::vector<std::string>& candidates) {
  const std::string best = nearest_name(name, candidates);
  return best.empty() ? "" : " (did you mean '" + best + "'?)";
}

std::string printable(std::string_view text, size_t limit) {
  std::string out = "'";
  const auto* bytes = reinterpret_cast<const uint8_t*>(text.data());
  size_t i = 0;
  for (size_t shown = 0; i < text.size() && shown < limit; ++shown) {
    const size_t begin = i;
    UChar32 c;
    U8_NEXT(bytes, i, text.size(), c);                                         // negative: not UTF-8
    const bool prints = c >= 0 && u_isprint(c) && c != 0x2028 && c != 0x2029;  // line and paragraph separators
    out += prints ? text.substr(begin, i - begin) : "?";
  }
  return out + (i < text.size() ? "...'" : "'");
}

std::string counted(int64_t n, std::string_view noun, std::string_view plural) {
  std::string out = std::to_string(n) + " ";
  if (n != 1 && !plural.empty()) return out.append(plural);
  out += noun;
  return n == 1 ? out : out + "s";
}

std::string html_escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '<')
      out += "&lt;";
    else if (c == '>')
      out += "&gt;";
    else if (c == '&')
      out += "&amp;";
    else if (c == '"')
      out += "&quot;";
    else
      out += c;
  }
  return out;
}

std::string duration(double seconds) {
  char out[64];
  if (seconds < 60) {
    std::snprintf(out, sizeof out, "%.1f s", seconds);
  } else {
    const long s = static_cast<long>(seconds + 0.5);
    if (s < 3600)
      std::snprintf(out, sizeof out, "%ld:%02ld", s / 60, s % 60);
    else
      std::snprintf(out, sizeof out, "%ld:%02ld:%02ld", s / 3600, s / 60 % 60, s % 60);
  }
  return out;
}

}  // namespace fourm
