# SPDX-License-Identifier: MIT
# What Doxygen reads of a header, line for line. The inline namespaces are gone, so that names read as users write them.
# The contract a header begins with becomes the documentation of the file: its first paragraph as text, the rest as it
# stands.
NR == 1 { print "/** @file"; state = "text"; next }
state == "text" || state == "verbatim" {
  if ($0 !~ /^\/\//) {
    print (state == "verbatim" ? "@endverbatim */" : "*/")
    state = "code"
    next  # #pragma once
  }
  line = substr($0, 4)
  if (state == "text" && line == "") {
    print "@verbatim"
    state = "verbatim"
    next
  }
  if (state == "text") gsub(/[<>@#\\]/, "\\\\&", line)
  print line
  next
}

# Helpers of other macros, macros of PyTorch's, and copying and moving as anyone expects it.
/^ *# *define TSHIFT_(CONCAT|VERSION_NAME|ISA_[A-Z]+_)/ || /^TORCH_LIBRARY/ ||
/^ *(TSHIFT_INLINE )?[a-z0-9_]+\([a-z0-9_]+( const&|&&)\)( noexcept)? = default;$/ ||
/operator=\([a-z0-9_]+( const&|&&)\)( noexcept)? = default;$/ {
  print ""
  next
}

{
  # "namespace tshift { inline namespace TSHIFT_V { ..." and the line that closes them.
  if ($0 ~ /^namespace tshift \{ /) {
    gsub(/ inline namespace TSHIFT_(V|ISA) \{/, "")
    depth = gsub(/\{/, "{")
  }
  if ($0 ~ /^\}+  \/\/ namespace tshift/) $0 = substr("}}}}}}", 1, depth)
  if ($0 !~ /^#/) gsub(/TSHIFT_INLINE /, "")
  # Members declared together share the words behind them.
  if (match($0, /;  \/\/\/< /)) {
    line = substr($0, 1, RSTART - 1)
    words = "; /**< " substr($0, RSTART + RLENGTH) " */ "
    if (line ~ /, / && line !~ /[(<{][^)>}]*,/ && match(line, /^ *[^ ]+ /)) {
      type = substr(line, 1, RLENGTH)
      gsub(/, /, words type, line)
      $0 = line words
    }
  }
  # Four spaces more make a code block of what stands behind an empty line.
  if ($0 ~ /^ *\/\/\/   +[^ ]/) sub(/\/\/\//, "&    ")
  print
}
