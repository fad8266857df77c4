// SPDX-License-Identifier: MIT
// Memory that runs out at every single allocation, and a system that says no at every single call: an exception comes
// out, nothing is lost, and what was there before is there afterwards.
#include <dirent.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdarg>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <memory>
#include <new>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <type_traits>
#include <utility>
#include <vector>

#include <tshift/io/safetensors.hpp>
#include <tshift/models/crnn.hpp>
#include <tshift/models/shift_cnn.hpp>
#include <tshift/models/shift_lstm.hpp>
#include <tshift/models/shiftformer.hpp>
#include <tshift/models/vertical_vit.hpp>
#include <tshift/tshift.hpp>

#include "../support/allocation_counter.hpp"
#include "../support/catch.hpp"
#include "../support/scratch_folder.hpp"
#include "../support/seeded.hpp"
#include "../support/seeded_neighbours.hpp"

// --- system calls that fail -------------------------------------------------------------------------------------------

namespace {

// Which of the calls below fails next, and how. The calls are those of io/files_posix.hpp.
struct system_faults {
  bool armed = false;
  int until = 0;  // calls that still succeed
  int error = 0;  // what the call then says; 0: write takes one byte only
  bool for_good = false;
  char const* failed = "";  // the first that did
};
system_faults faults;

bool fails(char const* name) {
  if (!faults.armed || (faults.error == 0 && std::string_view(name) != "write")) return false;
  if (faults.until-- > 0) return false;
  if (!faults.for_good) faults.armed = false;
  if (*faults.failed == '\0') faults.failed = name;
  if (faults.error != 0) errno = faults.error;
  return true;
}

template <class Function>
Function* real(char const* name) {
  return reinterpret_cast<Function*>(::dlsym(RTLD_NEXT, name));
}

}  // namespace

// The program's own functions come before those of the C library. They have names of their own here, so that no
// declaration of a system header needs to fit.
extern "C" {
int faulty_open(char const* path, int flags, ...) __asm__("open");
int faulty_fstat(int file, struct stat* status) __asm__("fstat");
int faulty_stat(char const* path, struct stat* status) __asm__("stat");
void* faulty_mmap(void* at, std::size_t size, int access, int flags, int file, off_t offset) __asm__("mmap");
int faulty_faccessat(int folder, char const* path, int mode, int flags) __asm__("faccessat");
int faulty_fchmod(int file, mode_t mode) __asm__("fchmod");
ssize_t faulty_write(int file, void const* bytes, std::size_t size) __asm__("write");
int faulty_close(int file) __asm__("close");
int faulty_rename(char const* from, char const* to) __asm__("rename");

int faulty_open(char const* path, int flags, ...) {
  std::va_list arguments;
  va_start(arguments, flags);
  unsigned const mode = (flags & O_CREAT) != 0 ? va_arg(arguments, unsigned) : 0;
  va_end(arguments);
  static auto* const next = real<int(char const*, int, ...)>("open");
  return fails("open") ? -1 : next(path, flags, mode);
}
int faulty_fstat(int file, struct stat* status) {
  static auto* const next = real<int(int, struct stat*)>("fstat");
  return fails("fstat") ? -1 : next(file, status);
}
int faulty_stat(char const* path, struct stat* status) {
  static auto* const next = real<int(char const*, struct stat*)>("stat");
  return fails("stat") ? -1 : next(path, status);
}
void* faulty_mmap(void* at, std::size_t size, int access, int flags, int file, off_t offset) {
  static auto* const next = real<void*(void*, std::size_t, int, int, int, off_t)>("mmap");
  return fails("mmap") ? MAP_FAILED : next(at, size, access, flags, file, offset);
}
int faulty_faccessat(int folder, char const* path, int mode, int flags) {
  static auto* const next = real<int(int, char const*, int, int)>("faccessat");
  return fails("faccessat") ? -1 : next(folder, path, mode, flags);
}
int faulty_fchmod(int file, mode_t mode) {
  static auto* const next = real<int(int, mode_t)>("fchmod");
  return fails("fchmod") ? -1 : next(file, mode);
}
ssize_t faulty_write(int file, void const* bytes, std::size_t size) {
  static auto* const next = real<ssize_t(int, void const*, std::size_t)>("write");
  if (!fails("write")) return next(file, bytes, size);
  return faults.error != 0 ? -1 : next(file, bytes, 1);
}
int faulty_close(int file) {
  static auto* const next = real<int(int)>("close");
  int const result = next(file);  // a descriptor is gone even if closing it fails
  return fails("close") ? -1 : result;
}
int faulty_rename(char const* from, char const* to) {
  static auto* const next = real<int(char const*, char const*)>("rename");
  return fails("rename") ? -1 : next(from, to);
}
}

namespace {

using namespace test_support;
namespace io = tshift::io;
namespace fs = std::filesystem;
namespace nn = tshift::nn;
using io::safetensors;
using tshift::frame_positions;
using tshift::model_shift;
using tshift::placement;
using tshift::shape;
using tshift::shift_plan;
using tshift::tensor_view;
using tshift::models::shift_cnn;
using tshift::models::shift_lstm;
using tshift::models::shiftformer;
using tshift::weights::dtype;
using tshift::weights::read_as;
using tshift::weights::state_dict;
using tshift::weights::tensor;

using bytes_t = std::vector<std::byte>;

// --- what must be the same before and after ---------------------------------------------------------------------------

int entries_of(char const* folder) {
  DIR* const open = ::opendir(folder);  // allocates, but not with operator new
  if (open == nullptr) return -1;
  int count = 0;
  while (::readdir(open) != nullptr) ++count;
  ::closedir(open);
  return count;
}

// Mappings of files of this name, 0 if it is null.
int mappings_of(char const* name) {
  if (name == nullptr) return 0;
  std::FILE* const maps = std::fopen("/proc/self/maps", "r");
  if (maps == nullptr) return -1;
  int count = 0;
  char line[1024];
  while (std::fgets(line, sizeof line, maps) != nullptr) count += std::strstr(line, name) != nullptr;
  std::fclose(maps);
  return count;
}

long points = 0;  // allocations that were made to fail, in all tests here

struct outcome {
  long failed = 0;      // allocations that were made to fail
  std::string problem;  // the first
};

/// Calls make() with memory running out at every allocation it makes, the first alone or all from there on, until it
/// gets by. check(done) follows each time, when there is memory again; "" if all is well, else what is wrong.
template <class Make, class Check>
outcome at_every_allocation(Make make, Check check, char const* mapped = nullptr) {
  outcome result;
  for (bool const for_good : {false, true}) {
    for (long k = 0;; ++k) {
      int const files = entries_of("/proc/self/fd"), maps = mappings_of(mapped);
      bool done = false, other = false, happened = false;
      long const before = blocks.load();
      {
        failing_allocation const armed(k, for_good);
        try {
          make();
          done = true;
        } catch (std::bad_alloc const&) {
        } catch (...) {
          other = true;
        }
        happened = armed.happened();
      }
      long const lost = blocks.load() - before;
      std::string problem = check(done);
      // Who keeps what it made may keep the memory; check() then looks at it.
      if (lost != 0 && !done) problem += " " + std::to_string(lost) + " blocks are lost;";
      if (entries_of("/proc/self/fd") != files) problem += " another number of open files;";
      if (mappings_of(mapped) != maps && !done) problem += " another number of mappings;";
      if (other) problem += " another exception than bad_alloc;";
      if (!happened && !done) problem += " bad_alloc without a reason;";
      if (!problem.empty() && result.problem.empty()) {
        result.problem = "allocation " + std::to_string(k) + (for_good ? " and all after it:" : ":") + problem;
      }
      if (!happened) break;
      ++result.failed;
    }
  }
  points += result.failed;
  return result;
}

/// The same for something that leaves nothing behind.
template <class Make>
outcome at_every_allocation(Make make) {
  return at_every_allocation(make, [](bool) { return std::string(); });
}

// --- blocks and models ------------------------------------------------------------------------------------------------

std::vector<float> numbers(char const* name, std::vector<index_t> const& dims) {
  return seeded<float>(name, dims, static_cast<std::uint64_t>(dims[0]));
}

/// What forward makes of a fixed input.
template <class Block>
std::vector<float> outputs_of(Block const& block, index_t inputs, index_t outputs, index_t frames_out) {
  shape const dims{2, 7, inputs};
  std::vector<float> const x = numbers("x", {2, 7, inputs});
  std::vector<float> y(static_cast<std::size_t>(2 * frames_out * outputs), 7.f);
  tensor_view<float const> const from(x.data(), dims);
  tensor_view<float> const to(y.data(), {2, frames_out, outputs});
  if constexpr (requires { block.workspace_size(dims); }) {
    std::vector<float> workspace(static_cast<std::size_t>(block.workspace_size(dims)));
    block.forward(from, to, workspace);
  } else {
    block.forward(from, to);
  }
  return y;
}

/// Made and assigned to while memory runs out, a new one over a smaller and a larger one; copied without any memory.
/// @param make  make(size) for a size of 12 or 24
/// @param use   use(block) gives what it computes
template <class Make, class Use>
void check_value(std::string const& name, Make make, Use use, long least) {
  using value = decltype(make(12));
  static_assert(std::is_nothrow_move_constructible_v<value> && std::is_nothrow_move_assignable_v<value> &&
                std::is_nothrow_destructible_v<value>);
  static_assert(std::is_nothrow_copy_constructible_v<value> && std::is_nothrow_copy_assignable_v<value>);
  INFO(name);
  outcome const made = at_every_allocation([&] { make(24); });
  CHECK(made.problem == "");
  CHECK(made.failed >= least);
  for (auto const& sizes : {std::pair<index_t, index_t>(24, 12), {12, 24}}) {
    index_t const from_size = sizes.first, to_size = sizes.second;  // clang 14 captures no structured binding
    value const source = make(from_size);
    value const before = make(to_size);
    auto const old = use(before), fresh = use(source);
    // Copies share the weights: there is nothing that could fail.
    CHECK(allocations_in([&] { value const copy(source); }) == 0);
    // The old value computes what it computed, the new one what its source does.
    value target = before;
    auto const check = [&](bool done) -> std::string {
      if (use(target) != (done ? fresh : old)) return " the value is neither the old one nor the new one;";
      if (done) target = value(before);
      return "";
    };
    CHECK(allocations_in([&] { target = source; }) == 0);
    CHECK(use(target) == fresh);
    target = before;
    CHECK(at_every_allocation([&] { target = make(from_size); }, check).problem == "");
    value const& same = target;
    target = same;
    CHECK(use(target) == old);
  }
}

/// Channels of x and of y.
template <class Block>
std::pair<index_t, index_t> widths_of(Block const& block) {
  if constexpr (requires { block.inputs(); }) {
    return {block.inputs(), block.outputs()};
  } else if constexpr (requires { block.channels(); }) {
    return {block.channels(), block.channels()};
  } else {
    return {block.plan().channels(), block.plan().channels()};
  }
}

template <class Make>
void check_block(std::string const& name, Make make, long least) {
  check_value(
      name, make,
      [](auto const& block) {
        auto const widths = widths_of(block);
        return outputs_of(block, widths.first, widths.second, 7);
      },
      least);
}

template <class Model, class... Options>
long check_model(std::string const& kind, std::string const& name_of_position, Options const&... options) {
  model_sizes const small{kind, name_of_position, 12, name_of_position == "none" ? 0 : 9, 4};
  model_sizes const large{kind, name_of_position, 24, name_of_position == "none" ? 0 : 9, 5};
  state_dict const first = seeded_weights<float>(small, 1), second = seeded_weights<float>(large, 2);
  long const before = points;
  check_value(
      kind + " " + name_of_position, [&](index_t size) { return Model(size == 12 ? first : second, options...); },
      [](Model const& model) { return outputs_of(model, model.channels(), model.classes(), 1); }, 40);
  return points - before;
}

/// @param make  make(weights)
/// @param on    of x, [N, T, C, F]
template <class Sizes, class Make>
void check_image_model(std::string const& name, Sizes const& small, Sizes const& large, Make const& make,
                       shape const& on) {
  state_dict const first = seeded_neighbour<float>(small, 1), second = seeded_neighbour<float>(large, 2);
  std::vector<float> const x = numbers("x", {on.size()});
  check_value(
      name, [&](index_t size) { return make(size == 12 ? first : second); },
      [&](auto const& model) {
        std::vector<float> y(static_cast<std::size_t>(on.batch * model.classes()), 7.f);
        std::vector<float> workspace(static_cast<std::size_t>(model.workspace_size(on)));
        model.forward(tensor_view<float const>(x.data(), on, tshift::layout::ntsc),
                      tensor_view<float>(y.data(), {on.batch, 1, model.classes()}), workspace);
        return y;
      },
      60);
}

// --- files ------------------------------------------------------------------------------------------------------------

void put(fs::path const& path, bytes_t const& bytes) {
  std::ofstream file(path, std::ios::binary);
  file.write(reinterpret_cast<char const*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
  REQUIRE(file.good());
}

// One tensor of every element type, one without dimensions, one without elements; names too long for a string's own
// memory; metadata.
std::vector<tensor> tensors_of_all_types() {
  static bytes_t const zeros(64);
  std::vector<tensor> tensors;
  for (int i = 0; i <= static_cast<int>(dtype::u64); ++i) {
    auto const type = static_cast<dtype>(i);
    std::string const name = std::string("a name of more than sixteen letters: ") + name_of(type);
    tensors.emplace_back(name, type, std::vector<index_t>{4, 2},
                         std::span(zeros).first(static_cast<std::size_t>(bits_of(type))));
  }
  tensors.emplace_back("\"\xc3\xa9\\", dtype::f32, std::vector<index_t>{}, std::span(zeros).first(4));
  tensors.emplace_back("nothing", dtype::f64, std::vector<index_t>{3, 0, 2}, std::span<std::byte const>());
  return tensors;
}

std::map<std::string, std::string> some_metadata() {
  return {{"format", "pt"}, {"a key of more than sixteen letters", "and a text that is no shorter\n"}};
}

std::string system_text(int error) { return std::generic_category().message(error); }

template <class Call>
std::string file_message_of(Call call) {
  try {
    call();
  } catch (tshift::file_error const& error) {
    return error.what();
  }
  return "";
}

/// All that can be seen of a state_dict.
std::string picture_of(state_dict const& weights) {
  std::string text = weights.source() + ":";
  for (tensor const& each : weights) {
    text += each.name + name_of(each.type) + std::to_string(each.shape.size()) + std::to_string(each.byte);
    if (weights.find(each.name) != &each) text += " not found by its name ";
    for (std::byte const b : each.bytes) text += std::to_string(std::to_integer<int>(b));
  }
  return text;
}

/// All that can be seen of a file.
std::string picture_of(safetensors const& file) {
  std::string text = picture_of(file.state_dict());
  for (auto const& [key, value] : file.metadata()) text += key + value;
  return text;
}

void check_state_dicts(safetensors const& file) {
  // Twice over, so that a copy that stops half-way would show.
  std::string const all = picture_of(file.state_dict());
  state_dict const source = file.state_dict();
  state_dict one("one");
  one.add_owned("the only tensor, of a long name", {2}, {1, 2});
  std::string const before = picture_of(one);
  state_dict target = one;
  auto const check = [&](bool done) -> std::string {
    if (picture_of(target) != (done ? all : before)) return " neither the old dictionary nor the new one;";
    if (done) target = state_dict(one);
    return "";
  };
  outcome const copied = at_every_allocation([&] { state_dict const copy(source); });
  CHECK(copied.problem == "");
  CHECK(copied.failed >= 60);
  CHECK(at_every_allocation([&] { target = source; }, check).problem == "");
  CHECK(at_every_allocation([&] { target = file.state_dict(); }, check).problem == "");
  // Looking costs nothing, and who gives the file away keeps no copy.
  safetensors given = file;
  CHECK(allocations_in([&] { target = std::move(given).state_dict(); }) == 0);
  CHECK(picture_of(target) == all);
}

}  // namespace

// --- memory -----------------------------------------------------------------------------------------------------------

TEST_CASE("Memory runs out while blocks are made, copied and assigned", "[faults]") {
  check_block(
      "linear",
      [](index_t size) {
        return nn::linear<float>(size, 5, numbers("weight", {5, size}), numbers("bias", {5}));
      },
      2);
  check_block(
      "depthwise_conv1d",
      [](index_t size) {
        return nn::depthwise_conv1d<float>(size, 3, numbers("weight", {size, 3}), numbers("bias", {size}));
      },
      2);
  check_block(
      "layer_norm",
      [](index_t size) { return nn::layer_norm<float>(numbers("scale.weight", {size}), numbers("bias", {size})); }, 2);
  auto const mlp = [](index_t size) {
    return nn::mlp<float>(nn::linear<float>(size, 2 * size, numbers("weight", {2 * size, size})),
                          nn::linear<float>(2 * size, size, numbers("weight", {size, 2 * size})));
  };
  check_block("mlp", mlp, 4);
  auto const lstm = [](index_t size, bool both) {
    auto const ih = numbers("weight_ih", {4 * size, size}), hh = numbers("weight_hh", {4 * size, size});
    auto const bias = numbers("bias", {4 * size});
    nn::lstm_weights<float> const weights{ih, hh, bias, bias};
    return both ? nn::lstm<float>(size, size, weights, weights) : nn::lstm<float>(size, size, weights);
  };
  check_block(
      "lstm", [&](index_t size) { return lstm(size, false); }, 3);
  check_block(
      "lstm, both directions", [&](index_t size) { return lstm(size, true); }, 6);
  for (frame_positions const kind :
       {frame_positions::absolute, frame_positions::relative_key, frame_positions::relative_key_query}) {
    check_block(
        "self_attention",
        [&](index_t size) {
          std::vector<float> table;
          if (kind != frame_positions::absolute) table = numbers("embed", {15, size / 3});
          return nn::self_attention<float>(size, 3, numbers("weight", {3 * size, size}), {}, kind, table);
        },
        kind == frame_positions::absolute ? 2 : 6);
  }
  check_block(
      "wrap",
      [&](index_t size) { return nn::wrap<float>(mlp(size), placement::both, tshift::presets::shiftser(size, 4)); }, 4);
}

TEST_CASE("Memory runs out while models are made, copied and assigned: the old one still computes", "[faults]") {
  long const before = points;
  model_shift const anywhere{3, tshift::direction::both, 2, placement::both, tshift::padding::edge};
  check_model<shift_cnn<float>>("cnn", "none");
  check_model<shift_lstm<float>>("shift_lstm", "none");
  check_model<shift_lstm<float>>("lstm", "none");
  check_model<shiftformer<float>>("shiftformer", "none");
  check_model<shiftformer<float>>("transformer", "absolute", anywhere);
  check_model<shiftformer<float>>("transformer", "relative_key", anywhere, frame_positions::relative_key);
  check_model<shiftformer<float>>("transformer", "relative_key_query", anywhere);
  CHECK(points - before >= 3000);
}

TEST_CASE("Memory runs out while models of images are made, copied and assigned", "[faults]") {
  crnn_sizes crnn;
  crnn.bands = 9;
  crnn.widths = {3, 4};
  crnn.filters = 8;  // both together are enough for products of pairs
  crnn.body = {20, 6};
  crnn.frame = 10;
  crnn.hidden = 4;
  crnn.norm = true;
  crnn_sizes larger = crnn;
  larger.attention = 5;
  larger.summaries = 1;
  larger.classes = 5;
  tshift::crnn_options options;
  options.image.shift = {3, tshift::direction::both, 2, placement::branch, tshift::padding::edge};
  options.image.shifted = {1, 2};
  check_image_model("crnn", crnn, larger,
                    [&options](state_dict const& weights) { return tshift::models::crnn<float>(weights, options); },
                    {2, 9, 3, 9});
  for (bool const teacher : {false, true}) {
    vit_sizes vit;
    vit.teacher = teacher;
    vit.rows = 6;
    vit.width = 8;
    vit.heads = 1;
    vit.hidden = 10;
    vit.layers = 2;
    vit_sizes deeper = vit;
    deeper.layers = 3;
    deeper.classes = 5;
    check_image_model(teacher ? "teacher" : "student", vit, deeper,
                      [](state_dict const& weights) { return tshift::models::vertical_vit<float>(weights); },
                      {2, 7, 6});
  }
}

TEST_CASE("Memory runs out in a stream: made, copied, assigned, it is the old one or the new one", "[faults]") {
  // The compilers took it for noexcept, and running out of memory there ended the program.
  CHECK_FALSE(std::is_nothrow_copy_assignable_v<tshift::shift_stream<float>>);
  CHECK(std::is_nothrow_move_assignable_v<tshift::shift_stream<float>>);
  shape const frame{2, 0, 6};
  shift_plan const small(6, {{0, 2, 1}}), large(6, {{0, 3, 40}, {3, 2, -30}}, tshift::padding::edge);
  std::vector<float> const x = numbers("x", {2, 3, 6});
  tensor_view<float const> const chunk(x.data(), {2, 3, 6});
  auto const make = [&](shift_plan const& plan) {
    tshift::shift_stream<float> stream(plan, frame);
    stream.prime(chunk);
    return stream;
  };
  auto const use = [&](tshift::shift_stream<float> stream) {
    std::vector<float> y(2 * 2 * 40 * 6, 7.f);
    index_t count = stream.push(chunk, tensor_view<float>(y.data(), {2, 40, 6}));
    count += stream.flush(tensor_view<float>(y.data() + 2 * 40 * 6, {2, 40, 6}));
    y.push_back(static_cast<float>(count));
    return y;
  };
  CHECK(at_every_allocation([&] { make(large); }).failed == 2);
  for (bool const grows : {true, false}) {
    tshift::shift_stream<float> const source = make(grows ? large : small), before = make(grows ? small : large);
    auto const old = use(before), fresh = use(source);
    tshift::shift_stream<float> target = before;
    auto const check = [&](bool done) -> std::string {
      if (use(target) != (done ? fresh : old)) return " neither the old stream nor the new one;";
      if (done) target = tshift::shift_stream<float>(before);
      return "";
    };
    CHECK(at_every_allocation([&] { target = source; }, check).problem == "");
    CHECK(at_every_allocation([&] { target = make(grows ? large : small); }, check).problem == "");
  }
}

TEST_CASE("Memory runs out while a file is read", "[faults]") {
  scratch_folder const folder;
  fs::path const path = folder / "w";
  bytes_t const memory = io::to_safetensors(tensors_of_all_types(), some_metadata());
  put(path, memory);
  std::string const mapped = path.string();

  auto const none = [](bool) { return std::string(); };
  outcome const opened = at_every_allocation([&] { safetensors::open(path); }, none, mapped.c_str());
  CHECK(opened.problem == "");
  CHECK(opened.failed >= 100);
  CHECK(mappings_of(mapped.c_str()) == 0);
  CHECK(at_every_allocation([&] { safetensors::parse(memory); }).problem == "");

  safetensors const one = safetensors::open(path), two = safetensors::parse(memory, "two");
  CHECK(mappings_of(mapped.c_str()) == 1);
  std::string const before = picture_of(one), after = picture_of(two);
  {
    safetensors target = one;
    auto const check = [&](bool done) -> std::string {
      if (picture_of(target) != (done ? after : before)) return " neither the old file nor the new one;";
      if (done) target = safetensors(one);
      return "";
    };
    CHECK(at_every_allocation([&] { safetensors const copy(one); }).problem == "");
    CHECK(at_every_allocation([&] { target = two; }, check).problem == "");
    CHECK(at_every_allocation([&] { target = safetensors::parse(memory, "two"); }, check).problem == "");
  }
  check_state_dicts(one);
  check_state_dicts(two);
  state_dict kept = safetensors::open(path).state_dict();
  CHECK(mappings_of(mapped.c_str()) == 2);  // the file is gone, the dictionary keeps the mapping
  kept = {};
  CHECK(mappings_of(mapped.c_str()) == 1);
}

TEST_CASE("Memory runs out while something is refused", "[faults]") {
  // Whichever of the two it is: there is no third.
  bytes_t broken = io::to_safetensors(tensors_of_all_types(), some_metadata());
  broken.pop_back();
  long refused = 0;
  outcome const reading = at_every_allocation([&] {
    try {
      safetensors::parse(broken, "a name that does not fit into a string's own memory");
    } catch (tshift::file_error const&) {
      ++refused;
    }
  });
  CHECK(reading.problem == "");
  CHECK(reading.failed >= 100);
  state_dict weights("a name that does not fit into a string's own memory");
  weights.add_owned("head.weight", {2, 3}, std::vector<float>(6));
  outcome const making = at_every_allocation([&] {
    try {
      shift_cnn<float> const model(weights);
    } catch (tshift::shape_error const&) {
      ++refused;
    }
  });
  CHECK(making.problem == "");
  CHECK(refused >= 4);
}

TEST_CASE("Memory ran out, and a tensor was there without its name, or without its elements", "[faults]") {
  std::string const name = "a name of more than sixteen letters";
  std::vector<index_t> const dims = {2, 3};
  std::vector<float> const values = {1, 2, 3, 4, 5, 6};
  for (index_t there = 0; there < 9; ++there) {  // vectors grow at some of these
    state_dict weights("W");
    auto const grow = [&] {
      for (index_t i = 0; i < there; ++i) weights.add_owned(std::to_string(i), {1}, {static_cast<float>(i)});
    };
    grow();
    std::string const before = picture_of(weights);
    auto const check = [&](bool done) -> std::string {
      if (!done) return picture_of(weights) == before && !weights.contains(name) ? "" : " half of a tensor is there;";
      bool const whole = weights.size() == there + 1 && weights.find(name) == weights.end() - 1;
      weights = state_dict("W");
      grow();
      return whole ? "" : " the tensor is not there;";
    };
    // What vectors have grown by, they keep.
    auto const add = [&](auto const& how) {
      outcome result = at_every_allocation(
          [&] {
            state_dict fresh = weights;
            how(fresh);
            weights = std::move(fresh);
          },
          check);
      CHECK(result.problem == "");
      CHECK(result.failed > 0);
    };
    add([&](state_dict& to) { to.add(name, dims, values); });
    add([&](state_dict& to) { to.add_owned(name, dims, values); });
    add([&](state_dict& to) { to.add({name, dtype::i64, {0}, {}}); });
    // In place: nothing is copied in front.
    for (long k = 0; k < 20; ++k) {
      bool done = false;
      try {
        failing_allocation const armed(k, false);
        weights.add_owned(name, dims, values);
        done = true;
      } catch (std::bad_alloc const&) {
      }
      ++points;
      if (done) break;
      CHECK(picture_of(weights) == before);
      CHECK_FALSE(weights.contains(name));
      REQUIRE(k < 19);
    }
    REQUIRE(weights.contains(name));
    CHECK(read_as<float>(*weights.find(name))[5] == 6.f);
  }
}

TEST_CASE("Memory runs out while a file is written: the old one stays, and nothing beside it", "[faults]") {
  scratch_folder const folder;
  fs::path const path = folder / "a file with a name of more than sixteen letters", link = folder / "link";
  bytes_t const before(10, std::byte{'x'});
  auto const tensors = tensors_of_all_types();
  auto const metadata = some_metadata();
  bytes_t const expected = io::to_safetensors(tensors, metadata);
  put(path, before);
  fs::create_symlink(path.filename(), link);
  for (fs::path const& to : {path, link}) {
    outcome const written = at_every_allocation([&] { io::write_safetensors(to, tensors, metadata); },
                                                [&](bool done) -> std::string {
                                                  if (folder.files() != 2 || !fs::is_symlink(link))
                                                    return " something else is in the folder;";
                                                  if (contents(path) != (done ? expected : before))
                                                    return " neither the old file nor the new one;";
                                                  if (done) put(path, before);
                                                  return "";
                                                });
    CHECK(written.problem == "");
    CHECK(written.failed >= 200);
  }
  CHECK(at_every_allocation([&] { io::to_safetensors(tensors, metadata); }).problem == "");
  state_dict const weights = seeded_weights<float>({"cnn", "none", 12, 0, 4}, 1);
  CHECK(at_every_allocation([&] { io::to_safetensors(weights); }).problem == "");
}

// --- the system -------------------------------------------------------------------------------------------------------

namespace {

/// Calls attempt() with the first, second, ... call of the system failing, until it gets by without.
/// @param expected  expected(name of the call, error) is what the message must end with, "" if it must succeed
template <class Attempt, class Expected, class Check>
int at_every_call(int error, bool for_good, Attempt attempt, Expected expected, Check check) {
  for (int k = 0;; ++k) {
    int const files = entries_of("/proc/self/fd");
    faults = {true, k, error, for_good, ""};
    std::string const message = file_message_of(attempt);
    faults.armed = false;
    std::string const failed = faults.failed;
    INFO("call " << k << ", " << failed << ": " << system_text(error) << ": " << message);
    CHECK(entries_of("/proc/self/fd") == files);
    std::string const wanted = failed.empty() ? "" : expected(failed);
    CHECK(message.empty() == wanted.empty());
    CHECK(message.ends_with(wanted));
    check(message.empty());
    if (failed.empty()) return k;
  }
}

}  // namespace

TEST_CASE("Every call of the system fails while a file is read", "[faults]") {
  scratch_folder const folder;
  fs::path const path = folder / "w";
  put(path, io::to_safetensors(tensors_of_all_types(), some_metadata()));
  std::string const mapped = path.string();
  int tried = 0;
  for (int const error : {EINTR, EIO, ENOMEM, EACCES, EMFILE}) {
    tried += at_every_call(
        error, false, [&] { safetensors::open(path); },
        [&](std::string const& call) -> std::string {
          if (call == "open" && error == EINTR) return "";  // once more
          if (call == "close") return "";                   // nothing was written
          return (call == "mmap" ? ": cannot be mapped: " : ": cannot be opened: ") + system_text(error);
        },
        [&](bool) { CHECK(mappings_of(mapped.c_str()) == 0); });
  }
  CHECK(tried == 20);
}

TEST_CASE("Every call of the system fails while a file is written", "[faults]") {
  scratch_folder const folder;
  fs::path const path = folder / "w";
  auto const tensors = tensors_of_all_types();
  bytes_t const before(10, std::byte{'x'}), expected = io::to_safetensors(tensors);
  int tried = 0;
  for (int const error : {EINTR, EIO, ENOSPC, EDQUOT, EROFS, ENOTDIR, 0}) {
    for (bool const exists : {true, false}) {
      if (exists) put(path, before);
      tried += at_every_call(
          error, false, [&] { io::write_safetensors(path, tensors); },
          [&](std::string const& call) -> std::string {
            if (error == 0) return "";                                             // the rest later
            if ((call == "open" || call == "write") && error == EINTR) return "";  // once more
            return ": cannot be written: " + system_text(error);
          },
          [&](bool done) {
            bool const there = done || exists;
            CHECK(folder.files() == (there ? 1 : 0));
            if (there) CHECK((contents(path) == (done ? expected : before)));
            fs::remove(path);
            if (exists) put(path, before);
          });
      fs::remove(path);
    }
  }
  CHECK(tried >= 200);
}

TEST_CASE("A disk that is full and stays full; one that takes a byte at a time", "[faults]") {
  scratch_folder const folder;
  fs::path const path = folder / "w";
  auto const tensors = tensors_of_all_types();
  bytes_t const before(10, std::byte{'x'}), expected = io::to_safetensors(tensors);
  put(path, before);
  faults = {true, 0, 0, true, ""};
  io::write_safetensors(path, tensors);
  faults.armed = false;
  CHECK((contents(path) == expected));
  put(path, before);
  faults = {true, 4, ENOSPC, true, ""};  // stat, faccessat, open, fchmod: from the first write on
  std::string const full = file_message_of([&] { io::write_safetensors(path, tensors); });
  faults.armed = false;
  CHECK(full == path.string() + ": cannot be written: " + system_text(ENOSPC));
  CHECK(std::string_view(faults.failed) == "write");
  CHECK((contents(path) == before));
  CHECK(folder.files() == 1);
}

TEST_CASE("A file that is renamed over stays as it was; one that is cut short ends the program", "[faults]") {
  scratch_folder const folder;
  fs::path const path = folder / "w";
  std::vector<float> const first(5000, 1.f), second(5000, 2.f);
  io::write_safetensors(path, {{"a", {5000}, first}});
  auto const old = safetensors::open(path).state_dict();
  io::write_safetensors(path, {{"a", {5000}, second}});
  auto const fresh = safetensors::open(path).state_dict();
  CHECK(read_as<float>(*old.find("a"))[4999] == 1.f);
  CHECK(read_as<float>(*fresh.find("a"))[4999] == 2.f);
  fs::resize_file(path, 100);
  pid_t const child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    std::signal(SIGBUS, SIG_DFL);
    float const volatile gone = read_as<float>(*fresh.find("a"))[4999];
    ::_exit(gone == 2.f ? 1 : 2);
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  CHECK(WIFSIGNALED(status));
  CHECK((WIFSIGNALED(status) && WTERMSIG(status) == SIGBUS));
  CHECK(read_as<float>(*old.find("a"))[4999] == 1.f);
}

TEST_CASE("A size of 0 hid that a tensor's other sizes make more bits than can be counted", "[faults]") {
  auto const parsed = [](char const* type, char const* dims) {
    std::string const header =
        std::string(R"({"a":{"dtype":")") + type + R"(","shape":)" + dims + R"(,"data_offsets":[0,0]}})";
    bytes_t file;
    for (int i = 0; i < 8; ++i) file.push_back(static_cast<std::byte>(header.size() >> 8 * i & 0xff));
    auto const text = std::as_bytes(std::span(header));
    file.insert(file.end(), text.begin(), text.end());
    return file_message_of([&] { safetensors::parse(file); });
  };
  // 2^61 elements of 16 bits; 2^59 - 1 of them are the most that are fewer than 2^63 bits.
  CHECK(parsed("F16", "[2305843009213693952,0]") ==
        "memory: tensor a: shape [2305843009213693952, 0] of F16 overflows (byte 9)");
  CHECK(parsed("F16", "[0,2305843009213693952]") ==
        "memory: tensor a: shape [0, 2305843009213693952] of F16 overflows (byte 9)");
  CHECK(parsed("F16", "[576460752303423488,0]") ==
        "memory: tensor a: shape [576460752303423488, 0] of F16 overflows (byte 9)");
  CHECK(parsed("F16", "[576460752303423487,0]") == "");
  CHECK(parsed("F4", "[2305843009213693951,0]") == "");
  CHECK(parsed("F4", "[2305843009213693952,0]") ==
        "memory: tensor a: shape [2305843009213693952, 0] of F4 overflows (byte 9)");
  CHECK(file_message_of([] {
          io::to_safetensors({{"a", dtype::f16, {index_t{1} << 61, 0}, {}}});
        }) == "memory: tensor a: shape [2305843009213693952, 0] of F16 does not fit the 0 bytes that are given");
  CHECK(points > 5000);
  std::cout << "faults: memory ran out at " << points << " allocations\n";
}
