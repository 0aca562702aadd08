#!/usr/bin/env bash
# The release, into dist or $EFLEX_DIST_OUT: for each architecture a tarball and a .deb, the wheel,
# and SHA256SUMS.  What the folder held of an earlier one is replaced at the end.
#
#   sudo packaging/build.sh [x86_64] [aarch64] [armhf]      without arguments all three
#
# PyInstaller freezes what git tracks, inside a Debian 12 of each architecture, so that the
# program runs on anything as new as that.  Foreign ones run through qemu-user.
# The same sources and the same Debian packages give the same bytes.
set -euo pipefail
here=$(dirname "$0")
OUT=$(realpath -m "${EFLEX_DIST_OUT:-$here/../dist}")
cd "$here/.."
. packaging/roots.sh
. packaging/check.sh
. packaging/pack.sh
prepare packaging/build.sh "$@"

freeze() {
  say "freezing"
  git ls-files -z -- main.py eflexcan2mqtt tests/captures packaging/eflexcan2mqtt.spec \
    | tar --create --null --files-from - | tar --extract --directory "$root/build"
  inside "$root" venv/bin/pyinstaller --log-level WARN --distpath frozen packaging/eflexcan2mqtt.spec
  # Wheels bring symbols for debuggers; Debian's libraries are without.
  inside "$root" find frozen -name '*.cpython-*.so' -exec strip --strip-unneeded {} +
}

# When the version was raised: committing the release, a test or a recipe changes nothing in it.
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct -- eflexcan2mqtt/__init__.py)}
export SOURCE_DATE_EPOCH
version=$(sed -n 's/^__version__ = "\(.*\)"$/\1/p' eflexcan2mqtt/__init__.py)

[ $# -gt 0 ] || set -- x86_64 aarch64 armhf
for arch; do
  [ -n "${DEBIAN[$arch]-}" ] || die "'$arch' is none of ${!DEBIAN[*]}"
done
made=$temp/made
mkdir "$made"
packaging/wheel.sh "$made"
for arch; do
  SECONDS=0
  root=$temp/$arch
  unpack "$root" building_root
  freeze
  check
  program=$root/build/frozen/eflexcan2mqtt
  licenses "$program/licenses"
  tarball "$program" "$made"
  packaging/deb.sh "$arch" "$program" "$made"
  behind
  say "done in $SECONDS s"
  rm -r --one-file-system "$root"
done

cd "$made"
for file in *; do
  bytes=$(stat --format=%s "$file")
  [ "$bytes" -le $MOST_BYTES ] || die "$file: $bytes bytes are more than the $MOST_BYTES allowed"
  printf '%10d  %s\n' "$bytes" "$file"
done
sha256sum -- * >"$temp/SHA256SUMS"
mkdir -p "$OUT"
rm -f "$OUT"/eflexcan2mqtt* "$OUT/SHA256SUMS"
install --mode=644 -- * "$temp/SHA256SUMS" "$OUT/"
