#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Feeds ser classify good and bad models of features, inputs and commands, made here, and checks exit codes, sentences and
# results.
# usage: check_models.sh SER MAKE_MODELS WORKDIR        (WORKDIR is created; files in it are overwritten)
set -u
export LC_ALL=C

expected_cases=247

if [ $# -ne 3 ]; then
  echo "check_models.sh: usage: check_models.sh SER MAKE_MODELS WORKDIR" >&2
  exit 2
fi
functions=$(realpath -- "$(dirname -- "${BASH_SOURCE[0]}")/../check_functions.sh") || exit 2
binary=$(realpath -- "$1") || exit 2
make_weights=$(realpath -- "$2") || exit 2
mkdir -p -- "$3" && cd -- "$3" || exit 2
for program in "$binary" "$make_weights"; do
  if [ ! -x "$program" ]; then
    echo "check_models.sh: '$program' is not a program" >&2
    exit 2
  fi
done

# shellcheck source=SCRIPTDIR/../check_functions.sh
source "$functions"

# As run, of `ser classify`.
model() { run "${@:1:4}" classify "${@:5}"; }

# yields WANT PATTERN WEIGHTS INPUT OPTIONS...: y has the bytes of want_WANT, and stdout matches PATTERN.
yields() {
  local want=want_$1.safetensors pattern=$2 weights=$3.safetensors input=$4.safetensors
  shift 4
  rm -f -- y.safetensors
  model 0 0 out "$pattern" --weights "$weights" --input "$input" --output y.safetensors "$@"
  cmp -- "$want" y.safetensors || complain "$weights $input $*: y is not that of $want"
}

# A refusal is one sentence, and leaves no output.
refused() {
  local code=$1 pattern=$2
  shift 2
  rm -f -- y.safetensors
  model "$code" 1 err "ser: $pattern" "$@"
  [ ! -e y.safetensors ] || complain "$*: was refused, but wrote y"
}

# bad PATTERN WEIGHTS INPUT OPTIONS...: exit 1.   wrong: the same with exit 2.
bad() {
  refused 1 "$1" --weights "$2.safetensors" --input "$3.safetensors" --output y.safetensors "${@:4}"
}
wrong() {
  refused 2 "$1. Try ser --help." --weights "$2.safetensors" --input "$3.safetensors" \
    --output y.safetensors "${@:4}"
}

chmod -R u+rwX . && rm -rf -- *.safetensors .tshift-* a_folder read_only kept
if ! "$make_weights" .; then
  echo "check_models.sh: make_weights failed" >&2
  exit 1
fi

# ---- every architecture, with the paper's shift and without any
yields cnn 'cnn.safetensors: ShiftCNN, D = 24, 4 classes, 2 blocks; shift of 1 channel (n_div 16), *, placement skip
io.safetensors: x \[3, 10, 24] of F32; its lengths are not used, --lengths would
y.safetensors: y \[3, 4] of F32
*
       0 *
       1 *
       2 *' cnn io
yields cnn_none '*: CNN, *; no shift*' cnn io --n-div 0
yields cnn_none '*: CNN, *; no shift*' cnn io --placement none
yields cnn_none '*: CNN, *; no shift*' cnn io --n-div 0 --placement none
yields shift_lstm \
  '*: ShiftLSTM, D = 24, 4 classes, 1 bidirectional layer; shift of 6 channels (n_div 4), delay, *, on the input*' \
  shift_lstm io
yields shift_lstm_none '*: ShiftLSTM, *; no shift*' shift_lstm io --n-div 0
yields shift_lstm '*on the input*' shift_lstm io --placement branch
yields shift_lstm '*on the input*' shift_lstm io --placement both
yields lstm '*: LSTM, D = 24, 4 classes, 1 bidirectional layer; no shift*' lstm io
yields lstm '*: LSTM, *; no shift*' lstm io --n-div 0
yields lstm_n_div '*: LSTM, *; shift of 8 channels (n_div 3), delay, stride 1, on the input*' lstm io --n-div 3
yields lstm_one_way '*: LSTM, *, 1 layer; no shift*' lstm_one_way io
yields absolute '*: Transformer, D = 24, 4 classes, 2 blocks, absolute positions; no shift*' absolute io
yields absolute '*absolute positions*' absolute io --position absolute
yields relative_key_query '*: Transformer, D = 24, 4 classes, 2 blocks, relative_key_query positions; no shift*' \
  relative io
yields relative_key_query '*relative_key_query*' relative io --position relative_key_query
yields relative_key '*, relative_key positions*' relative io --position relative_key
yields relative_key_query '*; no shift*' relative io --n-div 0
yields relative_shifted '*; shift of 4 channels (n_div 6), delay, stride 1, placement skip*' \
  relative io --n-div 6 --placement skip
yields shiftformer \
  '*: Shiftformer, D = 24, 4 classes, 2 blocks; shift of 12 channels (n_div 4), both directions, *, placement both*' \
  shiftformer io
yields shiftformer_none '*: Shiftformer, *; no shift*' shiftformer io --n-div 0
yields shiftformer_absolute '*: Shiftformer, *, absolute positions; shift of 12 *' shiftformer_absolute io
yields shiftformer_absolute '*' shiftformer_absolute io --position absolute
yields cnn_bf16 '*ShiftCNN*' cnn_bf16 io

# ---- matrices as bf16
yields cnn_halves '*: ShiftCNN, *; weights as bf16
*' cnn io --weights-as bf16
yields shift_lstm_halves '*; weights as bf16*' shift_lstm io --weights-as bf16 --lengths
yields cnn '*placement skip
*' cnn io --weights-as float
wrong "--weights-as: 'half' is none of float|bf16" cnn io --weights-as half

# ---- an option overrides itself, and nothing else
yields cnn_n_div '*shift of 8 channels (n_div 3), delay, stride 1, placement skip*' cnn io --n-div 3
yields cnn_direction '*shift of 2 channels (n_div 16), both directions, stride 1, placement skip*' \
  cnn io --direction both
yields cnn_advance '*\(n_div 16), advance, stride 1, placement skip*' cnn io --direction advance
yields cnn_stride '*\(n_div 16), delay, stride 3, placement skip*' cnn io --stride 3
yields cnn_branch '*\(n_div 16), delay, stride 1, placement branch*' cnn io --placement branch
yields cnn_all_options '*shift of 24 channels (n_div 2), both directions, stride 2, placement both*' cnn io \
  --n-div 2 --direction both --stride 2 --placement=both
yields cnn '*' cnn io --n-div 16 --direction delay --stride 1 --placement skip
yields cnn_none '*shift of 0 channels (n_div 25)*' cnn io --n-div 25
yields shiftformer_advance '*shift of 6 channels (n_div 4), advance, *' shiftformer io --direction advance

# ---- inputs of every kind
yields cnn '*x \[3, 10, 24] of F64*' cnn io_f64
yields cnn '*features \[3, 10, 24]*' cnn io_named --tensor features
yields cnn_one '*x \[10, 24] of F32*y \[1, 4]*' cnn io_one
yields cnn_empty '*y \[0, 4]*no sequences' cnn io_empty
yields cnn_ragged '*x \[3, 10, 24] of F32, with lengths*' cnn io --lengths
yields cnn_ragged '*' cnn io_i32 --lengths
yields lstm_ragged '*' lstm io --lengths
yields relative_ragged '*' relative io --lengths
model 0 1 err 'ser: warning: x has 2 values that are NaN or infinite, the first at \[1, 0, 1] of \[N, L, D]' \
  --weights cnn.safetensors --input io_nan.safetensors --output y.safetensors
model 0 1 out '*       0 *\*  [0-3]
       1 *nan *  none
       2 *nan *  none' --weights cnn.safetensors --input io_nan.safetensors --output y.safetensors

cases=$((cases + 1))
marks=$(grep -c '[0-9a-z]\*' out.txt)
[ "$marks" -eq 1 ] || complain "of three rows, two with NaN, $marks have a mark, expected 1"

# ---- models of images
yields crnn 'crnn.safetensors: CRNN, D = 3 x 12, 4 classes, widths 5, 8, 2 convolutions more, 1 bidirectional layer, mean, max; no shift
io_crnn.safetensors: x \[3, 10, 39] of F32; its lengths are not used, --lengths would
y.safetensors: y \[3, 4] of F32
*' crnn io_crnn
yields crnn '*x \[3, 10, 13, 3] of F32*' crnn io_crnn_pixels
yields crnn_ragged '*' crnn io_crnn --lengths
yields crnn_ragged '*' crnn io_crnn_pixels --lengths
yields crnn_elu '*' crnn io_crnn --activation elu:0.5
yields crnn '*' crnn io_crnn --activation leaky_relu --max-pool 2x4 --summary mean,max
yields crnn '*' crnn io_crnn --activation leaky_relu:0.01
yields crnn_std '*, last, std; *' crnn io_crnn --activation relu --summary last,std --summary-eps 0.5
yields crnn_shift '*; shift of 8 channels (n_div 2), both directions, stride 1, placement branch, before all of these*' \
  crnn io_crnn --n-div 2 --direction both --placement branch
yields crnn_shift_2 '*, before convolution 2*' crnn io_crnn --n-div 2 --direction both --placement both --shifted-convs 2
yields crnn_other '*: CRNN, D = 1 x 12, *, widths 3, 2 convolutions more, 1 layer, attention; no shift*' crnn_other io_bands \
  --max-pool 3x2 --norm-eps 0.25 --scorer tanh
yields student '*: vertical-patch ViT, student, D = 12, 4 classes, 2 blocks of 3 heads, patches of 14 x 1, first token; no shift
io_vit.safetensors: x \[3, 10, 14] of F32; *
y.safetensors: y \[3, 4] of F32
*' student io_vit --heads 3
yields student '*x \[3, 1, 14, 10] of F32*' student io_vit_planes --heads 3
yields student_ragged '*' student io_vit --heads 3 --lengths
yields student_ragged '*' student io_vit_planes --heads 3 --lengths
yields student_64 '*, 2 blocks of 2 heads, *' student_64 io_vit
yields student_mean '*, mean of all tokens; no shift*' student io_vit --heads 3 --pool mean
yields student_patches '*, patches of 7 x 2, *' student io_vit --heads 3 --patch-width 2 --patch-height 7
yields student_shift '*; shift of 6 channels (n_div 4), both directions, *, placement branch*' \
  student io_vit --heads 3 --pool mean --n-div 4 --direction both --placement branch
yields teacher '*: vertical-patch ViT, teacher, *; no shift*' teacher io_vit --heads 3
yields teacher '*' teacher io_vit --heads 3 --coordinates as_released
yields teacher_corrected '*, corrected coordinates; *' teacher io_vit --heads 3 --coordinates corrected
# What the file says, and what the command line says against it.
yields student_shift '*placement branch*0  [abcd] 0.*' student_said io_vit
yields student_mean '*mean of all tokens; no shift*' student_said io_vit --n-div 0
yields student '*first token; no shift*' student_said io_vit --n-div 0 --pool cls
model 0 0 out '*per frame, 30 frames; about 0.000464 GFLOP *' \
  --weights crnn.safetensors --input io_crnn.safetensors --output y.safetensors --time
model 0 0 out '*per frame, 30 frames; about 0.0002123 GFLOP *' \
  --weights student.safetensors --heads 3 --input io_vit.safetensors --output y.safetensors --time
model 0 0 out '*--heads N*--summary A,B,...*vertical-patch ViT to_patch_embedding.\*  *' --help

wrong '--heads is an option of a vertical-patch ViT, and crnn.safetensors is a CRNN' crnn io_crnn --heads 3
wrong '--pool is an option of a vertical-patch ViT, and cnn.safetensors is a ShiftCNN' cnn io --pool mean
wrong '--coordinates is an option of a vertical-patch ViT, and cnn.safetensors is a CNN' cnn io --n-div 0 --coordinates corrected
wrong '--summary is an option of a CRNN, and student.safetensors is a vertical-patch ViT' student io_vit --heads 3 --summary max
wrong '--scorer is an option of a CRNN, and lstm.safetensors is an LSTM' lstm io --scorer tanh
wrong '--placement skip: a CRNN has no skip connection, it must be none, branch or both' crnn io_crnn --n-div 2 --placement skip
wrong '--n-div 2 changes nothing where nothing is shifted: the placement is none, --placement sets it' crnn io_crnn --n-div 2
wrong '--placement both changes nothing where nothing is shifted: n_div is 0, --n-div sets it' student io_vit --placement both
wrong '--shifted-convs changes nothing where nothing is shifted' crnn io_crnn --shifted-convs 1
wrong '--position absolute: a CRNN has no such positions' crnn io_crnn --position absolute
wrong '--position absolute: a vertical-patch ViT has no such positions' student io_vit --position absolute
wrong "--heads: '0' is no whole number from 1" student io_vit --heads 0
wrong "--pool: 'max' is none of cls|mean" student io_vit --pool max
wrong "--activation: 'tanh' is none of relu, leaky_relu\[:SLOPE], elu\[:ALPHA] and gelu" crnn io_crnn --activation tanh
wrong "--activation: 'relu:2' is none of *" crnn io_crnn --activation relu:2
wrong "--activation: 'elu:x' is none of *" crnn io_crnn --activation elu:x
wrong "--max-pool: '2' is no TxF, two whole numbers from 1 such as 2x4" crnn io_crnn --max-pool 2
wrong "--max-pool: '0x4' is no TxF, *" crnn io_crnn --max-pool 0x4
wrong "--norm-eps: '-1' is no number from 0" crnn io_crnn --norm-eps=-1
wrong "--summary: 'mean,median' is no list of last, mean, max, std and attention" crnn io_crnn --summary mean,median
wrong "--summary: 'mean,' is no list of *" crnn io_crnn --summary mean,
wrong "--scorer: 'relu' is none of sigmoid|tanh" crnn io_crnn --scorer relu
wrong "--shifted-convs: '1,0' is no list of whole numbers from 1" crnn io_crnn --shifted-convs 1,0
bad 'crnn: shift before convolution 3, the body has 2 of them, counted from 1.' \
  crnn io_crnn --n-div 2 --placement branch --shifted-convs 3
bad 'crnn: no tensor attention.weight in crnn.safetensors.' crnn io_crnn --summary attention
bad 'crnn: tensor attention.bias and 2 more are not part of the model (crnn_other.safetensors, byte *).' \
  crnn_other io_bands --max-pool 3x2 --summary mean
bad 'crnn: no tensor head.1.bias in bad_crnn_missing.safetensors.' bad_crnn_missing io_crnn
bad 'vertical_vit: no tensor mlp_head.bias in bad_vit_missing.safetensors.' bad_vit_missing io_vit --heads 3
bad 'vertical_vit: no tensor to_patch_embedding.1.weight in bad_vit_patches.safetensors.' bad_vit_patches io_vit --heads 3
bad 'vertical_vit: 15 channels, must be 1 or more for each of 4 heads.' \
  student io_vit --heads 4
bad 'vertical_vit: 15 channels, must be heads of 64, or the number of heads be given.' student io_vit
bad 'vertical_vit: patches of 14 elements, must be *' student io_vit --heads 3 --patch-width 3
bad 'vertical_vit: a shift of patches of 7 rows, must be of whole columns.' student io_vit --heads 3 --patch-width 2 \
  --patch-height 7 --n-div 4 --placement branch
bad 'io.safetensors: tensor x is \[3, 10, 24] of F32, the model needs D = 36 to 45 in steps of 3.' crnn io
bad 'io.safetensors: tensor x is \[3, 10, 24] of F32, the model needs D = 14.' student io --heads 3
bad 'io.safetensors: tensor x is \[3, 10, 24] of F32, the model needs D from 7 in steps of 7.' student io --heads 3 \
  --patch-width 2 --patch-height 7
bad 'bad_io_crnn_pixels.safetensors: tensor x is \[3, 10, 3, 13] of F32, must be \[N, L, F, 3], \[N, L, D] or \[L, D].' \
  crnn bad_io_crnn_pixels
bad 'bad_io_vit_planes.safetensors: tensor x is \[1, 3, 14, 10] of F32, must be \[N, 1, H, W], \[N, L, D] or \[L, D].' \
  student bad_io_vit_planes --heads 3
bad 'bad_io_bands.safetensors: tensor x is \[1, 2, 13] of F32; must have L >= 3.' crnn_other bad_io_bands --max-pool 3x2
bad 'bad_io_crnn_short.safetensors: tensor lengths\[1] = 1, must be from 2 to the 10 frames of x.' \
  crnn bad_io_crnn_short --lengths

# ---- evaluated, on tensors and on sounds
evaluate() { run "${@:1:4}" evaluate "${@:5}"; }
evaluate 0 0 out 'io_vit.safetensors: 3 sequences, D = 14, 4 classes; vertical-patch ViT, student, *WA *UA *F1 *p.csv is written*' \
  --weights student_labels.safetensors --data io_vit.safetensors --predictions p.csv
cases=$((cases + 1))
model 0 0 out '*' --weights student_labels.safetensors --input io_vit.safetensors --output y.safetensors --lengths
seen=$(awk '/^ +[0-9]+  [0-9] / { print $2, $3 }' out.txt)
from_csv=$(awk -F, 'NR > 1 { gsub(/"/, ""); printf "%s %.3f\n", $3, $($3 + 4) }' p.csv)
[ -n "$seen" ] && [ "$seen" = "$from_csv" ] || complain "evaluate predicts $from_csv, classify $seen"
evaluate 2 1 err 'ser: --heads is an option of a vertical-patch ViT, and cnn.safetensors is a ShiftCNN. Try ser --help.' \
  --weights cnn.safetensors --data io_vit.safetensors --heads 3
evaluate 1 1 err 'ser: crnn_hears.safetensors reads D = 36 to 45 in steps of 3, the data has D = 14.' \
  --weights crnn_hears.safetensors --data io_vit.safetensors
evaluate 2 1 err 'ser: --image=14x10 is for sounds, and io_vit.safetensors is tensors. Try ser --help.' \
  --weights student_labels.safetensors --data io_vit.safetensors --image 14x10
# Sounds, which are the bytes of files here.
sound() {
  local bytes=$((2 * $2))
  le() { local value=$1 i; for ((i = 0; i < $2; ++i)); do printf "\\x$(printf %02x $((value >> 8 * i & 255)))"; done; }
  {
    printf 'RIFF'; le $((36 + bytes)) 4; printf 'WAVEfmt '; le 16 4; le 1 2; le 1 2; le 16000 4; le 32000 4; le 2 2; le 16 2
    printf 'data'; le "$bytes" 4; head -c "$bytes" "$1"
  } >"$3"
}
rm -rf sounds && mkdir -p sounds/0 sounds/2
sound student_64.safetensors 9000 sounds/0/a.wav && sound crnn.safetensors 4000 sounds/0/b.wav
sound teacher.safetensors 12000 sounds/2/c.wav
# agree OPTIONS...: the same predictions, for the last sound those of the features that ser features makes.
agree() {
  evaluate 0 0 out '*p.csv is written*' --data sounds --predictions p.csv "$@"
  cases=$((cases + 1))
  [ "$(wc -l <p.csv)" -eq 4 ] || complain "$*: p.csv has $(wc -l <p.csv) lines"
  [ ! -e kept.csv ] || cmp -- kept.csv p.csv || complain "$*: other predictions"
  mv p.csv kept.csv
}
rm -f kept.csv
agree --weights student_hears.safetensors
agree --weights student_labels.safetensors --bands 14 --hop 400 --image 14x10 --image-resize area
agree --weights student_hears.safetensors --bands 14 --hop 400 --image 14x10 --image-resize area --heads 3
run 0 0 out '*features \[1, 10, 14\]*' features --input sounds/2/c.wav --output c.safetensors --bands 14 --hop 400 \
  --image 14x10 --image-resize area
model 0 0 out '*' --weights student_hears.safetensors --input c.safetensors --tensor features --output y.safetensors
cases=$((cases + 1))
seen=$(awk '/^ +[0-9]+  [0-9] / { print $2, $3 }' out.txt)
from_csv=$(awk -F, '/c.wav/ { gsub(/"/, ""); printf "%s %.3f\n", $3, $($3 + 4) }' kept.csv)
[ -n "$seen" ] && [ "$seen" = "$from_csv" ] || complain "of an image evaluate predicts $from_csv, classify $seen"
rm -f kept.csv
agree --weights crnn_hears.safetensors
agree --weights crnn_hears.safetensors --preset kaldi --bands 13 --deltas htk
agree --weights crnn_hears.safetensors --features-normalise utterance
evaluate 1 1 err 'ser: student_hears.safetensors reads D = 14, the data has D = 13.' \
  --weights student_hears.safetensors --data sounds --image 13x10 --image-resize linear --bands 13
evaluate 2 1 err 'ser: --image and --deltas exclude each other. Try ser --help.' \
  --weights student_hears.safetensors --data sounds --image 14x10 --deltas htk
rm -f p.csv kept.csv

# ---- digits and marks: what is printed is y, and the mark stands at the largest
model 0 0 out '*' --weights cnn.safetensors --input io.safetensors --output y.safetensors
cases=$((cases + 1))
marks=$(awk '/^ +[0-9]+ / { best = ""; marked = ""
                           for (k = 2; k < NF; ++k) { v = $k; m = sub(/\*$/, "", v)
                             if (m) marked = marked (k - 2)
                             if (best == "" || v + 0 > top) { top = v + 0; best = k - 2 } }
                           print (marked == best && best == $NF) ? "right" : "wrong" }' out.txt | sort | uniq -c)
[[ $marks =~ ^\ *3\ right$ ]] || complain "the marks of the table: $marks"
cases=$((cases + 1))
# Nine digits, read as float32, are the float itself; od prints nine as well.
from_file=$(tail -c 48 y.safetensors | od -An -v -tf4 -w4 | awk '{ printf "%.6e\n", $1 }')
from_table=$(awk '/^ +[0-9]+ / { for (k = 2; k < NF; ++k) { sub(/\*$/, "", $k); printf "%.6e\n", $k } }' out.txt)
[ "$from_file" = "$from_table" ] || complain "the table does not show y: $from_table, expected $from_file"

# ---- times
model 0 0 out '*time: median * ms, least * ms of *[0-9] runs after 2 to warm up, one thread, compiled for *
 * ms per frame, 30 frames; about 0.0008761 GFLOP in matrix products, * GFLOP/s*' \
  --weights relative.safetensors --input io.safetensors --output y.safetensors --time
cmp -- want_relative_key_query.safetensors y.safetensors || complain "--time changes y"
model 0 0 out '*per frame, 15 frames; about 0.0002871 GFLOP *' \
  --weights cnn.safetensors --input io.safetensors --output y.safetensors --lengths --time
model 0 0 out '*per frame, 30 frames; about 0.0005541 GFLOP *' \
  --weights shift_lstm.safetensors --input io.safetensors --output y.safetensors --time
wrong '--time: there are no frames in io_empty.safetensors' cnn io_empty --time

# ---- the command line
model 0 0 out '*Usage: *classify *--weights*ShiftCNN *16  delay *1  skip*' --help
model 0 0 out '*Usage: *classify *' -h
refused 2 '*--input is required*'
refused 2 '*--weights is required*' --input io.safetensors
refused 2 '*--input is required*' --weights cnn.safetensors --output y.safetensors
model 0 0 out '*: ShiftCNN*class 0*' --weights cnn.safetensors --input io.safetensors
model 0 0 out '*0  [abcd] 0.*' --weights cnn.safetensors io.safetensors --labels a,b,c,d
model 0 0 out '*0  unknown 0.*' --weights cnn.safetensors io.safetensors --unknown 1
wrong '--labels names 1 classes, the model has 4' cnn io --labels a
wrong '--config, --normalize, *are for models with an encoder, and cnn.safetensors holds none' cnn io --normalize none
wrong '--mix and --resample are for sounds, and io.safetensors holds tensors' cnn io --mix
wrong '*--loud*' cnn io --loud
wrong '*a_word*' cnn io a_word
wrong '*--tensor*' cnn io --tensor
wrong '--tensor: the name is empty' cnn io --tensor ''
wrong '*--weights*' cnn io --weights lstm.safetensors
wrong "--n-div: '-1' is no whole number from 0" cnn io --n-div -1
wrong "--n-div: '010x' is no whole number from 0" cnn io --n-div 010x
wrong "--n-div: '4.5' is no whole number from 0" cnn io --n-div 4.5
wrong "--n-div: '99999999999999999999' is no whole number from 0" cnn io --n-div 99999999999999999999
wrong '*--n-div*' cnn io --n-div 4 --n-div 8
wrong "--stride: '0' is no whole number from 1" cnn io --stride 0
wrong "--stride: 'one' is no whole number from 1" cnn io --stride one
wrong "--direction: 'sideways' is none of delay|advance|both" cnn io --direction sideways
wrong "--placement: 'everywhere' is none of none|branch|skip|both" cnn io --placement everywhere
wrong "--position: 'relative' is none of absolute|relative_key|relative_key_query" relative io --position relative
wrong 'time was given a disallowed flag override' cnn io --time=3

# ---- what a model cannot do
wrong '--placement skip: an LSTM has no skip connection, it must be none, branch or both' \
  lstm io --n-div 4 --placement skip
wrong '--placement skip: an LSTM has no skip connection*' shift_lstm io --placement skip
wrong '--n-div 4 changes nothing where nothing is shifted: the placement is none, --placement sets it' \
  relative io --n-div 4
wrong '--placement both changes nothing where nothing is shifted: n_div is 0, --n-div sets it' \
  relative io --placement both
wrong '--placement both changes nothing where nothing is shifted: n_div is 0, --n-div sets it' lstm io --placement both
wrong '--direction both changes nothing where nothing is shifted: n_div is 0, --n-div sets it' lstm io --direction both
wrong '--stride 2 changes nothing where nothing is shifted: n_div is 0' cnn io --n-div 0 --stride 2
wrong '--direction delay changes nothing where nothing is shifted: n_div is 0' cnn io --n-div 0 --direction delay
wrong '--placement skip changes nothing where nothing is shifted: n_div is 0' cnn io --n-div 0 --placement skip
wrong '--n-div 4 changes nothing where nothing is shifted: the placement is none' cnn io --n-div 4 --placement none
wrong '--stride 2 changes nothing where nothing is shifted: the placement is none' cnn io --stride 2 --placement none
wrong 'no such shift of 24 channels: *' cnn io --n-div 1 --direction both
wrong '--position absolute: CNNs and LSTMs have no positions' cnn io --position absolute
wrong '--position relative_key: CNNs and LSTMs have no positions' lstm io --position relative_key
wrong '--position absolute: CNNs and LSTMs have no positions' shift_lstm io --position absolute
wrong '--position relative_key: a Shiftformer has no attention' shiftformer io --position relative_key
wrong '--position relative_key: a Shiftformer has no attention' shiftformer_absolute io --position relative_key
wrong '--position absolute needs a tensor position_embeddings.weight, and shiftformer.safetensors has none' \
  shiftformer io --position absolute
wrong '--position absolute needs a tensor position_embeddings.weight, and relative.safetensors has none' \
  relative io --position absolute
wrong \
  '--position relative_key needs tensors named *.distance_embedding.weight, and absolute.safetensors has none' \
  absolute io --position relative_key

# ---- files of weights
bad 'missing.safetensors: cannot be opened: No such file or directory.' missing io
mkdir a_folder.safetensors 2>/dev/null
bad 'a_folder.safetensors: is a folder, must be a file.' a_folder io
: >nothing.safetensors
bad 'nothing.safetensors: has 0 bytes, *.' nothing io
echo 'This is a text, and no weights at all.' >text.safetensors
bad 'text.safetensors: a header of *' text io
printf 'version https://git-lfs.github.com/spec/v1\noid sha256:0a1b\nsize 9\n' >pointer.safetensors
bad 'pointer.safetensors: is a Git LFS pointer, *: fetch the file itself with `git lfs pull` (byte 0).' pointer io
printf 'PK\003\004\000\000\010\010model/data.pkl' >zip.safetensors
bad 'zip.safetensors: is a zip archive, as torch.save writes it: *safetensors.torch.save_file (byte 0).' zip io
head -c 100 cnn.safetensors >truncated.safetensors
bad 'truncated.safetensors: a header of * is announced*' truncated io
head -c -1 cnn.safetensors >short.safetensors
bad 'short.safetensors: tensor *' short io
bad \
  'bad_empty.safetensors: no model is recognised: *conv_block.\* (CNN, ShiftCNN), *; it holds no tensor.' \
  bad_empty io
bad '*no model is recognised*; its first tensor is module.conv_block.*' bad_prefix io
bad '*no model is recognised*; its first tensor is *' io io
bad 'shift_cnn: tensor extra.weight is not part of the model (bad_surplus.safetensors, byte *).' bad_surplus io
bad 'shift_cnn: no tensor conv_block.1.sequential.4.bias in bad_missing.safetensors.' bad_missing io
bad 'shift_cnn: no tensor head.weight in bad_headless.safetensors.' bad_headless io
bad 'shift_cnn: head.bias is \[5], must be \[4] (bad_shape.safetensors, byte *).' bad_shape io
bad 'shift_cnn: head.bias has dtype I64, must be F32, F16, BF16 or F64 (bad_dtype.safetensors, byte *).' bad_dtype io
bad 'bad_no_classes.safetensors: a model of 24 channels and 0 classes computes nothing.' bad_no_classes io
bad 'bad_overflow.safetensors: tensor head.bias: 1e+300 is more than a float holds (byte *).' bad_overflow io
bad 'shiftformer: no tensor position_embeddings.weight in bad_no_positions.safetensors.' bad_no_positions io
bad 'shiftformer: no tensor transformer.0.token_mixer.distance_embedding.weight in bad_table.safetensors.' bad_table io

# ---- files of input
bad 'there is no file or folder missing.safetensors.' cnn missing
bad 'text.safetensors: a header of *' cnn text
head -c -4 io_f64.safetensors >io_short.safetensors
bad 'io_short.safetensors: tensor x: *' cnn io_short
bad 'bad_io_none.safetensors: no tensor x; it holds none.' cnn bad_io_none
bad 'io_named.safetensors: no tensor x; it holds features.' cnn io_named
bad 'io.safetensors: no tensor X; it holds *, *.' cnn io --tensor X
bad 'cnn.safetensors: no tensor x; it holds *, *, *, *, * and 16 more.' cnn cnn
bad 'bad_io_width.safetensors: tensor x is \[3, 20, 12] of F32, the model needs D = 24.' cnn bad_io_width
bad 'bad_io_rank_1.safetensors: tensor x is \[720] of F32, must be \[N, L, D] or \[L, D].' cnn bad_io_rank_1
bad 'bad_io_rank_4.safetensors: tensor x is \[1, 3, 10, 24] of F32, must be \[N, L, D] or \[L, D].' cnn bad_io_rank_4
bad 'bad_io_dtype.safetensors: tensor x is \[1, 10, 24] of I64, must be F32, F16, BF16 or F64.' cnn bad_io_dtype
bad \
  'bad_io_no_frames.safetensors: tensor x is \[2, 0, 24] of F32, and the mean over no frames is *; must have L >= 1.' \
  cnn bad_io_no_frames
bad 'shiftformer: sequence 0 has 13 frames, the model?s positions serve at most 12.' relative bad_io_long
bad 'shiftformer: sequence 0 has 13 frames, the model?s positions serve at most 12.' absolute bad_io_long
bad 'io_f64.safetensors: no tensor lengths; it holds x.' cnn io_f64 --lengths
bad 'bad_io_lengths_long.safetensors: tensor lengths\[1] = 11, must be from 1 to the 10 frames of x.' \
  cnn bad_io_lengths_long --lengths
bad 'bad_io_lengths_zero.safetensors: tensor lengths\[1] = 0, must be *' cnn bad_io_lengths_zero --lengths
bad 'bad_io_lengths_negative.safetensors: tensor lengths\[1] = -3, must be *' cnn bad_io_lengths_negative --lengths
bad 'bad_io_lengths_shape.safetensors: tensor lengths is \[3, 1] of I64, must be \[3]: one for each sequence.' \
  cnn bad_io_lengths_shape --lengths
bad 'bad_io_lengths_dtype.safetensors: tensor lengths is \[3] of F32, must be I64 or I32.' \
  cnn bad_io_lengths_dtype --lengths

# A file that may not be read. Root may read everything: then it is one that cannot be found.
cp cnn.safetensors unreadable.safetensors && chmod 000 unreadable.safetensors
if [ -r unreadable.safetensors ]; then
  rm -f unreadable.safetensors && ln -s unreadable.safetensors unreadable.safetensors
fi
bad 'unreadable.safetensors: cannot be opened: *' unreadable io

# ---- output that cannot be written leaves what is there
write_to() {
  refused "$1" "$2" --weights cnn.safetensors --input io.safetensors --output "$3"
}
write_to 1 'no/such/folder/y.safetensors: there is no folder no/such/folder.' no/such/folder/y.safetensors
write_to 1 'a_folder.safetensors: is a folder, must be a file.' a_folder.safetensors
write_to 1 '/dev/null: is not a regular file and is not replaced.' /dev/null
mkdir read_only && chmod 500 read_only
folder=read_only
if [ -w read_only ]; then folder=/proc; fi # root writes everywhere, but not there
write_to 1 "$folder/y.safetensors: cannot be written: *" "$folder/y.safetensors"
write_to 2 'cnn.safetensors is read, and cannot be written as well. Try ser --help.' cnn.safetensors
write_to 2 './io.safetensors is read, and cannot be written as well. Try ser --help.' ./io.safetensors
ln -s cnn.safetensors link.safetensors
write_to 2 'link.safetensors is read, and cannot*' link.safetensors
ln io.safetensors hard_link.safetensors
write_to 2 'hard_link.safetensors is read, and cannot*' hard_link.safetensors
write_to 2 '--output: the name is empty. Try ser --help.' ''

# A disk that is full, or nearly: the old file stays.
cases=$((cases + 1))
echo old >kept
(ulimit -f 1 && exec "$binary" classify --weights cnn.safetensors --input io_many.safetensors --output kept >out.txt 2>err.txt)
code=$?
if [ "$code" -ne 1 ] || [ "$(cat kept)" != old ] ||
  [ "$(cat err.txt)" != 'ser: kept: cannot be written: File too large.' ]; then
  complain "a limit on the size of files: exit code $code, stderr: $(cat err.txt)"
fi

cases=$((cases + 1))
"$binary" classify --help >/dev/full 2>err.txt
code=$?
if [ "$code" -ne 1 ] || [ "$(cat err.txt)" != 'ser: cannot write to the standard output.' ]; then
  complain "--help >/dev/full: exit code $code, stderr: $(cat err.txt)"
fi

# Ended at any time: the old file, or the new one. (What runs in the background of a script never sees SIGINT.)
cases=$((cases + 1))
"$binary" classify --weights cnn.safetensors --input io_many.safetensors --output many.safetensors >out.txt
for delay in 0 0.001 0.002 0.003 0.004 0.005 0.006 0.008 0.010 0.015 0.020 0.030; do
  echo old >kept
  "$binary" classify --weights cnn.safetensors --input io_many.safetensors --output kept --time >out.txt 2>err.txt &
  sleep "$delay"
  kill -TERM $! 2>/dev/null
  wait $! 2>/dev/null
  [ "$(wc -c <kept)" -eq 4 ] || cmp -- kept many.safetensors ||
    complain "ended after $delay s: the output is neither old nor new"
done

cases=$((cases + 1))
leftovers=$(find . -name '.tshift-*')
[ -z "$leftovers" ] || complain "temporary files are left: $leftovers"

echo "check_models.sh: $cases cases ran, $failed failed"
if [ "$cases" -ne "$expected_cases" ]; then
  echo "check_models.sh: expected $expected_cases cases" >&2
  exit 1
fi
[ "$failed" -eq 0 ]
