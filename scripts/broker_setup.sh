#!/bin/sh
# sternway-broker-setup: Mosquitto for a clinic. A private authority, TLS everywhere, nobody anonymous, and to each what it needs.
# docs/broker.md says what is made and how to use it.
set -eu
umask 077

HOME_DIRECTORY=${STERNWAY_BROKER_HOME:-/etc/sternway/broker}
MOSQUITTO=${STERNWAY_MOSQUITTO_DIRECTORY:-/etc/mosquitto}
TELEMETRY_KEYS=${STERNWAY_TELEMETRY_KEYS:-/etc/sternway/broker-keys}
UNIT_DIRECTORY=${STERNWAY_UNIT_DIRECTORY:-/etc/systemd/system/sternway-telemetry.service.d}
AUTHORITY_KEY=$HOME_DIRECTORY/authority.key
AUTHORITY_DAYS=3650
CERTIFICATE_DAYS=825

# Where keys lie while they are made. However this ends, none is left behind there.
SCRATCH=
trap '[ -z "$SCRATCH" ] || rm -rf "$SCRATCH"' EXIT
trap 'exit 130' HUP INT TERM

usage() {
    cat <<'TEXT'
usage: sternway-broker-setup COMMAND
on the broker's machine, as root:
  init CLINIC [--name HOST]... [--listen ADDRESS] [--websockets ADDRESS]
                          authority, server certificate, Mosquitto's configuration; listens on loopback unless told otherwise
  treadmill NAME          a key and certificate for one treadmill: prints the file to carry there
  dashboard NAME          a user that may read every treadmill of the clinic: prints the password once
  therapist NAME TREADMILL...  a user that may also stop, prepare, cancel and report a symptom at these treadmills
  remove NAME             takes a user or a treadmill away
  renew                   a new certificate and key for the broker itself, of the same authority and with the same names
  list                    who there is
on the treadmill, as root:
  join FILE               installs what `treadmill` made, for telemetry; prints what the configuration must say
TEXT
}

fail() {
    echo "sternway-broker-setup: $*" >&2
    exit 2
}

check_name() {
    case "$1" in
    "" | *[!a-z0-9-]* | -*) fail "'$1' is no name: allowed are 1 to 32 of a-z, 0-9 and the hyphen, not first" ;;
    esac
    [ "${#1}" -le 32 ] || fail "'$1' is no name: allowed are 1 to 32 of a-z, 0-9 and the hyphen"
}

check_host() {
    number='(25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])'
    case "$1" in
    "" | *[!a-zA-Z0-9._:-]*) fail "'$1' is neither a host's name nor an address" ;;
    *:*)
        # Only openssl knows every way to write such an address. The certificate is made to be thrown away.
        said=$(openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=trial \
            -addext "subjectAltName=IP:$1" -keyout /dev/null -out /dev/null 2>&1) || fail "'$1' is no IPv6 address: $said"
        ;;
    *[!0-9.]*) ;;
    *) echo "$1" | grep -Eqx "($number\.){3}$number" || fail "'$1' is no address: four numbers from 0 to 255, a dot between" ;;
    esac
}

quietly() { # COMMAND...: openssl talks also when all is well; it is heard when it fails
    said=$("$@" 2>&1) || fail "$1 failed: $said"
}

clinic() {
    for needed in "$AUTHORITY_KEY" "$HOME_DIRECTORY/clinic" "$MOSQUITTO/conf.d/sternway.conf"; do
        [ -e "$needed" ] || fail "there is no $needed: 'sternway-broker-setup init CLINIC' makes it"
    done
    cat "$HOME_DIRECTORY/clinic"
}

# --- certificates --------------------------------------------------------------------------------------------------------

make_key() { # FILE
    openssl genpkey -quiet -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$1" 2>/dev/null ||
        openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$1"
}

make_authority() {
    make_key "$AUTHORITY_KEY"
    openssl req -x509 -new -key "$AUTHORITY_KEY" -sha256 -days "$AUTHORITY_DAYS" -subj "/CN=Sternway authority of $1" \
        -addext "basicConstraints=critical,CA:TRUE,pathlen:0" -addext "keyUsage=critical,keyCertSign,cRLSign" \
        -addext "subjectKeyIdentifier=hash" -out "$HOME_DIRECTORY/authority.crt"
}

make_certificate() { # FILE-WITHOUT-SUFFIX COMMON-NAME serverAuth|clientAuth [SUBJECT-ALTERNATIVE-NAMES]
    make_key "$1.key"
    {
        echo "basicConstraints=critical,CA:FALSE"
        echo "keyUsage=critical,digitalSignature"
        echo "extendedKeyUsage=$3"
        echo "subjectKeyIdentifier=hash"
        echo "authorityKeyIdentifier=keyid"
        [ -z "${4:-}" ] || echo "subjectAltName=$4"
    } >"$1.extensions"
    openssl req -new -key "$1.key" -subj "/CN=$2" -out "$1.request"
    quietly openssl x509 -req -in "$1.request" -CA "$HOME_DIRECTORY/authority.crt" -CAkey "$AUTHORITY_KEY" -sha256 \
        -set_serial "0x$(openssl rand -hex 16)" -days "$CERTIFICATE_DAYS" -extfile "$1.extensions" -out "$1.crt"
    rm -f "$1.extensions" "$1.request"
}

names_of() { # CERTIFICATE: its names, as make_certificate takes them
    openssl x509 -in "$1" -noout -ext subjectAltName | sed -n 's/IP Address:/IP:/g; s/, /,/g; s/^ *\(DNS:.*\)$/\1/p'
}

# --- Mosquitto -----------------------------------------------------------------------------------------------------------

server_names() { # NAME...: as subjectAltName wants them
    names="DNS:localhost,IP:127.0.0.1"
    for name in "$@"; do
        case "$name" in
        *:*) names="$names,IP:$name" ;;
        *[!0-9.]*) names="$names,DNS:$name" ;;
        *) names="$names,IP:$name" ;;
        esac
    done
    echo "$names"
}

write_mosquitto() { # ADDRESS WEBSOCKETS-ADDRESS
    cat >"$MOSQUITTO/conf.d/sternway.conf" <<TEXT
# Made by sternway-broker-setup. Treadmills prove themselves by a certificate, people by a password; nobody is anonymous.
per_listener_settings true
# A treadmill's events wait here while a dashboard is away; more than this is dropped for that dashboard alone.
max_queued_messages 10000
max_packet_size 131072

listener 8883 $1
protocol mqtt
allow_anonymous false
cafile $MOSQUITTO/sternway/authority.crt
certfile $MOSQUITTO/sternway/server.crt
keyfile $MOSQUITTO/sternway/server.key
tls_version tlsv1.2
require_certificate true
use_identity_as_username true
crlfile $MOSQUITTO/sternway/revoked.crl
acl_file $MOSQUITTO/sternway/access

listener 8884 $1
protocol mqtt
allow_anonymous false
certfile $MOSQUITTO/sternway/server.crt
keyfile $MOSQUITTO/sternway/server.key
tls_version tlsv1.2
password_file $MOSQUITTO/sternway/passwords
acl_file $MOSQUITTO/sternway/access

listener 9443 $2
protocol websockets
allow_anonymous false
certfile $MOSQUITTO/sternway/server.crt
keyfile $MOSQUITTO/sternway/server.key
tls_version tlsv1.2
password_file $MOSQUITTO/sternway/passwords
acl_file $MOSQUITTO/sternway/access
TEXT
    chmod 644 "$MOSQUITTO/conf.d/sternway.conf"
}

write_access() { # every user's rights, from the files in users/
    base="sternway/v1/$(clinic)"
    {
        echo "# Made by sternway-broker-setup: what is not named here is refused."
        for file in "$HOME_DIRECTORY"/users/*; do
            [ -e "$file" ] || continue
            name=$(basename "$file")
            read -r role treadmills <"$file"
            echo
            echo "user $name"
            "rights_of_$role" "$base" "$name" $treadmills
        done
    } >"$MOSQUITTO/sternway/access"
}

rights_of_treadmill() { # BASE NAME
    for topic in availability about state session telemetry event alarm "response/#"; do
        echo "topic write $1/$2/$topic"
    done
    echo "topic read $1/$2/command/#"
}

rights_of_dashboard() { # BASE NAME
    for topic in availability about state session telemetry event alarm; do
        echo "topic read $1/+/$topic"
    done
}

rights_of_therapist() { # BASE NAME TREADMILL...
    base=$1 name=$2
    shift 2
    rights_of_dashboard "$base" "$name"
    for treadmill in "$@"; do
        for command in stop session/prepare session/cancel symptom alarm/silence; do
            echo "topic write $base/$treadmill/command/$command"
        done
        echo "topic read $base/$treadmill/response/$name/#"
    done
}

write_revoked() { # revoked certificates are known to the authority's index
    cat >"$HOME_DIRECTORY/index.conf" <<TEXT
[ca]
default_ca = authority
[authority]
database = $HOME_DIRECTORY/index
default_md = sha256
default_crl_days = $AUTHORITY_DAYS
TEXT
    quietly openssl ca -config "$HOME_DIRECTORY/index.conf" -gencrl -keyfile "$AUTHORITY_KEY" \
        -cert "$HOME_DIRECTORY/authority.crt" -out "$MOSQUITTO/sternway/revoked.crl.new"
    # Half a list would keep the broker down for everybody.
    mv "$MOSQUITTO/sternway/revoked.crl.new" "$MOSQUITTO/sternway/revoked.crl"
}

give_to_mosquitto() {
    if getent group mosquitto >/dev/null; then
        chgrp -R mosquitto "$MOSQUITTO/sternway"
    fi
    chmod 750 "$MOSQUITTO/sternway"
    chmod 640 "$MOSQUITTO/sternway"/*
}

apply() {
    write_access
    give_to_mosquitto
    [ -d /run/systemd/system ] && [ -z "${STERNWAY_BROKER_HOME:-}" ] || return 0
    # A new certificate list or listener needs a start; users and rights are read anew by a reload as well. systemd counts starts, and
    # after five in ten seconds would leave the broker down for everybody: these are wanted, one for each person that is added.
    systemctl reset-failed mosquitto 2>/dev/null || true
    systemctl restart mosquitto
}

# --- commands ------------------------------------------------------------------------------------------------------------

init() {
    [ $# -ge 1 ] || fail "init needs the clinic's name, as in the configuration's identity.clinic"
    check_name "$1"
    for tool in openssl mosquitto_passwd; do
        command -v "$tool" >/dev/null || fail "there is no $tool: apt install mosquitto openssl"
    done
    [ -d "$MOSQUITTO/conf.d" ] || fail "there is no $MOSQUITTO/conf.d, where Mosquitto reads what it is told: apt install mosquitto openssl"
    name=$1 address=127.0.0.1 websockets=127.0.0.1 hosts=""
    shift
    while [ $# -gt 0 ]; do
        [ $# -ge 2 ] || fail "$1 needs a value"
        case "$1" in
        --name)
            check_host "$2"
            hosts="$hosts $2"
            ;;
        --listen)
            check_host "$2"
            address=$2
            ;;
        --websockets)
            check_host "$2"
            websockets=$2
            ;;
        *) fail "unknown option $1" ;;
        esac
        shift 2
    done
    [ ! -e "$AUTHORITY_KEY" ] || fail "$HOME_DIRECTORY has an authority already; it is never overwritten ('renew' makes the broker's own certificate anew; to begin anew with everything, move $HOME_DIRECTORY aside)"
    # The authority's key comes to its place last: where it lies all this is made, and where it does not, init is run again.
    AUTHORITY_KEY=$HOME_DIRECTORY/authority.key.new
    mkdir -p "$HOME_DIRECTORY/users" "$MOSQUITTO/sternway"
    make_authority "$name"
    echo "$name" >"$HOME_DIRECTORY/clinic"
    # shellcheck disable=SC2086
    make_certificate "$MOSQUITTO/sternway/server" "Sternway broker of $name" serverAuth "$(server_names $hosts)"
    cp "$HOME_DIRECTORY/authority.crt" "$MOSQUITTO/sternway/authority.crt"
    : >"$MOSQUITTO/sternway/passwords"
    : >"$HOME_DIRECTORY/index"
    write_revoked
    write_mosquitto "$address" "$websockets"
    apply
    mv "$AUTHORITY_KEY" "$HOME_DIRECTORY/authority.key"
    echo "The broker listens on $address:8883 (treadmills), $address:8884 and $websockets:9443 (people; the latter WebSockets)."
    echo "Give people $HOME_DIRECTORY/authority.crt; keep $HOME_DIRECTORY/authority.key to yourself."
}

new_user() { # NAME ROLE [TREADMILL...]
    check_name "$1"
    clinic >/dev/null
    [ ! -e "$HOME_DIRECTORY/users/$1" ] || fail "there is a user $1 already: remove it first"
    name=$1
    shift
    echo "$*" >"$HOME_DIRECTORY/users/$name"
}

treadmill() {
    [ $# -eq 1 ] || fail "treadmill needs one name, as in the configuration's identity.treadmill"
    new_user "$1" treadmill
    SCRATCH=$(mktemp -d)
    make_certificate "$SCRATCH/client" "$1" clientAuth
    cp "$HOME_DIRECTORY/authority.crt" "$SCRATCH/authority.crt"
    cp "$SCRATCH/client.crt" "$HOME_DIRECTORY/users.$1.crt"
    tar -C "$SCRATCH" -cf "$HOME_DIRECTORY/$1.tar" authority.crt client.crt client.key
    apply
    echo "Carry $HOME_DIRECTORY/$1.tar to the treadmill by hand, run there 'sternway-broker-setup join FILE', and delete both copies."
}

password_user() { # NAME
    password=$(openssl rand -base64 18)
    printf '%s:%s\n' "$1" "$password" >"$HOME_DIRECTORY/new-password"
    mosquitto_passwd -U "$HOME_DIRECTORY/new-password"
    cat "$HOME_DIRECTORY/new-password" >>"$MOSQUITTO/sternway/passwords"
    rm -f "$HOME_DIRECTORY/new-password"
    apply
    echo "user $1, password (shown this once): $password"
}

dashboard() {
    [ $# -eq 1 ] || fail "dashboard needs one name"
    new_user "$1" dashboard
    password_user "$1"
}

therapist() {
    [ $# -ge 2 ] || fail "therapist needs a name and the treadmills that this person works at"
    name=$1
    shift
    for treadmill in "$@"; do check_name "$treadmill"; done
    new_user "$name" therapist "$@"
    password_user "$name"
}

revoke() { # CERTIFICATE: in the authority's index; one that is revoked stays so
    serial=$(openssl x509 -in "$1" -noout -serial)
    if grep -q "^R.*[[:space:]]${serial#serial=}[[:space:]]" "$HOME_DIRECTORY/index"; then return 0; fi
    quietly openssl ca -config "$HOME_DIRECTORY/index.conf" -keyfile "$AUTHORITY_KEY" -cert "$HOME_DIRECTORY/authority.crt" -revoke "$1"
}

remove() {
    [ $# -eq 1 ] || fail "remove needs one name"
    check_name "$1"
    clinic >/dev/null
    certificate=$HOME_DIRECTORY/users.$1.crt
    [ -e "$HOME_DIRECTORY/users/$1" ] || [ -e "$certificate" ] || fail "there is no user $1"
    # Wherever this ends, it is run again from the beginning: what is done already stays done, and the certificate, by which a treadmill
    # is known as not yet shut out, goes last. openssl puts the old index aside before the new one takes its place; an end between the
    # two leaves none, and an empty one would let everybody in again.
    [ -e "$HOME_DIRECTORY/index" ] || mv "$HOME_DIRECTORY/index.old" "$HOME_DIRECTORY/index"
    [ ! -e "$certificate" ] || revoke "$certificate"
    write_revoked
    sed -i "/^$1:/d" "$MOSQUITTO/sternway/passwords"
    rm -f "$HOME_DIRECTORY/users/$1"
    apply
    rm -f "$certificate" "$HOME_DIRECTORY/$1.tar"
    echo "$1 is removed."
}

renew() {
    [ $# -eq 0 ] || fail "renew needs nothing: the names stay"
    name=$(clinic)
    server=$MOSQUITTO/sternway/server
    openssl x509 -in "$HOME_DIRECTORY/authority.crt" -noout -checkend 0 >/dev/null ||
        fail "the authority itself has ended: move $HOME_DIRECTORY aside and begin anew with 'init'"
    names=$(names_of "$server.crt")
    [ -n "$names" ] || fail "$server.crt cannot be read, or names nobody: the new one would be for no broker"
    SCRATCH=$(mktemp -d -p "$HOME_DIRECTORY")
    make_certificate "$SCRATCH/server" "Sternway broker of $name" serverAuth "$names"
    # The key first: should this end between the two, renew finds the names again.
    mv "$SCRATCH/server.key" "$server.key"
    mv "$SCRATCH/server.crt" "$server.crt"
    apply
    echo "The broker's new certificate is for $names, $(openssl x509 -in "$server.crt" -noout -enddate)."
}

list() {
    clinic >/dev/null
    for file in "$HOME_DIRECTORY"/users/*; do
        [ ! -e "$file" ] || echo "$(basename "$file"): $(cat "$file")"
    done
}

join() {
    [ $# -eq 1 ] || fail "join needs the file that 'sternway-broker-setup treadmill NAME' made"
    [ -r "$1" ] || fail "$1 cannot be read"
    mkdir -p "$TELEMETRY_KEYS" "$UNIT_DIRECTORY"
    tar -C "$TELEMETRY_KEYS" --no-same-owner -xf "$1" authority.crt client.crt client.key
    chmod 600 "$TELEMETRY_KEYS"/*
    chmod 755 "$UNIT_DIRECTORY"
    cat >"$UNIT_DIRECTORY/broker.conf" <<TEXT
# Made by sternway-broker-setup join. Only telemetry sees these, and only while it runs.
[Service]
LoadCredential=broker-authority:$TELEMETRY_KEYS/authority.crt
LoadCredential=broker-certificate:$TELEMETRY_KEYS/client.crt
LoadCredential=broker-key:$TELEMETRY_KEYS/client.key
TEXT
    chmod 644 "$UNIT_DIRECTORY/broker.conf"
    # Without it the next start of telemetry would not get the keys, and say only that they are missing.
    if [ -d /run/systemd/system ]; then systemctl daemon-reload; fi
    cat <<'TEXT'
Set these keys in /etc/sternway/treadmill.toml (host: the broker's name as its certificate has it), then, if telemetry runs already,
`systemctl restart sternway-telemetry`:

[telemetry.broker]
host = "localhost"
port = 8883

[telemetry.broker.tls]
enabled = true
ca_file = "broker-authority"
certificate_file = "broker-certificate"
key_file = "broker-key"
TEXT
}

case "${1:-}" in
init | treadmill | dashboard | therapist | remove | renew | list | join)
    command=$1
    shift
    "$command" "$@"
    ;;
-h | --help | help) usage ;;
*)
    usage >&2
    exit 2
    ;;
esac
