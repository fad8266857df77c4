#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Trains with ser on data made here, good and bad; stops it, kills it, goes on with it; and checks exit codes, sentences,
# scores and files.
# usage: check_train.sh SER MAKE_TRAINING MAKE_WEIGHTS WORKDIR     (WORKDIR is created; files in it are overwritten)
set -u
export LC_ALL=C

expected_cases=419

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
wrong '--one-way: the new model is a CNN' "${data[@]}" --model cnn --one-way
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
evaluate 0 0 out '*data.safetensors: 40 sequences*WA * %   UA * %*' --weights run_transformer/fold-1/best.safetensors --data data.safetensors
run 0 1 out '*: Transformer, D = 8, 2 classes, 2 blocks, no positions; no shift*' classify --weights run_transformer/fold-1/best.safetensors --input data.safetensors --lengths
evaluate 2 1 err 'ser: --no-positions: run_shiftformer/fold-1/best.safetensors is a Shiftformer, which has none. Try ser --help.' \
  --weights run_shiftformer/fold-1/best.safetensors --data data.safetensors --no-positions
evaluate 1 1 err 'ser: self_attention: 3 heads, must divide the 8 channels.' \
  --weights run_transformer/fold-1/best.safetensors --data data.safetensors --heads 3
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
  '--model shiftformer --n-div 6 --direction both --placement branch' '--model transformer --heads 3 --position relative_key' '--model transformer --heads 4' \
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
train 0 0 out '*' "${hubert[@]}" --fine-tune 1 --run run_hubert_7 --resume
run 0 0 out '*shift of 16 channels (n_div 6), both directions, stride 1, placement branch*' \
  classify --weights run_hubert_4/fold-voice_0/best.safetensors --input sounds/low/00.wav

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

# ---- models of images: a CRNN, a vertical-patch ViT, and its teacher learn it, too; sequences are images of 8 rows
crnn=(--model crnn --widths 3,5 --filters 4 --body 6 --body-taps 3x3 --frame-size 12 --hidden 6 --head-size 8
  --max-pool 2x2 --batch 8 --lr 1e-2)
vit=(--dim 16 --heads 2 --head-dim 8 --hidden 16 --batch 8 --lr 1e-2)
student=(--model vit_student --blocks 1 "${vit[@]}")
teacher=(--model vit_teacher --blocks 1 --stem 4,1 "${vit[@]}")
train 0 0 out 'data.safetensors: 40 sequences, D = 8, 2 classes*pooled*' "${data[@]}" "${crnn[@]}" --epochs 12 --run run_crnn
pooled run_crnn 0.85
train 0 0 out '*fold 3 (4 of 4)*pooled*' "${data[@]}" "${student[@]}" --epochs 12 --run run_vit
pooled run_vit 0.85
train 0 0 out '*fold 3 (4 of 4)*pooled*' "${data[@]}" "${teacher[@]}" --epochs 12 --run run_teacher
pooled run_teacher 0.85
# Their tensors have the names that others know them by.
named() { # named FILE NAME...: it holds such tensors
  local name
  for name in "${@:2}"; do
    cases=$((cases + 1))
    grep -aqF "\"$name\":" "$1" || complain "$1 holds no $name"
  done
}
named run_crnn/fold-0/best.safetensors conv.0.1.weight conv.1.bias frame.weight lstm.weight_hh_l0_reverse head.1.bias
named run_vit/fold-0/best.safetensors cls_token to_patch_embedding.2.weight transformer.layers.0.0.to_qkv.weight mlp_head.bias
named run_teacher/fold-0/best.safetensors conv_stem.3.weight transformer.norm.bias

# ---- a student in three stages: the teacher by labels, above; the feature alone; both. Each fold has its own teacher.
# fell FOLDER SHARE: the last epoch's loss of each fold is at most so much of the first's.
fell() {
  cases=$((cases + 1))
  awk -v share="$2" '{ match($0, /"fold":"[^"]*"/); fold = substr($0, RSTART, RLENGTH)
      match($0, /"loss":[^,]*/); loss = substr($0, RSTART + 7, RLENGTH - 7) + 0
      if (!(fold in first)) { first[fold] = loss; folds++ }
      last[fold] = loss }
    END { for (f in first) if (!(last[f] <= share * first[f])) exit 1
      if (folds != 4) exit 1 }' "$1/log.jsonl" || complain "$1: a loss has not fallen to $2 of its first: $(cat "$1/log.jsonl")"
}
features=("${data[@]}" "${student[@]}" --epochs 30 --teacher run_teacher --stage features)
train 0 0 out '*epoch 1: loss *, dev distance *The labels were not learned: *' "${features[@]}" --run run_features
fell run_features 0.6
both=("${data[@]}" --weights run_features --batch 8 --lr 1e-2 --epochs 6 --teacher run_teacher --alpha 0.5)
train 0 0 out '*epoch 1: loss *, dev loss * UA * %*pooled*' "${both[@]}" --run run_student
pooled run_student 0.85
fell run_student 1
train 0 0 out '*pooled*' "${both[@]}" --stage both --run run_said
same run_student/fold-2/last.safetensors run_said/fold-2/last.safetensors
train 0 0 out '*pooled*' "${data[@]}" --weights run_features/fold-1/best.safetensors --batch 8 --lr 1e-2 --epochs 6 \
  --stage classes --run run_without
differ run_student/fold-1/best.safetensors run_without/fold-1/best.safetensors
train 0 0 out '*pooled*' "${data[@]}" "${student[@]}" --epochs 1 --teacher run_teacher/fold-0/best.safetensors --run run_alone

# ---- the same bits: by two threads, from the file of options, stopped, and killed
for kind in crnn teacher student; do
  case $kind in
    crnn) these=("${data[@]}" "${crnn[@]}" --epochs 12) ;;
    teacher) these=("${data[@]}" "${teacher[@]}" --epochs 12) ;;
    student) these=("${both[@]}") ;;
  esac
  rm -rf run_two run_options run_stopped
  train 0 0 out '*' "${these[@]}" --run run_two --threads 2 --quiet
  train 0 0 out '*' "${data[@]}" --options run_$kind/options.ini --run run_options
  for pause in 0.1 0.3; do
    "$binary" train "${these[@]}" --run run_stopped $([ -e run_stopped/config.json ] && echo --resume) >out.txt 2>err.txt &
    sleep $pause
    kill "-$([ $pause = 0.1 ] && echo TERM || echo KILL)" $! 2>/dev/null
    wait $! 2>/dev/null
    code=$?
    cases=$((cases + 1))
    case $code in
      0 | 137 | 143) ;;
      1) grep -q '^ser: stopped in fold .*--resume goes on' err.txt || complain "stopped: $(cat err.txt)" ;;
      *) complain "stopped: exit code $code: $(cat err.txt)" ;;
    esac
  done
  train 0 0 out '*pooled*' "${these[@]}" --run run_stopped $([ -e run_stopped/config.json ] && echo --resume)
  for fold in 0 3; do
    same run_$kind/fold-$fold/best.safetensors run_two/fold-$fold/best.safetensors
    same run_$kind/fold-$fold/last.safetensors run_options/fold-$fold/last.safetensors
    same run_$kind/fold-$fold/last.safetensors run_stopped/fold-$fold/last.safetensors
    same run_$kind/fold-$fold/best.safetensors run_stopped/fold-$fold/best.safetensors
  done
done
cp -r run_teacher run_other
cp run_vit/fold-0/best.safetensors run_other/fold-2/best.safetensors
for change in '--alpha 0.25' '--stage features' '--teacher run_other' '--teacher-options=--pool=mean'; do
  what="${both[*]} $change"
  if [ "${change%% *}" = --stage ]; then what=${what/--alpha 0.5/}; fi
  if [ "${change%% *}" = --alpha ]; then what=${what/--alpha 0.5/}; fi
  if [ "${change%% *}" = --teacher ]; then what=${what/--teacher run_teacher/}; fi
  # shellcheck disable=SC2086  # several words
  bad 'run_student holds a training of another configuration or of other data.' $what --run run_student --resume
done

# ---- every option once; what a model was made with its file knows
known() { # known RUN PATTERN: ser evaluate needs no options
  run 0 0 out "*; $2*WA * %*" evaluate --weights "$1/fold-0/best.safetensors" --data data.safetensors
}
number=0
for how in '--widths 4 --width-bands 1 --filters 5 --body none --frame-size 0 --one-way --summary last,std --summary-eps 1e-3' \
  '--pixel-channels 2 --widths 3,5 --filters 3,4 --body 4,6 --body-taps 3x1,1x3 --activation elu:0.5 --max-pool 1x3 --n-div 2 --placement branch --shifted-convs 2' \
  '--summary mean,attention --attention 5 --scorer tanh --activation gelu --filters 4 --body 4 --frame-size 8 --spec-augment --dropout 0.1' \
  '--attention 3 --filters 4 --body 4 --frame-size 8 --activation relu --smoothing 0.1 --roll 2'; do
  number=$((number + 1))
  # shellcheck disable=SC2086  # several words
  train 0 0 out '*pooled*' "${data[@]}" --model crnn --hidden 4 --head-size 6 --batch 8 --lr 1e-2 $how --epochs 2 --run run_crnn_$number
done
known run_crnn_1 'CRNN, D = 1 x 8, 2 classes, widths 4, 0 convolutions more, 1 layer, last, std; no shift'
known run_crnn_2 'CRNN, D = 2 x 3, 2 classes, widths 3, 5, 2 convolutions more, 1 bidirectional layer, mean, max; shift of 3 channels (n_div 2), delay, stride 1, placement branch, before convolution 2'
known run_crnn_3 'CRNN, D = 1 x 8, *, mean, attention; no shift'
known run_crnn_4 'CRNN, D = 1 x 8, *, attention; no shift'
number=0
small_vit=(--dim 16 --blocks 1 --hidden 16 --batch 8 --lr 1e-2)
for how in '--model vit_student --heads 2 --head-dim 8 --patch-height 4 --patch-width 2 --crop 8' \
  '--model vit_student --heads 2 --head-dim 8 --pool mean --n-div 4 --direction both --placement both --spec-augment --dropout 0.1' \
  '--model vit_teacher --heads 2 --head-dim 8 --coordinates corrected --stem 3,2,1' \
  '--model vit_student --heads 1 --head-dim 16' '--model vit_student --heads 2'; do
  number=$((number + 1))
  # shellcheck disable=SC2086  # several words
  train 0 0 out '*pooled*' "${data[@]}" "${small_vit[@]}" $how --epochs 2 --run run_vit_$number
done
known run_vit_1 'vertical-patch ViT, student, D = 16, 2 classes, 1 block of 2 heads, patches of 4 x 2, first token; no shift'
known run_vit_2 'vertical-patch ViT, student, D = 16, *, patches of 8 x 1, mean of all tokens; shift of 8 channels (n_div 4), both *, placement both'
known run_vit_3 'vertical-patch ViT, teacher, *, first token, corrected coordinates; no shift'
known run_vit_4 'vertical-patch ViT, student, *, 1 block of 1 head, *'
known run_vit_5 'vertical-patch ViT, student, *, 1 block of 2 heads, *'
cases=$((cases + 1)) # one head as wide as a token has no projection, as the authors' code has it
! grep -aq to_out run_vit_4/fold-0/best.safetensors || complain "run_vit_4 has a projection"

# ---- images and deltas of sounds: the file knows how they are made
heard=(--data sounds.csv --hop 400 --bands 16 --batch 4 --lr 1e-2 --epochs 15)
small_vit=(--dim 16 --blocks 1 --heads 2 --head-dim 8)
train 0 0 out 'sounds.csv: 18 sounds, D = 16, 2 classes*pooled*' "${heard[@]}" --image 16x12 --model vit_teacher --stem 4,1 \
  "${small_vit[@]}" --run run_seen
train 0 0 out 'sounds.csv: 18 sounds, D = 16, 2 classes*pooled*' "${heard[@]}" --image 16x12 --model vit_student \
  "${small_vit[@]}" --teacher run_seen --run run_learned_of_it
train 0 0 out 'sounds.csv: 18 sounds, D = 48, 2 classes*pooled*' "${heard[@]}" --features-normalise none --deltas htk --model crnn --filters 4 --body 6 \
  --frame-size 12 --hidden 6 --head-size 8 --run run_deltas
for name in seen learned_of_it deltas; do
  pooled run_$name 0.9
  score=$(awk -F, '$1 == "\"voice 0\"" { printf "%.1f", 100 * $4 }' run_$name/summary.csv)
  evaluate 0 0 out "*6 sounds, *; *   WA $score %   *" --weights "run_$name/fold-voice_0/best.safetensors" --data voice_0.csv
done
named run_deltas/fold-voice_0/best.safetensors conv.0.3.weight
run 0 0 out '*' features --input sounds/low/00.wav --hop 400 --bands 16 --image 16x12 --output image.safetensors
run 0 0 out '*vertical-patch ViT, student*  low 0.*' classify --weights run_learned_of_it/fold-voice_0/best.safetensors \
  --input image.safetensors --tensor features --output y.safetensors
named y.safetensors feature

# ---- gradients and given steps
gradients() { run "${@:1:4}" gradients --output g.safetensors --input data.safetensors --lengths "${@:5}"; }
of_student=run_student/fold-0/best.safetensors
gradients 0 0 out 'loss *the gradients of x and of * parameters in F32' --weights run_crnn/fold-0/best.safetensors
named g.safetensors y loss grad.x grad.conv.0.0.weight grad.head.1.bias
gradients 0 0 out 'loss *: y, loss, feature, and *' --weights $of_student
named g.safetensors y loss grad.x feature grad.cls_token grad.mlp_head.weight
cp g.safetensors alone.safetensors
gradients 0 0 out 'loss *feature*' --weights $of_student --teacher run_teacher/fold-0/best.safetensors --alpha 2
differ g.safetensors alone.safetensors
gradients 0 0 out 'loss *feature*' --weights $of_student --teacher run_teacher/fold-0/best.safetensors --stage features
gradients 1 1 err 'ser: run_teacher is a folder, must be a file of weights here.' --weights $of_student --teacher run_teacher
steps=(--replay batches.safetensors --lengths --output steps.safetensors --lr 1e-2)
train 0 0 out '5 steps, loss *' "${steps[@]}" --weights run_crnn/fold-0/best.safetensors
named steps.safetensors loss grad_norm lr after.frame.bias
train 0 0 out '5 steps, loss *' "${steps[@]}" --weights $of_student --teacher run_teacher/fold-0/best.safetensors --alpha 0.5
named steps.safetensors loss grad_norm lr after.cls_token

# ---- what a teacher and its student must be, and options that would change nothing
train 1 1 err 'ser: run_cnn/fold-0/best.safetensors is a ShiftCNN, and a teacher must be a vertical-patch ViT, which gives a feature.' \
  "${data[@]}" "${student[@]}" --teacher run_cnn/fold-0/best.safetensors
bad 'run_crnn/fold-0/best.safetensors is a CRNN, and a teacher must be *' "${data[@]}" "${student[@]}" \
  --teacher run_crnn/fold-0/best.safetensors
bad 'a CRNN gives no feature that could be learned from the teacher run_teacher/fold-0/best.safetensors.' "${data[@]}" \
  "${crnn[@]}" --teacher run_teacher
bad 'a Shiftformer gives no feature that *' "${data[@]}" "${small[@]}" --teacher run_teacher
bad 'the teacher run_teacher/fold-0/best.safetensors has 16 channels of its feature, the student 12.' "${data[@]}" \
  --model vit_student --dim 12 --blocks 1 --teacher run_teacher
bad 'the teacher run_teacher/fold-0/best.safetensors has 2 classes, the student 3.' --data three_classes.safetensors \
  "${student[@]}" --teacher run_teacher/fold-0/best.safetensors
bad 'the teacher run_seen/fold-voice_0/best.safetensors has 16 rows of an image, the student 8.' "${data[@]}" \
  "${student[@]}" --teacher run_seen/fold-voice_0/best.safetensors
bad 'run_seen holds no best.safetensors of fold 0.' "${data[@]}" "${student[@]}" --teacher run_seen
bad 'run_seen holds no best.safetensors of fold 0.' "${data[@]}" --weights run_seen
bad 'nothing: *' "${data[@]}" "${student[@]}" --teacher nothing
wrong '--stage features needs --teacher' "${data[@]}" "${student[@]}" --stage features
wrong '--alpha needs --teacher' "${data[@]}" "${student[@]}" --alpha 1
wrong '--teacher-options needs --teacher' "${data[@]}" "${student[@]}" --teacher-options='--heads 2'
wrong '--stage classes learns nothing of --teacher' "${data[@]}" "${student[@]}" --teacher run_teacher --stage classes
wrong '--alpha changes nothing in --stage features' "${features[@]}" --alpha 1
wrong "--stage: 'all' is none of classes|features|both" "${data[@]}" --stage all
wrong "--alpha: '0' is no number > 0" "${data[@]}" --alpha 0
wrong '--teacher-options: *not expected*' "${both[@]}" --teacher-options='--width 2'
wrong '--as-released and --teacher contradict each other' "${both[@]}" --as-released
wrong '--widths is an option of a CRNN or a vertical-patch ViT, see --model' "${data[@]}" --widths 3
wrong '--pool is an option of a CRNN or a vertical-patch ViT, see --model' "${data[@]}" --model head --pool mean
wrong '--dim is an option of a vertical-patch ViT, and the new model is a CRNN' "${data[@]}" --model crnn --dim 8
wrong '--pool is an option of a vertical-patch ViT, and the new model is a CRNN' "${data[@]}" --model crnn --pool mean
wrong '--body is an option of a CRNN, and the new model is a vertical-patch ViT' "${data[@]}" --model vit_student --body 4
wrong '--summary is an option of a CRNN, and the new model is *' "${data[@]}" --model vit_student --summary mean
wrong "--filters: '0' is no list of whole numbers from 1" "${data[@]}" --model crnn --filters 0
wrong "--body: '4,' is no list of whole numbers from 1, and not none" "${data[@]}" --model crnn --body 4,
wrong "--body-taps: '5' is no list of TxF, two whole numbers from 1 such as 5x3" "${data[@]}" --model crnn --body-taps 5
wrong '--filters: 3 of them, must be one, or one for each of 2 convolutions' "${data[@]}" --model crnn --widths 3,5 --filters 1,2,3
wrong '--body-taps: 2 of them, must be one, or one for each of 5 convolutions' "${data[@]}" --model crnn --body-taps 3x3,5x3
wrong '--body-taps changes nothing without --body' "${data[@]}" --model crnn --body none --body-taps 3x3
wrong '--attention changes nothing in --summary mean' "${data[@]}" --model crnn --attention 4 --summary mean
wrong '--scorer is of --summary attention' "${data[@]}" --model crnn --scorer tanh
wrong '--summary-eps is of --summary std' "${data[@]}" --model crnn --summary-eps 1
wrong '--norm-eps: a new CRNN has no batch norms' "${data[@]}" --model crnn --norm-eps 1
wrong '--shifted-convs changes nothing where nothing is shifted' "${data[@]}" --model crnn --shifted-convs 1
wrong '--placement skip: a CRNN has no skip connection*' "${data[@]}" --model crnn --n-div 2 --placement skip
wrong 'frames of 8 numbers are no bands of 3 channels' "${data[@]}" --model crnn --pixel-channels 3
wrong '--stem: a student has none' "${data[@]}" --model vit_student --stem 1
wrong '--coordinates: a student has none' "${data[@]}" --model vit_student --coordinates corrected
wrong '--project: a vertical-patch ViT has no such thing' "${data[@]}" --model vit_student --project
wrong '--learned-shift: a CRNN has no such thing' "${data[@]}" --model crnn --learned-shift
wrong '--one-way: a vertical-patch ViT has no such thing' "${data[@]}" --model vit_student --one-way
wrong '--taps: a CRNN has no such thing' "${data[@]}" --model crnn --taps 3
wrong '--blocks: a CRNN has no such thing' "${data[@]}" --model crnn --blocks 3
wrong '--position absolute: a CRNN has no such positions' "${data[@]}" --model crnn --position absolute
wrong '--dim: --weights has its own sizes' "${both[@]}" --dim 8
wrong '--model crnn: its images are made of sound, and --encoder makes none' "${hubert[@]}" --model crnn
wrong '--image=8x8 is for sounds, and data.safetensors is tensors' "${data[@]}" --image 8x8
bad 'vertical_vit: the stem ends in 2 channels, must end in 1.' "${data[@]}" --model vit_teacher --stem 4,2
bad '0 has 1 frames, must have >= 2.' "${data[@]}" --model crnn --crop 1

cases=$((cases + 1))
leftovers=$(find . -name '.tshift-*' -not -path './run_killed/*')
[ -z "$leftovers" ] || complain "temporary files are left: $leftovers"

echo "check_train.sh: $cases cases ran, $failed failed"
if [ "$cases" -ne "$expected_cases" ]; then
  echo "check_train.sh: expected $expected_cases cases" >&2
  exit 1
fi
[ "$failed" -eq 0 ]
