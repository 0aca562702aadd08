#!/bin/sh
# The disk of the test machine: Debian with CAN tools, a broker, podman and an agent that runs
# commands.  EFLEX_SYSTEM_SUITE chooses the release of Debian: trixie, 13, or bookworm, 12.
# Prints the folder that holds disk.img, vmlinuz and initrd.img; makes it only if the recipe changed.
set -eu
umask 022

here=$(cd "$(dirname "$0")" && pwd)
guest=$here/guest
cache=${EFLEX_SYSTEM_CACHE:-$HOME/.cache/eflexcan2mqtt}
suite=${EFLEX_SYSTEM_SUITE:-trixie}
recipe=$(cat "$here/image.sh" "$guest/agent.py" "$guest/agent.service" | sha256sum | cut -c1-64)
final=$cache/$suite-$recipe

if [ -d "$final" ]; then
    echo "$final"
    exit
fi
if [ "$(id -u)" -ne 0 ]; then
    echo "image.sh: must run as root: it makes a Debian tree with device nodes and owners" >&2
    exit 1
fi
for tool in mmdebstrap mke2fs; do
    if ! command -v "$tool" >/dev/null; then
        echo "image.sh: $tool is missing: apt-get install mmdebstrap e2fsprogs" >&2
        exit 1
    fi
done

mkdir -p "$cache"
# Beside the final name, so that the last step is a rename: a half image never gets that name.
work=$(mktemp -d "$cache/unfinished.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM

# An initrd of three modules is read in seconds where one of all drivers takes half a minute.
cat >"$work/before.sh" <<'BEFORE'
set -eu
mkdir -p "$1/etc/initramfs-tools/conf.d"
echo MODULES=list >"$1/etc/initramfs-tools/conf.d/small"
printf '%s\n' virtio_pci virtio_blk ext4 >"$1/etc/initramfs-tools/modules"
BEFORE

cat >"$work/after.sh" <<'AFTER'
set -eu
install -D -m 755 "$GUEST/agent.py" "$1/usr/local/lib/agent.py"
install -D -m 644 "$GUEST/agent.service" "$1/etc/systemd/system/agent.service"
echo machine >"$1/etc/hostname"
echo '127.0.0.1 localhost machine' >"$1/etc/hosts"
# The share is the host's folder: files go in and out of the machine through it.
echo 'share /share 9p trans=virtio,version=9p2000.L,msize=262144,cache=none 0 0' >"$1/etc/fstab"
mkdir -p "$1/share"
systemctl --root="$1" enable agent.service systemd-networkd.service
systemctl --root="$1" disable mosquitto.service
# A getty on the console would take the lines that the kernel and the tests write there.
systemctl --root="$1" mask serial-getty@ttyS0.service getty@tty1.service \
    apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer \
    e2scrub_reap.service fstrim.timer systemd-networkd-wait-online.service
# A journal on disk outlives nothing here: the disk is thrown away with the machine.
mkdir -p "$1/etc/systemd/journald.conf.d"
printf '[Journal]\nStorage=volatile\n' >"$1/etc/systemd/journald.conf.d/volatile.conf"
rm -rf "$1"/var/cache/apt/* "$1"/var/lib/apt/lists/*
# A package that a test installs keeps its documentation and its man page.
sed -i '/^path-/d' "$1/etc/dpkg/dpkg.cfg.d/99mmdebstrap"
AFTER

export GUEST="$guest"
mmdebstrap --quiet --variant=minbase --mode=root --format=directory \
    --include=systemd,systemd-sysv,udev,dbus,linux-image-amd64,kmod,iproute2,procps,libnss-myhostname \
    --include=can-utils,mosquitto,mosquitto-clients,python3 \
    --include=podman,crun,netavark,aardvark-dns,uidmap,bash-completion,sudo \
    --dpkgopt=force-unsafe-io \
    --dpkgopt='path-exclude=/usr/share/man/*' \
    --dpkgopt='path-exclude=/usr/share/locale/*' \
    --dpkgopt='path-exclude=/usr/share/doc/*' \
    --dpkgopt='path-include=/usr/share/doc/*/copyright' \
    --aptopt='Acquire::Languages "none"' \
    --essential-hook="sh '$work/before.sh' \"\$1\"" \
    --customize-hook="sh '$work/after.sh' \"\$1\"" \
    "$suite" "$work/root" >&2

mkdir "$work/image"
cp "$work"/root/boot/vmlinuz-* "$work/image/vmlinuz"
cp "$work"/root/boot/initrd.img-* "$work/image/initrd.img"
mke2fs -q -t ext4 -d "$work/root" "$work/image/disk.img" 4G >&2
chmod 755 "$work/image"
# Another build may have been quicker: its image is as good.
mv -T "$work/image" "$final" 2>/dev/null || [ -d "$final" ]
echo "$final"
