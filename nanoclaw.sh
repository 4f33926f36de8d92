#!/usr/bin/env bash
# From a fresh machine to a running assistant. Only what the program cannot do itself is done here:
# getting a compiler and compiling it. `nanoclaw setup` does the rest.
set -euo pipefail

cd "$(dirname "$(readlink -f "$0")")"
RELEASE=${CARGO_TARGET_DIR:-$PWD/target}/release
BIN=$RELEASE/nanoclaw
MANIFEST=src/nanoclaw/Cargo.toml

say() { printf '== %s\n' "$*" >&2; }
fail() { printf 'error: %s\nhint: %s\n' "$1" "$2" >&2; exit 1; }

usage() {
    cat <<'TEXT'
Usage: ./nanoclaw.sh [COMMAND]

  (none)       install what is missing, build, set up, start, open a chat
  --yes        the same without questions; ends with one round trip through a container
  add CHANNEL  build a channel in (telegram, discord, webhook), ask for its token, make you the owner
               --token-stdin reads the token from the standard input; --name N names the account
  remove CHANNEL   disconnect it and build the program without it
  test [ARGS]  install what the tests need and run them all (ARGS go to cargo nextest)
  bench [NAME] measure what the README claims
  update       take over the newest version, rebuild, restart
  uninstall    stop the host, remove its containers and image; --purge removes the data too
  tools        install the compiler and what it needs, no more
  help         this text

The data directory is ~/.nanoclaw, or what NANOCLAW_HOME says.
TEXT
}

as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"
    elif command -v sudo >/dev/null; then sudo "$@"
    else fail "\`$*\` needs root, and there is no sudo" "run it as root, then try again"
    fi
}

packages() {
    command -v apt-get >/dev/null ||
        fail "these programs are missing: $*" "install them with your system's package tool, then try again"
    say "installing $*"
    as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq update ||
        say "some package sources do not answer; trying anyway"
    as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq -y install --no-install-recommends "$@" >/dev/null
}

tools() {
    local missing=()
    command -v cc >/dev/null || missing+=(gcc libc6-dev)
    command -v make >/dev/null || missing+=(make)
    command -v curl >/dev/null || missing+=(curl ca-certificates)
    [ ${#missing[@]} = 0 ] || packages "${missing[@]}"
    # shellcheck source=/dev/null
    [ ! -f "$HOME/.cargo/env" ] || . "$HOME/.cargo/env"
    command -v cargo >/dev/null && return
    say "installing the Rust toolchain"
    local installer
    installer=$(curl --proto '=https' --tlsv1.2 -fsSL https://sh.rustup.rs) ||
        fail "the Rust toolchain cannot be fetched" "check the network, or install Rust by hand"
    sh -s -- -y --profile minimal -c rustfmt -c clippy <<<"$installer" >&2 ||
        fail "the Rust toolchain could not be installed" "see above, or install Rust by hand"
    # shellcheck source=/dev/null
    . "$HOME/.cargo/env"
}

build() {
    say "building (some minutes the first time)"
    cargo build --release --locked --quiet -p nanoclaw -p agent-runner -p simulation "$@" ||
        fail "the build failed" "see above; an old toolchain is renewed by \`rustup update\`"
}

offer_in_path() {
    local bin=$HOME/.local/bin
    case ":$PATH:" in
        *":$bin:"*)
            mkdir -p "$bin"
            ln -sf "$BIN" "$bin/nanoclaw"
            say "the command is nanoclaw"
            ;;
        *) say "the command is $BIN" ;;
    esac
}

# The channels that can be built in, by name: the features of the program but `default`.
channels_there() {
    sed -n '/^\[features\]/,/^\[/s/^\([a-z0-9-]*\) = .*/\1/p' "$MANIFEST" | grep -vx default | sort | xargs
}

# Sets the one line of the source that says which channels are built in.
set_channels() {
    local list='' name
    for name in $(printf '%s\n' "$@" | sort -u); do list+="${list:+, }\"$name\""; done
    sed -i.old "/^\[features\]/,/^\[/s/^default = .*/default = [$list]/" "$MANIFEST"
    rm -f "$MANIFEST.old"
}

channels_built_in() {
    sed -n '/^\[features\]/,/^\[/s/^default = \[\(.*\)\]/\1/p' "$MANIFEST" | tr -d '",'
}

change_channels() {
    local verb=$1 channel=${2:-} name=main token=ask only_source=no built
    [ $# -lt 2 ] || shift
    shift
    while [ $# -gt 0 ]; do
        case $1 in
            --token-stdin) token=stdin ;;
            --name) name=${2:?--name needs a name}; shift ;;
            --only-source) only_source=yes ;;
            *) fail "unknown option: $1" "see \`./nanoclaw.sh help\`" ;;
        esac
        shift
    done
    case " $(channels_there) " in
        *" ${channel:-none} "*) ;;
        *) fail "there is no channel \`$channel\`" "choose one of: $(channels_there)" ;;
    esac
    read -r -a built <<<"$(channels_built_in)"
    if [ "$verb" = add ]; then
        set_channels ${built[@]+"${built[@]}"} "$channel"
    else
        local rest=() it
        for it in ${built[@]+"${built[@]}"}; do [ "$it" = "$channel" ] || rest+=("$it"); done
        set_channels ${rest[@]+"${rest[@]}"}
    fi
    [ "$only_source" = no ] || return 0
    # A token that waits on the standard input must not be read by anything else on the way.
    tools </dev/null
    build </dev/null
    "${verb}_channel" "$channel" "$name" "$token"
}

add_channel() {
    local channel=$1 name=$2 token=$3
    if [ "$token" = ask ] && [ ! -t 0 ]; then
        fail "there is no terminal to ask for the token" "pipe it in with --token-stdin"
    fi
    "$BIN" channels add "$channel" --name "$name"
    "$BIN" restart </dev/null
    if "$BIN" roles list --json </dev/null | grep -q '"owner"'; then
        say "somebody owns this host already; \`nanoclaw pair\` lets others in"
    elif [ "$channel" != webhook ] && [ -t 0 ] && [ -t 1 ]; then
        "$BIN" pair --channel "$channel"
    else
        say "make yourself the owner with \`nanoclaw pair\`"
    fi
}

remove_channel() {
    "$BIN" channels remove "$1" --name "$2" || say "$1 had no account $2"
    "$BIN" restart
}

# What tests and benchmarks use: the release build, an engine that runs, the agent image.
provide() {
    tools
    # With every channel, whatever is chosen for this fork.
    build --features "$(channels_there | tr ' ' ',')"
    # A data directory of its own: nothing here may touch the user's.
    export NANOCLAW_HOME=${NANOCLAW_TEST_HOME:-$(dirname "$RELEASE")/test-home}
    say "engine and agent image"
    # Tests need its cache alone; another commit may have left a database of another form.
    rm -f "$NANOCLAW_HOME"/central.db{,-wal,-shm}
    "$BIN" setup --yes --only data,engine,daemon,image,defaults
    NANOCLAW_TEST_IMAGE=$("$BIN" image show)
    NANOCLAW_TEST_CLAUDE=$(find "$NANOCLAW_HOME/cache" -maxdepth 1 -name 'claude-*' -type f | sort | tail -n 1)
    export NANOCLAW_TEST_IMAGE NANOCLAW_TEST_CLAUDE
    export NANOCLAW_TEST_BIN=$BIN NANOCLAW_TEST_RUNNER=$RELEASE/agent-runner
    unset NANOCLAW_HOME
}

run_tests() {
    tools
    command -v python3 >/dev/null || packages python3
    # Clients of the platforms that others wrote; they check the doubles that ours are tested against.
    command -v npm >/dev/null || packages nodejs npm
    if ! command -v cargo-nextest >/dev/null; then
        say "installing cargo-nextest (some minutes)"
        cargo install cargo-nextest --locked --quiet ||
            fail "cargo-nextest could not be installed" "see above; it may need a newer toolchain"
    fi
    provide
    say "tests"
    local features
    features=$(channels_there | sed 's#[^ ]*#nanoclaw/&#g; s# #,#g')
    exec cargo nextest run --workspace --locked --features "$features" "$@"
}

run_benchmarks() {
    provide
    say "figures"
    exec cargo bench --locked -p harness --bench figures -- "$@"
}

uninstall() {
    local home=${NANOCLAW_HOME:-$HOME/.nanoclaw} purge=no answer tag socket=/var/run/docker.sock
    [ "${1:-}" != --purge ] || purge=yes
    [ -x "$BIN" ] || fail "the program is not built" "build it with ./nanoclaw.sh, then try again"
    printf 'Stop the host on %s and remove its containers and image (data too: %s)? [y/N] ' "$home" "$purge"
    read -r answer || answer=n
    case $answer in
        y | Y | yes) ;;
        *) fail "nothing was changed" "answer y to go on" ;;
    esac
    tag=$("$BIN" image show 2>/dev/null || true)
    "$BIN" uninstall
    if [ -n "$tag" ] && [ -S "$socket" ]; then
        curl -fsS -o /dev/null --unix-socket "$socket" -X DELETE "http://localhost/images/$tag" ||
            say "the image $tag is still used or gone already"
    fi
    rm -f "$HOME/.local/bin/nanoclaw"
    if [ "$purge" = yes ]; then
        rm -rf "$home" 2>/dev/null || as_root rm -rf "$home"
        printf 'all is gone\n'
    else
        printf 'the data is still in %s\n' "$home"
    fi
}

update() {
    git pull --ff-only || fail "there is no plain way forward" "commit your changes and merge by hand"
    tools
    build
    "$BIN" image build
    "$BIN" restart
}

# Not joined by `&&`, within which bash goes on after a failure.
case ${1:-} in
    '' | --yes | -y) tools; build; offer_in_path; exec "$BIN" setup "$@" ;;
    test) shift; run_tests "$@" ;;
    bench) shift; run_benchmarks "$@" ;;
    add | remove) change_channels "$@" ;;
    update) update ;;
    uninstall) shift; uninstall "$@" ;;
    tools) tools ;;
    help | --help | -h) usage ;;
    *) printf 'error: unknown command: %s\n\n' "$1" >&2; usage >&2; exit 64 ;;
esac
