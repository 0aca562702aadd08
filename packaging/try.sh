#!/usr/bin/env bash
# Executes the files of a release on Debians of their architecture: checks SHA256SUMS, then starts
# each tarball's program, and installs, starts, removes and purges each .deb.
#
#   sudo packaging/try.sh FOLDER [ARCHITECTURE/SUITE ...]
#
# For example aarch64/trixie.  Without any, all three on Debian 12 (bookworm) and 13 (trixie).
set -euo pipefail
[ $# -gt 0 ] || { sed -n '5s/^# *//p' "$0" >&2 && exit 2; }
folder=$(realpath "$1")
shift
cd "$(dirname "$0")/.."
. packaging/roots.sh
prepare packaging/try.sh "$folder" "$@"

captured=tests/captures/documented_example
AS_RELEASED=yes # what runs there runs on updated ones, and the indexes of updates may be broken

# With what every Debian has, and no more: neither Python nor the libraries that are frozen in.
trying_root() {
  say "making a $2"
  debian "$2" "$1" --variant=essential
}

# The command and its arguments are a program of this version.
works() {
  local said status=0
  said=$(inside "$root" "$@" --version)
  [ "$said" = "eflexcan2mqtt $version" ] || die "$on: $1 --version is not $version, but $said"

  inside "$root" "$@" --input example.log --output json --fields documented 2>/dev/null \
    | cmp - "$captured.json" || die "$on: $1 decodes $captured.log differently"

  # Nobody listens there.
  printf '[mqtt]\nport = 1\n' >"$root/build/nobody.ini"
  said=$(inside "$root" "$@" --config nobody.ini --check --input simulator 2>&1) || status=$?
  [[ $status = 1 && $said = *$'\nBAD localhost:1: '* ]] \
    || die "$on: $1 --check without a broker ended with $status and said: $said"
}

try_tarball() {
  local name=eflexcan2mqtt_$arch built
  tar --extract --file "$folder/$name.tgz" --directory "$root/build"
  read -r version built <"$root/build/$name/VERSION"
  [ "$built" = "$arch" ] || die "$on: $name.tgz is for $built"
  works "./$name/eflexcan2mqtt/eflexcan2mqtt"
  inside "$root" DESTDIR=/build/installed "./$name/install.sh" >/dev/null
  works /build/installed/usr/local/bin/eflexcan2mqtt/eflexcan2mqtt
}

# All files, but for what dpkg writes about itself.
files() {
  (cd "$root" && find . -path ./build -prune -o -path ./proc -prune -o -path ./var/lib/dpkg -prune \
    -o -path ./var/log -prune -o -path ./var/cache -prune -o -print | sort)
}

try_deb() {
  local package=eflexcan2mqtt_${version}_${DEBIAN[$arch]}.deb left
  [ -e "$folder/$package" ] || die "$on: there is no $package"
  cp "$folder/$package" "$root/build/"
  files >"$temp/before"
  dpkg_says() { inside "$root" dpkg "$@" </dev/null >"$temp/log" 2>&1 || die "$on: dpkg $*: $(cat "$temp/log")"; }
  dpkg_says --install "$package"
  works eflexcan2mqtt
  [ -e "$root/etc/eflexcan2mqtt.ini" ] || die "$on: $package installs no /etc/eflexcan2mqtt.ini"
  dpkg_says --install "$package"
  works eflexcan2mqtt
  dpkg_says --remove eflexcan2mqtt
  [ -e "$root/etc/eflexcan2mqtt.ini" ] || die "$on: removing $package removes the settings"
  dpkg_says --purge eflexcan2mqtt
  left=$(files | comm -13 "$temp/before" -)
  [ -z "$left" ] || die "$on: purging $package leaves: $left"
}

[ -e "$folder/SHA256SUMS" ] || die "there is no $folder/SHA256SUMS; 'make release' writes it"
(cd "$folder" && sha256sum --check --strict --quiet SHA256SUMS) || die "$folder is not what was built"
others=$(find "$folder" -mindepth 1 -printf '%f\n' | grep -vxFf <(sed 's/^[^ ]* [ *]//' "$folder/SHA256SUMS") \
  | grep -vx SHA256SUMS) || true
[ -z "$others" ] || die "$folder: SHA256SUMS does not name $others"
echo "SHA256SUMS: the $(wc -l <"$folder/SHA256SUMS") files are those that were built"

[ $# -gt 0 ] || set -- {x86_64,aarch64,armhf}/{bookworm,trixie}
for on; do
  arch=${on%/*} suite=${on#*/} root=$temp/root SECONDS=0
  [ -n "${DEBIAN[$arch]-}" ] || die "'$arch' is none of ${!DEBIAN[*]}"
  unpack "$root" trying_root "$suite"
  made=$SECONDS
  cp "$captured.log" "$root/build/example.log"
  try_tarball
  try_deb
  echo "$on: the program of the tarball and of the .deb knows its version ($version), decodes" \
    "$captured.log and finds no broker; the .deb is installed twice, removed and purged" \
    "($SECONDS s, of these $made for the Debian)"
  rm -r --one-file-system "$root"
done
