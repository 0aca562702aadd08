# shellcheck shell=bash
# Debians of any architecture, to build in and to try the release in.  Sourced by scripts in
# this folder, whose working directory is the one above it.
#
# Each is kept as an archive for a week, in ${EFLEX_DIST_CACHE:-~/.cache/eflexcan2mqtt/dist}.
# EFLEX_DIST_NO_SECURITY may name architectures (armhf) whose security updates the mirror cannot
# serve: theirs are made without, and a release that was built so names what is behind.

CACHE=${EFLEX_DIST_CACHE:-$HOME/.cache/eflexcan2mqtt/dist}
ROOT_DAYS=7 # Debian mends libraries that we ship

# How Debian, the package index and qemu call an architecture.
declare -A DEBIAN=([x86_64]=amd64 [aarch64]=arm64 [armhf]=armhf)
declare -A WHEELS=([x86_64]=x86_64 [aarch64]=aarch64 [armhf]=armv7l)
declare -A CPU=([x86_64]=x86_64 [aarch64]=aarch64 [armhf]=arm)

LOCKS=(requirements.lock packaging/requirements-build.lock)
NEEDED=python3-venv,libpython3.11,binutils
declare -A ALSO_NEEDED=([armhf]=",gcc,libc6-dev,zlib1g-dev,libpython3.11-dev") # no wheels: its bootloader and msgpack are compiled

say() { printf '%s: %s\n' "$arch" "$*"; }
die() {
  printf '%s: %s\n' "$script" "$*" >&2
  exit 1
}

# What the scripts need of the machine, and where they keep it.
prepare() {
  script=$1
  [ "$(id -u)" = 0 ] || die "must be root (roots of Debian are mounted and entered); try sudo"
  for tool in git mmdebstrap python3 unshare; do
    [ -n "$(command -v $tool)" ] || die "no $tool; apt install git mmdebstrap python3-venv util-linux"
  done
  # In a mount namespace of its own, which ends with the script.
  if [ "${EFLEX_DIST_MOUNTS-}" != "$script" ]; then
    EFLEX_DIST_MOUNTS=$script exec unshare --mount --propagation slave "$@"
  fi
  umask 022
  export LC_ALL=C
  mkdir -p "$CACHE"
  find "$CACHE" -maxdepth 1 -name 'eflexcan2mqtt-*' -mtime "+$ROOT_DAYS" \
    -exec rm -rf --one-file-system {} +
  # Beside the roots, so that a finished one needs only a new name.
  temp=$(mktemp --directory "$CACHE/eflexcan2mqtt-working.XXXXXX")
  trap 'rm -rf --one-file-system "$temp"' EXIT
  trap 'exit 1' INT TERM HUP
}

# Programs of a foreign architecture run once qemu is registered with the kernel.  The registration
# ends with our mounts; on kernels before 6.7 it lasts until the next boot.
emulate() {
  local cpu=${CPU[$arch]} known=/proc/sys/fs/binfmt_misc
  local recipe=/usr/lib/binfmt.d/qemu-$cpu.conf
  [ "$cpu" != "$(uname -m)" ] || return 0
  [ -e $known/register ] || mount -t binfmt_misc binfmt_misc $known \
    || die "$arch: this kernel cannot run programs of another CPU, for it has no binfmt_misc;" \
      "try 'modprobe binfmt_misc', or build elsewhere"
  [ ! -e "$known/qemu-$cpu" ] || return 0
  [ -e "$recipe" ] || die "$arch: no $recipe; apt install qemu-user-static"
  cat "$recipe" >$known/register \
    || die "$arch: the kernel takes no emulator from here (a container?); build outside of it"
}

# Run a command in a root, without our environment; its mounts and processes end with it.
inside() {
  local root=$1
  shift
  unshare --mount --pid --fork --kill-child --root="$root" --wd=/build --mount-proc \
    env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive \
    PYTHONHASHSEED=1 SOURCE_DATE_EPOCH="${SOURCE_DATE_EPOCH:-0}" "$@"
}

# The apt sources of a suite; those of Debian as it was released, if AS_RELEASED is set.
sources() {
  local signed="[signed-by=/usr/share/keyrings/debian-archive-keyring.gpg]"
  echo "deb $signed http://deb.debian.org/debian $1 main"
  [ -z "${AS_RELEASED-}" ] || return 0
  echo "deb $signed http://deb.debian.org/debian $1-updates main"
  [[ " ${EFLEX_DIST_NO_SECURITY-} " = *" $arch "* ]] \
    || echo "deb $signed http://deb.debian.org/debian-security $1-security main"
}

# A Debian of this architecture: debian SUITE FOLDER, and what mmdebstrap shall do beyond.
debian() {
  local suite=$1 root=$2
  shift 2
  # emulate has checked that foreign programs run.
  sources "$suite" | mmdebstrap --quiet --skip=check/qemu --architectures="${DEBIAN[$arch]}" \
    --dpkgopt=force-unsafe-io "$@" "$suite" "$root" -
  mkdir -p "$root/build"
}

# A Debian 12 with PyInstaller and our packages in /build/venv.
# What is downloaded is downloaded outside: inside, pip cannot trust the registry.
building_root() {
  local root=$1
  say "making its Debian 12"
  debian bookworm "$root" --variant=essential --include="$NEEDED${ALSO_NEEDED[$arch]-}"
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
}

# Have the archive of a root in $cached, made by a function that gets its folder and SUITE:
# have_archive MAKER [SUITE].
have_archive() {
  local recipe
  emulate
  recipe=$({
    declare -f debian "$1"
    declare -p NEEDED ALSO_NEEDED
    sources "${2:-bookworm}"
    cat "${LOCKS[@]}"
  } | sha256sum)
  cached=$CACHE/eflexcan2mqtt-$1${2:+-$2}-$arch-${recipe:0:16}.tar
  if [ ! -e "$cached" ]; then
    "$1" "$temp/new-root" "${@:2}"
    tar --create --numeric-owner --file "$temp/new-root.tar" --directory "$temp/new-root" .
    mv "$temp/new-root.tar" "$cached"
    rm -r --one-file-system "$temp/new-root"
  fi
}

# Unpack a root: unpack FOLDER MAKER [SUITE].
unpack() {
  local cached
  have_archive "${@:2}"
  mkdir -p "$1"
  tar --extract --numeric-owner --file "$cached" --directory "$1"
}
