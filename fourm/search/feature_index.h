// The predicted features of the images of a folder, kept in a file, and the images that are nearest to a query.
#pragma once

#include "fourm/core/json.h"
#include "fourm/search/predicted_features.h"

namespace fourm {

/// The digests (io/weights.h) of the weights that decide the features of a pipeline: {"model", "tokenizer", "features",
/// "precision"}. `files` are those that the pipeline was opened with.
Json index_identity(const PipelineFiles& files, const Pipeline& pipeline, const FeaturePredictor& predictor);

struct IndexOptions {
  int64_t batch = 32;            ///< images that are read and predicted together
  std::function<bool()> stop{};  ///< true: what is there is written, and the rest left
};

struct IndexReport {
  int64_t kept = 0;     ///< images whose features were in the file
  int64_t added = 0;    ///< new and changed images
  int64_t removed = 0;  ///< images of the file that are no longer there
  int64_t failed = 0;   ///< images that could not be read, each with a warning
  bool finished = true;
};

class FeatureIndex {
 public:
  struct Match {
    fs::path file;
    double score;  ///< cosine
  };

  /// Brings the index in `file` up to date with the images of the folder and the folders below it. An image whose size or
  /// time of change differs is read again. An index of other weights or features is rebuilt, with a note; one that
  /// cannot be read, with a warning. Error when the file is neither a safetensors file nor NAME.index. The file is written
  /// under a temporary name and renamed, once a minute and at the end. It is a safetensors file: "features" [N, D] of unit
  /// length, and in its metadata "identity" and "files" ([{"path", "size", "time"}]).
  static FeatureIndex update(const FeaturePredictor& predictor, const Json& identity, const fs::path& folder,
                             const fs::path& file, const IndexOptions& options = {}, IndexReport* report = nullptr);

  size_t size() const { return files_.size(); }
  /// The nearest images, the best first; equal ones by path. `top`: how many at most.
  std::vector<Match> nearest(const Embedding& query, int64_t top) const;

 private:
  struct File {
    std::string path;  // within the folder
    uint64_t size = 0;
    int64_t time = 0;  // of the last change, in the unit of the file system's clock
    bool operator==(const File&) const = default;
  };
  explicit FeatureIndex(fs::path folder) : folder_(std::move(folder)) {}
  File state_of(const fs::path& file) const;
  void read(const fs::path& file, const Json& identity);
  void write(const fs::path& file, const Json& identity) const;
  // Keeps the files that are as they were; returns the images that are to be read.
  std::vector<fs::path> keep_unchanged(const std::vector<fs::path>& images, IndexReport& report);
  void add(const std::vector<fs::path>& images, const FeaturePredictor& predictor, IndexReport& report);

  fs::path folder_;
  std::vector<File> files_;
  std::vector<Embedding> features_;  // one a file
};

}  // namespace fourm
