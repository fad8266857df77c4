// SPDX-License-Identifier: MIT
// Changes to sound files that stay close to RIFF: a list of chunks, each a name, a length and bytes.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "../support/random.hpp"

namespace fuzz {

class wav_mutator {
 public:
  explicit wav_mutator(unsigned seed) : random_(seed) {}

  /// @param blindly  (text, room): changes a text somehow, to at most `room` bytes
  template <class Blindly>
  std::string operator()(std::string_view from, std::size_t most, Blindly blindly) {
    std::string file(from);
    index_t const what = random_.in(0, 9);
    if (what < 3) {
      blindly(file, most);
    } else if (what == 3) {
      file.resize(below(file.size() + 1));
    } else if (what == 4 && file.size() >= 8) {  // any number anywhere, of either byte order
      put(file, below(file.size() - 3), any_number(), random_.chance(2) ? 2 : 4, random_.chance(4));
    } else if (what == 5) {
      file = any_file();
    } else if (!file.starts_with("RIFF") || file.size() < 12) {
      blindly(file, most);
    } else {
      edit_chunks(file, blindly);
    }
    if (file.size() > most) file.resize(most);
    return file;
  }

 private:
  using index_t = tshift::index_t;
  struct chunk {
    std::string name, bytes;
    std::uint32_t size;  // as the file says
  };

  std::size_t below(std::size_t count) { return count == 0 ? 0 : static_cast<std::size_t>(random_() % count); }

  template <class T, std::size_t N>
  T any_of(T const (&list)[N]) {
    return list[below(N)];
  }

  static void put(std::string& to, std::size_t at, std::uint64_t value, std::size_t bytes, bool big = false) {
    for (std::size_t i = 0; i < bytes && at + i < to.size(); ++i) {
      to[at + i] = static_cast<char>(value >> 8 * (big ? bytes - 1 - i : i) & 0xff);
    }
  }
  static std::uint32_t get(std::string_view from, std::size_t at) {
    std::uint32_t value = 0;
    for (std::size_t i = 0; i < 4 && at + i < from.size(); ++i) {
      value |= static_cast<std::uint32_t>(static_cast<unsigned char>(from[at + i])) << 8 * i;
    }
    return value;
  }
  static std::string bytes_of(std::uint64_t value, std::size_t bytes) {
    std::string text(bytes, '\0');
    put(text, 0, value, bytes);
    return text;
  }

  std::uint32_t any_number() {
    constexpr std::uint32_t list[] = {0,      1,      2,          3,          4,          8,          16,
                                      18,     24,     32,         40,         255,        256,        999,
                                      1000,   8000,   0x7fff,     0x8000,     65535,      65536,      768000,
                                      768001, 999999, 0x7fffffff, 0x80000000, 0xfffffff0, 0xfffffffe, 0xffffffff};
    return random_.chance(3) ? static_cast<std::uint32_t>(random_() >> random_.in(32, 60)) : any_of(list);
  }

  std::string any_name() {
    constexpr char const* list[] = {"fmt ", "data", "fact", "LIST", "PEAK", "cue ", "smpl", "bext", "cart", "inst",
                                    "JUNK", "PAD ", "ds64", "iXML", "acid", "DISP", "id3 ", "afsp", "clm ", "levl",
                                    "plst", "wavl", "slnt", "INFO", "adtl", "strc", "exif", "elm1", "minf", "regn"};
    return any_of(list);
  }

  std::string any_format(std::uint32_t& align) {
    constexpr std::uint32_t tags[] = {1,    1,    1,    3,    3,    6,    7,    2,      17,     0x31,
                                      0x14, 0x16, 0x40, 0x45, 0x55, 0x64, 0x65, 0xfffe, 0x674f, 0x6750};
    constexpr std::uint32_t bits_list[] = {8, 8, 16, 16, 24, 32, 32, 64, 4, 1, 12, 0, 77};
    std::uint32_t const tag = any_of(tags), bits = any_of(bits_list);
    std::uint32_t const channels =
        random_.chance(8) ? any_number() & 0xffff : static_cast<std::uint32_t>(random_.in(1, 4));
    std::uint32_t const rate = random_.chance(8) ? any_number() : random_.chance(2) ? 1000 : 8000;
    align = channels * ((bits + 7) / 8);
    if (random_.chance(16)) align = any_number();
    std::string text = bytes_of(tag, 2) + bytes_of(channels, 2) + bytes_of(rate, 4) +
                       bytes_of(std::uint64_t{rate} * align, 4) + bytes_of(align, 2) + bytes_of(bits, 2);
    if (tag == 0xfffe) {
      text += bytes_of(22, 2) + bytes_of(bits, 2) + bytes_of(random_.chance(4) ? any_number() : 3, 4) +
              bytes_of(random_.chance(2) ? 1 : 3, 2);
      text += std::string_view("\0\0\0\0\x10\0\x80\0\0\xaa\0\x38\x9b\x71", 14);
    } else if (tag != 1 || random_.chance(8)) {
      text += bytes_of(2, 2) + bytes_of(any_number(), 2);
    }
    return text;
  }

  std::string noise(std::size_t size, bool floats) {
    std::string text(size, '\0');
    switch (random_.in(0, 3)) {
      case 0: break;
      case 1: random_.fill(text.data(), size); break;
      default:
        for (std::size_t i = 0; i < size; ++i) text[i] = static_cast<char>(i * 37 + i / 16);
    }
    if (floats) {  // of a usual size, or none at all
      for (std::size_t i = 3; i < size; i += 4) text[i] = static_cast<char>(random_.chance(64) ? 0x7f : 0x3e);
    }
    return text;
  }

  std::string any_file() {
    std::uint32_t align = 1;
    std::string const format = any_format(align);
    std::vector<chunk> chunks;
    add(chunks, "fmt ", format);
    if (random_.chance(4)) add(chunks, any_name(), noise(below(40), false));
    std::size_t const frames = below(80);
    add(chunks, "data", noise(std::min<std::size_t>(frames * std::max<std::uint32_t>(align, 1), 640), format[0] == 3));
    if (random_.chance(4)) add(chunks, any_name(), noise(below(40), false));
    return joined("RIFF", "WAVE", chunks, false);
  }

  static void add(std::vector<chunk>& chunks, std::string name, std::string bytes) {
    auto const size = static_cast<std::uint32_t>(bytes.size());
    chunks.push_back({std::move(name), std::move(bytes), size});
  }

  std::string joined(std::string const& riff, std::string const& wave, std::vector<chunk> const& chunks, bool keep) {
    std::string body = wave;
    for (chunk const& one : chunks) {
      body += one.name + bytes_of(one.size, 4) + one.bytes;
      if (one.bytes.size() % 2 != 0 && !random_.chance(32)) body += '\0';
    }
    return riff + bytes_of(keep && random_.chance(2) ? any_number() : body.size(), 4) + body;
  }

  template <class Blindly>
  void edit_chunks(std::string& file, Blindly blindly) {
    std::vector<chunk> chunks;
    for (std::size_t at = 12; at + 8 <= file.size();) {
      std::uint32_t const size = get(file, at + 4);
      std::size_t const there = std::min<std::size_t>(size, file.size() - at - 8);
      chunks.push_back({file.substr(at, 4), file.substr(at + 8, there), size});
      at += 8 + there + there % 2;
    }
    std::string riff = file.substr(0, 4), wave = file.substr(8, 4);
    bool keep = false;
    for (index_t changes = random_.in(1, 3); changes > 0; --changes) {
      chunk* const one = chunks.empty() ? nullptr : &chunks[below(chunks.size())];
      switch (one == nullptr ? 0 : random_.in(0, 11)) {
        case 0: add(chunks, any_name(), noise(below(64), false)); break;
        case 1: one->size = any_number(); break;
        case 2: one->size += static_cast<std::uint32_t>(random_.in(-2, 2)); break;
        case 3: one->name = any_name(); break;
        case 4: chunks.push_back(*one); break;
        case 5: std::swap(*one, chunks[below(chunks.size())]); break;
        case 6: chunks.erase(chunks.begin() + (one - chunks.data())); break;
        case 7:
          one->bytes.resize(below(128));
          one->size = static_cast<std::uint32_t>(one->bytes.size());
          break;
        case 8:
          if (!one->bytes.empty()) put(one->bytes, below(one->bytes.size()), any_number(), random_.chance(2) ? 2 : 4);
          break;
        case 9: {
          std::uint32_t align = 1;
          auto const format =
              std::find_if(chunks.begin(), chunks.end(), [](chunk const& c) { return c.name == "fmt "; });
          if (format == chunks.end()) break;
          format->bytes = any_format(align);
          format->size = static_cast<std::uint32_t>(format->bytes.size());
          break;
        }
        case 10: keep = true; break;
        default: {
          std::size_t const size = one->bytes.size();
          blindly(one->bytes, size);
          one->size = static_cast<std::uint32_t>(one->bytes.size());
        }
      }
    }
    if (random_.chance(64)) riff = any_of<char const*>({"RIFX", "RF64", "riff", "FORM"});
    file = joined(riff, wave, chunks, keep);
  }

  test_support::random_bits random_;
};

}  // namespace fuzz
