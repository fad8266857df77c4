# SPDX-License-Identifier: MIT
# A checkpoint of transformers for ser, and what Python makes of it: python3 dump.py MODEL [sound.wav], MODEL being a folder or
# a name on the hub. Then: ser encode --weights model.safetensors --check dump.safetensors. Run by tests/interop/ser_encode_test.py.
# [readme]
import sys, torch
from safetensors.torch import save_file
from transformers import AutoConfig, AutoFeatureExtractor, AutoModel, AutoModelForAudioClassification

config = AutoConfig.from_pretrained(sys.argv[1])
kind = AutoModelForAudioClassification if "ForSequenceClassification" in str(config.architectures) else AutoModel
model = kind.from_pretrained(sys.argv[1]).eval()
config.to_json_file("config.json")
AutoFeatureExtractor.from_pretrained(sys.argv[1]).save_pretrained(".")
save_file({name: value.detach().clone().contiguous() for name, value in model.state_dict().items()}, "model.safetensors")
if len(sys.argv) > 2:
    import soundfile
    waveform = torch.from_numpy(soundfile.read(sys.argv[2], dtype="float32")[0])[None]
else:
    waveform = torch.randn(1, 16000)
with torch.no_grad():
    states = model(waveform, output_hidden_states=True).hidden_states
save_file({"waveform": waveform, "hidden_states": torch.stack(states)}, "dump.safetensors")
# [/readme]
