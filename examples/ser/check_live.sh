#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Has ser listen live, to raw samples of every form and to a simulated microphone: the last answer must be what ser classify
# says; and to what it must refuse. Ends it by Ctrl-C and by a reader that goes.
# usage: check_live.sh SER MAKE_TRAINING MAKE_WEIGHTS WORKDIR     (WORKDIR is created; files in it are overwritten)
set -u
export LC_ALL=C

expected_cases=74

if [ $# -ne 4 ]; then
  echo "check_live.sh: usage: check_live.sh SER MAKE_TRAINING MAKE_WEIGHTS WORKDIR" >&2
  exit 2
fi
functions=$(realpath -- "$(dirname -- "${BASH_SOURCE[0]}")/../check_functions.sh") || exit 2
binary=$(realpath -- "$1") || exit 2
make_training=$(realpath -- "$2") || exit 2
make_weights=$(realpath -- "$3") || exit 2
mkdir -p -- "$4" && cd -- "$4" || exit 2

# shellcheck source=SCRIPTDIR/../check_functions.sh
source "$functions"

# wrong PATTERN OPTIONS...: exit 2, of a model that cannot listen or options that cannot be.
wrong() { run 2 1 err "ser: $1. Try ser --help." live "${@:2}"; }
# says WHAT TEXT PATTERN
says() {
  cases=$((cases + 1))
  # shellcheck disable=SC2053  # the right side is a pattern
  [[ $2 == $3 ]] || complain "$1 does not match '$3': $2"
}
# best MODEL: the file of its last fold.
best() { printf '%s' "run_$1/fold-voice_2/best.safetensors"; }
# as_classified MODEL OPTIONS...: what comes on the standard input, heard live, ends with what classify says of speech.wav.
stored=()  # --weights-as, for both
as_classified() {
  local last want model=$1
  cases=$((cases + 1))
  last=$("$binary" live --weights "$(best "$model")" "${stored[@]}" "${@:2}" 2>err.txt | grep '^all of ')
  want=$("$binary" classify --weights "$(best "$model")" "${stored[@]}" speech.wav | tail -n 1)
  [ -n "$last" ] && [ "${last#*: }" = "${want#*: }" ] ||
    complain "$model ${*:2}: live ends with '$last', classify says '$want': $(cat err.txt)"
}

chmod -R u+rwX . && rm -rf -- ./*.safetensors ./*.csv ./*.wav ./*.raw run_* sounds hubert
if ! "$make_training" . || ! "$make_weights" hubert >/dev/null; then
  echo "check_live.sh: make_training or make_weights failed" >&2
  exit 1
fi
# Three seconds of the voices, one after the other.
header=44
{
  head -c $header sounds/low/00.wav
  for sound in sounds/low/*.wav sounds/high/*.wav; do tail -c +$((header + 1)) "$sound"; done | head -c 100000
} >joined.raw
tail -c +$((header + 1)) joined.raw >s16.raw
perl -e 'binmode STDOUT; my $n = -s "s16.raw"; print "RIFF", pack("V", 36 + $n), "WAVEfmt ", pack("VvvVVvv", 16, 1, 1, 16000, 32000, 2, 16),
  "data", pack("V", $n); open F, "s16.raw"; binmode F; print <F>' >speech.wav
perl -e 'binmode STDOUT; print "RIFF", pack("V", 36), "WAVEfmt ", pack("VvvVVvv", 16, 1, 1, 16000, 32000, 2, 16), "data", pack("V", 0)' >empty.wav
as_numbers='open F, "s16.raw"; binmode F; local $/; my @x = unpack "s<*", <F>; binmode STDOUT;'
perl -e "$as_numbers"'print pack "l<*", map { $_ * 65536 } @x' >s32.raw
perl -e "$as_numbers"'print pack "f<*", map { $_ / 32768 } @x' >f32.raw
perl -e "$as_numbers"'$x[20000] = 0; my @y = map { $_ / 32768 } @x; $y[20000] = "nan"; print pack "f<*", @y' >nan.raw
perl -e "$as_numbers"'print pack "s<*", map { ($_ - 5, $_ + 5) } @x' >two.raw
perl -e "$as_numbers"'print pack "C*", map { int($_ / 256) + 128 } @x' >u8.raw

learn() {
  local name=$1
  shift
  "$binary" train --data sounds.csv --epochs 1 --quiet --run "run_$name" "$@" >/dev/null 2>err.txt ||
    complain "cannot train $name: $(cat err.txt)"
}
live=(--features-normalise none --top-db none --bands 16 --hidden 12)
small=(--filters 3 --widths 3,5 --body 4 --frame-size 5 --one-way)
learn cnn --model cnn "${live[@]}"
learn former --model shiftformer "${live[@]}"
learn direct --model shiftformer "${live[@]}" --no-project --preset torchaudio
learn recurrent --model shift_lstm "${live[@]}" --one-way
learn crnn --model crnn "${live[@]}" "${small[@]}"
learn htk --model crnn "${live[@]}" "${small[@]}" --deltas htk --n-div 2 --placement branch --direction both
learn librosa --model crnn "${live[@]}" "${small[@]}" --deltas librosa --summary last,mean,max,std,attention

# ---- the last answer is that of the whole sound, whatever it comes as
for model in cnn former recurrent direct crnn htk librosa; do
  as_classified $model <s16.raw
  as_classified $model --every 0.13 <s16.raw
  as_classified $model --simulate speech.wav --pace 0 </dev/null
done
stored=(--weights-as bf16)
as_classified direct <s16.raw
as_classified crnn <s16.raw
stored=()
as_classified cnn --format s32 <s32.raw
as_classified cnn --format f32 <f32.raw
as_classified cnn --channels 2 <two.raw
as_classified former < <(head -c 30001 s16.raw; sleep 0.2; tail -c +30002 s16.raw)  # in the middle of a sample
as_classified former --simulate speech.wav --pace 40 </dev/null
as_classified former --unknown 0 --labels high,low <s16.raw

# ---- a line a second, and how long it took
text=$("$binary" live --weights "$(best former)" <s16.raw)
says live "$text" "run_former/*: *Shiftformer, D = 16, 2 classes*
     1.00 s  [[]*]: * (high 0.*, low 0.*)
     2.00 s  [[]*]: * (high 0.*, low 0.*)
     3.00 s  [[]*]: * (high 0.*, low 0.*)
all of 3.12 s: * (high 0.*, low 0.*)
(from sound to answer * ms: a frame takes 128 ms of sound, the network looks 64 ms ahead, computing takes * ms, at most * ms)"
text=$("$binary" live --weights "$(best cnn)" --every 0.5 --json --unknown 1 <s16.raw)
says "live --json" "$text" '{"seconds":0.5,"label":"unknown","probabilities":{"high":0.*,"low":0.*},"last":false}
*{"seconds":3.0,"label":"unknown","probabilities":*,"last":false}
{"seconds":3.12*,"label":"unknown","probabilities":*,"last":true}
{"delay":{"frame":0.128,"network":0.19*,"computing_median":*,"computing_most":*}}'
says "lines of live --json" "$(wc -l <<<"$text")" 8
text=$("$binary" live --weights "$(best crnn)" --every 0.05 <s16.raw)
says "live before a frame is through" "$text" "*     0.05 s: nothing yet*"
text=$("$binary" live --weights "$(best cnn)" --format u8 <u8.raw)  # eight bits are not the sound
says "live of eight bits" "$text" "*all of 3.12 s: *"
text=$("$binary" live --weights "$(best cnn)" --rate 8000 --resample <s16.raw)
says "live of another rate" "$text" "*all of 6.25 s: *"

text=$("$binary" live --weights "$(best cnn)" --format f32 <nan.raw)  # a second without, then it is in every mean
says "live of what is no number" "$text" "*     1.00 s  [[]#*
     2.00 s  [[]....................]: unknown (high *nan, low *nan)
*all of 3.12 s: unknown (high *nan, low *nan)*"
text=$("$binary" live --weights "$(best cnn)" --format f32 --json <nan.raw)
says "live --json of what is no number" "$text" '*{"seconds":2.0,"label":"unknown","probabilities":{"high":null,"low":null},"last":false}*'

# ---- classify of sounds, by a model that knows how it hears
run 0 0 out "*: *ShiftCNN*
speech.wav: * (high 0.*, low 0.*)" classify --weights "$(best cnn)" speech.wav
run 0 0 out "*
00.wav: *
*
24.wav: *" classify --weights "$(best cnn)" sounds/low --output many.safetensors
says "y of many" "$(head -c 400 many.safetensors | tr -d '\0')" '*"probabilities":{"dtype":"F32","shape":[[]9,2]*"y":{"dtype":"F32","shape":[[]9,2]*'
run 1 1 err "ser: cannot read 'empty.wav': it holds no samples." classify --weights "$(best cnn)" empty.wav
run 1 1 err "ser: there is no file or folder none.wav." classify --weights "$(best cnn)" none.wav
run 2 1 err "ser: --tensor, --lengths and --time are for a .safetensors file, which speech.wav is not. Try ser --help." \
  classify --weights "$(best cnn)" speech.wav --time

# ---- refused, with the reason
usual=(--bands 16 --hidden 12)
learn usual --model cnn "${usual[@]}"
learn loud --model cnn "${usual[@]}" --features-normalise none
learn lstm --model shift_lstm "${live[@]}"
learn attends --model transformer "${live[@]}"
learn both --model crnn "${live[@]}" --filters 3 --widths 3,5 --body 4 --frame-size 5
learn vit --model vit_student --image 16x16 --dim 8 --head-dim 4 --heads 2 --hidden 8
"$binary" train --data data.safetensors --model cnn --epochs 1 --quiet --run run_tensors >/dev/null
wrong "the model learned from sounds that were normalised as a whole*--features-normalise none*" --weights "$(best usual)" </dev/null
wrong "the model's features are measured by the loudest of the whole sound*--top-db none*" --weights "$(best loud)" </dev/null
wrong "the model reads images of whole sounds, and cannot be streamed" --weights "$(best vit)" </dev/null
run 1 1 err "ser: shift_lstm: the backward direction begins with the last frame of a sequence, and cannot be streamed." \
  live --weights "$(best lstm)" </dev/null
run 1 1 err "ser: crnn: the backward direction begins with*" live --weights "$(best both)" </dev/null
run 1 1 err "ser: shiftformer: attention needs the whole sequence, and cannot be streamed." \
  live --weights "$(best attends)" </dev/null
run 1 1 err "ser: *does not say what its features are*" live --weights "run_tensors/fold-3/best.safetensors" </dev/null
# ---- an encoder: each window is what classify says of it, and the last answer what it says of the whole
# hears OPTIONS...: of speech.wav, by live and by classify.
hears() {
  local live classified
  cases=$((cases + 1))
  live=$("$binary" live --weights hubert/model.safetensors "$@" <s16.raw 2>err.txt |
    sed -e '/^model\|^hubert\|^samples\|^(/d' -e 's/  \[[#.]*\]//' -e 's/^all of [0-9.]* s/all/')
  classified=$("$binary" classify --weights hubert/model.safetensors "$@" speech.wav |
    awk '/^speech.wav: / {sub(/^speech.wav/, "all"); all = $0} /^ .* to / {print} END {print all}')
  [ -n "$classified" ] && [ "$live" = "$classified" ] ||
    complain "an encoder, $*: live says '$live', classify '$classified': $(cat err.txt)"
}
hears --timeline 1:0.5
hears --timeline 0.7:1.1
hears --timeline 4:1
hears --timeline 1:0.5 --normalize none
hears --timeline 1:0.5 --weights-as bf16
wrong '--every: hubert/model.safetensors holds an encoder, which answers window by window: --timeline 4:1' \
  --weights hubert/model.safetensors --every 2 </dev/null
wrong '--as-released, --mask, --frames reshape and --normalize batch are for batches' \
  --weights hubert/model.safetensors --normalize batch </dev/null
wrong '--config, --normalize, --mask, --as-released, --frames and --timeline are for models with an encoder, and *' \
  --weights "$(best cnn)" --timeline 2:1 </dev/null
run 1 1 err 'ser: the standard input has 0 samples, must have >= 400.' live --weights hubert/model.safetensors </dev/null
run 1 1 err "ser: the standard input gave too few samples for a frame." live --weights "$(best crnn)" </dev/null
run 1 1 err "ser: cannot read 'none.wav': there is no such file." live --weights "$(best cnn)" --simulate none.wav </dev/null
wrong "--rate 8000: the model hears 16000 samples per second; --resample converts them" --weights "$(best cnn)" --rate 8000 <s16.raw
wrong "--rate: '12' is no number from 1000 to 1e+06" --weights "$(best cnn)" --rate 12 <s16.raw
wrong "--format: 's24' is none of s16|s32|f32|u8" --weights "$(best cnn)" --format s24 <s16.raw
wrong "--every: '0' is no number from 0.01 to 3600" --weights "$(best cnn)" --every 0 <s16.raw
wrong "--channels: '0' is no number from 1 to 64" --weights "$(best cnn)" --channels 0 <s16.raw
wrong "--mix and --pace are for --simulate*" --weights "$(best cnn)" --pace 2 <s16.raw
wrong "--format, --rate and --channels are for the standard input*" --weights "$(best cnn)" --simulate speech.wav --rate 8000 <s16.raw
wrong "--labels names 3 classes, the model has 2" --weights "$(best cnn)" --labels a,b,c <s16.raw
wrong "*--weights*required*" <s16.raw
run 0 0 out "The emotion of a sound while it is still going on*" live --help

# ---- ended from outside
cases=$((cases + 1))
"$binary" live --weights "$(best cnn)" --simulate speech.wav --pace 0 --every 0.01 2>err.txt | head -n 2 >out.txt
[ "${PIPESTATUS[0]}" -eq 0 ] && [ "$(wc -l <out.txt)" -eq 2 ] && [ ! -s err.txt ] ||
  complain "a reader that goes does not end it: $(cat err.txt)"
cases=$((cases + 1))
"$binary" live --weights "$(best cnn)" 2>err.txt </dev/zero >/dev/full
[ $? -eq 1 ] && [ "$(cat err.txt)" = "ser: cannot write to the standard output." ] || complain "a full disk: $(cat err.txt)"
cases=$((cases + 1))
"$binary" live --weights "$(best cnn)" < <(exec 2>/dev/null; cat s16.raw; exec sleep 30) >out.txt 2>err.txt &
for ((i = 0; i < 200; ++i)); do
  grep -q ' 3.00 s' out.txt && break
  sleep 0.05
done
kill -TERM $!  # which is taken as Ctrl-C is; what runs in the background of a script never sees that
wait $!
[ $? -eq 0 ] && grep -q '^all of 3.12 s: ' out.txt || complain "a signal does not end it well: $(cat out.txt err.txt)"

echo "check_live.sh: $cases cases, $failed failed"
if [ "$cases" -ne "$expected_cases" ]; then
  echo "check_live.sh: expected $expected_cases cases" >&2
  exit 1
fi
[ "$failed" -eq 0 ]
