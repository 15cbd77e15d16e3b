// A training run as one HTML page.
#pragma once

#include <string>
#include <vector>

#include "fourm/core/file.h"

namespace fourm {

/// What the records of a run folder say: how far it is, the last measures, curves of the losses and of how the run goes, and the
/// newest images of its evaluations. The page needs no other file and no script.
struct RunPage {
  std::string html;
  bool finished = false;  ///< the run has its model
};

/// The newest image of each name in RUN/images (NAME-000500.png), at most six.
std::vector<fs::path> newest_images(const fs::path& run);

/// `refresh` > 0: a browser loads the page again after so many seconds, until the run is finished. Error when the path is no
/// run folder.
RunPage run_page(const fs::path& run, int refresh = 0);

}  // namespace fourm
