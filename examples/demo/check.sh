#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Feeds tshift_demo good and bad files, made here, and checks exit codes, sentences and the picture.
# usage: check.sh BINARY WORKDIR        (WORKDIR is created; files in it are overwritten)
set -u
export LC_ALL=C

expected_cases=43

if [ $# -ne 2 ]; then
  echo "check.sh: usage: check.sh BINARY WORKDIR" >&2
  exit 2
fi
binary=$(realpath -- "$1") || exit 2
mkdir -p -- "$2" && cd -- "$2" || exit 2
if [ ! -x "$binary" ]; then
  echo "check.sh: '$binary' is not a program" >&2
  exit 2
fi

cases=0
failed=0

complain() {
  echo "FAILED: $1" >&2
  failed=$((failed + 1))
}

# run CODE STREAM PATTERN ARGUMENTS...: the exit code must be CODE and STREAM (out or err) must match the glob PATTERN.
# A refusal is exactly one line on stderr; a success leaves stderr empty.
run() {
  local code=$1 stream=$2 pattern=$3 got text lines
  shift 3
  cases=$((cases + 1))
  "$binary" "$@" >out.txt 2>err.txt
  got=$?
  text=$(cat "$stream.txt")
  lines=$(wc -l <err.txt)
  [ "$got" -eq "$code" ] || complain "$*: exit code $got, expected $code; stderr: $(cat err.txt)"
  # shellcheck disable=SC2053  # the right side is a pattern
  [[ $text == $pattern ]] || complain "$*: std$stream does not match '$pattern': $text"
  if [ "$code" -eq 0 ]; then
    [ "$lines" -eq 0 ] || complain "$*: succeeded, but wrote to stderr: $(cat err.txt)"
  else
    [ "$lines" -eq 1 ] || complain "$*: stderr has $lines lines, expected 1 sentence: $(cat err.txt)"
  fi
}

good() { run 0 out "$@"; }
bad() { run 1 err "$@"; }
wrong() { run 2 err "$@"; }

check_png() {
  cases=$((cases + 1))
  local signature
  signature=$(head -c 8 -- "$1" | od -An -tx1 | tr -d ' \n')
  [ "$signature" = 89504e470d0a1a0a ] || complain "'$1' does not begin like a PNG: '$signature'"
}

# Little-endian integers.
bytes() {
  local value=$1 count=$2 i
  for ((i = 0; i < count; ++i)); do
    # shellcheck disable=SC2059  # the format is the byte
    printf "\\x$(printf %02x $((value >> (8 * i) & 255)))"
  done
}

# header FORMAT CHANNELS RATE BITS DATA_BYTES: a WAV header; FORMAT 1 is PCM, 3 is float.
header() {
  local format=$1 channels=$2 rate=$3 bits=$4 data=$5
  printf RIFF; bytes $((36 + data)) 4; printf 'WAVEfmt '; bytes 16 4
  bytes "$format" 2; bytes "$channels" 2; bytes "$rate" 4
  bytes $((rate * channels * bits / 8)) 4; bytes $((channels * bits / 8)) 2; bytes "$bits" 2
  printf data; bytes "$data" 4
}

# Something that is not silence: digits as samples.
noise() { seq 1 1000000 | head -c "$1"; }

# wav NAME FORMAT CHANNELS RATE BITS DATA_BYTES
wav() {
  { header "$2" "$3" "$4" "$5" "$6"; noise "$6"; } >"$1" 2>/dev/null
}

rm -f -- *.png *.wav

# ---- the command line
wrong '*no recording is given.*'
wrong "*unknown option '--loud'.*" --loud
wrong "*unknown option '-x'.*" -x a.wav
wrong '*--out needs the name of a picture.*' a.wav --out
wrong '*the name of the picture is empty.*' a.wav --out=
wrong "*two recordings, 'a.wav' and 'b.wav', must be one.*" a.wav b.wav
wrong '*the name of the recording is empty.*' ''
good 'usage: tshift_demo FILE.wav*' --help

# ---- files that are no recordings
bad "*'missing.wav': there is no such file." missing.wav
mkdir -p a_folder
bad "*'a_folder': it is a directory." a_folder
: >empty.wav
bad "*'empty.wav': it is empty." empty.wav
bad "*'/dev/null': it is not a regular file." /dev/null
echo 'This is a text, not a recording.' >text.wav
bad "*'text.wav': libsndfile says: *" text.wav
seq 1 5000 >text.vox
bad "*'text.vox': *" text.vox
header 1 1 16000 16 32000 | head -c 20 >truncated.wav
bad "*'truncated.wav': libsndfile says: *" truncated.wav
header 1 1 16000 16 0 >header_only.wav
bad "*'header_only.wav': it holds no samples." header_only.wav
header 1 1 16000 16 32000 >promise.wav
bad "*'promise.wav': it holds no samples." promise.wav
wav no_channels.wav 1 0 16000 16 3200
bad "*'no_channels.wav': libsndfile says: *" no_channels.wav
wav bits.wav 1 1 16000 77 3200
bad "*'bits.wav': *" bits.wav
wav slow.wav 1 1 1 16 32000
bad "*'slow.wav': its sample rate is 1 Hz, must be 1000 to 768000 Hz." slow.wav
wav fast.wav 1 1 10000000 16 32000
bad "*'fast.wav': its sample rate is 10000000 Hz, must be 1000 to 768000 Hz." fast.wav
wav short.wav 1 1 16000 16 798
bad "*'short.wav': it has 399 samples, must be at least one window of 400 (25 ms)." short.wav
{ header 3 1 16000 32 4000; head -c 400 /dev/zero; printf '\x00\x00\xc0\x7f'; head -c 3596 /dev/zero; } >nan.wav
bad "*'nan.wav': sample 100 of channel 0 is not a number." nan.wav
{ header 3 2 16000 32 4000; head -c 404 /dev/zero; printf '\x00\x00\x80\x7f'; head -c 3592 /dev/zero; } >infinite.wav
bad "*'infinite.wav': sample 50 of channel 1 is infinite." infinite.wav

# ---- recordings of every kind
wav stereo.wav 1 2 16000 16 64000
good '*16000 Hz, 2 channels, mixed down to their mean, 1.00 s*98 frames x 80*all 12 comb*' stereo.wav --no-timing
check_png tshift_demo.png
wav telephone.wav 1 1 8000 16 16000
good '*8000 Hz, 1 channel, 1.00 s*0 to 4000 Hz*FFT of 256*' telephone.wav --no-timing --out telephone.png
check_png telephone.png
wav deep.wav 1 1 44100 24 66150
good '*24 bit*44100 Hz*FFT of 2048*' deep.wav --no-timing --out deep.png
wav shallow.wav 1 1 16000 8 16000
good '*8 bit*1.00 s*' shallow.wav --no-timing --out shallow.png
wav wide.wav 1 1 48000 32 192000
good '*32 bit*48000 Hz*' wide.wav --no-timing --out wide.png
square() { for ((i = 0; i < 8000; ++i)); do printf '\x00\x00\x00\x3f\x00\x00\x00\xbf'; done; }  # 0.5, -0.5
{ header 3 1 16000 32 64000; square; } >float.wav
good '*32 bit float*1.00 s*' float.wav --no-timing --out float.png
{ header 1 1 16000 16 32000; head -c 32000 /dev/zero; } >silence.wav
good '*all 12 combinations*' silence.wav --no-timing --out silence.png
wav one_window.wav 1 1 16000 16 800
good '*1 frame x 80*' one_window.wav --no-timing --out one_window.png
check_png one_window.png
wav slowest.wav 1 1 1000 16 4000
good '*0 to 500 Hz*' slowest.wav --no-timing --out slowest.png
wav crowd.wav 1 1000 8000 8 1000000
good '*1000 channels*0.12 s*' crowd.wav --no-timing --out crowd.png
{ header 1 1 8000 8 4816000; head -c 4816000 /dev/zero; } >long.wav
good '*only the first 600.00 s of 602.00 s were read*59998 frames*' long.wav --no-timing --out long.png

# ---- pictures that cannot be written
bad "*cannot write the picture 'no/such/folder/x.png': *" stereo.wav --no-timing --out no/such/folder/x.png
bad "*cannot write the picture 'a_folder': *" stereo.wav --no-timing --out a_folder
bad "*cannot write the picture './stereo.wav': it is the recording." stereo.wav --no-timing --out ./stereo.wav

# ---- the whole program, with its tables
good '*Table 1*Table 2*memcpy of the same tensor*' -- stereo.wav
cases=$((cases + 1))
rows=$(grep -c '  yes$' out.txt)
[ "$rows" -eq 24 ] || complain "the tables have $rows rows that agree, expected 24"

echo "check.sh: $cases cases ran, $failed failed"
if [ "$cases" -ne "$expected_cases" ]; then
  echo "check.sh: expected $expected_cases cases" >&2
  exit 1
fi
[ "$failed" -eq 0 ]
