# shellcheck shell=bash
# Trees of Debian, for the scripts that source this, as root.  They are made once and kept for a month
# in ${EFLEX_TREE_CACHE:-~/.cache/eflexcan2mqtt/trees}.

[ "$(id -u)" = 0 ] || die "must be root (trees of Debian are made and entered); try sudo"
for tool in mmdebstrap python3 unshare; do
  [ -n "$(command -v $tool)" ] || die "no $tool; apt install mmdebstrap python3-venv util-linux"
done
umask 022

TREE_DAYS=30 # forky moves on
TREE_CACHE=${EFLEX_TREE_CACHE:-$HOME/.cache/eflexcan2mqtt/trees}

# Before a tree and a command: runs it there, without our environment.  Variables may precede the
# command.  It replaces the shell that runs it, so signals arrive; its mounts end with it.
# A folder of ours that is in BIND is there too.
# shellcheck disable=SC2016 # for the inner shell
IN_TREE=(unshare --mount sh -euc '
  for folder in /dev ${BIND-}; do mount --rbind "$folder" "$1$folder"; done
  mount -t proc proc "$1/proc"
  mount -t sysfs sys "$1/sys"
  tree=$1
  shift
  exec chroot "$tree" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8 \
    PIP_DISABLE_PIP_VERSION_CHECK=1 "$@"' sh)

# debian SUITE FOLDER PACKAGES: a small Debian with these packages, separated by commas.
debian() {
  # A mirror may be behind with a suite that is not released.
  mmdebstrap --quiet --variant=minbase --mode=root \
    --aptopt='Acquire::Check-Valid-Until "false"' --aptopt='Acquire::Languages "none"' \
    --dpkgopt=force-unsafe-io \
    --dpkgopt='path-exclude=/usr/share/locale/*' --dpkgopt='path-exclude=/usr/share/doc/*' \
    --dpkgopt='path-exclude=/usr/share/man/*' \
    --include="$3" "$1" "$2"
  echo '127.0.0.1 localhost' >"$2/etc/hosts"
}

# A folder `temp` beside the trees, so that a finished one needs only a new name; it ends with the shell.
temporary() {
  temp=$(mktemp --directory "$TREE_CACHE/unfinished.XXXXXX")
  trap 'rm -rf --one-file-system "$temp"' EXIT
  trap 'exit 1' INT TERM HUP
}

# kept NAME <RECIPE: sets `tree`, the folder of this name and recipe.  If there is none, the function
# make_tree of the script makes it, in the folder that it gets.
kept() {
  local recipe
  recipe=$({
    declare -f make_tree debian
    cat
  } | sha256sum)
  tree=$TREE_CACHE/$1-${recipe:0:16}
  mkdir -p "$TREE_CACHE"
  find "$TREE_CACHE" -maxdepth 1 -mindepth 1 -mtime "+$TREE_DAYS" \
    -exec rm -rf --one-file-system {} +
  if [ ! -d "$tree" ]; then
    (
      SECONDS=0
      temporary
      make_tree "$temp/new"
      # Another run may have been quicker: its tree is as good.
      mv -T "$temp/new" "$tree" 2>/dev/null || [ -d "$tree" ]
      echo "made $tree in $SECONDS s, $(du -sh "$tree" | cut -f 1)" >&2
    )
  fi
}

# copied: sets `tree` to a copy of it, which ends with the shell.
copied() {
  temporary
  cp -a --reflink=auto "$tree" "$temp/tree"
  tree=$temp/tree
}
