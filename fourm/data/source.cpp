#include "fourm/data/source.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <charconv>
#include <cmath>
#include <numeric>

#include "fourm/core/error.h"
#include "fourm/core/rng.h"
#include "fourm/core/strings.h"
#include "fourm/data/member_name.h"
#include "fourm/io/gzip.h"
#include "fourm/io/image_file.h"
#include "fourm/io/tar.h"

namespace fourm {
namespace {

// Of the files that a modality may have: images, arrays and texts.
const std::vector<std::string> kExtensions = [] {
  std::vector<std::string> extensions;
  for (const std::string& image : image_extensions()) extensions.push_back(image.substr(1));
  extensions.insert(extensions.end(), {"npy", "npz", "json", "txt"});
  return extensions;
}();
constexpr uint64_t kLargestMember = uint64_t{1} << 31;

const std::vector<std::string> kSplits{"train", "training", "val", "valid", "validation", "dev", "test", "testing"};
const std::vector<std::string> kArchives{".tgz", ".gz", ".bz2", ".xz", ".zst", ".zip", ".7z", ".rar"};

// "a/b.json" of "a/b.json.gz", the one kind of compressed file that is read; other paths as they are.
fs::path uncompressed_name(const fs::path& file) {
  if (lower_extension(file) != ".gz") return file;
  const fs::path inner = fs::path(file).replace_extension();
  return lower_extension(inner) == ".json" ? inner : file;
}

// "jpg" of "a/B.JPG".
std::string extension_of(const fs::path& file) {
  const std::string extension = lower_extension(file);
  return extension.empty() ? "" : extension.substr(1);
}

// Problem and remedy of a file that no modality can have.
std::pair<std::string, std::string> unknown_file(const fs::path& file) {
  if (const std::string image = unsupported_image(file); !image.empty()) return {image, "convert it"};
  if (contains(kArchives, lower_extension(file)))
    return {"is an archive that is not read", "unpack it; shards are .tar files without compression"};
  if (lower_extension(file) == ".tar")
    return {"is an archive in a place where it is not read",
            "put it into PATH or into PATH/MODALITY, or give its folder as PATH"};
  return {"has an extension that no modality has",
          "expected ." + join(kExtensions, ", .") + "; convert it or move it away"};
}

// "00..12" -> 00, 01, ..., 12; "a,b" -> a, b.
std::vector<std::string> alternatives(const std::string& inside, const std::string& pattern) {
  const size_t dots = inside.find("..");
  if (dots == std::string::npos) return split(inside, ',');
  const std::string first = inside.substr(0, dots), last = inside.substr(dots + 2);
  int64_t low = 0, high = -1;
  const auto number = [](const std::string& text, int64_t& value) {
    return !text.empty() && text.size() < 16 &&
           std::from_chars(text.data(), text.data() + text.size(), value).ptr == text.data() + text.size();
  };
  check(number(first, low) && number(last, high) && low >= 0 && high >= low && high - low < 1'000'000, pattern,
        ": the range {", inside, "} should run from a lower to a higher number");
  std::vector<std::string> names;
  for (int64_t n = low; n <= high; ++n) {
    std::string digits = std::to_string(n);
    if (first[0] == '0' && digits.size() < first.size()) digits.insert(0, first.size() - digits.size(), '0');
    names.push_back(digits);
  }
  return names;
}

}  // namespace

std::string Fault::text() const {
  return file + ": " + (member.empty() ? "" : printable(member, 200) + ": ") + problem +
         (remedy.empty() ? "" : "; " + remedy);
}

// How much of the pattern leads to a folder that exists, whose brackets and braces are part of its name.
static size_t literal_length(const std::string& pattern) {
  size_t literal = 0;
  std::error_code ignored;
  for (size_t slash = pattern.find('/'); slash != std::string::npos; slash = pattern.find('/', slash + 1))
    if (slash > 0 && fs::is_directory(pattern.substr(0, slash), ignored)) literal = slash;
  return literal;
}

static std::vector<std::string> expand_rest(const std::string& pattern) {
  const size_t open = pattern.find_first_of("{[");
  if (open == std::string::npos) return {pattern};
  const size_t close = pattern.find(pattern[open] == '{' ? '}' : ']', open);
  check(close != std::string::npos, pattern, ": '", pattern[open], "' is not closed");
  std::vector<std::string> all;
  const std::vector<std::string> rests = expand_rest(pattern.substr(close + 1));
  for (const auto& choice : alternatives(pattern.substr(open + 1, close - open - 1), pattern)) {
    check(all.size() + rests.size() <= 1'000'000, pattern, ": stands for more than a million files");
    for (const auto& rest : rests) all.push_back(pattern.substr(0, open) + choice + rest);
  }
  return all;
}

std::vector<std::string> expand_pattern(const std::string& pattern) {
  std::error_code ignored;
  if (fs::exists(pattern, ignored)) return {pattern};
  const size_t literal = literal_length(pattern);
  std::vector<std::string> names = expand_rest(pattern.substr(literal));
  for (auto& name : names) name.insert(0, pattern, 0, literal);
  return names;
}

// Fills a Source.
class Source::Scan {
 public:
  Scan(Source& source, std::vector<Fault>* faults) : s_(source), faults_(faults) {}

  void run() {
    std::error_code ignored;
    const bool pattern = s_.path_.find_first_of("{[") != std::string::npos || lower_extension(s_.path_) == ".tar";
    if (pattern && !fs::is_directory(s_.path_, ignored)) {
      for (const auto& file : expand_pattern(s_.path_)) {
        const fs::path path(file);
        archives_[path.filename().string()].push_back({path.parent_path().filename().string(), file, false});
      }
    } else {
      list_root();
    }
    if (!archives_.empty()) {
      s_.archives_ = true;
      for (const auto& [shard, archives] : archives_) read_shard(shard, archives);
    } else {
      read_folders();
    }
    for (auto& [modality, members] : s_.members_) {
      members.resize(s_.names_.size());
      s_.modalities_.push_back(modality);
    }
    if (s_.names_.empty() && !reported_)
      report({s_.path_, "", "holds no samples",
              "put files into one folder for each modality (rgb/NAME.png, caption/NAME.txt, ...) or give tar shards"});
  }

 private:
  void report(Fault fault) {
    if (!faults_) fail(fault.text());
    reported_ = true;
    faults_->push_back(std::move(fault));
  }
  void report_unknown(const fs::path& file) {
    const auto [problem, remedy] = unknown_file(file);
    report({file.string(), "", problem, remedy});
  }

  // The number of a suffix in the source's table.
  uint32_t suffix_number(const std::string& text, const std::string& extension) {
    const auto [found, is_new] = suffixes_.try_emplace(text, static_cast<uint32_t>(s_.suffixes_.size()));
    if (is_new) s_.suffixes_.push_back({text, extension});
    return found->second;
  }

  // The entries of a folder that are not hidden, by name.
  std::vector<fs::path> entries(const fs::path& folder) {
    std::vector<fs::path> found;
    std::error_code error;
    for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error))
      if (!it->path().filename().string().starts_with('.')) found.push_back(it->path());
    if (error) report({folder.string(), "", "cannot be read (" + error.message() + ")", "change its permissions"});
    std::sort(found.begin(), found.end());
    return found;
  }

  // What a path leads to, links followed; reported when it leads nowhere.
  fs::file_type type_of(const fs::path& path) {
    std::error_code error;
    const auto type = fs::status(path, error).type();
    if (error.value() == ELOOP) {
      report({path.string(), "", "is a loop of symbolic links", "remove the link"});
    } else if (type == fs::file_type::not_found) {
      report({path.string(), "", "is a symbolic link to nothing", "remove the link or restore its target"});
    } else if (error) {
      report({path.string(), "", "cannot be reached (" + error.message() + ")", "change its permissions"});
    }
    return error ? fs::file_type::none : type;
  }

  void list_root() {
    std::error_code ignored;
    const fs::file_status status = fs::status(s_.path_, ignored);
    const bool archive = contains(kArchives, lower_extension(s_.path_));
    check(!fs::exists(status) || fs::is_directory(status), s_.path_, ": is ",
          archive ? "an archive that is not read" : "a file",
          ", expected a folder (rgb/NAME.png, caption/NAME.txt, ...) or tar shards");
    check(fs::is_directory(status), s_.path_, ": no such folder");
    std::vector<std::string> splits;
    for (const auto& entry : entries(s_.path_)) {
      const auto type = type_of(entry);
      const std::string name = entry.filename().string();
      if (type == fs::file_type::regular && lower_extension(entry) == ".tar")
        archives_[name].push_back({"", entry.string(), false});
      else if (type == fs::file_type::regular && contains(kArchives, lower_extension(entry)))
        report_unknown(entry);
      if (type != fs::file_type::directory) continue;
      if (contains(kSplits, name)) splits.push_back(name);
      const std::vector<fs::path> inside = entries(entry);
      const auto is_tar = [](const fs::path& file) {
        return lower_extension(file) == ".tar" && !fs::is_directory(file);
      };
      if (std::none_of(inside.begin(), inside.end(), is_tar)) {
        folders_.push_back(entry);
        continue;
      }
      for (const auto& file : inside)
        if (is_tar(file))
          archives_[file.filename().string()].push_back({name, file.string(), true});
        else if (fs::is_directory(file) || is_image_file(file) || lower_extension(file) == ".npy")
          report({file.string(), "", "lies beside shards and is not read", "put it into a shard or move it away"});
        else if (contains(kArchives, lower_extension(file)) || !unsupported_image(file).empty())
          report_unknown(file);
    }
    if (!splits.empty()) {
      folders_.clear();
      archives_.clear();
      return report(
          {s_.path_, "", concat("is a folder of splits (", join(splits, ", "), "), each a data set of its own"),
           concat("give one of them, as in `fourm data check ", (fs::path(s_.path_) / splits[0]).string(), "`")});
    }
    if (archives_.empty()) return;
    for (const auto& folder : folders_)
      report({folder.string(), "", "is a folder of files beside shards, which is not read",
              "put its files into shards too (`fourm data convert`) or move it away"});
  }

  void add(const std::string& modality, const std::string& name, Member member, const std::string& file,
           const std::string& in_archive) {
    const auto first = static_cast<size_t>(s_.shards_.back());
    const auto [found, is_new] = index_.try_emplace(name, s_.names_.size());
    if (!is_new && found->second < first)
      return report({file, in_archive, concat("duplicate key: ", printable(name, 200), " is also in another shard"),
                     "rename one of the two"});
    if (is_new) s_.names_.push_back(name);
    auto& members = s_.members_[modality];
    if (members.size() <= found->second) members.resize(found->second + 1);
    if (members[found->second].file >= 0)
      return report({file, in_archive,
                     concat("duplicate key: ", modality, " has two files of the name ", printable(name, 200)),
                     "keep one of the two"});
    members[found->second] = member;
  }

  void read_folders() {
    s_.shards_ = {0};
    s_.shard_names_ = {""};
    for (const auto& folder : folders_) {
      const size_t before = s_.files_.size();
      walk(folder, folder, {});
      if (s_.files_.size() == before)
        report({folder.string(), "", "holds no files of a known extension", "fill it or remove it"});
    }
    // By name, whichever modality brought a sample in.
    std::vector<size_t> order(s_.names_.size());
    for (size_t i = 0; i < order.size(); ++i) order[i] = i;
    std::sort(order.begin(), order.end(), [&](size_t a, size_t b) { return s_.names_[a] < s_.names_[b]; });
    const auto sorted = [&](auto& items) {
      items.resize(order.size());
      std::decay_t<decltype(items)> out;
      out.reserve(order.size());
      for (const size_t i : order) out.push_back(std::move(items[i]));
      items = std::move(out);
    };
    for (auto& [modality, members] : s_.members_) sorted(members);
    sorted(s_.names_);
  }

  using Node = std::pair<dev_t, ino_t>;
  void walk(const fs::path& root, const fs::path& folder, std::vector<Node> above) {
    struct stat status {};
    if (::stat(folder.c_str(), &status) != 0) return;
    const Node node{status.st_dev, status.st_ino};
    if (std::find(above.begin(), above.end(), node) != above.end())
      return report({folder.string(), "", "is a symbolic link to a folder above it, a loop", "remove the link"});
    above.push_back(node);
    for (const auto& entry : entries(folder)) {
      const auto type = type_of(entry);
      if (type == fs::file_type::directory) {
        walk(root, entry, above);
      } else if (type == fs::file_type::regular) {
        const fs::path plain = uncompressed_name(entry);
        const std::string extension = extension_of(plain);
        if (!contains(kExtensions, extension)) {
          report_unknown(entry);
          continue;
        }
        std::error_code error;
        const uint64_t size = fs::file_size(entry, error);
        const std::string relative = plain.lexically_relative(root).replace_extension().string();
        const std::string suffix = plain.extension().string() + (plain == entry ? "" : entry.extension().string());
        s_.files_.push_back(entry.string());
        add(root.filename().string(), relative,
            {static_cast<int32_t>(s_.files_.size() - 1), suffix_number(suffix, extension), 0, error ? 0 : size},
            entry.string(), "");
      } else if (type != fs::file_type::none && type != fs::file_type::not_found) {
        report({entry.string(), "", "is neither file nor folder", "remove it"});
      }
    }
  }

  // `folder` names the modality of its members, unless they name it; `is_modality`: they may not name another.
  struct Archive {
    std::string folder, file;
    bool is_modality;
  };

  void read_shard(const std::string& shard, const std::vector<Archive>& archives) {
    s_.shards_.push_back(s_.size());
    s_.shard_names_.push_back(shard);
    for (const auto& archive : archives) {
      const std::string& file = archive.file;
      TarListing listing;
      try {
        listing = list_tar(file);
      } catch (const Error& error) {
        report({file, "", "no such archive", "restore it or give another range of shards"});
        continue;
      }
      s_.files_.push_back(file);
      const Archive read_as = is_img2dataset(listing) ? Archive{"", file, false} : archive;
      for (const auto& member : listing.members) {
        if (!member.fault.empty()) {
          report({file, member.name, member.fault, "write the archive again without it"});
          continue;
        }
        add_member(read_as, member);
      }
      if (!listing.fault.empty())
        report({file, "", listing.fault, "copy the archive again, or write it as .tar without compression"});
    }
    if (s_.shards_.back() == s_.size()) {  // nothing in it could be read
      s_.shards_.pop_back();
      s_.shard_names_.pop_back();
    }
  }

  // Whether an image stands beside its text or JSON under one key, without a modality in their names. The archive's folder
  // is then no modality.
  static bool is_img2dataset(const TarListing& listing) {
    std::unordered_map<std::string, std::pair<bool, bool>> keys;  // an image, something else
    for (const auto& member : listing.members) {
      const MemberName name = parse_member_name(uncompressed_name(member.name).string());
      if (!name.modality.empty()) continue;
      auto& [image, other] = keys[name.key];
      (is_image_file(member.name) ? image : other) = true;
      if (image && other) return true;
    }
    return false;
  }

  void add_member(const Archive& archive, const TarMember& member) {
    const auto& [folder, file, is_modality] = archive;
    if (fs::path(member.name).filename().string().starts_with('.')) return;  // hidden
    const std::string plain = uncompressed_name(member.name).string();
    MemberName name = parse_member_name(plain);
    const std::string extension = extension_of(plain);
    if (!contains(kExtensions, extension)) {
      const auto [problem, remedy] = unknown_file(member.name);
      return report({file, member.name, problem, remedy});
    }
    const std::string suffix = name.suffix() + member.name.substr(plain.size());
    const bool names_modality = !name.modality.empty();
    if (name.modality.empty()) name.modality = folder;
    if (name.modality.empty() && is_image_file(member.name)) name.modality = "rgb";
    if (name.modality.empty() && extension == "txt") name.modality = "caption";
    if (name.modality.empty() && extension == "json") name.modality = kSourceInfo;
    if (name.modality.empty() && name.problem.empty()) name.problem = "names no modality";
    if (is_modality && name.modality != folder && name.problem.empty())
      name.problem = concat("names the modality ", printable(name.modality), ", but its archive lies in ", folder);
    if (!name.problem.empty())
      return report({file, member.name, name.problem,
                     "call it NAME.MODALITY.EXT, or put the archive into a folder named after the modality"});
    s_.together_ |= folder.empty() || names_modality;
    add(name.modality, name.key,
        {static_cast<int32_t>(s_.files_.size() - 1), suffix_number(suffix, extension), member.offset, member.size},
        file, member.name);
  }

  Source& s_;
  std::vector<Fault>* faults_;
  bool reported_ = false;
  std::unordered_map<std::string, uint32_t> suffixes_;  // text -> number
  std::vector<fs::path> folders_;
  std::map<std::string, std::vector<Archive>> archives_;  // by shard
  std::unordered_map<std::string, size_t> index_;         // name -> sample
};

Source Source::open(const std::string& path, std::vector<Fault>* faults) {
  Source source;
  source.path_ = path;
  Scan(source, faults).run();
  return source;
}

const Source::Member* Source::find(int64_t sample, const std::string& modality) const {
  const auto found = members_.find(modality);
  if (found == members_.end() || found->second[sample].file < 0) return nullptr;
  return &found->second[sample];
}

const Source::Member& Source::at(int64_t sample, const std::string& modality) const {
  const Member* member = find(sample, modality);
  check(member, path_, ": sample ", printable(names_[sample]), " has no ", modality);
  return *member;
}

std::string Source::read(int64_t sample, const std::string& modality) const {
  std::string bytes = stored_bytes(sample, modality);
  const std::string& suffix = suffixes_[at(sample, modality).suffix].text;
  return lower_extension(suffix) == ".gz" ? gunzip(bytes, origin(sample, modality), kLargestMember) : bytes;
}

std::string Source::stored_bytes(int64_t sample, const std::string& modality) const {
  const Member& m = at(sample, modality);
  if (!archives_) return read_file(files_[m.file], kLargestMember);
  check(m.size <= kLargestMember, origin(sample, modality), ": has ", m.size, " bytes, at most ", kLargestMember,
        " are read");
  const int file = ::open(files_[m.file].c_str(), O_RDONLY | O_CLOEXEC);
  std::string bytes(file >= 0 ? m.size : 0, '\0');
  size_t done = 0;
  while (file >= 0 && done < bytes.size()) {
    const ssize_t got = ::pread(file, bytes.data() + done, bytes.size() - done, static_cast<off_t>(m.offset + done));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) break;
    done += static_cast<size_t>(got);
  }
  if (file >= 0) ::close(file);
  check(file >= 0 && done == m.size, origin(sample, modality), ": cannot be read any more; did the archive change?");
  return bytes;
}

std::string Source::extension(int64_t sample, const std::string& modality) const {
  return suffixes_[at(sample, modality).suffix].extension;
}

std::string Source::file(int64_t sample, const std::string& modality) const {
  return files_[at(sample, modality).file];
}

std::string Source::member(int64_t sample, const std::string& modality) const {
  if (!archives_) return "";
  return names_[sample] + suffixes_[at(sample, modality).suffix].text;
}

std::string Source::origin(int64_t sample, const std::string& modality) const {
  return file(sample, modality) + (archives_ ? ": " + member(sample, modality) : "");
}

fs::path Source::root() const {
  std::error_code ignored;
  if (fs::is_directory(path_, ignored) || files_.empty()) return path_;
  const fs::path folder = fs::path(files_.front()).parent_path();
  return together_ ? folder : folder.parent_path();
}

std::string Source::version(int64_t sample, const std::string& modality) const {
  const Member& member = at(sample, modality);
  std::error_code ignored;
  const auto time = fs::last_write_time(files_[member.file], ignored).time_since_epoch().count();
  return concat(member.size, " ", time);
}

size_t Source::shard_of(int64_t sample) const {
  return static_cast<size_t>(std::upper_bound(shards_.begin(), shards_.end(), sample) - shards_.begin()) - 1;
}

std::string Source::expected(int64_t sample, const std::string& modality) const {
  const fs::path root(path_);
  if (!archives_) return (root / modality / names_[sample]).string() + ".*";
  const std::string& shard = shard_names_[shard_of(sample)];
  for (const auto& file : files_) {
    const fs::path path(file);
    if (path.filename() == shard && (together_ || path.parent_path().filename() == modality)) return file;
  }
  return (root / modality / shard).string();
}

void Source::keep_fraction(double fraction) {
  check(fraction > 0 && fraction <= 1, path_, ": the fraction of its samples is above 0 to 1, got ", fraction);
  std::vector<size_t> kept(names_.size());
  std::iota(kept.begin(), kept.end(), size_t{0});
  std::stable_sort(kept.begin(), kept.end(),
                   [&](size_t a, size_t b) { return mix(hash_text(names_[a])) < mix(hash_text(names_[b])); });
  kept.resize(static_cast<size_t>(std::ceil(fraction * static_cast<double>(names_.size()))));
  std::sort(kept.begin(), kept.end());

  std::vector<int64_t> shards;
  std::vector<std::string> shard_names;
  for (size_t k = 0; k < kept.size(); ++k) {
    const size_t shard = shard_of(static_cast<int64_t>(kept[k]));
    if (k > 0 && shard == shard_of(static_cast<int64_t>(kept[k - 1]))) continue;
    shards.push_back(static_cast<int64_t>(k));
    shard_names.push_back(shard_names_[shard]);
  }
  const auto take = [&](auto& items) {
    for (size_t k = 0; k < kept.size(); ++k)
      if (k != kept[k]) items[k] = std::move(items[kept[k]]);
    items.resize(kept.size());
  };
  take(names_);
  for (auto& [modality, members] : members_) take(members);
  shards_ = std::move(shards);
  shard_names_ = std::move(shard_names);
}

}  // namespace fourm
