#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Trains with ser on data made here, good and bad; stops it, kills it, goes on with it; and checks exit codes, sentences,
# scores and files.
# usage: check_train.sh SER MAKE_TRAINING MAKE_WEIGHTS WORKDIR     (WORKDIR is created; files in it are overwritten)
set -u
export LC_ALL=C

expected_cases=221

if [ $# -ne 4 ]; then
  echo "check_train.sh: usage: check_train.sh SER MAKE_TRAINING MAKE_WEIGHTS WORKDIR" >&2
  exit 2
fi
functions=$(realpath -- "$(dirname -- "${BASH_SOURCE[0]}")/../check_functions.sh") || exit 2
binary=$(realpath -- "$1") || exit 2
make_training=$(realpath -- "$2") || exit 2
make_weights=$(realpath -- "$3") || exit 2
mkdir -p -- "$4" && cd -- "$4" || exit 2

# shellcheck source=SCRIPTDIR/../check_functions.sh
source "$functions"

train() { run "${@:1:4}" train "${@:5}"; }
# bad PATTERN OPTIONS...: exit 1.   wrong: exit 2.
bad() { train 1 1 err "ser: $1" "${@:2}"; }
wrong() { train 2 1 err "ser: $1. Try ser --help." "${@:2}"; }

# same FILE FILE: the same bytes.
same() {
  cases=$((cases + 1))
  cmp -- "$1" "$2" || complain "$1 and $2 differ"
}
# differ FILE FILE: both are there, and not the same bytes.
differ() {
  cases=$((cases + 1))
  cmp -s -- "$1" "$2"
  [ $? -eq 1 ] || complain "$1 and $2 are the same, or one is missing"
}
# there FILE...: they are there, and not empty.
there() {
  local file
  for file in "$@"; do
    cases=$((cases + 1))
    [ -s "$file" ] || complain "$file is not there, or empty"
  done
}
# pooled FOLDER LEAST: the share that is right in the pooled samples of summary.csv.
pooled() {
  cases=$((cases + 1))
  awk -F, -v least="$2" '/^"pooled"/ { found = 1; if ($4 < least) exit 1 } END { if (!found) exit 1 }' "$1/summary.csv" ||
    complain "$1: pooled WA is below $2: $(cat "$1/summary.csv")"
}

chmod -R u+rwX . && rm -rf -- ./*.safetensors ./*.csv ./*.svg run_* cache sounds other_words hubert ./*.ini
if ! "$make_training" . || ! "$make_weights" hubert >/dev/null; then
  echo "check_train.sh: make_training or make_weights failed" >&2
  exit 1
fi
printf 'epochs = 2\nlearning rate = 1\n' >odd.ini
printf '# quick\nhidden = 8   # small\nepochs = 500\nno-project\n' >one.ini
small=(--hidden 8 --batch 8 --lr 1e-2)
large=(--hidden 256 --batch 8 --lr 1e-2)
data=(--data data.safetensors)

# ---- every model learns what is there to learn, and says so
for kind in cnn lstm shift_lstm shiftformer transformer; do
  train 0 0 out "data.safetensors: 40 sequences, D = 8, 2 classes
fold 0 (1 of 4): 20 to train, 10 to choose, 10 to test
  epoch 1: loss *, dev loss * UA * % WA * %; * left
*fold 3 (4 of 4)*
pooled *
mean *predicted*WA *" "${data[@]}" "${small[@]}" --model $kind --epochs 6 --n-div "$([ $kind = transformer ] && echo 0 || echo 4)" \
    --heads 2 --run run_$kind
  pooled run_$kind 0.85
done
there run_cnn/{config.json,options.ini,log.jsonl,summary.csv,curves.svg,confusion.svg} \
  run_cnn/fold-2/{last,best}.safetensors run_cnn/fold-2/confusion.svg
train 0 0 out '*' "${data[@]}" "${small[@]}" --learned-shift --learned-spread 1 --project --epochs 6 --run run_learned
pooled run_learned 0.85
train 0 0 out '*' "${data[@]}" "${small[@]}" --spec-augment --dropout 0.1 --class-weights 1,2 --smoothing 0.1 \
  --schedule plateau --roll 3 --crop 9 --epochs 6 --run run_all
pooled run_all 0.7
train 0 0 out '*As released: *No honest score.*' "${data[@]}" "${small[@]}" --as-released --epochs 3
train 0 0 out '*fold 4 (4 of 4): 20 to train, 10 to choose, 10 to test*' --data no_groups.safetensors "${small[@]}" \
  --folds 4 --epochs 1
train 0 0 out '*20 to train, 0 to choose, 20 to test
  epoch 1: loss *; * left*' --data two_groups.safetensors "${small[@]}" --no-dev --epochs 1

# ---- the same bits: again, by two threads, with an interruption, from the file of options
train 0 0 out '*' "${data[@]}" "${small[@]}" --epochs 6 --run run_whole
train 0 0 out '*' "${data[@]}" "${small[@]}" --epochs 6 --run run_two --threads 2 --quiet
train 0 0 out '*' "${data[@]}" --options run_whole/options.ini --run run_options
for fold in 0 1 2 3; do
  same run_whole/fold-$fold/best.safetensors run_two/fold-$fold/best.safetensors
  same run_whole/fold-$fold/last.safetensors run_options/fold-$fold/last.safetensors
done
for pause in 0.02 0.05 0.1 0.2; do
  rm -rf run_stopped
  "$binary" train "${data[@]}" "${small[@]}" --epochs 6 --run run_stopped >out.txt 2>err.txt &
  sleep $pause
  kill -TERM $! 2>/dev/null  # what runs in the background of a script never sees SIGINT
  wait $!
  code=$?
  cases=$((cases + 1))
  case $code in
    0 | 143) ;;  # it was through, or had not yet begun to listen
    1) grep -q '^ser: stopped in fold .*--resume goes on' err.txt || complain "stopped: $(cat err.txt)" ;;
    *) complain "stopped: exit code $code: $(cat err.txt)" ;;
  esac
  train 0 0 out '*pooled*' "${data[@]}" "${small[@]}" --epochs 6 --run run_stopped --resume
  for fold in 0 1 2 3; do
    same run_whole/fold-$fold/last.safetensors run_stopped/fold-$fold/last.safetensors
    same run_whole/fold-$fold/best.safetensors run_stopped/fold-$fold/best.safetensors
  done
  same run_whole/summary.csv run_stopped/summary.csv
done

train 1 1 err 'ser: odd.ini, line 2: learning rate = 1 is no NAME = VALUE.' --options odd.ini
train 1 1 err 'ser: nothing.ini: No such file or directory.' --options=nothing.ini
train 0 0 out '*epoch 1: *' "${data[@]}" --options one.ini --epochs 1

# ---- killed at any moment, 50 times: what is there can be gone on with
rm -rf run_killed
for i in $(seq 50); do
  "$binary" train "${data[@]}" "${large[@]}" --epochs 40 --run run_killed $([ -e run_killed/config.json ] && echo --resume) \
    >/dev/null 2>err.txt &
  sleep "0.0$((RANDOM % 90 + 10))"
  kill -KILL $! 2>/dev/null
  wait $! 2>/dev/null
  code=$?
  cases=$((cases + 1))
  [ $code -eq 137 ] || [ $code -eq 0 ] || complain "killed $i times: exit code $code: $(cat err.txt)"
done
train 0 0 out '*pooled*' "${data[@]}" "${large[@]}" --epochs 40 --run run_killed --resume
pooled run_killed 0.85

# ---- what is there is not overwritten, and not gone on with by another training
bad 'run_whole holds a training; --resume goes on with it.' "${data[@]}" "${small[@]}" --epochs 6 --run run_whole
bad 'run_whole holds a training of another configuration or of other data.' "${data[@]}" "${small[@]}" --epochs 7 \
  --run run_whole --resume
bad 'run_whole holds a training of another configuration or of other data.' --data other_data.safetensors \
  "${small[@]}" --epochs 6 --run run_whole --resume
wrong '--resume needs --run' "${data[@]}" --resume
bad '/proc/run: *' "${data[@]}" --run /proc/run

# ---- data that cannot be trained on
bad 'step 1: the loss is *; first with logits that are not finite: 5*' --data infinite.safetensors --batch 40 --hidden 8
bad 'no_labels.safetensors: no tensor labels; it holds *' --data no_labels.safetensors
bad 'few_labels.safetensors: tensor labels has 39 elements, must have one for each of 40 sequences.' --data few_labels.safetensors
bad 'negative_label.safetensors: tensor labels must be from 0 to 9999.' --data negative_label.safetensors
bad 'no speakers or sessions are known*' --data no_groups.safetensors
bad '2 groups, must be 3 or more: *' --data two_groups.safetensors
wrong '--folds: folds are made of the 4 groups that the data has' "${data[@]}" --folds 4
bad 'nothing: there is no such file or folder.' --data nothing
wrong '--data is required' --epochs 1
wrong "--model: 'gru' is none of *" "${data[@]}" --model gru
wrong '--learned-shift: *' "${data[@]}" --model cnn --learned-shift
wrong "--epochs: '0' is no whole number from 1" "${data[@]}" --epochs 0
wrong "--lr: '-1' is no number >= 0" "${data[@]}" --lr -1
wrong "--schedule: 'linear' is none of constant|cosine|plateau|as-released" "${data[@]}" --schedule linear
wrong '--position relative_key: CNNs and LSTMs have no positions' "${data[@]}" --model cnn --position relative_key

# ---- sounds: a manifest, folders, a cache
sound=(--hidden 16 --batch 4 --lr 3e-3 --hop 400 --bands 16 --features-normalise none)
train 0 0 out 'sounds.csv: 18 sounds, D = 16, 2 classes
fold voice 0 (1 of 3): 6 to train, 6 to choose, 6 to test*' --data sounds.csv "${sound[@]}" --epochs 15 --run run_sounds --cache cache
pooled run_sounds 0.9
train 0 0 out '*' --data sounds.csv "${sound[@]}" --epochs 15 --run run_cached --cache cache
same run_sounds/fold-voice_1/best.safetensors run_cached/fold-voice_1/best.safetensors
cases=$((cases + 1))
[ "$(find cache -name 'features-*.safetensors' | wc -l)" -eq 1 ] || complain "the cache has not one file: $(ls cache)"
train 0 3 err 'ser: warning: fold 0: 6 of its 6 test samples are of speakers that are also learned from.*' \
  --data sessions.csv --group session "${sound[@]}" --epochs 1
bad 'half.csv: sounds/high/25.wav has no speaker.' --data half.csv --group speaker
train 0 0 out '*fold 2 (2 of 3)*' --data sounds "${sound[@]}" --epochs 1 --folds 3

# ---- evaluate and classify know what a model was trained on
evaluate() { run "${@:1:4}" evaluate "${@:5}"; }
best=run_sounds/fold-voice_0/best.safetensors
evaluate 0 0 out 'sounds.csv: 18 sounds, D = 16, 2 classes

loss *   WA * %   UA * %   F1 * %
*predicted *high *low*' --weights $best --data sounds.csv --predictions p.csv --picture m.svg
there p.csv m.svg
evaluate 0 0 out '*data.safetensors: 40 sequences*WA * %   UA * %*' --weights run_learned/fold-1/best.safetensors --data data.safetensors
evaluate 1 1 err "ser: $best reads D = 16, the data has D = 8." --weights $best --data data.safetensors
mkdir -p other_words/loud && cp sounds/low/0*.wav other_words/loud/
evaluate 1 1 err "ser: the label loud is none of those of $best: high, low." --weights $best --data other_words
run 0 0 out '*' features --input sounds/low/00.wav --hop 400 --bands 16 --output features.safetensors
run 0 0 out '*a projection and Shiftformer*' classify --weights run_sounds/fold-voice_0/best.safetensors --input features.safetensors \
  --tensor features

# ---- on an encoder: its output, a learned sum of its states, its upper layers. What a fold's test comes to, evaluate finds
# again by the encoder as a whole.
(head -n 1 sounds.csv && grep 'voice 0' sounds.csv) >voice_0.csv
hubert=(--data sounds.csv --encoder hubert/model.safetensors --batch 4 --epochs 4 --lr 3e-3)
number=0
for how in '--model head --hidden 16' '--model head --hidden 16 --states all' '--model cnn --states all' \
  '--fine-tune 1' '--fine-tune 3 --model head --encoder-rate 1'; do
  number=$((number + 1))
  # shellcheck disable=SC2086  # several words
  train 0 0 out 'sounds.csv: 18 sounds, D = *fold voice 0*pooled*' "${hubert[@]}" $how --run run_hubert_$number
  score=$(awk '$1 == "voice" && $2 == "0" { print $4 }' out.txt)
  evaluate 0 0 out "*: 18 sounds; hubert, 3 layers of 48; *" --weights run_hubert_$number/fold-voice_0/best.safetensors \
    --data sounds.csv
  evaluate 0 0 out "*6 sounds*   WA $score %   *" --weights run_hubert_$number/fold-voice_0/best.safetensors \
    --data voice_0.csv
  run 0 0 out '*: hubert, 3 layers of 48; *00.wav: *' classify --weights run_hubert_$number/fold-voice_0/best.safetensors \
    --input sounds/low/00.wav
done
train 0 0 out '*' "${hubert[@]}" --fine-tune 1 --run run_hubert_4 --resume

# ---- dropout inside the trained layers: by two threads, and stopped after an epoch, the same bits; without it, others
tuned=("${hubert[@]}" --fine-tune 2 --model head --hidden 16)
train 0 0 out '*' "${tuned[@]}" --encoder-dropout 0.3 --run run_dropped
train 0 0 out '*' "${tuned[@]}" --encoder-dropout 0.3 --run run_dropped_two --threads 2
train 0 0 out '*' "${tuned[@]}" --encoder-dropout 0 --run run_undropped
train 0 0 out '*' "${tuned[@]}" --run run_default
train 0 0 out '*' "${tuned[@]}" --encoder-dropout 0.1 --run run_tenth
"$binary" train "${tuned[@]}" --encoder-dropout 0.3 --run run_dropped_stopped >out.txt 2>err.txt &
while kill -0 $! 2>/dev/null && [ ! -s run_dropped_stopped/fold-voice_0/last.safetensors ]; do sleep 0.005; done
kill -TERM $! 2>/dev/null
wait $!
code=$?
cases=$((cases + 1))
case $code in
  0) ;;  # it was faster
  1) grep -q '^ser: stopped in fold .*--resume goes on' err.txt || complain "dropped, stopped: $(cat err.txt)" ;;
  *) complain "dropped, stopped: exit code $code: $(cat err.txt)" ;;
esac
bad 'run_dropped_stopped holds a training of another configuration or of other data.' "${tuned[@]}" \
  --run run_dropped_stopped --resume
train 0 0 out '*' "${tuned[@]}" --encoder-dropout 0.3 --run run_dropped_stopped --resume
for fold in 0 1 2; do
  same run_dropped/fold-voice_$fold/last.safetensors run_dropped_two/fold-voice_$fold/last.safetensors
  same run_dropped/fold-voice_$fold/last.safetensors run_dropped_stopped/fold-voice_$fold/last.safetensors
  same run_default/fold-voice_$fold/last.safetensors run_tenth/fold-voice_$fold/last.safetensors
  differ run_dropped/fold-voice_$fold/best.safetensors run_undropped/fold-voice_$fold/best.safetensors
done
wrong '--encoder-dropout: *' "${hubert[@]}" --fine-tune 1 --encoder-dropout 1
wrong '--fine-tune 4: hubert/model.safetensors has 3 layers' "${hubert[@]}" --fine-tune 4
wrong '--states and --fine-tune contradict each other' "${hubert[@]}" --fine-tune 1 --states 2
wrong '--fine-tune needs --encoder' --data sounds.csv --fine-tune 1
wrong "--states: '5' is none of all, last, and 0 to 3" "${hubert[@]}" --states 5
wrong "--encoder's features are its hidden states*" "${hubert[@]}" --bands 16
wrong '--model head has neither a shift nor positions' "${hubert[@]}" --model head --n-div 4

cases=$((cases + 1))
leftovers=$(find . -name '.tshift-*' -not -path './run_killed/*')
[ -z "$leftovers" ] || complain "temporary files are left: $leftovers"

echo "check_train.sh: $cases cases ran, $failed failed"
if [ "$cases" -ne "$expected_cases" ]; then
  echo "check_train.sh: expected $expected_cases cases" >&2
  exit 1
fi
[ "$failed" -eq 0 ]
