#include "fourm/data/member_name.h"

#include <cctype>
#include <vector>

#include "fourm/core/error.h"
#include "fourm/core/strings.h"

namespace fourm {

std::string MemberName::suffix() const {
  return (modality.empty() ? "" : "." + modality) + (extension.empty() ? "" : "." + extension);
}

MemberName parse_member_name(const std::string& name) {
  const size_t slash = name.rfind('/') + 1;  // npos + 1 = 0
  std::vector<std::string> parts = split(name.substr(slash), '.');
  const auto letter = [](const std::string& part) {
    return !part.empty() && (std::isalpha(static_cast<unsigned char>(part[0])) || part[0] == '_');
  };
  MemberName out;
  if (parts.size() > 1) {
    out.extension = parts.back();
    parts.pop_back();
  }
  if (parts.size() > 1 && parts.back().empty()) out.problem = "names no modality";
  if (parts.size() > 1 && letter(parts.back())) {
    out.modality = parts.back();
    parts.pop_back();
  }
  for (size_t i = 1; i < parts.size() && out.problem.empty(); ++i)
    if (parts[i].empty() || letter(parts[i]))
      out.problem = "has a dot in its key, so that it is unclear where its modality begins";
  out.key = name.substr(0, slash) + join(parts, ".");
  return out;
}

std::string shard_key_problem(const std::string& name) {
  const MemberName member = parse_member_name(name + ".npy");
  if (member.problem.empty() && member.modality.empty()) return "";
  return "has a dot before a part that does not begin with a digit; in a tar shard that part would be the modality";
}

void check_shard_key(const std::string& name, const std::string& where) {
  const std::string problem = shard_key_problem(name);
  check(problem.empty(), where, ": the sample name ", printable(name), " ", problem, "; rename its files");
}

}  // namespace fourm
