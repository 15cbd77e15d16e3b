// Which files are images. Every command decides by the same extensions, in capitals or not, and names the same formats
// that are not read.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "fourm/core/file.h"

namespace fourm {

/// The extension with its dot in lower case: ".jpg" of "A.JPG"; "" without one.
std::string lower_extension(const fs::path& path);

/// Extensions of the images that read_image() reads: .png, .jpg, .jpeg, .webp.
const std::vector<std::string>& image_extensions();
bool is_image_file(const fs::path& path);

/// "JPEG (.jpg, .jpeg), PNG (.png) and WebP (.webp)", for messages.
std::string supported_images();

/// The image format that a file's first bytes belong to, supported or not: "JPEG", "GIF", "TIFF", "HEIC", ...; "" for
/// anything else.
std::string_view image_format(std::string_view bytes);

/// "is a GIF image; the supported formats are ...", for the extension of an image format that is not read; "" for any
/// other name.
std::string unsupported_image(const fs::path& path);

/// The regular files in a folder and the folders below it (classes, for example) whose extension is one of
/// `extensions`, in any case, sorted by path. Hidden entries are left out, symbolic links are followed.
std::vector<fs::path> list_files_below(const fs::path& folder, const std::vector<std::string>& extensions);

/// The images of a folder and the folders below it, and files with one of the `further` extensions. Images of
/// formats that are not read give one warning. Error when there is none to read.
std::vector<fs::path> list_images(const fs::path& folder, const std::vector<std::string>& further = {});

}  // namespace fourm
