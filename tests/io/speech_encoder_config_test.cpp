// SPDX-License-Identifier: MIT
// config.json of speech encoders: what is read, what must agree with the tensors, every refusal and its sentence.
#include <cstddef>
#include <fstream>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <tshift/io/speech_encoder_config.hpp>

#include "../support/catch.hpp"
#include "../support/scratch_folder.hpp"

namespace {

using tshift::index_t;
using config = tshift::io::speech_encoder_config;
using tshift::weights::speech_encoder_sizes;

/// what() of the file_error that the call throws; "" if it throws nothing.
template <class Call>
std::string sentence_of(Call const& call) {
  try {
    call();
  } catch (tshift::file_error const& error) {
    return error.what();
  }
  return "";
}

config parse(std::string_view text) { return config::parse(std::as_bytes(std::span(text)), "config.json"); }

std::string refused(std::string_view text) {
  return sentence_of([&] { (void)parse(text); });
}

/// Of base, as its tensors say.
speech_encoder_sizes base() {
  speech_encoder_sizes s;
  s.width = 768;
  s.layers = 12;
  s.hidden = 3072;
  s.channels = std::vector<index_t>(7, 512);
  s.kernels = {10, 3, 3, 3, 3, 2, 2};
  s.projection_norm = true;
  s.positional_taps = 128;
  s.positional_groups = 16;
  return s;
}

}  // namespace

TEST_CASE("speech_encoder_config: what is not said is transformers' default", "[io][speech]") {
  config const nothing = parse("{}");
  auto const options = nothing.options_for(base());
  CHECK(options.heads == 12);
  CHECK_FALSE(options.norm_first);
  CHECK(options.eps == 1e-5);
  CHECK(options.max_distance == 800);
  CHECK(options.strides == std::vector<index_t>{5, 2, 2, 2, 2, 2, 2});
  CHECK(nothing.model_type().empty());
  CHECK(nothing.architecture().empty());
  CHECK_FALSE(nothing.weighted_sum().has_value());
  CHECK(nothing.labels().empty());
  CHECK(nothing.source() == "config.json");
}

TEST_CASE("speech_encoder_config: what is said", "[io][speech]") {
  config const all = parse(R"({"model_type": "hubert", "architectures": ["HubertForSequenceClassification", "x"],
    "num_attention_heads": 16, "do_stable_layer_norm": true, "layer_norm_eps": 1e-6, "max_bucket_distance": 100,
    "conv_stride": [5, 2, 2, 2, 2, 2, 3], "use_weighted_layer_sum": true, "id2label": {"1": "hap", "0": "neu", "2": "ang"},
    "hidden_size": 768, "num_hidden_layers": 12, "intermediate_size": 3072, "num_conv_pos_embeddings": 128,
    "num_conv_pos_embedding_groups": 16, "conv_dim": [512, 512, 512, 512, 512, 512, 512],
    "conv_kernel": [10, 3, 3, 3, 3, 2, 2], "conv_bias": false, "feat_proj_layer_norm": true, "feat_extract_norm": "group",
    "hidden_act": "gelu", "feat_extract_activation": "gelu", "add_adapter": false, "num_buckets": 77, "torch_dtype": null})");
  auto const options = all.options_for(base());
  CHECK(options.heads == 16);
  CHECK(options.norm_first);
  CHECK(options.eps == 1e-6);
  CHECK(options.max_distance == 100);
  CHECK(options.strides.back() == 3);
  CHECK(all.model_type() == "hubert");
  CHECK(all.architecture() == "HubertForSequenceClassification");
  CHECK(all.weighted_sum() == true);
  CHECK(all.labels() == std::vector<std::string>{"neu", "hap", "ang"});
}

TEST_CASE("speech_encoder_config: from a file", "[io][speech]") {
  test_support::scratch_folder const folder;
  std::string const path = (folder / "config.json").string();
  std::ofstream(path) << R"({"num_attention_heads": 16})";
  CHECK(config::open(path).options_for(base()).heads == 16);
  CHECK(config::open(path).source() == path);
}

TEST_CASE("speech_encoder_config: a key that says something else than the tensors", "[io][speech]") {
  auto const disagrees = [](std::string const& text, speech_encoder_sizes const& sizes = base()) {
    return sentence_of([&] { (void)parse(text).options_for(sizes); });
  };
  CHECK(disagrees(R"({"hidden_size": 1024})") == "config.json: hidden_size is 1024, the tensors say 768");
  CHECK(disagrees(R"({"hidden_size": "768"})") == "config.json: hidden_size is \"768\", the tensors say 768");
  CHECK(disagrees(R"({"num_hidden_layers": 13})") == "config.json: num_hidden_layers is 13, the tensors say 12");
  CHECK(disagrees(R"({"intermediate_size": 1})") == "config.json: intermediate_size is 1, the tensors say 3072");
  CHECK(disagrees(R"({"num_conv_pos_embeddings": 127})") ==
        "config.json: num_conv_pos_embeddings is 127, the tensors say 128");
  CHECK(disagrees(R"({"num_conv_pos_embedding_groups": 8})") ==
        "config.json: num_conv_pos_embedding_groups is 8, the tensors say 16");
  CHECK(disagrees(R"({"conv_dim": [512, 512]})") ==
        "config.json: conv_dim is [512,512], the tensors say [512, 512, 512, 512, 512, 512, 512]");
  CHECK(disagrees(R"({"conv_kernel": [10, 3, 3, 3, 3, 2, 3]})") ==
        "config.json: conv_kernel is [10,3,3,3,3,2,3], the tensors say [10, 3, 3, 3, 3, 2, 2]");
  CHECK(disagrees(R"({"conv_kernel": 10})") ==
        "config.json: conv_kernel is 10, the tensors say [10, 3, 3, 3, 3, 2, 2]");
  CHECK(disagrees(R"({"conv_kernel": [10, 3.0, 3, 3, 3, 2, 2]})") ==
        "config.json: conv_kernel is [10,3.0,3,3,3,2,2], the tensors say [10, 3, 3, 3, 3, 2, 2]");
  CHECK(disagrees(R"({"hidden_size": null, "conv_dim": null, "model_type": "wav2vec2"})").empty());
  CHECK(disagrees(R"({"conv_bias": true})") == "config.json: conv_bias is true, the tensors say false");
  CHECK(disagrees(R"({"feat_proj_layer_norm": false})") ==
        "config.json: feat_proj_layer_norm is false, the tensors say true");
  CHECK(disagrees(R"({"feat_extract_norm": "layer"})") ==
        "config.json: feat_extract_norm is \"layer\", the tensors are those of the other norm");
  CHECK(disagrees(R"({"model_type": "wavlm"})") ==
        "config.json: model_type is \"wavlm\", the tensors have no table of positions");
  speech_encoder_sizes wavlm = base();
  wavlm.buckets = 320;
  CHECK(disagrees(R"({"model_type": "hubert"})", wavlm) ==
        "config.json: model_type is \"hubert\", the tensors are those of a WavLM");
  CHECK(disagrees(R"({"model_type": "wavlm", "num_buckets": 64})", wavlm) ==
        "config.json: num_buckets is 64, the tensors say 320");
  CHECK(disagrees(R"({"model_type": "wavlm", "num_buckets": 320})", wavlm).empty());
  speech_encoder_sizes large = base();
  large.norm_every_conv = true;
  CHECK(disagrees(R"({"feat_extract_norm": "layer"})", large).empty());
}

TEST_CASE("speech_encoder_config refuses what it does not have, and what is no configuration", "[io][speech][errors]") {
  CHECK(refused("") == "config.json: is not valid JSON");
  CHECK(refused("{") == "config.json: is not valid JSON");
  CHECK(refused("[1]") == "config.json: holds no JSON object");
  CHECK(refused("version https://git-lfs.github.com/spec/v1").starts_with("config.json: is a Git LFS pointer"));
  CHECK(refused(std::string(std::size_t{16 << 20} + 1, ' ')) ==
        "config.json: has 16777217 bytes, must be JSON of at most 16777216");
  CHECK(refused(std::string(100000, '[')) == "config.json: is not valid JSON");
  CHECK(refused(R"({"model_type": "bert"})") ==
        "config.json: model_type is \"bert\", must be wav2vec2, hubert or wavlm");
  CHECK(refused(R"({"model_type": 7})") == "config.json: model_type is 7, must be text");
  CHECK(refused(R"({"hidden_act": "relu"})") == "config.json: hidden_act is \"relu\", is not supported, must be gelu");
  CHECK(refused(R"({"feat_extract_activation": "gelu_new"})") ==
        "config.json: feat_extract_activation is \"gelu_new\", is not supported, must be gelu");
  CHECK(refused(R"({"add_adapter": true})") == "config.json: add_adapter is true, is not supported, must be false");
  CHECK(refused(R"({"conv_pos_batch_norm": true})") ==
        "config.json: conv_pos_batch_norm is true, is not supported, must be false");
  CHECK(refused(R"({"num_attention_heads": 0})") ==
        "config.json: num_attention_heads is 0, must be whole, from 1 to 268435456");
  CHECK(refused(R"({"num_attention_heads": 12.5})") ==
        "config.json: num_attention_heads is 12.5, must be whole, from 1 to 268435456");
  CHECK(
      refused(R"({"num_attention_heads": 99999999999999999999})").starts_with("config.json: num_attention_heads is "));
  CHECK(refused(R"({"num_attention_heads": 18446744073709551615})") ==
        "config.json: num_attention_heads is 18446744073709551615, must be whole, from 1 to 268435456");
  CHECK(refused(R"({"do_stable_layer_norm": 1})") == "config.json: do_stable_layer_norm is 1, must be true or false");
  CHECK(refused(R"({"layer_norm_eps": "small"})") == "config.json: layer_norm_eps is \"small\", must be a number");
  CHECK(refused(R"({"conv_stride": 5})") == "config.json: conv_stride is 5, must be a list of whole numbers");
  CHECK(refused(R"({"conv_stride": [5, -2]})") ==
        "config.json: conv_stride is [5,-2], must be whole, from 1 to 1048576");
  CHECK(refused(R"({"architectures": "X"})") == "config.json: architectures is \"X\", must be a list of texts");
  CHECK(refused(R"({"architectures": [1]})") == "config.json: architectures is [1], must be a list of texts");
  CHECK(refused(R"({"architectures": []})").empty());
  CHECK(refused(R"({"id2label": ["a"]})") == "config.json: id2label is [\"a\"], must be an object");
  CHECK(refused(R"({"id2label": {"0": "a", "2": "b"}})") ==
        "config.json: id2label is {\"0\":\"a\",\"2\":\"b\"}, must have a text for each number from 0 on");
  CHECK(refused("{\"hidden_act\": " + std::string(1000000, '[') + std::string(1000000, ']') + "}") ==
        "config.json: hidden_act is nested, must be text");
  CHECK(refused(R"({"hidden_act": [["gelu"], ["relu"]]})") == "config.json: hidden_act is nested, must be text");
  CHECK(refused(R"({"hidden_act": ")" + std::string(70, 'x') + "\"}") ==
        "config.json: hidden_act is \"" + std::string(56, 'x') + "..., is not supported, must be gelu");
  CHECK(refused(R"({"id2label": {"0": 1}})") ==
        "config.json: id2label is {\"0\":1}, must have a text for each number from 0 on");
  CHECK(sentence_of([&] {
          (void)config::open("/nowhere/config.json");
        }).starts_with("/nowhere/config.json: cannot be opened: "));
}
