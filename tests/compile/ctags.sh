#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# bash ctags.sh ROOT SCRATCH
# Editors that find names by Universal Ctags find every documented class, enumeration and function of the public headers.
# What there is to find is told apart from ctags: awk lists what stands in column 0 after a docstring (///). Exit status
# 77, which CTest shows as skipped, where there is no Universal Ctags (Debian: universal-ctags).
set -euo pipefail
root=$1 scratch=$2

fatal() {
  printf 'ctags.sh: %s\n' "$*" >&2
  exit 1
}

if ! ctags --version 2>/dev/null | grep -q '^Universal Ctags'; then
  printf 'ctags.sh: SKIPPED, there is no Universal Ctags here (Debian: universal-ctags)\n'
  exit 77
fi

# documented <header>: kind and name of everything at namespace scope that has a docstring. Namespaces are not indented, so
# that is what begins in column 0. Not concepts, which Universal Ctags 5.9 does not know, nor variables and macros.
documented() {
  awk '
    /^\/\/\// { after = 1; next }
    !after { next }
    { sub(/^\[\[[^]]*\]\] */, "") }
    $0 == "" { next }
    /^(template|requires)/ && !/;$/ && !/\(.*\) *(noexcept *)?[{;]/ { next }
    /^(class|struct) / {
      name = $2; sub(/[^A-Za-z0-9_].*/, "", name)
      print "type", name; after = 0; next
    }
    /^enum (class )?/ {
      name = $2 == "class" ? $3 : $2; sub(/[^A-Za-z0-9_].*/, "", name)
      print "type", name; after = 0; next
    }
    /^using / { name = $2; print "type", name; after = 0; next }
    /^(concept|#define|#ifndef|#if|inline constexpr)/ { after = 0; next }
    /^[A-Za-z]/ {
      text = $0
      sub(/^requires\([^)]*\) /, "", text)  # at::Tensor tensor_of(...) after a clause on the same line
      if (match(text, /[A-Za-z_][A-Za-z0-9_]*\(/)) {
        print "function", substr(text, RSTART, RLENGTH - 1)
        after = 0
      } else if (text ~ /[;=]/) {
        after = 0
      }
      next
    }
    { after = 0 }' "$1" | sort -u
}

# found <header>: the same, by ctags, with its defaults. A forward declaration is no finding.
found() {
  ctags --c++-kinds=+p -x --_xformat='%K %N' "$1" |
    awk '$1 ~ /^(class|struct|enum|typedef)$/ { print "type", $2 }
         $1 ~ /^(function|prototype)$/ { print "function", $2 }' | sort -u
}

count=0 missing=0 headers=0
check() {  # check <header> <name to show>
  local want
  want=$(documented "$1")
  [[ -n $want ]] || return 0
  headers=$((headers + 1))
  count=$((count + $(wc -l <<<"$want")))
  local lost
  lost=$(comm -23 <(printf '%s\n' "$want") <(found "$1"))
  [[ -n $lost ]] || return 0
  missing=$((missing + $(wc -l <<<"$lost")))
  printf '%s: ctags does not find: %s\n' "$2" "$(tr '\n' ';' <<<"$lost")"
}

while IFS= read -r header; do
  check "$header" "${header#"$root"/include/}"
done < <(find "$root/include/tshift" -name '*.hpp' -not -path '*/kernel/*' -not -path '*/macros/*' | LC_ALL=C sort)
printf '%d documented classes, enumerations and functions in %d public headers, %d of them not found\n' "$count" "$headers" "$missing"
((missing == 0)) || exit 1
((count >= 100)) || fatal "only $count names are documented in include/tshift: the list itself is broken"
for name in 'type tensor_view' 'type layout' 'type index_t' 'function shift_adjoint_inplace' 'function name_of'; do
  cat "$root"/include/tshift/*.hpp >"$scratch.all"
  documented "$scratch.all" | grep -qx "$name" || fatal "the list of documented names lacks '$name'"
done
rm -f "$scratch.all"

# The spelling that ctags cannot read is noticed.
sed -E 's/^namespace tshift \{ inline namespace TSHIFT_V \{ inline namespace TSHIFT_ISA \{/namespace tshift::inline TSHIFT_V::inline TSHIFT_ISA {/
        s/^namespace tshift \{ inline namespace TSHIFT_V \{/namespace tshift::inline TSHIFT_V {/' \
  "$root/include/tshift/view.hpp" >"$scratch.hpp"
before=$missing
check "$scratch.hpp" 'view.hpp with namespaces spelled a::inline b' >/dev/null
rm -f "$scratch.hpp"
((missing > before)) || fatal 'namespace tshift::inline TSHIFT_V { hides nothing: this test would not notice it'
