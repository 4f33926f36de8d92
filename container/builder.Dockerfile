# Builds the agent runner where a program of this host would not run in the agent image: the host's
# libc is newer, or the host is no Linux. Used by `nanoclaw image build`, which sends the workspace
# as `workspace/` and takes `/agent-runner` out of the result.
ARG RUST_IMAGE=rust:1.92-bookworm
FROM ${RUST_IMAGE} AS build
COPY workspace /workspace
WORKDIR /workspace
RUN cargo build --release --locked --package agent-runner \
    && cp target/release/agent-runner /agent-runner

FROM scratch
COPY --from=build /agent-runner /agent-runner
