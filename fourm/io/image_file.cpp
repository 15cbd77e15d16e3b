#include "fourm/io/image_file.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <utility>

#include "fourm/core/error.h"
#include "fourm/core/log.h"
#include "fourm/core/strings.h"

namespace fourm {
namespace {

using Row = std::pair<std::string_view, std::string_view>;

constexpr std::array<Row, 22> kNotRead{
    {{".gif", "GIF"},       {".tif", "TIFF"},      {".tiff", "TIFF"},    {".bmp", "BMP"},     {".dib", "BMP"},
     {".heic", "HEIC"},     {".heif", "HEIC"},     {".avif", "AVIF"},    {".jxl", "JPEG XL"}, {".jp2", "JPEG 2000"},
     {".j2k", "JPEG 2000"}, {".exr", "OpenEXR"},   {".hdr", "Radiance"}, {".svg", "SVG"},     {".ppm", "PNM"},
     {".pgm", "PNM"},       {".pbm", "PNM"},       {".pfm", "PFM"},      {".tga", "TGA"},     {".ico", "ICO"},
     {".psd", "Photoshop"}, {".dng", "raw camera"}}};

// First bytes; HEIC and AVIF have their name after the length of the first box.
constexpr std::array<Row, 15> kFirstBytes{{{"\x89PNG\r\n\x1a\n", "PNG"},
                                           {"\xff\xd8\xff", "JPEG"},
                                           {"GIF87a", "GIF"},
                                           {"GIF89a", "GIF"},
                                           {{"II*\0", 4}, "TIFF"},
                                           {{"MM\0*", 4}, "TIFF"},
                                           {{"II+\0", 4}, "TIFF"},
                                           {{"MM\0+", 4}, "TIFF"},
                                           {"BM", "BMP"},
                                           {{"\0\0\0\x0cJXL ", 8}, "JPEG XL"},
                                           {"\xff\x0a", "JPEG XL"},
                                           {{"\0\0\0\x0cjP  ", 8}, "JPEG 2000"},
                                           {"v/1\x01", "OpenEXR"},
                                           {"8BPS", "Photoshop"},
                                           {"#?RADIANCE", "Radiance"}}};
constexpr std::array<Row, 10> kBrands{{{"heic", "HEIC"},
                                       {"heix", "HEIC"},
                                       {"heim", "HEIC"},
                                       {"heis", "HEIC"},
                                       {"hevc", "HEIC"},
                                       {"hevx", "HEIC"},
                                       {"mif1", "HEIC"},
                                       {"msf1", "HEIC"},
                                       {"avif", "AVIF"},
                                       {"avis", "AVIF"}}};

template <size_t N>
std::string_view find(const std::array<Row, N>& rows, std::string_view key) {
  const auto found = std::find_if(rows.begin(), rows.end(), [&](const Row& row) { return row.first == key; });
  return found == rows.end() ? "" : found->second;
}

void list_below(const fs::path& folder, const std::vector<std::string>& extensions, std::vector<fs::path> above,
                std::vector<fs::path>& files) {
  std::error_code error;
  if (std::any_of(above.begin(), above.end(), [&](const fs::path& a) { return fs::equivalent(a, folder, error); }))
    return;  // a loop of symbolic links
  above.push_back(folder);
  for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
    const fs::path& path = it->path();
    std::error_code ignored;
    if (path.filename().string().starts_with('.')) continue;
    if (it->is_directory(ignored))
      list_below(path, extensions, above, files);
    else if (it->is_regular_file(ignored) && contains(extensions, lower_extension(path)))
      files.push_back(path);
  }
  check(!error, folder.string(), ": cannot be read (", error.message(), ")");
}

}  // namespace

std::string lower_extension(const fs::path& path) {
  std::string extension = path.extension().string();
  for (char& c : extension) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return extension;
}

const std::vector<std::string>& image_extensions() {
  static const std::vector<std::string> extensions{".png", ".jpg", ".jpeg", ".webp"};
  return extensions;
}

bool is_image_file(const fs::path& path) { return contains(image_extensions(), lower_extension(path)); }

std::string supported_images() { return "JPEG (.jpg, .jpeg), PNG (.png) and WebP (.webp)"; }

std::string_view image_format(std::string_view bytes) {
  if (bytes.size() >= 12 && bytes.starts_with("RIFF") && bytes.substr(8, 4) == "WEBP") return "WebP";
  if (bytes.size() >= 12 && bytes.substr(4, 4) == "ftyp") return find(kBrands, bytes.substr(8, 4));
  for (const auto& [start, format] : kFirstBytes)
    if (bytes.starts_with(start)) return format;
  return "";
}

std::string unsupported_image(const fs::path& path) {
  const std::string_view format = find(kNotRead, lower_extension(path));
  return format.empty() ? "" : concat("is a ", format, " image; the supported formats are ", supported_images());
}

std::vector<fs::path> list_files_below(const fs::path& folder, const std::vector<std::string>& extensions) {
  std::error_code error;
  check(fs::is_directory(folder, error), folder.string(), ": no such folder");
  std::vector<fs::path> files;
  list_below(folder, extensions, {}, files);
  std::sort(files.begin(), files.end());
  return files;
}

std::vector<fs::path> list_images(const fs::path& folder, const std::vector<std::string>& further) {
  std::vector<std::string> extensions = image_extensions();
  extensions.insert(extensions.end(), further.begin(), further.end());
  std::vector<std::string> all = extensions;
  for (const auto& row : kNotRead) all.emplace_back(row.first);
  std::vector<fs::path> files = list_files_below(folder, all);
  const auto others = std::stable_partition(
      files.begin(), files.end(), [&](const fs::path& file) { return contains(extensions, lower_extension(file)); });
  const auto count = files.end() - others;
  const std::string first = count ? concat(others->string(), " ", unsupported_image(*others)) : "";
  files.erase(others, files.end());
  check(!files.empty(), folder.string(), ": holds no images, here or in folders below; ",
        count ? first : concat("the supported formats are ", supported_images()),
        further.empty() ? "" : concat("; ", join(further, ", "), " is read too"));
  if (count == 1) warn(first);
  if (count > 1) warn(folder.string(), ": ", count, " image files are not read, the first of them: ", first);
  return files;
}

}  // namespace fourm
