# SPDX-License-Identifier: MIT
# What Doxygen reads of a page in examples/: its title gets the file's name to be found by, links to other pages become
# references, and links to sections and sources become plain words, because nothing of that lies beside the HTML.
NR == 1 {
  name = FILENAME
  sub(/.*\//, "", name)
  sub(/\.md$/, "", name)
  $0 = $0 " {#" name "}"
}
/^<!-- from / { next }
{
  $0 = linked($0)
  print
}

function linked(line,    result, words, target) {
  result = ""
  while (match(line, /\[[^]]*\]\([^)]*\)/)) {
    words = substr(line, RSTART, RLENGTH)
    target = words
    sub(/^\[[^]]*\]\(/, "", target)
    sub(/\)$/, "", target)
    if (target ~ /\.md$/) {
      sub(/\.md$/, "", target)
      sub(/\(.*$/, "(@ref " target ")", words)
    } else if (target !~ /^https?:/ && target !~ /\.svg$/) {
      sub(/\]\(.*$/, "", words)
      sub(/^\[/, "", words)
    }
    result = result substr(line, 1, RSTART - 1) words
    line = substr(line, RSTART + RLENGTH)
  }
  return result line
}
