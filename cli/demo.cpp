#include <iostream>

#include "cli/bundled.h"
#include "cli/text_tokenizer.h"
#include "cli/verbs.h"
#include "fourm/clip/image_text.h"
#include "fourm/core/error.h"
#include "fourm/core/json.h"
#include "fourm/core/log.h"
#include "fourm/demo/demo.h"

namespace fourm {
void add_demo(CLI::App& program) {
  struct Options {
    std::string model, out = "out/demo";
    std::vector<std::string> images;
    DemoOptions demo;
    bool json = false;
  };
  auto o = std::make_shared<Options>();
  auto* verb = program.add_subcommand("demo", "Show what the bundled model does, as an image and a web page");
  verb->add_option("--model", o->model, "model folder; default: the bundled models/rooms-ti")->transform(model_path());
  verb->add_option("--image", o->images,
                   "images of your own to read as well (the bundled model knows rendered rooms only)");
  verb->add_option("--rooms", o->demo.rooms, "unseen rooms to read")->check(CLI::Range(0, 64))->capture_default_str();
  verb->add_option("--paintings", o->demo.paintings, "rooms to paint from their caption, boxes and depth")
      ->check(CLI::Range(0, 64))
      ->capture_default_str();
  verb->add_option("--seed", o->demo.seed, "other rooms and other draws")->capture_default_str();
  verb->add_option("--out", o->out, "folder for gallery.png and index.html")->capture_default_str();
  verb->add_flag("--json", o->json, "machine-readable");
  verb->footer("Examples:\n  fourm demo\n  fourm demo --image kitchen.jpg --out gallery");
  verb->callback([o] {
    const Stopwatch watch;
    check_writable_folder(o->out);
    for (const auto& image : o->images) o->demo.images.emplace_back(image);
    const fs::path model = o->model.empty() ? bundled_model() : fs::path(o->model);
    o->demo.image_text = image_text_of(model);
    write_gallery(o->out, demo(Pipeline::open({model, {}, text_tokenizer_for(model, ""), {}}), o->demo));
    const fs::path image = fs::path(o->out) / "gallery.png", page = fs::path(o->out) / "index.html";
    if (o->json)
      std::cout << json_text({{"image", image.string()}, {"page", page.string()}, {"seconds", watch.seconds()}})
                << "\n";
    else
      std::cout << image.string() << "\n" << page.string() << "\n";
  });
}

}  // namespace fourm
