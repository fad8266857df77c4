// SPDX-License-Identifier: MIT
// Changes to safetensors files that stay close to the format.
#pragma once

#include <algorithm>
#include <cctype>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <tshift/io/safetensors.hpp>

#include "../support/random.hpp"

namespace fuzz {

/// A tensor as text: sizes, offsets and type may be none.
struct tensor_text {
  std::string name, type;
  std::vector<std::string> shape;
  std::string data;
  std::string begin, end;  // instead of the offsets that would be right, if not empty
  std::string extra;       // another field
};

class safetensors_mutator {
 public:
  explicit safetensors_mutator(unsigned seed) : random_(seed) {}

  /// @param blindly  (text, room): changes a text somehow, to at most `room` bytes
  template <class Blindly>
  std::string operator()(std::string_view file, std::size_t most, Blindly blindly) {
    std::string text(file);
    switch (random_.in(0, 7)) {
      case 0: blindly(text, most); return text;
      case 1: return with_length(text, any_length(text.size()));
      case 2: return edited_header(text, most, [&](std::string& header) { blindly(header, most); });
      case 3: return edited_header(text, most, [&](std::string& header) { edit_token(header); });
      default: break;
    }
    try {
      return edited_tensors(text, most, blindly);
    } catch (tshift::file_error const&) {  // no list of tensors to be edited
      return edited_header(text, most, [&](std::string& header) { edit_token(header); });
    }
  }

 private:
  template <std::size_t N>
  char const* any_of(char const* const (&list)[N]) {
    return list[static_cast<std::size_t>(random_.in(0, static_cast<tshift::index_t>(N) - 1))];
  }
  std::size_t below(std::size_t count) { return count == 0 ? 0 : static_cast<std::size_t>(random_() % count); }

  std::string any_number() {
    constexpr char const* list[] = {"0",
                                    "1",
                                    "2",
                                    "3",
                                    "4",
                                    "8",
                                    "16",
                                    "-1",
                                    "-0",
                                    "1.5",
                                    "1e3",
                                    "02",
                                    "null",
                                    R"("1")",
                                    "2147483648",
                                    "4294967296",
                                    "1073741824",
                                    "9007199254740993",
                                    "1152921504606846976",
                                    "2305843009213693952",
                                    "4611686018427387904",
                                    "9223372036854775807",
                                    "9223372036854775808",
                                    "18446744073709551615",
                                    "18446744073709551616",
                                    "1e999",
                                    "[1]",
                                    "{}"};
    return random_.chance(2) ? std::to_string(random_.in(0, 20)) : any_of(list);
  }

  std::string any_name() {
    constexpr char const* list[] = {
        "",    "a",  "b",    "c",    "__metadata__", "head.weight", "dtype", "\xc3\xa9",     "\"",
        "\\",  "\n", "\x01", "\xff", "\xed\xa0\x80", "\\u0000",     "shape", "data_offsets", "\xf0\x9f\x98\x80",
        "\x7f"};
    return random_.chance(64) ? std::string(4090 + below(12), 'n') : any_of(list);
  }

  std::string any_type() {
    if (random_.chance(12)) {
      constexpr char const* wrong[] = {"", "f32", "F33", "BF32", "F128", "null"};
      return any_of(wrong);
    }
    if (random_.chance(2)) {
      constexpr char const* usual[] = {"F16", "BF16", "F32", "F64"};
      return any_of(usual);
    }
    return tshift::weights::name_of(
        static_cast<tshift::weights::dtype>(random_.in(0, static_cast<int>(tshift::weights::dtype::u64))));
  }

  std::uint64_t any_length(std::size_t size) {
    switch (random_.in(0, 5)) {
      case 0: return random_();
      case 1: return std::uint64_t{1} << random_.in(0, 63);
      case 2: return ~std::uint64_t{0} - below(16);
      case 3: return size - 8 + below(3) - 1;
      case 4: return 100'000'000 + below(3) - 1;
      default: return below(size + 2);
    }
  }

  static std::string with_length(std::string file, std::uint64_t length) {
    if (file.size() < 8) file.resize(8);
    for (unsigned i = 0; i < 8; ++i) file[i] = static_cast<char>(length >> 8 * i & 0xff);
    return file;
  }

  static std::size_t header_size(std::string_view file) {
    std::uint64_t length = 0;
    for (std::size_t i = 0; i < 8 && i < file.size(); ++i) {
      length |= std::uint64_t{static_cast<unsigned char>(file[i])} << 8 * i;
    }
    return file.size() < 8 ? 0 : static_cast<std::size_t>(std::min<std::uint64_t>(length, file.size() - 8));
  }

  template <class Edit>
  std::string edited_header(std::string const& file, std::size_t most, Edit edit) {
    std::size_t const size = header_size(file);
    std::string header = file.size() < 8 ? file : file.substr(8, size);
    std::string const data = file.size() < 8 + size ? "" : file.substr(8 + size);
    edit(header);
    return joined(header, data, most);
  }

  std::string joined(std::string const& header, std::string const& data, std::size_t most) {
    std::uint64_t const length = random_.chance(32) ? any_length(header.size() + data.size()) : header.size();
    std::string file = with_length(std::string(8, '\0'), length) + header + data;
    if (file.size() > most) file.resize(most);
    return file;
  }

  /// Replaces, doubles, removes or swaps a word, a number or a sign.
  void edit_token(std::string& header) {
    std::vector<std::pair<std::size_t, std::size_t>> tokens;
    for (std::size_t i = 0; i < header.size();) {
      std::size_t end = i + 1;
      auto const is_word = [&](std::size_t at) {
        return std::isalnum(static_cast<unsigned char>(header[at])) != 0 || header[at] == '_' || header[at] == '-';
      };
      if (header[i] == '"') {
        while (end < header.size() && (header[end] != '"' || header[end - 1] == '\\')) ++end;
        end = std::min(end + 1, header.size());
      } else if (is_word(i)) {
        while (end < header.size() && is_word(end)) ++end;
      }
      tokens.emplace_back(i, end - i);
      i = end;
    }
    if (tokens.empty()) {
      header = "{}";
      return;
    }
    auto const [at, size] = tokens[below(tokens.size())];
    auto const [other_at, other_size] = tokens[below(tokens.size())];
    std::string const other = header.substr(other_at, other_size);
    constexpr char const* words[] = {"{",
                                     "}",
                                     "[",
                                     "]",
                                     ",",
                                     ":",
                                     " ",
                                     R"("dtype")",
                                     R"("shape")",
                                     R"("data_offsets")",
                                     R"("__metadata__")",
                                     R"("\u0061")",
                                     R"("\ud800")",
                                     R"("a")",
                                     "null",
                                     "true",
                                     "{}",
                                     "[]"};
    switch (random_.in(0, 5)) {
      case 0: header.replace(at, size, any_number()); break;
      case 1: header.replace(at, size, any_of(words)); break;
      case 2: header.erase(at, size); break;
      case 3: header.insert(at, other); break;
      case 4: header.replace(at, size, other); break;
      default: header.insert(at, any_of(words)); break;
    }
  }

  /// Takes the file apart, changes a few things about its tensors, and puts it together again.
  template <class Blindly>
  std::string edited_tensors(std::string const& file, std::size_t most, Blindly blindly) {
    auto const opened = tshift::io::safetensors::parse(std::as_bytes(std::span(file)));
    std::vector<tensor_text> tensors;
    for (tshift::weights::tensor const& tensor : opened.tensors()) {
      tensor_text text;
      text.name = tensor.name;
      text.type = tshift::weights::name_of(tensor.type);
      for (tshift::index_t const size : tensor.shape) text.shape.push_back(std::to_string(size));
      text.data.assign(reinterpret_cast<char const*>(tensor.bytes.data()), tensor.bytes.size());
      tensors.push_back(std::move(text));
    }
    std::vector<std::pair<std::string, std::string>> metadata(opened.metadata().begin(), opened.metadata().end());
    for (tshift::index_t changes = random_.in(1, 3); changes > 0; --changes) {
      tensor_text* const one = tensors.empty() ? nullptr : &tensors[below(tensors.size())];
      switch (one == nullptr ? 0 : random_.in(0, 12)) {
        case 0: tensors.push_back(any_tensor()); break;
        case 1: one->name = any_name(); break;
        case 2:
          one->type = any_type();
          if (!random_.chance(4)) fit(*one);
          break;
        case 3:
          if (one->shape.empty() || random_.chance(3)) {
            one->shape.insert(one->shape.begin() + static_cast<std::ptrdiff_t>(below(one->shape.size() + 1)),
                              any_number());
          } else {
            one->shape[below(one->shape.size())] = any_number();
          }
          if (!random_.chance(3)) fit(*one);
          break;
        case 4:
          if (!one->shape.empty())
            one->shape.erase(one->shape.begin() + static_cast<std::ptrdiff_t>(below(one->shape.size())));
          fit(*one);
          break;
        case 5: one->begin = any_number(); break;
        case 6: one->end = any_number(); break;
        case 7: {
          std::size_t const size = one->data.size();
          blindly(one->data, size);
          if (!random_.chance(4)) one->data.resize(size);
          break;
        }
        case 8: tensors.push_back(*one); break;
        case 9: std::swap(*one, tensors[below(tensors.size())]); break;
        case 10: tensors.erase(tensors.begin() + (one - tensors.data())); break;
        case 11: metadata.emplace_back(any_name(), any_name()); break;
        default: one->extra = any_name(); break;
      }
    }
    return joined_tensors(tensors, metadata, most);
  }

  tensor_text any_tensor() {
    tensor_text tensor;
    tensor.name = random_.chance(2) ? std::string(1, static_cast<char>('a' + below(26))) : any_name();
    tensor.type = any_type();
    for (std::size_t i = below(4); i > 0; --i) tensor.shape.push_back(std::to_string(below(5)));
    fit(tensor);
    return tensor;
  }

  /// Gives a tensor as many bytes as its shape says, if that is a size for a test.
  void fit(tensor_text& tensor) {
    std::uint64_t bits = 0;
    for (int i = 0; i <= static_cast<int>(tshift::weights::dtype::u64); ++i) {
      auto const type = static_cast<tshift::weights::dtype>(i);
      if (tensor.type == tshift::weights::name_of(type))
        bits = static_cast<std::uint64_t>(tshift::weights::bits_of(type));
    }
    for (std::string const& size : tensor.shape) {
      if (size.empty() || size.size() > 3 || size.find_first_not_of("0123456789") != std::string::npos) return;
      bits *= std::stoul(size);
      if (bits > 4096) return;
    }
    std::size_t const old = tensor.data.size();
    tensor.data.resize(static_cast<std::size_t>(bits) / 8);
    if (tensor.data.size() > old) random_.fill(tensor.data.data() + old, tensor.data.size() - old);
  }

  std::string json(std::string const& text) {
    std::string out;
    if (random_.chance(3)) {  // every letter may be escaped; of UTF-8 the bytes stay
      out = "\"";
      for (char const c : text) {
        if (static_cast<unsigned char>(c) >= 0x80 || !random_.chance(3)) {
          out += c == '"' || c == '\\' ? std::string{'\\', c} : std::string(1, c);
        } else {
          char escape[8];
          std::snprintf(escape, sizeof escape, "\\u%04x", static_cast<unsigned>(static_cast<unsigned char>(c)));
          out += escape;
        }
      }
      return out + '"';
    }
    tshift::detail::append_json(out, text);
    return out;
  }

  std::string space() { return random_.chance(24) ? std::string(below(4), " \t\n\r"[below(4)]) : ""; }

  std::string joined_tensors(std::vector<tensor_text> const& tensors,
                             std::vector<std::pair<std::string, std::string>> const& metadata, std::size_t most) {
    std::vector<std::size_t> starts(tensors.size());  // their data may lie in another order than the header names them
    std::vector<std::size_t> order(tensors.size());
    for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
    if (random_.chance(4)) {
      for (std::size_t i = order.size(); i > 1; --i) std::swap(order[i - 1], order[below(i)]);
    }
    std::string data;
    for (std::size_t const i : order) {
      starts[i] = data.size();
      data += tensors[i].data;
    }
    std::string header = "{";
    auto const next = [&] {
      if (header.size() > 1) header += "," + space();
    };
    if (!metadata.empty()) {
      header += R"("__metadata__":{)";
      for (std::size_t i = 0; i < metadata.size(); ++i) {
        header += (i > 0 ? "," : "") + json(metadata[i].first) + ":" + json(metadata[i].second);
      }
      header += '}';
    }
    for (std::size_t i = 0; i < tensors.size(); ++i) {
      tensor_text const& tensor = tensors[i];
      std::string shape = "[";
      for (std::size_t k = 0; k < tensor.shape.size(); ++k) {
        if (k > 0) shape += "," + space();
        shape += tensor.shape[k];
      }
      std::string const begin = tensor.begin.empty() ? std::to_string(starts[i]) : tensor.begin;
      std::string const end = tensor.end.empty() ? std::to_string(starts[i] + tensor.data.size()) : tensor.end;
      std::vector<std::string> fields{json("dtype") + ":" + space() + json(tensor.type),
                                      json("shape") + ":" + shape + "]",
                                      json("data_offsets") + ":[" + begin + "," + end + "]"};
      if (!tensor.extra.empty()) fields.push_back(json(tensor.extra) + ":" + any_number());
      if (random_.chance(4)) std::swap(fields[0], fields[below(fields.size())]);
      if (random_.chance(64)) fields.pop_back();
      next();
      header += json(tensor.name) + ":" + space() + "{";
      for (std::size_t k = 0; k < fields.size(); ++k) header += (k > 0 ? "," : "") + fields[k];
      header += "}";
    }
    header += "}" + std::string(below(9), ' ');
    if (random_.chance(32)) data.resize(below(data.size() + 9));
    return joined(header, data, most);
  }

  test_support::random_bits random_;
};

template <class Blindly>
std::string mutated_safetensors(std::string_view file, std::size_t most, unsigned seed, Blindly blindly) {
  std::string result = safetensors_mutator(seed)(file, most, blindly);
  if (result.size() > most) result.resize(most);
  return result;
}

}  // namespace fuzz
