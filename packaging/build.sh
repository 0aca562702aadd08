#!/usr/bin/env bash
# The release: eflexcan2mqtt_<arch>.tgz and SHA256SUMS in dist, or in $EFLEX_DIST_OUT.
#
#   sudo packaging/build.sh [x86_64] [aarch64] [armhf]      without arguments all three
#
# PyInstaller freezes what git tracks, inside a Debian 12 of each architecture, so that the
# program runs on anything as new as that.  Foreign ones run through qemu-user.  Such a Debian
# is kept for a week in ${EFLEX_DIST_CACHE:-~/.cache/eflexcan2mqtt/dist}.
# EFLEX_DIST_SOURCES may name a file of apt sources to use instead of Debian's own mirrors.
# The same sources and the same Debian packages give the same bytes.
set -euo pipefail

RELEASE_FILES=(install.sh eflexcan2mqtt.service eflexcan2mqtt.ini packaging/eflexcan2mqtt.conf LICENSE)
MOST_BYTES=12000000
LOCKS=(requirements.lock packaging/requirements-build.lock)
OUT=$(realpath -m "${EFLEX_DIST_OUT:-$(dirname "$0")/../dist}")
CACHE=${EFLEX_DIST_CACHE:-$HOME/.cache/eflexcan2mqtt/dist}
ROOT_DAYS=7 # Debian mends libraries that we ship

# How Debian, the package index and qemu call an architecture, and what PyInstaller needs in it.
declare -A DEBIAN=([x86_64]=amd64 [aarch64]=arm64 [armhf]=armhf)
declare -A WHEELS=([x86_64]=x86_64 [aarch64]=aarch64 [armhf]=armv7l)
declare -A CPU=([x86_64]=x86_64 [aarch64]=aarch64 [armhf]=arm)
NEEDED=python3-venv,libpython3.11,binutils
declare -A ALSO_NEEDED=([armhf]=",gcc,libc6-dev,zlib1g-dev,libpython3.11-dev") # no wheels: its bootloader and msgpack are compiled

say() { printf '%s: %s\n' "$arch" "$*"; }
die() {
  printf 'packaging/build.sh: %s\n' "$*" >&2
  exit 1
}

# Programs of a foreign architecture run once qemu is registered with the kernel.  The registration
# ends with our mounts; on kernels before 6.7 it lasts until the next boot.
emulate() {
  local known=/proc/sys/fs/binfmt_misc recipe=/usr/lib/binfmt.d/qemu-$1.conf
  [ "$1" != "$(uname -m)" ] || return 0
  [ -e $known/register ] || mount -t binfmt_misc binfmt_misc $known \
    || die "$arch: this kernel cannot run programs of another CPU, for it has no binfmt_misc;" \
      "try 'modprobe binfmt_misc', or build elsewhere"
  [ ! -e "$known/qemu-$1" ] || return 0
  [ -e "$recipe" ] || die "$arch: no $recipe; apt install qemu-user-static"
  cat "$recipe" >$known/register \
    || die "$arch: the kernel takes no emulator from here (a container?); build outside of it"
}

# Run a command in a root, without our environment; its mounts and processes end with it.
inside() {
  local root=$1
  shift
  unshare --mount --pid --fork --kill-child --root="$root" --wd=/build --mount-proc \
    env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8 \
    PYTHONHASHSEED=1 SOURCE_DATE_EPOCH="$SOURCE_DATE_EPOCH" "$@"
}

# The archive of a Debian 12 with PyInstaller and our packages in /build/venv.
# What is downloaded is downloaded outside: inside, pip cannot trust the registry.
make_root() {
  local root=$temp/new-root
  say "making its Debian 12"
  # emulate has checked that foreign programs run.
  mmdebstrap --skip=check/qemu --variant=essential --architectures="${DEBIAN[$arch]}" \
    --include="$NEEDED${ALSO_NEEDED[$arch]-}" bookworm "$root" \
    ${EFLEX_DIST_SOURCES:+"$EFLEX_DIST_SOURCES"}
  mkdir -p "$root/build/wheels"
  cp --parents "${LOCKS[@]}" "$root/build/"
  if [ ! -e "$temp/venv" ]; then
    python3 -m venv "$temp/venv"
    # For its hatchling: pip asks an archive without a wheel what it holds.
    "$temp/venv/bin/pip" install --quiet --require-hashes -r packaging/requirements-build.lock
  fi
  "$temp/venv/bin/pip" download --quiet --require-hashes --no-deps --no-build-isolation \
    --platform "manylinux2014_${WHEELS[$arch]}" --implementation cp --python-version 3.11 \
    --dest "$root/build/wheels" "${LOCKS[@]/#/--requirement=}"
  say "installing PyInstaller"
  inside "$root" python3 -m venv venv
  inside "$root" venv/bin/pip install --quiet --no-index --find-links wheels --require-hashes \
    --no-deps "${LOCKS[@]/#/--requirement=}"
  tar --create --numeric-owner --file "$temp/new-root.tar" --directory "$root" .
  mv "$temp/new-root.tar" "$1"
  rm -r --one-file-system "$root"
}

freeze() {
  say "freezing"
  git ls-files -z -- main.py eflexcan2mqtt tests/captures packaging/eflexcan2mqtt.spec \
    | tar --create --null --files-from - | tar --extract --directory "$root/build"
  inside "$root" venv/bin/pyinstaller --log-level WARN --distpath frozen packaging/eflexcan2mqtt.spec
}

# The frozen program is tried before it is packed.
check() {
  local captured=tests/captures/documented_example said status settings interface
  mkdir "$root/build/check"
  program() {
    inside "$root" env --chdir=check ../frozen/eflexcan2mqtt/eflexcan2mqtt "$@"
  }
  ini() { printf '%s\n' "${@:2}" >"$root/build/check/$1"; }

  said=$(program --version)
  [ "$said" = "eflexcan2mqtt $version" ] || die "$arch: --version is not $version, but $said"

  program --input "/build/$captured.log" --output json --fields documented \
    | cmp - "$captured.json" || die "$arch: decodes $captured.log differently"

  said=$(program --input "/build/$captured.log" --output table --speed 0 2>&1) || true
  [[ $said = *"3 of 14 batteries"* ]] || die "$arch: the table shows: $said"

  local port page
  port=$(python3 -c 'import socket; s = socket.create_server(("127.0.0.1", 0)); print(s.getsockname()[1])')
  ini web.ini '[mqtt]' 'port = 1' '[web]' "listen = 127.0.0.1:$port"
  # The program ends when its input ends.
  mkfifo "$temp/fed"
  program --config web.ini --input - <"$temp/fed" 2>"$temp/web.log" &
  exec 9>"$temp/fed"
  cat "$captured.log" "$captured.log" >&9
  page=$(python3 - "http://127.0.0.1:$port/metrics" 2>&1 <<'END'
import sys, time, urllib.request
for _ in range(60):
    time.sleep(1)
    try:
        text = urllib.request.urlopen(sys.argv[1], timeout=10).read().decode()
    except OSError:
        continue
    if "eflex_battery_soc_ratio{" in text:
        print("good")
        break
END
  )
  exec 9>&-
  wait $! || true # there is no broker
  rm "$temp/fed"
  [ "$page" = good ] || die "$arch: the page does not answer: $(cat "$temp/web.log")"

  ini plain.ini '[mqtt]' 'port = 1' # nobody listens there
  ini tls.ini '[mqtt]' 'port = 1' 'tls = yes'
  for settings in plain tls; do
    status=0
    said=$(program --config $settings.ini --check --input simulator 2>&1) || status=$?
    [[ $status = 1 && $said = *$'\nBAD localhost:1: '* ]] \
      || die "$arch: --check ($settings) without a broker ended with $status and said: $said"
  done

  # None of these is there, but for virtual: each is loaded, and fails in words of the system.
  local -A missing=(
    [socketcan]='this kernel has no SocketCAN|No such device'
    [socketcand]='Connection refused'
    [slcan]='could not open port none'
    [udp_multicast]='Name or service not known|Temporary failure in name resolution'
    [virtual]='open, but no'
  )
  for interface in "${!missing[@]}"; do
    ini can.ini '[can]' "interface = $interface" 'channel = none'
    [ "$interface" != socketcand ] || ini can.ini '[can]' "interface = $interface" 'channel = none' \
      'host = 127.0.0.1' 'port = 1'
    said=$(program --config can.ini --check --output json 2>&1) || true
    [[ $said =~ $'\nBAD none: '(${missing[$interface]}) ]] \
      || die "$arch: the CAN interface $interface said: $said"
  done
  ini can.ini '[can]' 'interface = kvaser' 'channel = 0'
  said=$(program --config can.ini --check --output json 2>&1) || true
  [[ $said = *"this release does not have it"* ]] || die "$arch: a missing interface said: $said"
  say "the frozen program knows its version, decodes $captured.log, finds no broker (with and" \
    "without TLS), shows the table and the page, and loads its CAN interfaces"
}

# One folder, in an order and with times, owners and modes that do not depend on where it was made.
pack() {
  local folder=$temp/eflexcan2mqtt_$arch archive=$OUT/eflexcan2mqtt_$arch.tgz file bytes
  mkdir "$folder"
  cp -r --preserve=links,mode "$root/build/frozen/eflexcan2mqtt" "$folder/"
  echo "$version $arch" >"$folder/VERSION"
  for file in "${RELEASE_FILES[@]}"; do
    cp --preserve=mode "$file" "$folder/"
  done
  tar --create --directory "$temp" --sort=name --format=gnu --numeric-owner --owner=0 --group=0 \
    --mode=u=rwX,go=rX --mtime="@$SOURCE_DATE_EPOCH" "eflexcan2mqtt_$arch" \
    | gzip -9 --no-name >"$temp/archive"
  bytes=$(stat --format=%s "$temp/archive")
  [ "$bytes" -le $MOST_BYTES ] || die "$arch: $bytes bytes are more than the $MOST_BYTES allowed"
  install -D --mode=644 "$temp/archive" "$archive"
  say "$archive, $bytes bytes (${SECONDS} s)"
}

cd "$(dirname "$0")/.."
[ "$(id -u)" = 0 ] || die "must be root (roots of Debian are mounted and entered); try sudo"
for tool in git mmdebstrap python3 unshare; do
  [ -n "$(command -v $tool)" ] || die "no $tool; apt install git mmdebstrap python3-venv util-linux"
done
# In a mount namespace of its own, which ends with this script.
if [ -z "${EFLEX_DIST_MOUNTS-}" ]; then
  EFLEX_DIST_MOUNTS=own exec unshare --mount --propagation slave packaging/build.sh "$@"
fi

umask 022
export LC_ALL=C SOURCE_DATE_EPOCH
# Of what is released: committing the release, or a test, changes nothing in it.
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(
  git log -1 --format=%ct -- main.py eflexcan2mqtt packaging/build.sh packaging/*.spec \
    "${LOCKS[@]}" "${RELEASE_FILES[@]}"
)}
version=$(sed -n 's/^__version__ = "\(.*\)"$/\1/p' eflexcan2mqtt/__init__.py)
mkdir -p "$CACHE"
find "$CACHE" -maxdepth 1 -name 'eflexcan2mqtt-*' -mtime "+$ROOT_DAYS" \
  -exec rm -rf --one-file-system {} +
# Beside the roots, so that a finished one needs only a new name.
temp=$(mktemp --directory "$CACHE/eflexcan2mqtt-building.XXXXXX")
trap 'rm -rf --one-file-system "$temp"' EXIT
trap 'exit 1' INT TERM HUP

[ $# -gt 0 ] || set -- x86_64 aarch64 armhf
for arch; do
  [ -n "${DEBIAN[$arch]-}" ] || die "'$arch' is none of x86_64, aarch64, armhf"
done
for arch; do
  SECONDS=0
  emulate "${CPU[$arch]}"
  recipe=$({
    declare -f make_root
    declare -p NEEDED ALSO_NEEDED
    cat "${LOCKS[@]}" ${EFLEX_DIST_SOURCES:+"$EFLEX_DIST_SOURCES"}
  } | sha256sum)
  cached=$CACHE/eflexcan2mqtt-root-$arch-${recipe:0:16}.tar
  [ -e "$cached" ] || make_root "$cached"
  root=$temp/$arch
  mkdir "$root"
  tar --extract --numeric-owner --file "$cached" --directory "$root"
  freeze
  check
  pack
  rm -r --one-file-system "$root" "$temp/eflexcan2mqtt_$arch"
done
cd "$OUT"
sha256sum eflexcan2mqtt_*.tgz >SHA256SUMS
