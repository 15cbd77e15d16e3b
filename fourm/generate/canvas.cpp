#include "fourm/generate/canvas.h"

#include <algorithm>

#include "fourm/core/error.h"
#include "fourm/core/strings.h"

namespace fourm {

std::string modality_of_entry(const std::string& name) { return name.substr(0, name.rfind('#')); }

const Canvas::Entry* Canvas::find(const std::string& name) const {
  const auto found = std::find_if(entries.begin(), entries.end(), [&](const Entry& e) { return e.name == name; });
  return found == entries.end() ? nullptr : &*found;
}

Canvas::Entry& Canvas::at(const std::string& name) {
  const Entry* entry = find(name);
  check(entry, "the canvas has no modality ", printable(name));
  return const_cast<Entry&>(*entry);
}

void Canvas::add(Entry entry) {
  check(!find(entry.name), "modality ", printable(entry.name), " is on the canvas already");
  entries.push_back(std::move(entry));
}

void Canvas::add_known(const std::string& modality, ModalityData data) {
  const auto n = static_cast<size_t>(data.length());
  add({modality, std::move(data), std::vector<bool>(n, true), std::vector<bool>(n, false)});
}

void Canvas::add_target_grid(const std::string& modality, int64_t tokens) {
  const auto n = static_cast<size_t>(tokens);
  Entry entry{modality, {}, std::vector<bool>(n, false), std::vector<bool>(n, true)};
  entry.data.ids.resize(n, 0);
  for (const Entry& condition : entries)
    for (size_t i = 0; condition.modality == modality && i < n; ++i)
      if (condition.known[i] && entry.target[i]) {
        entry.data.ids[i] = condition.data.ids[i];
        entry.target[i] = false;
      }
  add(std::move(entry));
}

void Canvas::set_weight(const std::string& name, double weight) {
  Entry& entry = at(name);
  entry.weight = weight;
  size_t number = 1;
  while (find(concat(entry.modality, "#", number))) ++number;
  entry.name = concat(entry.modality, "#", number);
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
  entry.target.resize(entry.data.ids.size(), true);
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
  entry.target = entry.known;
  entry.target.flip();
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
  entry.target[0] = false;
  add(std::move(entry));
}

}  // namespace fourm
