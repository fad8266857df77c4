#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# A study of seconds: the baseline must be at chance and the shift far above it, files must hold what was found, no result
# may depend on threads; recordings are pieces of one sound here. And what the command refuses.
# usage: check_study.sh SER SPEECH.wav WORKDIR        (WORKDIR is created; files in it are overwritten)
set -u
export LC_ALL=C

if [ $# -ne 3 ]; then
  echo "check_study.sh: usage: check_study.sh SER SPEECH.wav WORKDIR" >&2
  exit 2
fi
functions=$(realpath -- "$(dirname -- "${BASH_SOURCE[0]}")/../check_functions.sh") || exit 2
binary=$(realpath -- "$1") || exit 2
speech=$(realpath -- "$2") || exit 2
mkdir -p -- "$3" && cd -- "$3" || exit 2
[ -x "$binary" ] || { echo "check_study.sh: '$binary' is not a program" >&2; exit 2; }

# shellcheck source=SCRIPTDIR/../check_functions.sh
source "$functions"

# column NAME TASK SETTING: of the first such line of written/$csv.
csv=study.csv
column() {
  awk -F, -v name="$1" -v task="$2" -v setting="$3" '
    NR == 1 { for (i = 1; i <= NF; ++i) if ($i == name) at = i }
    $1 == task && $2 == setting { print $at; exit }' "written/$csv"
}

# holds WORDS EXPRESSION: awk says that the expression is true.
holds() {
  cases=$((cases + 1))
  awk "BEGIN { exit !($2) }" || complain "$1: not $2"
}

# --- order of events --------------------------------------------------------------------------------------------------

small=(--folds 1 --seeds 1 --epochs 6 --pairs 300)
rm -rf written && mkdir written
run 0 0 out $'task*order-1    none *50 exactly *yes\norder-1    n2 *blind*\norder-1    n4 *sees *yes\n*n2-branch *sees *yes' \
  study --only order-1/none --only order-1/n2 --only order-1/n4 --only order-1/n2-branch "${small[@]}" --write written
holds 'baseline' "$(column accuracy order-1 none) >= 47 && $(column accuracy order-1 none) <= 53"
holds 'the answers of a pair' "$(column same_answer order-1 none) == $(column pairs order-1 none)"
holds 'the logits of a pair' "$(column equal_logits order-1 none) == $(column pairs order-1 none)"
holds 'events that never meet' "$(column accuracy order-1 n2) < 60"
holds 'shift' "$(column accuracy order-1 n4) > 80"
holds 'shift on one path' "$(column accuracy order-1 n2-branch) > 80"
[[ $(cat written/study_order.svg) == '<svg '*'1 frame apart'*'</svg>' ]] || complain 'study_order.svg is no picture of it'
[[ $(cat written/study.md) == *'| `n4` | 1/4, two ways | sees → '* ]] || complain 'study.md has no table of events'

# The page's own words stay, its tables are replaced.
printf 'before\n<!-- begin chance -->\nold\n<!-- end chance -->\nafter\n' >written/study.md
tiny=(--only order-2/none --only order-2/learned-uniform --folds 2 --seeds 1 --epochs 1 --pairs 40 --write written)
run 0 0 out '*order-2    none *' study "${tiny[@]}" --threads 1
[[ $(cat written/study.md) == $'before\n<!-- begin chance -->\n| task'*$'\n<!-- end chance -->\nafter' ]] ||
  complain "the page became $(cat written/study.md)"
grep -q old written/study.md && complain 'the old table is still there'
cp -- written/study.csv one_thread.csv
run 0 0 out '*order-2    learned-uniform *' study "${tiny[@]}" --threads 2
cmp -s one_thread.csv written/study.csv || complain 'two threads give other results than one'
printf '<!-- begin nonsense -->\n<!-- end nonsense -->\n' >written/study.md
run 1 1 err "ser: the page has a table 'nonsense', and this run has none of that name." study "${tiny[@]}"
rm written/study.md

# --- recordings -------------------------------------------------------------------------------------------------------

# piece FIRST SAMPLES FILE: of the speech, as 8 kHz.
piece() {
  local bytes=$((2 * $2))
  le() { local value=$1 i; for ((i = 0; i < $2; ++i)); do printf "\\x$(printf %02x $((value >> 8 * i & 255)))"; done; }
  mkdir -p -- "$(dirname -- "$3")"
  {
    printf 'RIFF'; le $((36 + bytes)) 4; printf 'WAVEfmt '; le 16 4; le 1 2; le 1 2; le 8000 4; le 16000 4
    le 2 2; le 16 2; printf 'data'; le "$bytes" 4
    tail -c +$((45 + 2 * $1)) -- "$speech" | head -c "$bytes"
  } >"$3"
}
rm -rf voices
for i in 0 1 2 3; do
  piece $((8000 + 9000 * i)) 9000 voices/aa_AA_f_One/$i.wav
  piece $((50000 + 13000 * i)) 13000 voices/bb_BB_m_Two/digits/$i.wav
done
cp -r voices/aa_AA_f_One voices/cc_CC_f_One
piece 8000 4000 voices/aa_AA_f_One/short.wav          # less than 0.6 s
piece 8000 9000 voices/aa_AA_f_One/beep.wav           # called like what is no speech
piece 8000 9000 voices/aa_AA_f_One/silence/1.wav
ln -sfn aa_AA_f_One voices/dd_DD_f_Link
mkdir -p voices/other
speaks=(study --sounds voices --only direction/none --epochs 1 --seeds 1 --write written)
run 0 0 out $'recordings: 12 sounds of more than 0.6 s (aa_AA_f_One 4, bb_BB_m_Two 4, cc_CC_f_One 4), *differ by at most ?.?e[-+]*\n*direction  none *50 exactly *50.0*yes' \
  "${speaks[@]}"
holds 'tests' "$(column tests direction none) == 8"
holds 'none of the same speaker is trained on' "$(column trained direction none) == 8"
holds 'answers forwards and backwards' "$(column same_answer direction none) == 4"
holds 'logits forwards and backwards' "$(column equal_logits direction none) == 4"
[[ $(cat written/study_none.svg) == '<svg '*forwards*'</svg>' ]] || complain 'study_none.svg is no picture of it'
run 0 0 out '*direction  none *   1  yes' "${speaks[@]}" --folds 1

# --- the parts of two other systems -----------------------------------------------------------------------------------

# Trainings of one epoch on eight sounds show nothing but what is proved.
parts=(--quick --sounds voices --epochs 1 --write written)
csv=study_vit.csv
run 0 0 out $'recordings: 12 sounds *\ndirection  teacher *far above 50 *\ndirection  student *50 exactly *50.0 +- 0.0 *yes\n*direction  transfer *50 exactly *50.0 +- 0.0 *yes\n*direction  shift *far above 50 *\nvoices *\nvoices     student *50 exactly *yes: direction 50.0 +- 0.0, voice *\n* points, by chance *: teacher less student\n*' \
  study --vit "${parts[@]}" --threads 1
for task in direction voices; do
  for setting in student transfer; do
    holds "$setting, $task" "$(column equal_logits $task $setting) == $(column pairs $task $setting)"
    holds "$setting, $task" "$(column direction $task $setting) == 50 && $(column accuracy $task $setting) <= 50"
  done
  for setting in teacher shift; do
    holds "$setting, $task" "$(column equal_logits $task $setting) < $(column pairs $task $setting)"
  done
done
holds 'both parts of an answer' "$(column accuracy voices teacher) <= $(column voice voices teacher)"
cp -- "written/$csv" one_thread.csv
for expected in '| `student` | neither, classes alone | 50 exactly | 50.0 ± 0.0 | yes | ' '| direction | `transfer` | ' \
  '| shift in place of positions | `shift` | `student` | voices | '; do
  cases=$((cases + 1))
  grep -qF -- "$expected" written/study_vit.md || complain "study_vit.md has no '$expected'"
done
cases=$((cases + 1))
[[ $(cat written/study_vit.svg) == '<svg '*'neither, classes alone'*'forwards or backwards'*'voice and direction'*'</svg>' ]] ||
  complain 'study_vit.svg is no picture of it'
# With two folds Student's t is Cauchy's.
cases=$((cases + 1))
printed=$(sed -n '/^voices .*: teacher less student$/s/.*by chance \([^,]*\),.*/\1/p' out.txt)
awk -F, -v printed="$printed" '
  $1 == "voices" && ($2 == "teacher" || $2 == "student") { d[++n] = $7 }
  END {
    first = d[1] - d[3]; second = d[2] - d[4]; t = (first + second) / (first - second + 1e-30)
    p = 1 - 2 * atan2(t < 0 ? -t : t, 1) / 3.14159265358979
    exit !(n == 4 && printed != "" && printed >= p - 0.006 && printed <= p + 0.006)
  }' "written/$csv" || complain "teacher less student: by chance '$printed', which is not that of $csv"
run 0 0 out $'recordings: *\nvoices     shift *' study --vit "${parts[@]}" --threads 2
cases=$((cases + 1))
cmp -s one_thread.csv "written/$csv" || complain 'two threads give other results than one'

csv=study_crnn.csv
run 0 0 out $'recordings: *\ndirection  full *far above 50 *\n*voices     shift *\n* points, by chance *: full less one-width\n*' \
  study --crnn "${parts[@]}" --threads 1
holds 'a CRNN sees the order' "$(column equal_logits direction full) < $(column pairs direction full)"
cp -- "written/$csv" one_thread.csv
cases=$((cases + 1))
grep -qF -- '| enhanced features: deltas | `full` | `static` | direction | ' written/study_crnn.md ||
  complain 'study_crnn.md has no line of deltas'
run 0 0 out '*voices     summary-last *' study --crnn "${parts[@]}" --threads 2
cases=$((cases + 1))
cmp -s one_thread.csv "written/$csv" || complain 'two threads give other results than one'
run 0 0 out $'*voices     flat-shift *far above 50*' study --crnn --sounds voices --epochs 1 --folds 1 --only voices/flat-shift

# --- what is refused --------------------------------------------------------------------------------------------------

run 1 1 err 'ser: nowhere must have the voices of two speakers: *' study --sounds nowhere --only direction
mv voices/bb_BB_m_Two .
run 1 1 err 'ser: voices must have the voices of two speakers: *' "${speaks[@]}"
mv bb_BB_m_Two voices/
yes 'no sound' | head -c 20000 >voices/aa_AA_f_One/0.wav
run 1 1 err "ser: cannot read 'voices/aa_AA_f_One/0.wav'*" "${speaks[@]}"
run 2 1 err 'ser: --only leaves nothing*' study --only order-4
run 2 1 err 'ser: --only leaves nothing*' study --only order-1/n3
run 2 1 err 'ser: --only leaves nothing*' study --quick --only order-1/n16
run 2 1 err 'ser: --only leaves nothing*' study --only voices
run 2 1 err 'ser: --only leaves nothing*' study --crnn --only order-1
run 2 1 err 'ser: --only leaves nothing*' study --vit --only direction/n4
run 2 1 err 'ser: --crnn and --vit are two studies*' study --crnn --vit
run 2 1 err 'ser: --pairs are of events*' study --vit --pairs 10
run 2 1 err 'ser: --folds*' study --only order-1 --folds 0
run 1 1 err 'ser: --write: there is no folder nowhere.' study --only order-1 --write nowhere
run 0 0 out '*--only TASK*' study --help

# A signal ends the step, and then says so.
cases=$((cases + 1))
"$binary" study --only order-1/n4 --threads 2 >out.txt 2>err.txt &
pid=$!
for ((i = 0; i < 200; ++i)); do
  grep -q ^task out.txt && break
  sleep 0.05
done
kill -TERM "$pid"
wait "$pid"
code=$?
[ "$code" -eq 1 ] || complain "stopped: exit code $code, expected 1"
[[ $(cat err.txt) == 'ser: stopped; what was printed is done.' ]] || complain "stopped: $(cat err.txt)"

printf '%d cases\n' "$cases"
[ "$cases" -eq 58 ] || complain "$cases cases ran, 58 are here"
[ "$failed" -eq 0 ]
