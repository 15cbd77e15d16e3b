#include "fourm/generate/canvas.h"

#include <algorithm>

#include "fourm/core/error.h"
#include "fourm/core/strings.h"

namespace fourm {

const Canvas::Entry* Canvas::find(const std::string& modality) const {
  const auto found =
      std::find_if(entries.begin(), entries.end(), [&](const Entry& e) { return e.modality == modality; });
  return found == entries.end() ? nullptr : &*found;
}

Canvas::Entry& Canvas::at(const std::string& modality) {
  const Entry* entry = find(modality);
  check(entry, "the canvas has no modality ", printable(modality));
  return const_cast<Entry&>(*entry);
}

void Canvas::add(Entry entry) {
  check(!find(entry.modality), "modality ", printable(entry.modality), " is on the canvas already");
  entries.push_back(std::move(entry));
}

void Canvas::add_known(const std::string& modality, ModalityData data) {
  const auto n = static_cast<size_t>(data.length());
  add({modality, std::move(data), std::vector<bool>(n, true), std::vector<bool>(n, false)});
}

void Canvas::add_text(const std::string& modality, const std::vector<int64_t>& ids, const SequenceIds& special) {
  const auto end = std::find(ids.begin(), ids.end(), special.eos);
  ModalityData data;
  data.ids.assign(ids.begin(), end == ids.end() ? end : end + 1);
  add_known(modality, std::move(data));
}

void Canvas::add_text_with_holes(const std::string& modality, const std::vector<int64_t>& ids, int64_t target_slots,
                                 const SequenceIds& special) {
  int64_t last = special.sentinels.first;
  for (const int64_t id : ids)
    if (special.sentinels.contains(id)) last = std::max(last, id);
  check(target_slots >= 2, "a text with holes needs at least 2 slots to generate, got ", target_slots);
  check(special.sentinels.contains(last + 1), "the text has too many holes for the vocabulary's sentinels");
  Entry entry{modality, {}, std::vector<bool>(ids.size(), true), std::vector<bool>(ids.size(), false)};
  entry.data.ids = ids;
  entry.data.ids.resize(ids.size() + static_cast<size_t>(target_slots), special.pad);
  entry.data.ids[ids.size()] = special.start();
  entry.data.ids.back() = last + 1;
  entry.known.resize(entry.data.ids.size(), false);
  entry.wanted.resize(entry.data.ids.size(), true);
  add(std::move(entry));
}

void Canvas::add_grid(const std::string& modality, int64_t tokens) {
  add_grid(modality, std::vector<int64_t>(static_cast<size_t>(tokens), 0),
           std::vector<bool>(static_cast<size_t>(tokens), false));
}

void Canvas::add_grid(const std::string& modality, std::vector<int64_t> ids, std::vector<bool> known) {
  check(ids.size() == known.size(), "modality '", modality, "': ", ids.size(), " ids, ", known.size(), " flags");
  Entry entry{modality, {}, std::move(known), {}};
  entry.data.ids = std::move(ids);
  entry.wanted = entry.known;
  entry.wanted.flip();
  add(std::move(entry));
}

void Canvas::add_empty_text(const std::string& modality, int64_t n, const SequenceIds& special) {
  check(n >= 2, "modality '", modality, "': an empty text needs at least 2 slots, got ", n);
  const auto size = static_cast<size_t>(n);
  Entry entry{modality, {}, std::vector<bool>(size, false), std::vector<bool>(size, true)};
  entry.data.ids.assign(size, special.pad);
  entry.data.ids[0] = entry.data.ids[1] = special.start();
  entry.data.ids.back() = special.stop();
  entry.known[0] = true;
  entry.wanted[0] = false;
  add(std::move(entry));
}

}  // namespace fourm
