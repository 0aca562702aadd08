#!/bin/bash
# The start of the app, as root: its options, and the broker that the Supervisor knows, become the
# settings of eflexcan2mqtt, which then runs as a user of its own.
#
# An option `key` of the group `section` is the setting [section] key; an absent one keeps its
# default.
set -euo pipefail
umask 077

OPTIONS=/data/options.json
SUPERVISOR=http://supervisor
USER_ID=10250
IN_VAIN=78 # the program's own status for settings that cannot work

die() {
  printf 'eflexcan2mqtt app: %s\n' "$*" >&2
  exit $IN_VAIN
}

# One option; empty if it is absent.
option() {
  jq --raw-output "$1 // empty" "$OPTIONS"
}

# Hand a setting to the program, unless it is set or there is nothing to set; a password in a file
# that only its user can read.
hand_over() {
  local name=EFLEXCAN2MQTT_${1^^} value=$2 file=
  if [[ $name = *_PASSWORD ]]; then
    name+=_FILE file=$RUNTIME_DIRECTORY/${1//_/-}
  fi
  [[ ! -v $name && -n $value ]] || return 0
  if [ -n "$file" ]; then
    printf %s "$value" >"$file"
    chown $USER_ID "$file"
  fi
  export "$name=${file:-$value}"
}

# The broker that an app such as Mosquitto broker has registered with the Supervisor.
ask_supervisor() {
  local answer
  answer=$(curl --silent --show-error --max-time 10 --retry 3 --retry-connrefused \
    --header "Authorization: Bearer ${SUPERVISOR_TOKEN-}" $SUPERVISOR/services/mqtt) \
    || die "the Supervisor does not answer; set mqtt: hostname in the configuration"
  service() { jq --raw-output ".data.$1 // empty" <<<"$answer"; }
  [ -n "$(service host 2>/dev/null)" ] \
    || die "the Supervisor knows no MQTT broker (it says: $answer); install the app Mosquitto" \
      "broker, or set mqtt: hostname in the configuration"
  hand_over mqtt_hostname "$(service host)"
  hand_over mqtt_port "$(service port)"
  hand_over mqtt_tls "$(service ssl)"
  # User and password belong together.
  [[ -v EFLEXCAN2MQTT_MQTT_USERNAME || -v EFLEXCAN2MQTT_MQTT_PASSWORD_FILE ]] || {
    hand_over mqtt_username "$(service username)"
    hand_over mqtt_password "$(service password)"
  }
}

# Bring the CAN interface up, as the owner wants it.
bring_up() {
  local channel=${EFLEXCAN2MQTT_CAN_CHANNEL:-can0}
  case $1 in
    listen_only) set -- listen-only on ;;
    acknowledge) set -- restart-ms 100 listen-only off ;;
    *) return 0 ;;
  esac
  [ -e "/sys/class/net/$channel" ] \
    || die "no CAN interface $channel; connect the adapter, and start the app again"
  ip link set "$channel" down 2>/dev/null \
    || die "bring_up needs the privilege NET_ADMIN; the documentation of the app says how to give it"
  ip link set "$channel" up type can bitrate 250000 "$@" \
    || die "$channel: cannot be brought up; the line above says why"
}

jq empty "$OPTIONS" || die "$OPTIONS: cannot be read"
install --directory --owner=$USER_ID --mode=700 "$RUNTIME_DIRECTORY" "$STATE_DIRECTORY"
while IFS= read -r -d '' pair; do
  hand_over "${pair%%=*}" "${pair#*=}"
done < <(jq --raw-output0 'to_entries[] | select(.value | type == "object") | .key as $section
  | .value | to_entries[] | select(.value != null)
  | "\($section)_\(.key)=\(.value)"' "$OPTIONS")
# What reads the options ends unseen there.
wait $! || die "$OPTIONS: an option cannot be read; the line above says why"
[[ -v EFLEXCAN2MQTT_MQTT_HOSTNAME ]] || ask_supervisor

groups=--clear-groups
adapter=$(option .serial_adapter)
if [ -z "$adapter" ]; then
  bring_up "$(option .bring_up)"
else
  unset EFLEXCAN2MQTT_CAN_HOST EFLEXCAN2MQTT_CAN_PORT
  export EFLEXCAN2MQTT_CAN_INTERFACE=slcan EFLEXCAN2MQTT_CAN_CHANNEL=$adapter
  groups=--groups=$(stat --dereference --format=%g "$adapter") \
    || die "$adapter: no such device; connect the adapter, and start the app again"
fi
unset SUPERVISOR_TOKEN HASSIO_TOKEN
exec setpriv --reuid=$USER_ID --regid=$USER_ID "$groups" --no-new-privs eflexcan2mqtt
