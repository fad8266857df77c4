// SPDX-License-Identifier: MIT
// Makes what check_train.sh feeds to ser train, evaluate and gradients: tensors with labels, good and bad ones, and a
// folder of sounds with a manifest.
// usage: ser_make_training FOLDER
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <fstream>
#include <limits>
#include <string>
#include <tshift/io/safetensors.hpp>
#include <tshift/train/random.hpp>
#include <vector>

namespace {

using tshift::index_t;
using tshift::weights::tensor;

std::filesystem::path folder;

void write(std::string const& name, std::vector<tensor> const& list) {
  tshift::io::write_safetensors(folder / (name + ".safetensors"), list);
}

/// Sequences of noise with labels. Label k adds 1 to channels 3 k to 3 k + 2 of all frames, so that every model learns it.
struct sequences {
  static constexpr index_t count = 40, frames = 12, channels = 8, classes = 2, groups = 4;

  std::vector<float> x = std::vector<float>(count * frames * channels);
  std::vector<std::int64_t> labels, groups_of, lengths;

  explicit sequences(std::uint64_t seed) {
    for (index_t n = 0; n < count; ++n) {
      tshift::train::random_stream noise(seed, tshift::train::purposes::own, 0, n);
      labels.push_back(n % classes);
      groups_of.push_back(n / classes % groups);
      lengths.push_back(frames - n % 5);
      for (index_t t = 0; t < frames; ++t) {
        for (index_t c = 0; c < channels; ++c) {
          double const value = noise.normal() + (c / 3 == labels.back() ? 1 : 0);
          // Behind a length nothing may be read.
          x[static_cast<std::size_t>((n * frames + t) * channels + c)] =
              t < lengths.back() ? static_cast<float>(value) : std::numeric_limits<float>::quiet_NaN();
        }
      }
    }
  }

  std::vector<tensor> tensors() const {
    return {{"x", {count, frames, channels}, x},
            {"labels", {count}, labels},
            {"groups", {count}, groups_of},
            {"lengths", {count}, lengths}};
  }
};

void put(std::ofstream& file, std::uint32_t value, int bytes) {
  for (int b = 0; b < bytes; ++b) file.put(static_cast<char>(value >> 8 * b & 0xFF));
}

/// 16-bit mono at 16 kHz: a tone with noise.
void write_wav(std::filesystem::path const& path, double hertz, std::uint64_t seed) {
  constexpr std::uint32_t rate = 16000, samples = 6400;
  std::ofstream file(path, std::ios::binary);
  file << "RIFF";
  put(file, 36 + 2 * samples, 4);
  file << "WAVEfmt ";
  put(file, 16, 4);
  put(file, 1, 2);
  put(file, 1, 2);
  put(file, rate, 4);
  put(file, 2 * rate, 4);
  put(file, 2, 2);
  put(file, 16, 2);
  file << "data";
  put(file, 2 * samples, 4);
  tshift::train::random_stream noise(seed, tshift::train::purposes::own);
  for (std::uint32_t i = 0; i < samples; ++i) {
    double const tone = std::sin(2 * 3.14159265358979 * hertz * i / rate);
    put(file, static_cast<std::uint32_t>(std::lround(8000 * (tone + 0.3 * noise.normal()))) & 0xFFFF, 2);
  }
}

/// Three voices say "low" and "high", a folder for each word.
void write_sounds() {
  std::ofstream manifest(folder / "sounds.csv"), session(folder / "sessions.csv"), half(folder / "half.csv");
  manifest << "path,label,speaker,text\n";
  session << "path,label,speaker,session\n";
  half << "path,label,speaker\n";
  for (int voice = 0; voice < 3; ++voice) {
    for (int take = 0; take < 6; ++take) {
      std::string const label = take % 2 == 0 ? "low" : "high";
      std::string const path = "sounds/" + label + "/" + std::to_string(voice) + std::to_string(take) + ".wav";
      std::filesystem::create_directories((folder / path).parent_path());
      write_wav(folder / path, (take % 2 == 0 ? 300 : 1800) + 20 * voice + 7 * take,
                static_cast<std::uint64_t>(10 * voice + take));
      std::string const speaker = "voice " + std::to_string(voice);
      manifest << path << ',' << label << ',' << speaker << ',' << speaker << " take " << take << '\n';
      session << path << ',' << label << ',' << speaker << ',' << take / 2 << '\n';
      half << path << ',' << label << ',' << (take == 5 && voice == 2 ? "" : speaker) << '\n';
    }
  }
}

void make_all() {
  sequences const good(1), other(2);
  write("data", good.tensors());
  write("other_data", other.tensors());

  sequences bad = good;
  bad.x[static_cast<std::size_t>(5 * sequences::frames * sequences::channels)] = std::numeric_limits<float>::infinity();
  write("infinite", bad.tensors());
  auto const parts = good.tensors();
  write("no_groups", {parts[0], parts[1], parts[3]});
  write("no_labels", {parts[0], parts[2], parts[3]});
  std::vector<std::int64_t> const few(good.labels.begin(), good.labels.end() - 1);
  write("few_labels", {parts[0], {"labels", {sequences::count - 1}, few}});
  sequences negative = good;
  negative.labels[3] = -1;
  write("negative_label", negative.tensors());
  sequences three = good;
  three.labels[4] = 2;
  write("three_classes", three.tensors());
  sequences two = good;
  for (auto& group : two.groups_of) group %= 2;
  write("two_groups", two.tensors());

  // [S, N, T, D] for --replay.
  constexpr index_t steps = 5, each = sequences::count / steps;
  std::vector<float> dense = good.x;
  for (float& value : dense) value = std::isnan(value) ? 0.0f : value;
  write("batches", {{"x", {steps, each, sequences::frames, sequences::channels}, dense},
                    {"labels", {steps, each}, good.labels},
                    {"lengths", {steps, each}, good.lengths}});
  write_sounds();
}

}  // namespace

int main(int count, char** arguments) {
  if (count != 2) {
    std::fprintf(stderr, "usage: %s FOLDER\n", arguments[0]);
    return 2;
  }
  try {
    folder = arguments[1];
    make_all();
  } catch (std::exception const& error) {
    std::fprintf(stderr, "%s: %s\n", arguments[0], error.what());
    return 1;
  }
  return 0;
}
