// SPDX-License-Identifier: MIT
// A small encoder, described once, is written as every family writes its own, and must come back as the same dictionary.
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <tshift/weights/dtype.hpp>
#include <tshift/weights/speech_encoder_names.hpp>
#include <tshift/weights/state_dict.hpp>
#include <tshift/weights/tensor.hpp>

#include "../support/catch.hpp"
#include "../support/message_of.hpp"
#include "../support/random.hpp"
#include "../support/seeded.hpp"

namespace {

using test_support::count_of;
using test_support::message_of;
using tshift::index_t;
using tshift::weights::dtype;
using tshift::weights::speech_encoder_weights;
using tshift::weights::state_dict;
using tshift::weights::tensor;
using family = tshift::weights::speech_encoder_family;

constexpr index_t D = 12, C = 6, FF = 20, taps = 5, groups = 3, heads = 2, buckets = 7;
constexpr index_t kernels[] = {4, 3, 2};

struct network {
  bool every_conv, conv_bias, projection_norm, gated;
};

std::vector<network> all_networks() {
  std::vector<network> all;
  for (int i = 0; i < 16; ++i) all.push_back({i % 2 == 1, i / 2 % 2 == 1, i / 4 % 2 == 1, i / 8 == 1});
  return all;
}

enum class spelling { plain, old, parametrized };
constexpr spelling all_spellings[] = {spelling::plain, spelling::old, spelling::parametrized};
constexpr family all_families[] = {family::transformers, family::torchaudio, family::fairseq};
constexpr std::string_view all_prefixes[] = {
    "", "wav2vec2.", "hubert.", "wavlm.", "model.", "pretrain.", "w2v_encoder.w2v_model."};
std::string const pos = "encoder.pos_conv_embed.conv";

struct item {
  std::string name;
  std::vector<index_t> shape;
  dtype type;
  std::vector<std::byte> bytes;
};

// Eighths in [-2, 2], which every type holds, and whose squares and sums are exact; no tap is all zeros.
float eighth(std::string_view name, std::size_t i) {
  test_support::random_bits random(test_support::hash_of(name) + i);
  index_t const value = random.in(-16, 16);
  return static_cast<float>(i < taps && value == 0 ? 3 : value) / 8;
}

template <class Unsigned>
void append(std::vector<std::byte>& bytes, Unsigned value) {
  for (std::size_t i = 0; i < sizeof value; ++i) bytes.push_back(static_cast<std::byte>(value >> (8 * i) & 0xffu));
}

std::uint16_t half_of(float value) {  // of an eighth in [-2, 2]
  auto const bits = __builtin_bit_cast(std::uint32_t, value);
  if (value == 0) return 0;
  return static_cast<std::uint16_t>((bits >> 16 & 0x8000u) | ((bits >> 23 & 0xffu) - 112) << 10 |
                                    (bits >> 13 & 0x3ffu));
}

item numbers(std::string name, std::vector<index_t> shape, dtype type, std::function<float(std::size_t)> const& at) {
  item made{std::move(name), std::move(shape), type, {}};
  for (std::size_t i = 0; i < count_of(made.shape); ++i) {
    float const value = at(i);
    if (type == dtype::f16) append(made.bytes, half_of(value));
    if (type == dtype::bf16) {
      append(made.bytes, static_cast<std::uint16_t>(__builtin_bit_cast(std::uint32_t, value) >> 16));
    }
    if (type == dtype::f32) append(made.bytes, __builtin_bit_cast(std::uint32_t, value));
    if (type == dtype::f64) append(made.bytes, __builtin_bit_cast(std::uint64_t, static_cast<double>(value)));
  }
  return made;
}

// w = g v / |v| by plain loops.
float folded(std::size_t i) {
  std::size_t const k = i % taps;
  long double sum = 0;
  for (std::size_t j = k; j < static_cast<std::size_t>(D * D / groups * taps); j += taps) {
    long double const v = eighth("v", j);
    sum += v * v;
  }
  return static_cast<float>(static_cast<long double>(eighth("g", k)) * eighth("v", i) / std::sqrt(sum));
}

// The description: what must come back, in its order.
std::vector<item> items_of(network const& net, dtype type) {
  std::vector<item> all;
  auto const add = [&all, type](std::string name, std::vector<index_t> shape) {
    item made{std::move(name), std::move(shape), type, {}};
    made.bytes.resize(count_of(made.shape) * static_cast<std::size_t>(bits_of(type)) / 8);
    test_support::random_bits random(test_support::hash_of(made.name));
    random.fill(made.bytes.data(), made.bytes.size());
    all.push_back(std::move(made));
  };
  auto const module = [&add](std::string const& name, std::vector<index_t> const& shape) {
    add(name + ".weight", shape);
    add(name + ".bias", {shape[0]});
  };
  for (index_t i = 0; i < 3; ++i) {
    std::string const name = "feature_extractor.conv_layers." + std::to_string(i);
    add(name + ".conv.weight", {C, i == 0 ? 1 : C, kernels[i]});
    if (net.conv_bias) add(name + ".conv.bias", {C});
    if (net.every_conv || i == 0) module(name + ".layer_norm", {C});
  }
  if (net.projection_norm) module("feature_projection.layer_norm", {C});
  module("feature_projection.projection", {D, C});
  all.push_back(numbers(pos + ".weight", {D, D / groups, taps}, dtype::f32, folded));
  add(pos + ".bias", {D});
  module("encoder.layer_norm", {D});
  for (index_t i = 0; i < 3; ++i) {
    std::string const name = "encoder.layers." + std::to_string(i);
    for (char const* const part : {"q", "k", "v"}) add(name + ".attention." + part + "_proj.weight", {D, D});
    for (char const* const part : {"q", "k", "v"}) add(name + ".attention." + part + "_proj.bias", {D});
    module(name + ".attention.out_proj", {D, D});
    module(name + ".layer_norm", {D});
    module(name + ".feed_forward.intermediate_dense", {FF, D});
    module(name + ".feed_forward.output_dense", {D, FF});
    module(name + ".final_layer_norm", {D});
    if (!net.gated) continue;
    module(name + ".attention.gru_rel_pos_linear", {8, D / heads});
    add(name + ".attention.gru_rel_pos_const", {1, heads, 1, 1});
    if (i == 0) add(name + ".attention.rel_attn_embed.weight", {buckets, heads});
  }
  return all;
}

bool replace(std::string& text, std::string_view from, std::string_view to) {
  std::size_t const at = text.find(from);
  if (at == std::string::npos) return false;
  text.replace(at, from.size(), to);
  return true;
}

// What a family calls a tensor of transformers'.
std::string called(std::string name, family who, bool every_conv) {
  if (who == family::torchaudio) {
    if (name.starts_with("feature_projection.")) return "encoder." + name;
    if (name.starts_with("encoder.")) replace(name, "encoder.", "encoder.transformer.");
    return name;
  }
  if (who != family::fairseq) return name;
  if (name.starts_with("feature_extractor.")) {
    if (!replace(name, ".conv.", ".0.")) replace(name, ".layer_norm.", every_conv ? ".2.1." : ".2.");
    return name;
  }
  bool const layer = name.starts_with("encoder.layers.");
  std::pair<std::string_view, std::string_view> const table[] = {
      {"feature_projection.layer_norm.", "layer_norm."},
      {"feature_projection.projection.", "post_extract_proj."},
      {"encoder.pos_conv_embed.conv.", "encoder.pos_conv.0."},
      {".attention.gru_rel_pos_linear.", ".self_attn.grep_linear."},
      {".attention.gru_rel_pos_const", ".self_attn.grep_a"},
      {".attention.rel_attn_embed.", ".self_attn.relative_attention_bias."},
      {".attention.", ".self_attn."},
      {".feed_forward.intermediate_dense.", ".fc1."},
      {".feed_forward.output_dense.", ".fc2."}};
  for (auto const& [from, to] : table) {
    if (replace(name, from, to)) return name;
  }
  if (layer && name.find(".final_") == std::string::npos) replace(name, ".layer_norm.", ".self_attn_layer_norm.");
  return name;
}

// The same network as one of them writes it.
std::vector<item> written(network const& net, family who, spelling how, std::string_view prefix, dtype type) {
  std::vector<item> all;
  for (item& each : items_of(net, type)) {
    std::string const name = each.name;
    each.name = std::string(prefix) + called(name, who, net.every_conv);
    if (name == pos + ".weight" && how != spelling::plain) {
      std::string const stem = each.name.substr(0, each.name.size() - 6);
      bool const old = how == spelling::old;
      all.push_back(numbers(stem + (old ? "weight_g" : "parametrizations.weight.original0"), {1, 1, taps}, type,
                            [](std::size_t i) { return eighth("g", i); }));
      all.push_back(numbers(stem + (old ? "weight_v" : "parametrizations.weight.original1"), each.shape, type,
                            [](std::size_t i) { return eighth("v", i); }));
      continue;
    }
    if (who == family::torchaudio && net.gated) {  // q, k and v in one
      bool const first = name.find(".q_proj.") != std::string::npos;
      if (first) {
        if (!replace(each.name, "q_proj.", "attention.in_proj_")) FAIL("no q_proj");
        each.shape[0] *= 3;
      } else if (name.find(".k_proj.") != std::string::npos || name.find(".v_proj.") != std::string::npos) {
        all.back().bytes.insert(all.back().bytes.end(), each.bytes.begin(), each.bytes.end());
        continue;
      }
      replace(each.name, "attention.out_proj.", "attention.attention.out_proj.");
    }
    all.push_back(std::move(each));
  }
  if (who == family::fairseq) std::reverse(all.begin(), all.end());  // any order will do
  return all;
}

// Borrows the items' bytes, as from a file in which they lie one after the other.
state_dict dictionary(std::vector<item> const& items, std::string source = "W.safetensors") {
  state_dict made(std::move(source));
  index_t byte = 1000;
  for (item const& each : items) {
    made.add(tensor(each.name, each.type, each.shape, each.bytes, made.source().empty() ? -1 : byte));
    byte += static_cast<index_t>(each.bytes.size());
  }
  return made;
}

// Where they differ; "" if they do not.
std::string difference(state_dict const& is, std::vector<item> const& wanted) {
  if (is.size() != static_cast<index_t>(wanted.size())) return "sizes";
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    tensor const& each = is.begin()[i];
    bool const same = each.name == wanted[i].name && each.type == wanted[i].type && each.shape == wanted[i].shape &&
                      std::equal(each.bytes.begin(), each.bytes.end(), wanted[i].bytes.begin(), wanted[i].bytes.end());
    if (!same) return wanted[i].name;
  }
  return "";
}

item other(std::string name, std::vector<index_t> shape, dtype type = dtype::f32) {
  item made{std::move(name), std::move(shape), type, {}};
  made.bytes.resize(count_of(made.shape) * static_cast<std::size_t>(bits_of(type)) / 8, std::byte{0x41});
  return made;
}

std::string refusal(std::vector<item> const& items, std::string source = "W.safetensors") {
  return message_of([&] { speech_encoder_weights(dictionary(items, std::move(source))); });
}

item& named(std::vector<item>& items, std::string_view name) {
  auto const found = std::find_if(items.begin(), items.end(), [name](item const& each) { return each.name == name; });
  REQUIRE(found != items.end());
  return *found;
}

constexpr network base{false, false, true, false}, large{true, true, true, true};

}  // namespace

TEST_CASE("Every family, prefix, spelling and type gives the same dictionary", "[speech_encoder_names]") {
  std::size_t cases = 0;
  for (network const& net : all_networks()) {
    for (dtype const type : {dtype::f32, dtype::f64, dtype::f16, dtype::bf16}) {
      std::vector<item> const wanted = items_of(net, type);
      for (family const who : all_families) {
        for (std::string_view const prefix : all_prefixes) {
          for (spelling const how : all_spellings) {
            std::vector<item> const file = written(net, who, how, prefix, type);
            auto const got = speech_encoder_weights(dictionary(file));
            bool const named_right = got.family == who && got.prefix == prefix && got.rest.size() == 0;
            auto const again = speech_encoder_weights(got.encoder);
            ++cases;
            INFO(prefix << " " << static_cast<int>(who) << " " << static_cast<int>(how));
            REQUIRE(named_right);
            REQUIRE(difference(got.encoder, wanted) == "");
            REQUIRE(difference(again.encoder, wanted) == "");
            REQUIRE(got.encoder.source() == "W.safetensors");
          }
        }
      }
    }
  }
  CHECK(cases == 16 * 4 * 3 * 7 * 3);
}

TEST_CASE("Sizes are read off the tensors", "[speech_encoder_names]") {
  for (network const& net : all_networks()) {
    for (family const who : all_families) {
      auto const sizes = speech_encoder_weights(dictionary(written(net, who, spelling::old, "", dtype::f32))).sizes;
      CHECK(sizes.width == D);
      CHECK(sizes.layers == 3);
      CHECK(sizes.hidden == FF);
      CHECK(sizes.channels == std::vector<index_t>{C, C, C});
      CHECK(sizes.kernels == std::vector<index_t>{4, 3, 2});
      CHECK(sizes.norm_every_conv == net.every_conv);
      CHECK(sizes.conv_bias == net.conv_bias);
      CHECK(sizes.projection_norm == net.projection_norm);
      CHECK(sizes.positional_taps == taps);
      CHECK(sizes.positional_groups == groups);
      CHECK(sizes.heads == (net.gated ? heads : 0));
      CHECK(sizes.buckets == (net.gated ? buckets : 0));
    }
  }
}

TEST_CASE("Nothing is copied but what is folded, and places in the file stay", "[speech_encoder_names]") {
  for (family const who : all_families) {
    std::vector<item> const file = written(large, who, spelling::old, "", dtype::f16);
    auto const got = speech_encoder_weights(dictionary(file));
    index_t shared = 0;
    for (tensor const& each : got.encoder) {
      index_t byte = 1000;
      for (item const& from : file) {
        auto const* const first = from.bytes.data();
        auto const* const last = first + from.bytes.size();
        if (each.bytes.data() >= first && each.bytes.data() + each.bytes.size() <= last) {
          ++shared;
          CHECK(each.byte == byte + (each.bytes.data() - first));
        }
        byte += static_cast<index_t>(from.bytes.size());
      }
    }
    CHECK(shared == got.encoder.size() - 1);
    CHECK(got.encoder.find(pos + ".weight")->byte == -1);
    CHECK(speech_encoder_weights(dictionary(file, "")).encoder.find(pos + ".bias")->byte == -1);
    CHECK(speech_encoder_weights(dictionary(file, "")).encoder.find("encoder.layers.1.attention.v_proj.bias")->byte ==
          -1);
  }
}

TEST_CASE("What the checkpoint owns lives on in the encoder, and in the rest alone", "[speech_encoder_names]") {
  state_dict encoder, rest;
  auto const memory = std::make_shared<int>(1);
  {
    auto file = written(base, family::transformers, spelling::old, "", dtype::f32);
    file.push_back(other("projector.weight", {2, D}));
    state_dict owning;
    for (item const& each : file) {
      std::vector<float> elements(count_of(each.shape), each.name.ends_with("_v") ? 2.0f : 1.0f);
      owning.add_owned(each.name, each.shape, std::move(elements));
    }
    owning.keep_alive(memory);
    auto got = speech_encoder_weights(owning);
    encoder = std::move(got.encoder);
    rest = got.rest;
  }
  CHECK(read_as<float>(*encoder.find("encoder.layers.2.final_layer_norm.bias"))[D - 1] == 1);
  CHECK(memory.use_count() == 2);
  encoder = state_dict();
  CHECK(read_as<float>(*rest.find("projector.weight"))[2 * D - 1] == 1);
  rest = state_dict();
  CHECK(memory.use_count() == 1);
}

TEST_CASE("What pretraining and heads for text leave is passed over", "[speech_encoder_names]") {
  std::size_t cases = 0;
  for (family const who : all_families) {
    for (std::string_view const prefix : all_prefixes) {
      std::vector<item> const file = written(base, who, spelling::old, prefix, dtype::f32);
      for (std::string_view const place : {std::string_view(), prefix}) {
        for (char const* const name :
             {"masked_spec_embed", "mask_time_emb_vector", "mask_emb", "label_embs_concat", "quantizer.codevectors",
              "quantizer.weight_proj.bias", "quantizer.vars", "project_hid.weight", "project_q.bias",
              "final_proj.weight", "target_glu.0.weight", "lm_head.weight", "aux.bias", "mask_generator.mask_embedding",
              "logit_generator.label_embeddings", "w2v_encoder.proj.weight"}) {
          auto more = file;
          more.push_back(other(std::string(place) + name, {3}, dtype::i64));
          auto const got = speech_encoder_weights(dictionary(more));
          CHECK(difference(got.encoder, items_of(base, dtype::f32)) == "");
          CHECK(got.rest.size() == 0);
          ++cases;
        }
      }
    }
  }
  CHECK(cases == 3 * 7 * 2 * 16);
  auto file = written(base, family::transformers, spelling::old, "", dtype::f32);
  for (char const* const name : {"masked_spec_embed.weight", "lm_head", "mask_emb2"}) {
    auto more = file;
    more.push_back(other(name, {3}));
    CHECK(refusal(more, "") == "speech_encoder: tensor " + std::string(name) + " is not part of the model");
  }
}

TEST_CASE("A head comes back apart and untouched", "[speech_encoder_names]") {
  std::vector<item> const head = {other("layer_weights", {4}),
                                  other("projector.weight", {2, D}, dtype::bf16),
                                  other("projector.bias", {2}, dtype::f16),
                                  other("classifier.dense.weight", {D, D}),
                                  other("classifier.out_proj.bias", {3}, dtype::i32),
                                  other("classifier.weight", {3, 2})};
  for (family const who : all_families) {
    for (std::string_view const prefix : all_prefixes) {
      std::vector<item> file = head, wanted = head;
      for (item& each : written(base, who, spelling::parametrized, prefix, dtype::f32)) file.push_back(std::move(each));
      std::vector<item> const with_shiftser{other("model.norm.weight", {D}), other("model.encoder.layers.7.x", {1})};
      if (prefix == "pretrain.") {
        for (item const& each : with_shiftser) {
          file.push_back(each);
          wanted.push_back(each);
        }
      }
      auto const got = speech_encoder_weights(dictionary(file));
      CHECK(difference(got.rest, wanted) == "");
      CHECK(difference(got.encoder, items_of(base, dtype::f32)) == "");
      CHECK(got.rest.begin()->bytes.data() == file[0].bytes.data());
      CHECK(got.rest.begin()->byte == 1000);
    }
  }
  for (char const* const name : {"layer_weights.0", "projector", "classifiers.weight", "model.norm.weight"}) {
    auto file = written(base, family::transformers, spelling::old, "wav2vec2.", dtype::f32);
    file.push_back(other(name, {3}));
    CHECK(refusal(file, "") == "speech_encoder: tensor " + std::string(name) + " is not part of the model");
  }
}

TEST_CASE("A tensor dropped, renamed or changed is named, whichever it is", "[speech_encoder_names]") {
  std::size_t cases = 0, unseen = 0, turn = 0;
  for (network const& net : all_networks()) {
    for (family const who : all_families) {
      spelling const how = all_spellings[turn++ % 3];
      auto const file = written(net, who, how, who == family::fairseq ? "" : "model.", dtype::f32);
      for (std::size_t i = 0; i < file.size(); ++i) {
        std::string const& name = file[i].name;
        auto dropped = file, renamed = file, longer = file, whole = file, moved = file;
        dropped.erase(dropped.begin() + static_cast<std::ptrdiff_t>(i));
        renamed[i].name += "_";
        longer[i].shape.push_back(1);
        whole[i].type = dtype::i32;
        moved[i].name = "hubert." + name;
        // The last convolution is one tensor, and a network with a convolution less has the same names otherwise.
        bool const last = name.find("conv_layers.2.") != std::string::npos && !net.every_conv && !net.conv_bias;
        unseen += last ? 1 : 0;
        INFO(name);
        if (last) {
          REQUIRE(speech_encoder_weights(dictionary(dropped)).sizes.kernels.size() == 2);
          REQUIRE(refusal(moved).find(" tensor hubert." + name + " is not part") != std::string::npos);
        } else {
          REQUIRE(refusal(dropped).find(" " + name) != std::string::npos);
          REQUIRE(refusal(moved).find(name) != std::string::npos);
        }
        REQUIRE(refusal(renamed).find(" " + name) != std::string::npos);
        REQUIRE(refusal(longer).starts_with("speech_encoder: " + name + " is ["));
        REQUIRE(refusal(whole).starts_with("speech_encoder: " + name + " has dtype I32, must be F32"));
        cases += 5;
      }
    }
  }
  CHECK(unseen == 4 * 3);
  CHECK(cases == 16120);
}

TEST_CASE("Refusals say what is wrong", "[speech_encoder_names]") {
  auto const plain = written(base, family::transformers, spelling::plain, "", dtype::f32);
  auto const wavlm = written(large, family::torchaudio, spelling::old, "pretrain.", dtype::f32);
  auto const fairseq = written(large, family::fairseq, spelling::old, "", dtype::f32);
  auto const with = [](std::vector<item> items, std::vector<item> const& more) {
    items.insert(items.end(), more.begin(), more.end());
    return items;
  };
  auto const changed = [](std::vector<item> items, std::string_view name, std::vector<index_t> shape) {
    item& each = named(items, name);
    each = other(std::string(name), std::move(shape));
    return items;
  };
  auto const without = [](std::vector<item> items, std::string_view name) {
    items.erase(items.begin() + (&named(items, name) - items.data()));
    return items;
  };
  std::vector<item> one_conv;
  for (item const& each : plain) {
    bool const later =
        each.name.find("conv_layers.1.") != std::string::npos || each.name.find("conv_layers.2.") != std::string::npos;
    if (!later) one_conv.push_back(each);
  }
  std::vector<std::pair<std::string, std::string>> const table = {
      {refusal({}, ""), "speech_encoder: no tensor of a wav2vec 2.0, HuBERT or WavLM encoder"},
      {refusal({other("encoder.layers.0.weight", {3})}),
       "speech_encoder: no tensor of a wav2vec 2.0, HuBERT or WavLM encoder in W.safetensors"},
      {refusal(without(plain, "encoder.layers.2.final_layer_norm.bias")),
       "speech_encoder: no tensor encoder.layers.2.final_layer_norm.bias in W.safetensors"},
      {refusal(without(fairseq, "encoder.layers.0.self_attn.relative_attention_bias.weight"), ""),
       "speech_encoder: no tensor encoder.layers.0.self_attn.relative_attention_bias.weight"},
      {refusal(with(plain, {other("encoder.layers.1.adapter_layer.norm.weight", {D})}), ""),
       "speech_encoder: tensor encoder.layers.1.adapter_layer.norm.weight is not part of the model"},
      {refusal(with(plain, {other("encoder.transformer.layer_norm.weight", {D})}), ""),
       "speech_encoder: feature_projection.layer_norm.weight is a name of transformers, "
       "encoder.transformer.layer_norm.weight one of torchaudio"},
      {refusal(with(fairseq, {other("model.encoder.pos_conv.0.bias", {D})}), ""),
       "speech_encoder: encoder.pos_conv.0.bias and model.encoder.pos_conv.0.bias are of two encoders"},
      {refusal(with(plain, {other(pos + ".weight_g", {1, 1, taps})})),
       "speech_encoder: encoder.pos_conv_embed.conv has its weight in two spellings, as weight and weight_g "
       "(W.safetensors)"},
      {refusal(with(wavlm,
                    {other("pretrain.encoder.transformer.pos_conv_embed.conv.parametrizations.weight.original1", {1})}),
               ""),
       "speech_encoder: pretrain.encoder.transformer.pos_conv_embed.conv has its weight in two spellings, as weight_g "
       "and parametrizations.weight.original1"},
      {refusal(with(plain, {other("encoder.pos_conv_embed.batch_norm.running_mean", {D})}), ""),
       "speech_encoder: encoder.pos_conv_embed.batch_norm.running_mean: a batch norm before the positional convolution "
       "is not supported"},
      {refusal(with(fairseq, {other("encoder.pos_conv.0.running_mean", {D})}), ""),
       "speech_encoder: encoder.pos_conv.0.running_mean: a batch norm before the positional convolution is not "
       "supported"},
      {refusal(changed(plain, pos + ".weight", {D, 5, taps}), ""),
       "speech_encoder: encoder.pos_conv_embed.conv.weight is [12, 5, 5], must have a second size that divides the "
       "encoder's width"},
      {refusal(changed(plain, pos + ".weight", {D, 0, taps}), ""),
       "speech_encoder: encoder.pos_conv_embed.conv.weight is [12, 0, 5], must have no size of 0"},
      {refusal(changed(fairseq, "encoder.pos_conv.0.weight_g", {taps, 1, 1}), ""),
       "speech_encoder: encoder.pos_conv.0.weight_g is [5, 1, 1], must be [1, 1, 5]"},
      {refusal(changed(wavlm, "pretrain.encoder.transformer.layers.0.attention.rel_attn_embed.weight", {buckets, 5}),
               ""),
       "speech_encoder: pretrain.encoder.transformer.layers.0.attention.rel_attn_embed.weight is [7, 5], must be as "
       "wide as a divisor of the encoder's width"},
      {refusal(changed(wavlm, "pretrain.encoder.transformer.layers.1.attention.attention.in_proj_bias", {D}), ""),
       "speech_encoder: pretrain.encoder.transformer.layers.1.attention.attention.in_proj_bias is [12], must be [36]"},
      {refusal(changed(plain, "encoder.layers.2.feed_forward.intermediate_dense.weight", {FF + 1, D}), ""),
       "speech_encoder: encoder.layers.2.feed_forward.intermediate_dense.weight is [21, 12], must be [20, 12]"},
      {refusal(changed(plain, "feature_extractor.conv_layers.1.conv.weight", {C, C + 1, 3}), ""),
       "speech_encoder: feature_extractor.conv_layers.1.conv.weight is [6, 7, 3], must be [6, 6, 3]"},
      {refusal(one_conv, ""),
       "speech_encoder: feature_extractor.conv_layers.0.conv.weight is [6, 1, 4], and alone: group and layer norm look "
       "the same then"},
      {refusal(with(plain, {other("encoder.layers.1000.layer_norm.weight", {D})}), ""),
       "speech_encoder: tensor encoder.layers.1000.layer_norm.weight is not part of the model"},
      {refusal(with(plain, {other("encoder.layers.x", {D}), other("encoder.layers.99999999999999999999.x", {D})}), ""),
       "speech_encoder: tensor encoder.layers.x and 1 more are not part of the model"},
      {refusal(with(plain, {other("encoder.layers.4.layer_norm.weight", {D})}), ""),
       "speech_encoder: no tensor encoder.layers.3.attention.q_proj.weight"},
  };
  for (auto const& [is, wanted] : table) CHECK(is == wanted);
  CHECK(table.size() == 22);
}
