# Completion of eflexcan2mqtt for bash. Made from the code by `make generated`.

# The CAN interfaces of this machine: ARPHRD_CAN is 280.
_eflexcan2mqtt_buses() {
    local net
    for net in /sys/class/net/*; do
        [[ $(<"$net/type") != 280 ]] || echo "can:${net##*/}"
    done 2>/dev/null
}

_eflexcan2mqtt() {
    local line=${COMP_LINE:0:COMP_POINT} words word before lead=""
    local command="" options values="" candidates
    # COMP_WORDS is also split at = and :, which belong to a word here.
    # shellcheck disable=SC2162 # a backslash keeps a blank in its word
    read -a words <<<"$line"
    [[ $line != *[^\\][[:space:]] ]] || words+=("")
    word=${words[-1]} before=${words[-2]}
    if [[ $word == --*=* ]]; then
        lead=${word%%=*}= before=${word%%=*}
    fi

    ((${#words[@]} == 2)) || command=${words[1]}
    case $command in
        run) options="-h --help --version -c --config --config_path --input --end --output --fields --speed --faults -v --verbose" ;;
        check) options="-h --help --version -c --config --config_path --input --end --output" ;;
        forget) options="-h --help --version -c --config --config_path" ;;
        anonymize) options="-h --help --version" ;;
        convert) options="-h --help --version --seconds --end" ;;
        dbc) options="-h --help --version" ;;
        import-history) options="-h --help --version -c --config --config_path --end" ;;
        evidence) options="-h --help --version --end --json" ;;
        explore) options="-h --help --version --end --html" ;;
        health) options="-h --help --version" ;;
        *) options="-h --help --version -c --config --config_path --input --end --output --fields --speed --faults -v --verbose --check --forget --anonymize" ;;
    esac
    case $before in
        -c | --config | --config_path | --end | --speed | --faults | --anonymize | --seconds | --html) ;;
        --input) values="can $(_eflexcan2mqtt_buses) simulator" ;;
        --output) values="mqtt web json influx table bytes" ;;
        --fields) values="documented extended experimental" ;;
        --forget) values="bank energy" ;;
        *)
            if [[ $word == -* ]]; then
                values=$options
            elif ((${#words[@]} == 2)); then
                values="run check forget anonymize convert dbc import-history evidence explore health"
            else
                case $command in
                    forget) values="bank energy" ;;
                    anonymize) ;;
                    convert) ;;
                    import-history) ;;
                    evidence) ;;
                    explore) ;;
                esac
            fi
            ;;
    esac
    mapfile -t candidates < <(compgen -P "$lead" -W "$values" -- "${word#"$lead"}")
    # What comes back replaces $2, which is what follows the last = or : of the word.
    COMPREPLY=("${candidates[@]#"${word%"$2"}"}")
}

# Where we know nothing, bash suggests files.
complete -o bashdefault -o default -F _eflexcan2mqtt eflexcan2mqtt
