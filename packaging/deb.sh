#!/usr/bin/env bash
# A Debian package of a frozen program: eflexcan2mqtt_<version>_<architecture>.deb in OUT.
#
#   sudo packaging/deb.sh x86_64|aarch64|armhf PROGRAM_FOLDER OUT
#
# It is made in a Debian 13 of x86_64, where a program of another architecture is only packed, and
# must pass lintian.  The same sources and the same program give the same bytes.
set -euo pipefail

[ $# = 3 ] || { sed -n '4s/^# *//p' "$0" >&2 && exit 2; }
built_for=$1 program=$(realpath "$2") out=$(realpath -m "$3")
cd "$(dirname "$0")/.."
. packaging/roots.sh
prepare packaging/deb.sh "$built_for" "$program" "$out"

PACKED=(packaging/debian packaging/eflexcan2mqtt.{conf,1,bash} eflexcan2mqtt.{ini,service} eflexcan2mqtt@.service
  README.md CHANGELOG.md docs examples)
arch=x86_64

packing_root() {
  say "making its Debian 13 with debhelper"
  debian trixie "$1" --variant=minbase --include=debhelper,lintian
}

[ -n "${DEBIAN[$built_for]-}" ] || die "'$built_for' is none of x86_64, aarch64, armhf"
for needed in eflexcan2mqtt _internal licenses; do
  [ -e "$program/$needed" ] || die "$program is no frozen program: it has no $needed"
done
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct -- eflexcan2mqtt "${PACKED[@]}")}
export SOURCE_DATE_EPOCH
version=$(sed -n 's/^__version__ = "\(.*\)"$/\1/p' eflexcan2mqtt/__init__.py)
package=eflexcan2mqtt_${version}_${DEBIAN[$built_for]}.deb

unpack "$temp/root" packing_root
source=$temp/root/build/source
mkdir "$source"
git ls-files -z -- "${PACKED[@]}" \
  | tar --create --null --files-from - | tar --extract --directory "$source"
python3 packaging/pages.py "$source"
mv "$source/packaging/debian" "$source/"
cp -r "$program" "$source/program"
cat >"$source/debian/changelog" <<CHANGELOG
eflexcan2mqtt ($version) stable; urgency=medium

  * What is new is in CHANGELOG.md.

 -- $(sed -n 's/^Maintainer: //p' "$source/debian/control")  $(date --utc --rfc-email --date "@$SOURCE_DATE_EPOCH")
CHANGELOG
find "$source" -exec touch --no-dereference --date "@$SOURCE_DATE_EPOCH" {} +

inside "$temp/root" env --chdir=source \
  dpkg-architecture --host-arch "${DEBIAN[$built_for]}" --command "debian/rules binary" \
  >"$temp/log" 2>&1 || die "$built_for: $(tail -n 40 "$temp/log")"
inside "$temp/root" lintian --allow-root --fail-on error,warning --tag-display-limit 0 "$package" \
  || die "$built_for: lintian has found something"
install -D --mode=644 "$temp/root/build/$package" "$out/$package"
printf '%s: %s, %s bytes\n' "$built_for" "$out/$package" "$(stat --format=%s "$out/$package")"
