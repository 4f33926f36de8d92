#!/usr/bin/env bash
# From a fresh machine to a running assistant. Only what the program cannot do itself is done here:
# getting a compiler and compiling it. `nanoclaw setup` does the rest.
set -euo pipefail

CALLER=$PWD
unset CDPATH
cd "$(dirname "$(readlink -f "$0")")"
TARGET=${CARGO_TARGET_DIR:-$PWD/target}
# A test may build with cargo's `dev`, whose folder has another name.
PROFILE=${NANOCLAW_PROFILE:-release}
RELEASE=$TARGET/${PROFILE/#dev/debug}
BIN=$RELEASE/nanoclaw
UNCHANGED="the former choice of add-ons and the former program are still in place"

say() { printf '== %s\n' "$*" >&2; }
fail() { printf 'error: %s\nhint: %s\n' "$1" "$2" >&2; exit 1; }

usage() {
    cat <<'TEXT'
Usage: ./nanoclaw.sh [COMMAND]

  (none)       install what is missing, build, set up, start, open a chat
  --yes        the same without questions; ends with one round trip through a container
  add NAME     build a channel or provider of this repository in, connect its account; a messenger makes you the owner
               --token-stdin reads the token from the standard input; --name N names the account
               --only-build leaves accounts and host as they are
  add PATH     the same with an add-on of somebody else, from its folder
  remove NAME  forget its accounts (with --name N, that one) and build the program without it
  addons       what is in the program, and what could be
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

# Builds the project that `generate` made in folder $1.
build() {
    say "building (some minutes the first time)"
    CARGO_TARGET_DIR=$TARGET cargo build --profile "$PROFILE" --locked --quiet --manifest-path "$1/Cargo.toml" \
        -p program -p simulation ||
        fail "the build failed" "see above; an old toolchain is renewed by \`rustup update\`; $UNCHANGED"
}

# Builds what is chosen.
rebuild() {
    tools
    stage
    generate addons.new
    build addons.new
    commit
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

# Add-ons. `addons/` is not tracked. It holds the choice, a link `chosen/NAME` to the folder of each, and the cargo
# project made from it: a program that links them. A change is built in `addons.new/`, which replaces `addons/`
# after it was built; so whatever fails leaves the former choice and program.

no_addon() { fail "$1 is no add-on: $2" "see \"Add-ons\" in ARCHITECTURE.md"; }

# What the add-on in folder $1 says of itself, as KIND, NAME and PACKAGE.
read_addon() {
    local folder=$1 manifest said contract
    [ -f "$folder/Cargo.toml" ] || no_addon "$folder" "it has no Cargo.toml"
    [ -f "$folder/SKILL.md" ] || no_addon "$folder" "it has no SKILL.md"
    manifest=$(cargo read-manifest --manifest-path "$folder/Cargo.toml") ||
        no_addon "$folder" "cargo cannot read its Cargo.toml"
    said=$(grep -o '"nanoclaw":{[^}]*}' <<<"$manifest" || true)
    KIND=$(sed -n 's/.*"kind":"\([^"]*\)".*/\1/p' <<<"$said")
    NAME=$(sed -n 's/.*"name":"\([^"]*\)".*/\1/p' <<<"$said")
    PACKAGE=${manifest#\{\"name\":\"} PACKAGE=${PACKAGE%%\"*}
    case $KIND in
        channel) contract=channel ;;
        provider) contract=agent-runner ;;
        *) no_addon "$folder" "[package.metadata.nanoclaw] in its Cargo.toml has no kind = \"channel\" or \"provider\"" ;;
    esac
    [[ $NAME =~ ^[a-z][a-z0-9-]{0,31}$ ]] ||
        no_addon "$folder" "its name \`$NAME\` in [package.metadata.nanoclaw] is not 1 to 32 of a-z, 0-9 and -"
    # By path where it is in the tree. A crate of that name on crates.io is another one.
    grep -qE "\{\"name\":\"$contract\",\"source\":(null|\"sparse\+https://nanoclaw\.invalid/\")" <<<"$manifest" ||
        no_addon "$folder" "it needs the dependency $contract = { version = \"0.1\", registry = \"nanoclaw\" }"
}

# The folder that `add` was given: by its name in the tree, or by a path from where it was called.
addon_folder() {
    case $1 in
        */* | . | ..)
            (cd "$CALLER" && cd -- "$1" && pwd -P) 2>/dev/null ||
                fail "there is no folder $1" "give the folder of an add-on, or a name: $(addons_there)"
            ;;
        *)
            [ -f "skills/add-$1/Cargo.toml" ] ||
                fail "there is no add-on \`$1\` here" "choose one of: $(addons_there); a folder is given like ./folder"
            printf '%s\n' "$PWD/skills/add-$1"
            ;;
    esac
}

# The add-ons of this repository, by name.
addons_there() {
    local manifest name
    for manifest in skills/add-*/Cargo.toml; do
        name=${manifest#skills/add-}
        printf '%s\n' "${name%/Cargo.toml}"
    done | xargs
}

# Writes what it reads into file $1, which stays as it is if it says that already: cargo looks at its time.
put() {
    local text
    text=$(cat)
    [ "$text" = "$(cat "$1" 2>/dev/null)" ] || printf '%s\n' "$text" >"$1"
}

# The path $1 as a string of a Cargo.toml.
quoted() {
    local path=${1//\\/\\\\}
    printf '"%s"' "${path//\"/\\\"}"
}

# Makes the cargo project in folder $1 from what is chosen there.
generate() {
    local dir=$1 link folder name use dependencies='' channels='' providers='' crate
    for link in "$dir"/chosen/*; do
        [ -L "$link" ] || continue
        name=${link##*/}
        folder=$(cd "$link" 2>/dev/null && pwd -P) ||
            fail "the folder of the add-on \`$name\` is gone: $(readlink "$link")" \
                "put it back, or take the add-on out: ./nanoclaw.sh remove $name"
        read_addon "$folder"
        [ "$NAME" = "$name" ] ||
            fail "the add-on \`$name\` in $folder calls itself \`$NAME\` now" \
                "take it out with ./nanoclaw.sh remove $name, then add it again"
        dependencies+="addon-$name = { path = $(quoted "$folder"), package = \"$PACKAGE\" }"$'\n'
        use="use addon_${name//-/_} as _;"$'\n'
        if [ "$KIND" = channel ]; then channels+=$use; else providers+=$use; fi
    done
    # Those that are not chosen are named too, so that the lock file keeps their versions.
    for name in $(addons_there); do
        [ -L "$dir/chosen/$name" ] ||
            dependencies+="addon-$name = { path = $(quoted "$PWD/skills/add-$name"), package = \"$name\", optional = true }"$'\n'
    done
    {
        cat <<TOML
# Made by ./nanoclaw.sh from the links in chosen/.
[workspace]
resolver = "3"

[package]
name = "program"
version = "0.0.0"
edition = "2024"
publish = false

[[bin]]
name = "nanoclaw"
path = "nanoclaw.rs"

[[bin]]
name = "agent-runner"
path = "runner.rs"

[dependencies]
nanoclaw = { path = $(quoted "$PWD/src/nanoclaw") }
agent-runner = { path = $(quoted "$PWD/container/agent-runner") }
simulation = { path = $(quoted "$PWD/src/simulation") }
$dependencies
TOML
        awk '/^\[/ { on = /^\[profile/ } on' Cargo.toml
        # What the profile says of crates from elsewhere is not meant for these.
        for crate in src/*/ actors/ container/agent-runner/; do
            crate=$(basename "$crate")
            grep -qF "[profile.release.package.$crate]" Cargo.toml ||
                printf '[profile.release.package.%s]\ncodegen-units = 8\n' "$crate"
        done
    } | put "$dir/Cargo.toml"
    put "$dir/nanoclaw.rs" <<<"${channels}fn main() -> std::process::ExitCode { nanoclaw::main() }"
    put "$dir/runner.rs" <<<"${providers}fn main() -> std::process::ExitCode { agent_runner::main() }"
    # The versions of this repository, and of what add-ons need besides.
    if ! cmp -s Cargo.lock "$dir/trunk.lock"; then
        cp Cargo.lock "$dir/trunk.lock"
        cp Cargo.lock "$dir/Cargo.lock"
    fi
    cargo update --workspace --quiet --manifest-path "$dir/Cargo.toml" ||
        fail "cargo finds no versions on which the add-ons agree" "see above; $UNCHANGED"
}

stage() {
    # Interrupted between two renames.
    [ -d addons ] || [ ! -d addons.old ] || mv addons.old addons
    migrate
    mkdir -p addons/chosen
    rm -rf addons.new addons.old
    trap 'rm -rf addons.new' EXIT
    cp -a addons addons.new
}

commit() {
    mv addons addons.old
    mv addons.new addons
    rm -rf addons.old
}

# Former versions of this script edited a tracked file: the choice moves to `addons/`, and the line is restored.
migrate() {
    local manifest=src/nanoclaw/Cargo.toml names name
    names=$(sed -n '/^\[features\]/,/^\[/s/^default = \[\(..*\)\]/\1/p' "$manifest" | tr -d '",')
    [ -n "$names" ] || return 0
    mkdir -p addons/chosen
    for name in $names; do ln -sfn "../../skills/add-$name" "addons/chosen/$name"; done
    sed -i.old '/^\[features\]/,/^\[/s/^default = .*/default = []/' "$manifest"
    rm -f "$manifest.old"
    say "the choice of channels ($names) is kept in addons/ from now on, and $manifest is as it came"
}

list_addons() {
    local link name
    printf 'in the program:\n'
    for link in addons/chosen/*; do
        [ -L "$link" ] || continue
        name=${link##*/}
        printf '  %-20s %s\n' "$name" \
            "$(cd "$link" 2>/dev/null && pwd -P || printf '%s is gone: ./nanoclaw.sh remove %s' "$(readlink "$link")" "$name")"
    done
    printf 'others of this repository:\n'
    for name in $(addons_there); do [ -L "addons/chosen/$name" ] || printf '  %s\n' "$name"; done
}

change_addons() {
    local verb=$1 what=${2:-} account= token=ask only=no kind
    [ $# -lt 2 ] || shift
    shift
    while [ $# -gt 0 ]; do
        case $1 in
            --token-stdin) token=stdin ;;
            --name) account=${2:?--name needs a name}; shift ;;
            --only-source | --only-build) only=${1#--only-} ;;
            *) fail "unknown option: $1" "see \`./nanoclaw.sh help\`" ;;
        esac
        shift
    done
    # A token that waits on the standard input must not be read by anything else on the way.
    tools </dev/null
    stage
    "choose_to_$verb" "$what"
    what=$NAME kind=$KIND
    generate addons.new </dev/null
    [ "$only" = source ] || build addons.new </dev/null
    commit
    [ "$only" = no ] || return 0
    if [ "$kind" = provider ]; then
        "$BIN" image build </dev/null
        "$BIN" restart </dev/null
    else
        "${verb}_channel" "$what" "$account" "$token"
    fi
}

choose_to_add() {
    local folder link
    folder=$(addon_folder "$1")
    read_addon "$folder"
    link=addons.new/chosen/$NAME
    if [ "$folder" = "$PWD/skills/add-$NAME" ]; then
        ln -sfn "../../skills/add-$NAME" "$link"
        return
    fi
    [[ $NAME != cli && ! -e skills/add-$NAME ]] ||
        fail "$folder has the name of a part of this repository: \`$NAME\`" "give it another name in its Cargo.toml"
    [ ! -L "$link" ] || [ "$(readlink "$link")" = "$folder" ] ||
        fail "there is an add-on \`$NAME\` already, in $(readlink "$link")" "take that out first: ./nanoclaw.sh remove $NAME"
    ln -sfn "$folder" "$link"
    say "adding the $KIND \`$NAME\` from $folder; its code runs with the rights of the program that it is built into"
}

choose_to_remove() {
    NAME=$1 KIND=channel
    [[ $NAME != */* && -L addons.new/chosen/$NAME ]] ||
        fail "\`$NAME\` is not in the program" "see ./nanoclaw.sh addons; an account alone goes with \`nanoclaw channels remove\`"
    ! grep -q "^use addon_${NAME//-/_} " addons/runner.rs 2>/dev/null || KIND=provider
    rm "addons.new/chosen/$NAME"
    # There is no way back to what is gone, and it must not be in the way of removing another one.
    [ -e "addons/chosen/$NAME" ] || rm "addons/chosen/$NAME"
}

add_channel() {
    local channel=$1 name=${2:-main} token=$3
    if "$BIN" channels list --json </dev/null 2>/dev/null | tr -d ' \n' |
        grep -qF "\"name\":\"$channel\",\"needs_token\":false"; then
        say "$channel needs no account; it is connected whenever the host runs"
        "$BIN" restart </dev/null
        return
    fi
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
    # Its accounts are of no use to a program that does not have it, and have secrets.
    if [ -n "$2" ]; then
        "$BIN" channels remove "$1" --name "$2" || say "$1 had no account $2"
    else
        "$BIN" channels remove "$1" --all || say "$1 had no account"
    fi
    "$BIN" restart
}

# What tests and benchmarks use: the release build, an engine that runs, the agent image.
provide() {
    tools
    # With every add-on of the repository, whatever is chosen.
    local every=$TARGET/every-addon name
    mkdir -p "$every/chosen"
    rm -f "$every"/chosen/*
    for name in $(addons_there); do ln -s "$PWD/skills/add-$name" "$every/chosen/$name"; done
    generate "$every"
    build "$every"
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
    exec cargo nextest run --workspace --locked --all-features "$@"
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
    migrate
    git pull --ff-only || fail "there is no plain way forward" "commit your changes and merge by hand"
    # The newest version of this script knows what follows.
    exec bash ./nanoclaw.sh updated "$@"
}

updated() {
    if [ "${1:-}" = --only-source ]; then
        tools
        stage
        generate addons.new
        commit
        return
    fi
    rebuild
    "$BIN" image build
    "$BIN" restart
}

# Not joined by `&&`, within which bash goes on after a failure.
case ${1:-} in
    '' | --yes | -y) rebuild; offer_in_path; exec "$BIN" setup "$@" ;;
    test) shift; run_tests "$@" ;;
    bench) shift; run_benchmarks "$@" ;;
    add | remove) change_addons "$@" ;;
    addons) list_addons ;;
    update | updated) "$@" ;;
    uninstall) shift; uninstall "$@" ;;
    tools) tools ;;
    help | --help | -h) usage ;;
    *) printf 'error: unknown command: %s\n\n' "$1" >&2; usage >&2; exit 64 ;;
esac
