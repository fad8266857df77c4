// SPDX-License-Identifier: MIT
// What a file that is no safetensors looks like, and what to do then. Part of io/safetensors.hpp.
#pragma once

#include <tshift/macros/away.hpp>

#include <algorithm>
#include <cstddef>
#include <span>
#include <string_view>

#include <tshift/config.hpp>

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA { namespace detail {

/// How files of another format begin.
struct known_format {
  std::string_view begin;  // of a text, in lower case
  bool text;               // upper case, white space and a byte order mark in front are passed over
  char const* sentence;    // what it is, and what to do
};

inline constexpr char const* web_page =
    "is a web page, as a download leaves that failed or needs a login: fetch the file itself";

inline constexpr known_format known_formats[] = {
    {"version https://git-lfs", true,
     "is a Git LFS pointer, which only stands for the file: fetch the file itself with `git lfs pull`"},
    {"PK\x03\x04", false,
     "is a zip archive, as torch.save writes it: load it in Python and save its state_dict with "
     "safetensors.torch.save_file"},
    {"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46", false,
     "is a pickle, as torch.save wrote it before PyTorch 1.6: load it in Python and save its state_dict with "
     "safetensors.torch.save_file"},
    {"\x1f\x8b", false, "is compressed by gzip: unpack it first"},
    {"<!doctype html", true, web_page},
    {"<html", true, web_page},
    {"{", true, "is JSON alone: where it is the index of several files, open the files that it names"},
};

/// The sentence of the format that a file begins with, null if it is none of them. For files that are refused anyway: a
/// safetensors file may begin with any bytes, which are its header's length.
inline char const* guessed_format(std::span<std::byte const> file) noexcept {
  std::string_view const all(reinterpret_cast<char const*>(file.data()), file.size());
  std::string_view text = all.substr(0, 8);
  // Lengths of headers have zeros in their upper bytes, texts have none.
  bool const is_text = text.find('\0') == std::string_view::npos;
  text = is_text ? all : std::string_view();
  if (text.starts_with("\xef\xbb\xbf")) text.remove_prefix(3);
  text.remove_prefix(std::min(text.find_first_not_of(" \t\r\n"), text.size()));
  auto const same = [](char c, char lower) { return c == lower || (c >= 'A' && c <= 'Z' && c - 'A' + 'a' == lower); };
  for (known_format const& format : known_formats) {
    std::string_view const begin = (format.text ? text : all).substr(0, format.begin.size());
    bool const begins = format.text
                            ? std::equal(begin.begin(), begin.end(), format.begin.begin(), format.begin.end(), same)
                            : begin == format.begin;
    if (begins) return format.sentence;
  }
  return nullptr;
}

}}}}  // namespace tshift::detail

#include <tshift/macros/back.hpp>
