#!/bin/sh
# Installs or upgrades eflexcan2mqtt, from a release tarball or from a source checkout.
#
#   sudo ./install.sh                 install; again: upgrade
#   sudo ./install.sh --uninstall     remove the program, keep the settings and what is stored
#   sudo ./install.sh --uninstall --purge      remove those as well
#   DESTDIR=/some/folder ./install.sh          into a folder, without root and systemd
set -eu
umask 022

here=$(cd "$(dirname "$0")" && pwd)
root=${DESTDIR:-}
program=/usr/local/bin/eflexcan2mqtt
library=/usr/local/lib/eflexcan2mqtt
command=/usr/local/sbin/eflexcan2mqtt
units=/etc/systemd/system
ini=/etc/eflexcan2mqtt.ini
password=/etc/eflexcan2mqtt.password
sysctl=/etc/sysctl.d/10-eflexcan2mqtt.conf
service=eflexcan2mqtt.service
# And those of more banks.
services='eflexcan2mqtt*.service'

die() {
    echo "install.sh: $*" >&2
    exit 1
}

running_systemd() {
    [ -z "$root" ] && [ -d /run/systemd/system ]
}

check_machine() {
    [ -n "$root" ] && return
    [ "$(id -u)" -eq 0 ] || die "must be run as root: sudo ./install.sh"
    command -v systemctl >/dev/null || die "needs systemd, and found no systemctl"
    [ -d /run/systemd/system ] || die "needs systemd, which does not run here"
    case $(dpkg-query --show --showformat '${db:Status-Status}' eflexcan2mqtt 2>/dev/null) in
    '' | not-installed | config-files) ;;
    *)
        die "eflexcan2mqtt is installed as a Debian package:" \
            "\`sudo apt install ./eflexcan2mqtt_….deb\` upgrades it," \
            "\`sudo apt remove eflexcan2mqtt\` removes it"
        ;;
    esac
}

# The name of a release for this machine: a 32-bit system may run on a 64-bit kernel.
architecture() {
    case $(dpkg --print-architecture 2>/dev/null || uname -m) in
    amd64 | x86_64) echo x86_64 ;;
    arm64 | aarch64) echo aarch64 ;;
    armhf | armv7l | armv8l) echo armhf ;;
    *) uname -m ;;
    esac
}

check_source() {
    if [ -f "$here/VERSION" ]; then
        kind=tarball packaging=
        read -r version built <"$here/VERSION"
        [ "$built" = "$(architecture)" ] || [ -n "$root" ] ||
            die "this release is for $built, the machine is $(architecture)"
        [ -x "$here/eflexcan2mqtt/eflexcan2mqtt" ] || die "the release is not complete: unpack it again"
    elif [ -f "$here/main.py" ]; then
        kind=checkout packaging=packaging/
        version=$(sed -n 's/^__version__ = "\(.*\)"$/\1/p' "$here/eflexcan2mqtt/__init__.py")
        python3 -c 'import venv, ensurepip' 2>/dev/null ||
            die "needs python3 with venv: apt install python3-venv"
    else
        die "$here holds neither a release nor the source"
    fi
}

# The program of an installation from a checkout.  An upgrade of the system can bring another
# Python, which finds none of the packages.
launcher() {
    cat <<LAUNCHER
#!$library/bin/python -I
import sys

try:
    from eflexcan2mqtt.cli import main
except ModuleNotFoundError as error:
    if error.name != "eflexcan2mqtt":
        raise
    version = ".".join(map(str, sys.version_info[:2]))
    print(
        f"eflexcan2mqtt: $library has no packages for Python {version}:",
        "run \`sudo ./install.sh\` again in the folder with the source",
        file=sys.stderr,
    )
    sys.exit(78)  # systemd does not try again
sys.exit(main())
LAUNCHER
}

# The new program is made beside the old one, which stays until the new one is complete.
place_program() {
    rm -rf "$root$program.new"
    mkdir -p "$root$program.new" "$root$(dirname "$command")"
    if [ "$kind" = tarball ]; then
        cp -R "$here/eflexcan2mqtt/." "$root$program.new"
        rm -rf "$root$library"
    else
        rm -rf "$root$library.new"
        python3 -m venv "$root$library.new"
        pip() {
            "$root$library.new/bin/python" -m pip --disable-pip-version-check install --quiet "$@"
        }
        pip --require-hashes -r "$here/requirements.lock"
        pip --no-deps "$here"
        rm -rf "$root$library"
        mv "$root$library.new" "$root$library"
        launcher >"$root$program.new/eflexcan2mqtt"
        chmod 755 "$root$program.new/eflexcan2mqtt"
    fi
    rm -rf "$root$program"
    mv "$root$program.new" "$root$program"
    if command_has_place; then
        ln -sf "$program/eflexcan2mqtt" "$root$command"
    fi
}

# Some systems (Fedora 42) have one folder for bin and sbin: there the command would be the
# folder of the program.
command_has_place() {
    [ "$(cd "$root$(dirname "$command")" && pwd -P)" != "$(cd "$root$(dirname "$program")" && pwd -P)" ]
}

place_settings() {
    if [ ! -f "$root$ini" ]; then
        install -D -m 644 "$here/eflexcan2mqtt.ini" "$root$ini"
    elif ! cmp -s "$here/eflexcan2mqtt.ini" "$root$ini"; then
        install -m 644 "$here/eflexcan2mqtt.ini" "$root$ini.new"
        echo "$ini is kept as it is; the new one is $ini.new"
    fi
    # systemd refuses to start a service whose credential is missing.
    if [ ! -e "$root$password" ]; then
        install -D -m 600 /dev/null "$root$password"
    fi
    install -D -m 644 "$here/${packaging}eflexcan2mqtt.conf" "$root$sysctl"
    for unit in eflexcan2mqtt.service eflexcan2mqtt@.service; do
        install -D -m 644 "$here/$unit" "$root$units/$unit"
    done
}

# Copies of the unit, which banks had before there was a template, stay as they were made.
name_copies() {
    for own in "$root$units"/eflexcan2mqtt-*.service; do
        bank=${own##*/eflexcan2mqtt-} bank=${bank%.service}
        ! grep -qs "/etc/eflexcan2mqtt-$bank\.ini" "$own" ||
            echo "eflexcan2mqtt@$bank.service can replace ${own#"$root"}, with the same settings;" \
                "docs/many-banks.md says how"
    done
}

install_all() {
    check_source
    place_program
    place_settings
    name_copies
    if running_systemd; then
        sysctl --quiet --load "$sysctl" || echo "net.core.rmem_max stays as it is until the next start"
        systemctl daemon-reload
        systemctl --quiet enable "$service"
        if systemctl --quiet is-active "$services"; then
            systemctl try-restart "$services" ||
                die "eflexcan2mqtt $version is installed, but not every service started again"
            echo "eflexcan2mqtt $version is installed and was restarted"
            return
        fi
    fi
    called=eflexcan2mqtt
    command_has_place || called=$program/eflexcan2mqtt
    cat <<NEXT
eflexcan2mqtt $version is installed. Next:

    sudo nano $ini
    sudo $called --config $ini --check
    sudo systemctl start eflexcan2mqtt
NEXT
}

uninstall_all() {
    if running_systemd; then
        systemctl --quiet disable --now "$service" 2>/dev/null || true
        systemctl --quiet stop "$services" || true
    fi
    rm -rf "$root$program" "$root$library"
    rm -f "$root$command" "$root$sysctl" \
        "$root$units/eflexcan2mqtt.service" "$root$units/eflexcan2mqtt@.service" \
        "$root$units"/*.wants/eflexcan2mqtt@*.service
    if [ "$purge" = yes ]; then
        rm -f "$root$ini" "$root$ini.new" "$root$password" \
            "$root"/etc/eflexcan2mqtt-*.ini "$root"/etc/eflexcan2mqtt-*.password
        for folder in /var/lib /var/lib/private; do
            rm -rf "$root$folder"/eflexcan2mqtt "$root$folder"/eflexcan2mqtt-*
        done
    else
        echo "kept: $ini, $password and spool and counters in /var/lib/eflexcan2mqtt;" \
            "of more banks /etc/eflexcan2mqtt-*.ini and /var/lib/eflexcan2mqtt-*"
    fi
    if running_systemd; then
        systemctl daemon-reload
    fi
}

action=install purge=no
for argument in "$@"; do
    case $argument in
    --uninstall) action=uninstall ;;
    --purge) purge=yes ;;
    -h | --help)
        sed -n '2,8s/^# \{0,1\}//p' "$0"
        exit
        ;;
    *) die "unknown option $argument; see --help" ;;
    esac
done
[ "$purge" = no ] || [ "$action" = uninstall ] || die "--purge goes with --uninstall"
check_machine
if [ "$action" = install ]; then
    install_all
else
    uninstall_all
fi
