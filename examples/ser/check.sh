#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Feeds ser good and bad sounds and commands, made here, and checks exit codes, sentences and results. What the features
# are is tests/interop/ser_test.py's.
# usage: check.sh SER MAKE_WEIGHTS SPEECH.wav WORKDIR        (WORKDIR is created; files in it are overwritten)
set -u
export LC_ALL=C

if [ $# -ne 4 ]; then
  echo "check.sh: usage: check.sh SER MAKE_WEIGHTS SPEECH.wav WORKDIR" >&2
  exit 2
fi
functions=$(realpath -- "$(dirname -- "${BASH_SOURCE[0]}")/../check_functions.sh") || exit 2
binary=$(realpath -- "$1") || exit 2
make_weights=$(realpath -- "$2") || exit 2
speech=$(realpath -- "$3") || exit 2
mkdir -p -- "$4" && cd -- "$4" || exit 2
for program in "$binary" "$make_weights"; do
  [ -x "$program" ] || { echo "check.sh: '$program' is not a program" >&2; exit 2; }
done

# shellcheck source=SCRIPTDIR/../check_functions.sh
source "$functions"

# gives PATTERN OPTIONS...: features are made of speech, and stdout matches.
gives() {
  rm -f -- y.safetensors
  run 0 0 out "y.safetensors: features $1" features --input "$speech" --output y.safetensors "${@:2}"
  [ -s y.safetensors ] || complain "${*:2}: no y"
}

# A refusal is one sentence, and leaves no output.
refused() {
  local code=$1 pattern=$2
  shift 2
  rm -f -- y.safetensors
  run "$code" 1 err "ser: $pattern" "$@"
  [ ! -e y.safetensors ] || complain "$*: was refused, but wrote y"
}
bad() { refused 1 "$1" features --input "$speech" --output y.safetensors "${@:2}"; }
wrong() { refused 2 "$1" features --input "$speech" --output y.safetensors "${@:2}"; }

# wav RATE CHANNELS SAMPLES FILE: 16-bit silence.
wav() {
  local bytes=$((2 * $2 * $3))
  le() { local value=$1 i; for ((i = 0; i < $2; ++i)); do printf "\\x$(printf %02x $((value >> 8 * i & 255)))"; done; }
  {
    printf 'RIFF'; le $((36 + bytes)) 4; printf 'WAVEfmt '; le 16 4; le 1 2; le "$2" 2; le "$1" 4
    le $((2 * $1 * $2)) 4; le $((2 * $2)) 2; le 16 2; printf 'data'; le "$bytes" 4
    head -c "$bytes" /dev/zero
  } >"$4"
}

# --- what works -------------------------------------------------------------------------------------------------------

for preset in librosa torchaudio kaldi psf; do gives '\[1, *, *\] of F32' --preset "$preset"; done
gives '\[1, 3000, 80\] of F32' --preset whisper
gives '\[1, 1024, 128\] of F32' --preset ast
gives '\[1, *, 69\] of F32' --preset kaldi --deltas htk
gives '\[1, *, 40\] of F32' --bands 40 --n-fft 512 --hop 160 --high=-400 --log ln --top-db none
gives '\[1, *, 128\] of F32' --log none
run 0 0 out '*Subcommands:*features*' --help
run 0 0 out '*--preset librosa|torchaudio|kaldi|whisper|ast|psf*' features --help

# The same sound from a folder: the same bytes. Files that are hidden are none.
rm -rf folder && mkdir folder && cp -- "$speech" folder/ && touch folder/.hidden
gives '\[1, *, 23\] of F32' --preset kaldi && mv y.safetensors one.safetensors
run 0 0 out 'y.safetensors: features \[1, *, 23\] of F32' features --input folder --output y.safetensors --preset kaldi
cmp -s one.safetensors y.safetensors || complain 'a folder of one sound gives other bytes than the sound'
# Two sounds: the longer one's frames.
wav 16000 1 8000 folder/a.wav
run 0 0 out 'y.safetensors: features \[2, *, 23\] of F32' features --input folder --output y.safetensors --preset kaldi
# Nothing but silence, and less than a window of it.
wav 16000 1 100 short.wav
run 0 0 out 'y.safetensors: features \[1, 0, 23\] of F32' features --input short.wav --output y.safetensors --preset kaldi
run 0 0 out 'y.safetensors: features \[1, 1, 128\] of F32' features --input short.wav --output y.safetensors
wav 16000 2 8000 stereo.wav
run 0 0 out 'y.safetensors: features \[1, 16, 128\] of F32' features --input stereo.wav --mix --output y.safetensors

# Images: their size, the bytes they must have, and the picture, whose pixels are those of the tensor.
gives '\[1, 128, 64\] of F32' --image 64x128
gives '\[1, 40, 128\] of F32' --image 128x40 --image-resize area --image-frames 300
gives '\[1, *, 128\] of F32' --image 128x0
gives '\[1, 2000, 40\] of F32' --image 40x2000 --image-resize none --bands 40
gives '\[1, 20, 80\] of F32' --preset whisper --image 80x20 --image-scale range --image-low=-1 --image-high 2
run 0 0 out 'y.safetensors: features \[2, *, 23\] of F32' features --input folder --output y.safetensors --preset kaldi --image 23x0
for kind in linear antialiased area adaptive; do
  gives '\[1, 30, 20\] of F32' --image 20x30 --image-resize $kind && mv y.safetensors image_$kind.safetensors
done
cases=$((cases + 1))
[ "$(md5sum image_*.safetensors | cut -d ' ' -f 1 | sort -u | wc -l)" -eq 4 ] || complain 'two ways of resizing give one image'
gives '*y.png is written' --image 20x30 --picture y.png --colours grey && mv y.png grey.png
gives '*y.png is written' --image 20x30 --picture y.png
cases=$((cases + 1))
cmp -s image_linear.safetensors y.safetensors || complain '--picture changes the features'
# size FILE: width, height, bits and colours of a PNG.
size() { od -An -j16 -N10 -tu1 "$1" | awk '{ print $3 * 256 + $4, $7 * 256 + $8, $9, $10 }'; }
cases=$((cases + 1))
[ "$(size grey.png), $(size y.png)" = '30 20 8 0, 30 20 8 2' ] || complain "the pictures are $(size grey.png), $(size y.png)"

# --- what does not ----------------------------------------------------------------------------------------------------

refused 2 'A subcommand is required*'
refused 2 '*--input is required*' features --output y.safetensors
cp one.safetensors kept.safetensors
run 2 1 err 'ser: kept.safetensors is read, and cannot be written as well*' features --input kept.safetensors --output kept.safetensors
refused 1 'there is no file or folder nowhere.wav.' features --input nowhere.wav --output y.safetensors
refused 1 '*stereo.wav has 2 channels; --mix takes their mean.' features --input stereo.wav --output y.safetensors
wav 8000 1 8000 slow.wav
refused 1 '*slow.wav has 8000 samples per second, must have 16000: --resample converts it, --rate chooses another.' \
  features --input slow.wav --output y.safetensors
run 0 0 out 'y.safetensors: features \[1, 16, 128\] of F32' features --input slow.wav --rate 8000 --output y.safetensors
# Half a second at half the rate is half a second.
run 0 0 out 'y.safetensors: features \[1, 32, 128\] of F32' features --input slow.wav --resample --output y.safetensors
rm -rf empty && mkdir empty
refused 1 'the folder empty holds no files.' features --input empty --output y.safetensors
printf 'no sound' >text.wav
refused 1 "cannot read 'text.wav'*" features --input text.wav --output y.safetensors
: >nothing.wav
refused 1 "cannot read 'nothing.wav': it is empty." features --input nothing.wav --output y.safetensors
printf 'no tensors, whatever it is called' >text.safetensors
refused 1 '*text.safetensors*' features --input text.safetensors --output y.safetensors
refused 1 'one.safetensors: no tensor input; it holds lengths, features.' \
  features --input one.safetensors --output y.safetensors
refused 1 'one.safetensors: tensor features is \[1, *, 23\] of F32, must be \[N, samples\] or \[samples\].' \
  features --input one.safetensors --tensor features --output y.safetensors
refused 1 'one.safetensors: tensor lengths is \[1\] of I64, must be F32, F16, BF16 or F64.' \
  features --input one.safetensors --tensor lengths --output y.safetensors
wrong '--tensor and --lengths are for a .safetensors file, which * is not*' --lengths lengths
refused 2 '--mix and --resample are for sounds, and one.safetensors holds tensors*' features --input one.safetensors --mix --output y.safetensors
wrong "--preset: 'mp3' is none of librosa|torchaudio|kaldi|whisper|ast|psf*" --preset mp3
wrong "--bands: 'many' is no whole number*" --bands many
wrong "--power: 'two' is no number*" --power two
wrong "--mel: 'bark' is none of htk|slaney*" --mel bark
wrong "--centre: 'left' is none of zero|reflect|none*" --centre left
wrong "--log: 'log2' is none of db|ln|log10|none*" --log log2
wrong "--deltas: 'yes' is none of none|htk|librosa*" --deltas yes
wrong "--image: '128' is no HxW, two whole numbers such as 128x128*" --image 128
wrong "--image: '0x128' is no HxW*" --image 0x128
wrong "--image: '128x-1' is no HxW*" --image 128x-1
wrong "--image-resize: 'cubic' is none of linear|antialiased|area|adaptive|none*" --image 9x9 --image-resize cubic
wrong "--image-scale: 'db' is none of min-max|range|none*" --image 9x9 --image-scale db
wrong "--image-low: 'x' is no number*" --image 9x9 --image-low x
wrong "--image-frames: '0' is no whole number from 1*" --image 9x9 --image-frames 0
wrong "--colours: 'blue' is none of heat|grey*" --image 9x9 --picture y.png --colours blue
wrong '--image-resize changes nothing without --image*' --image-resize area
wrong '--image and --deltas exclude each other*' --image 9x9 --deltas htk
wrong '--image-low and --image-high are of --image-scale range*' --image 9x9 --image-low=-60
wrong '--image-resize changes nothing where a column is a frame: W is 0*' --image 128x0 --image-resize linear
wrong '--image-frames changes nothing where a column is a frame*' --image 128x0 --image-frames 4
wrong '--image-frames changes nothing where a column is a frame*' --image 128x9 --image-resize none --image-frames 4
wrong '--picture shows an image, and there is none without --image HxW*' --picture y.png
wrong '--picture shows values from 0 to 1, and --image-scale none has others*' --image 9x9 --image-scale none --picture y.png
wrong '--picture y.svg: must end with .png*' --image 9x9 --picture y.svg
wrong '--colours are of --picture*' --image 9x9 --colours grey
refused 2 '--output and --picture are one file*' features --input "$speech" --output y.png --image 9x9 --picture y.png
refused 2 '--picture is for one sound, and folder has 2*' features --input folder --output y.safetensors --image 9x9 --picture y.png
refused 1 'no/such/y.png: there is no folder no/such.' features --input "$speech" --output y.safetensors --image 9x9 \
  --picture no/such/y.png
bad 'an image of 9 rows, the features have 128 bands: --bands makes as many, *' --image 9x9 --image-resize none
bad 'spectrogram_image: low = 5, high = 0, must be finite and low < high*' --image 9x9 --image-scale range --image-low 5
bad 'presets::whisper: sample_rate = 8000, must be 16000*' --preset whisper --rate 8000
bad 'log_mel: bands = 0, must be in*' --bands 0
bad 'log_mel: hop = 0, must be in*' --hop 0
bad 'log_mel: *' --win-length 4096
bad 'log_mel: *' --log none --reference max
refused 1 '*no/such/folder/y.safetensors*' features --input "$speech" --output no/such/folder/y.safetensors


# --- encode -----------------------------------------------------------------------------------------------------------

rm -rf model && "$make_weights" model || { echo "check.sh: make_weights failed" >&2; exit 1; }
w=model/model.safetensors
encodes() { run 0 0 out "y.safetensors: $1" encode --weights $w --input "$speech" --output y.safetensors "${@:2}"; }
cannot_encode() { refused 1 "$1" encode --weights $w --output y.safetensors "${@:2}"; }
wrong_encode() { refused 2 "$1" encode --weights $w --input "$speech" --output y.safetensors "${@:2}"; }
encodes 'hidden_states \[4, 1, *, 48\] of F32; samples normalised one sound at a time (model/preprocessor_config.json)'
encodes 'last_hidden_state \[1, *, 48\] of F32; *' --states last
encodes 'hidden_states \[1, 1, *, 48\] of F32; *' --states 0
encodes '*samples as they are (--normalize)' --normalize none
encodes '*samples normalised over the batch (--normalize)' --normalize batch --normalize-eps 1e-3
mv model/preprocessor_config.json kept.json
encodes '*samples as they are (no preprocessor_config.json)'
printf '{"do_normalize": "yes"}' >model/preprocessor_config.json
cannot_encode 'model/preprocessor_config.json: do_normalize is "yes", must be true or false.' --input "$speech"
mv kept.json model/preprocessor_config.json
wrong_encode "--states: '4' is none of all, last, and 0 to 3*" --states 4
wrong_encode "--states: 'first' is none of all, last, and 0 to 3*" --states first
wrong_encode '--normalize-eps changes nothing where nothing is normalised*' --normalize none --normalize-eps 1
wrong_encode "--normalize: 'yes' is none of none|utterance|batch*" --normalize yes
wrong_encode "--mask: 'maybe' is none of auto|on|off*" --mask maybe
wrong_encode "--frames: 'all' is none of conv|reshape*" --frames all
cannot_encode 'short.wav has 100 samples, must have >= 400.' --input short.wav
cannot_encode '*slow.wav has 8000 samples per second, must have 16000: --resample converts it.' --input slow.wav
run 2 1 err "ser: $w is read, and cannot be written as well*" encode --weights $w --input "$speech" --output $w
mv model/config.json kept.json
cannot_encode 'there is no model/config.json: --config names the checkpoint*' --input "$speech"
encodes 'hidden_states*' --config kept.json
printf '{"num_attention_heads": 5}' >model/config.json
cannot_encode 'speech_encoder: 5 heads, must divide the 48 channels.' --input "$speech"
printf '{"hidden_size": 768}' >model/config.json
cannot_encode 'model/config.json: hidden_size is 768, the tensors say 48.' --input "$speech"
mv kept.json model/config.json
refused 2 '--input and --output are required, or --check*' encode --weights $w
refused 2 '--input excludes --check*' encode --weights $w --check y.safetensors --input "$speech"
refused 2 '--states changes nothing: --check compares all of them*' encode --weights $w --check one.safetensors --states 1
refused 1 'one.safetensors: no tensor waveform; *' encode --weights $w --check one.safetensors
refused 1 'speech_encoder: no tensor of a wav2vec 2.0, HuBERT or WavLM encoder in one.safetensors.' \
  encode --weights one.safetensors --config model/config.json --input "$speech" --output y.safetensors

# --- classify ---------------------------------------------------------------------------------------------------------

labels='neutral 0.*, happy 0.*, angry 0.*, sad 0.*'
classifies() { run 0 0 out "$1" classify --weights $w "${@:2}"; }
wrong_classify() { run 2 1 err "ser: $1" classify --weights $w "${@:2}"; }
cannot_classify() { run 1 1 err "ser: $1" classify --weights $w "${@:2}"; }
classifies "$w: hubert, 3 layers of 48; a classifier over a weighted sum of all layers*: * ($labels)*0.00 to    4.00 s: * ($labels)*" \
  "$speech"
classifies '*: unknown (neutral*' --unknown 1 "$speech"
classifies '*(a 0.*, b 0.*, c 0.*, d 0.*)*' --labels a,b,c,d --input "$speech"
classifies '*y.csv is written*p.svg is written' --timeline 1:0.5 --output y.csv --picture p.svg "$speech"
[ "$(head -n 1 y.csv)" = 'start,end,emotion,neutral,happy,angry,sad' ] || complain "y.csv begins with $(head -n 1 y.csv)"
[ "$(wc -l <y.csv)" -ge 12 ] || complain "y.csv has $(wc -l <y.csv) lines"
[[ $(cat p.svg) == '<svg '*neutral*'</svg>' ]] || complain 'p.svg is no picture of emotions'
classifies '*y.json is written' --timeline 2:2 --output y.json "$speech"
[[ $(cat y.json) == *'"windows"'*'"probabilities"'* ]] || complain 'y.json has no windows'
classifies '*y.safetensors is written' --output y.safetensors "$speech"
classifies '*a.wav: * (neutral*.wav: * (neutral*' --output y.safetensors folder
# Manifests: paths relative to theirs, in their order; whatever else a line says is passed over.
printf 'label,path\r\nsad,"a.wav"\r\n\r\n"a, ""b""",%s\r\n' "${speech##*/}" >folder/list.csv
classifies '*folder/a.wav: * (neutral*folder/sense*.wav: * (neutral*' folder/list.csv
printf '{"path": "a.wav", "speaker": 3}\n\n{"path": "a.wav"}\n' >folder/list.jsonl
classifies '*folder/a.wav: * (neutral*folder/a.wav: * (neutral*' folder/list.jsonl
printf 'path,label\na.wav\n' >folder/list.csv
cannot_classify 'folder/list.csv, line 2: 1 fields, the header has 2.' folder/list.csv
printf 'path\n"a.wav\n' >folder/list.csv
cannot_classify 'folder/list.csv, line 2: a quote is not closed.' folder/list.csv
printf 'file\na.wav\n' >folder/list.csv
cannot_classify 'folder/list.csv, line 1: the header must have one column path.' folder/list.csv
printf '{"path": "a.wav"}\n[1]\n' >folder/list.jsonl
cannot_classify 'folder/list.jsonl, line 2: no JSON object.' folder/list.jsonl
printf '{"file": "a.wav"}\n' >folder/list.jsonl
cannot_classify 'folder/list.jsonl, line 1: no path.' folder/list.jsonl
printf 'path\n' >folder/list.csv
cannot_classify 'folder/list.csv names no sounds.' folder/list.csv
rm folder/list.*
# A minute of silence, in windows of which some lie apart from each other.
wav 16000 1 960000 minute.wav
classifies '*(the mean of 57 windows; 60 s of sound)*' minute.wav
classifies '*(the mean of 6 windows; 60 s of sound)*' --timeline 2:10 minute.wav
classifies '*a.wav: * (neutral*' folder/a.wav
classifies '*slow.wav: * (neutral*' --resample slow.wav
classifies '*; weights as bf16*' --weights-as bf16 "$speech"
wrong_classify "--timeline: '4' is no WINDOW:HOP in seconds*" --timeline 4 "$speech"
wrong_classify "--timeline: '0' is no time from 0.025 to 3600 seconds*" --timeline 4:0 "$speech"
wrong_classify "--unknown: '2' is no probability from 0 to 1*" --unknown 2 "$speech"
wrong_classify '--labels names 2 classes, the model has 4*' --labels a,b "$speech"
wrong_classify '--output y.txt: must end with .csv, .json or .safetensors*' --output y.txt "$speech"
wrong_classify '--picture p.png: must end with .svg*' --picture p.png "$speech"
wrong_classify '--timeline, --picture and an --output of .csv or .json are for one sound*' --timeline 1:1 folder
cp folder/a.wav folder/b.safetensors
wrong_classify 'folder/b.safetensors is read, and cannot*' --output folder/b.safetensors folder
rm folder/b.safetensors
wrong_classify 'model/config.json is read, and cannot*' --output model/config.json "$speech"
refused 2 'model/preprocessor_config.json is read, and cannot*' encode --weights $w --input "$speech" --output model/preprocessor_config.json
cannot_classify 'nowhere/y.csv: there is no folder nowhere.' --output nowhere/y.csv "$speech"
wrong_classify '--n-div, --direction, --stride, --placement and --position are for ShiftSER*' --n-div 2 "$speech"
wrong_classify 'model/config.json is read, and cannot be written as well*' --config model/config.json --output model/config.json \
  "$speech"
cannot_classify 'short.wav has 100 samples, must have >= 400.' short.wav
cannot_classify 'there is no file or folder nowhere.wav.' nowhere.wav
run 1 1 err 'ser: nowhere.safetensors: cannot be opened: *' classify --weights nowhere.safetensors "$speech"

printf '%d cases\n' "$cases"
[ "$cases" -eq 146 ] || complain "$cases cases ran, 146 are here"
[ "$failed" -eq 0 ]
