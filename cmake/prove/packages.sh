#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# the Debian package is built, checked, installed in a scratch root and used; the Conan recipe is run with stand-ins
# packages: dpkg-dev debhelper fakeroot lintian python3
source "$(dirname -- "${BASH_SOURCE[0]}")/common.sh"

rm -rf -- "${build_dir:?}"/*
headers=$(find "$source_dir/include" -name '*.hpp' | wc -l)
((headers > 0)) || die "there are no headers in $source_dir/include"

sums() (cd -- "$1" && find . -name '*.hpp' -exec sha256sum {} + | sort)

# same_headers <folder> <what>: the folder's headers are those of the source tree.
same_headers() {
  diff <(sums "$source_dir/include/tshift") <(sums "$1") >"$build_dir/diff.log" ||
    die "the headers in $2 are not those of the source: $build_dir/diff.log"
}

# --- Debian: build ----------------------------------------------------------------------------------------------------

work=$build_dir/debian
mkdir -p "$work/tshift"
for entry in CMakeLists.txt LICENSE README.md include cmake tests; do cp -a "$source_dir/$entry" "$work/tshift/"; done
cp -a "$source_dir/cmake/packaging/debian" "$work/tshift/"
cd "$work/tshift"
quietly "$work/build.log" dpkg-buildpackage -us -uc -b
cd "$work"
package=$(echo libtshift-dev_*_all.deb)
[[ -f $package ]] || die "dpkg-buildpackage made no libtshift-dev_*_all.deb: $(ls)"

# Only an upload to Debian has a bug to close.
lintian --fail-on error,warning --suppress-tags initial-upload-closes-no-bugs ./*.changes >"$work/lintian.log" 2>&1 || {
  cat "$work/lintian.log" >&2
  die "lintian objects"
}

# --- Debian: install --------------------------------------------------------------------------------------------------

# dpkg's own installation, with the dependencies checked against this machine's packages, but into a root of its own: no
# rights are needed, and nothing stays.
root=$work/root
mkdir -p "$root" "$work"/database/{updates,triggers}
cp -r /var/lib/dpkg/{status,info} "$work/database/"
as_root=(env "PATH=$PATH:/usr/sbin:/sbin")
((EUID == 0)) || as_root+=(fakeroot)
quietly "$work/install.log" "${as_root[@]}" dpkg --admindir="$work/database" --instdir="$root" --log="$work/dpkg.log" \
  --install "$package"
[[ $(dpkg-query --admindir="$work/database" -W -f='${db:Status-Status}' libtshift-dev) == installed ]] ||
  die "dpkg did not install the package"
same_headers "$root/usr/include/tshift" "$package"

# --- Debian: use ------------------------------------------------------------------------------------------------------

# debian/tests/consumer runs as it does against /usr; only the search begins in the scratch root.
mkdir -p "$work/consumer"
cd "$work/tshift"
AUTOPKGTEST_TMP=$work/consumer CMAKE_PREFIX_PATH=$root/usr PKG_CONFIG_PATH=$root/usr/share/pkgconfig \
  quietly "$work/consumer.log" sh cmake/packaging/debian/tests/consumer
grep -q "^tshift_DIR:PATH=$root/usr/" "$work/consumer/build/CMakeCache.txt" || die "the consumer found another tshift"

# --- Conan ------------------------------------------------------------------------------------------------------------

quietly "$build_dir/conan.log" /usr/bin/python3 -B "$source_dir/cmake/packaging/conan/check.py" "$source_dir" \
  "$build_dir/conan"
same_headers "$build_dir/conan/include/tshift" "the Conan package"
# The program of test_package, as CMakeDeps would build it: with a package that gives tshift::tshift.
cd "$source_dir/cmake/packaging/conan/all"
quietly "$build_dir/test_package.configure.log" cmake -S test_package -B "$build_dir/test_package" \
  -Dtshift_ROOT="$root/usr"
quietly "$build_dir/test_package.build.log" cmake --build "$build_dir/test_package"
"$build_dir/test_package/test_package"

say "$package and the Conan package, with $headers headers each, are built and used; lintian has no complaint"
