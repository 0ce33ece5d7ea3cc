# A container with the executable and nothing else that could be run:
#
#   docker build --tag skein \
#     --build-arg SKEIN_BUILD_COMMIT="$(git rev-parse HEAD)" \
#     --build-arg SOURCE_DATE_EPOCH="$(git log -1 --format=%ct)" .
#
# (podman build --format docker: its own format has no health checks.) Both images are pinned by what their publishers
# version them by; a digest (IMAGE@sha256:…) may be given in place of either. README.md, "Install", says how to run it.

# The official image of the Deno that the tests run with: no Node and no npm, which building does not need.
ARG DENO_IMAGE=docker.io/denoland/deno:debian-2.9.6
# What the executable links to (glibc, libgcc, libstdc++), certificate authorities and time zones: no shell, no package
# manager. Debian's slim image would add a shell and 50 MB, none of which a peer uses. Its 12 is the Debian release.
ARG BASE_IMAGE=gcr.io/distroless/cc-debian12:nonroot

# Runs on the building machine whatever machine the image is for: Deno compiles for any.
FROM --platform=$BUILDPLATFORM ${DENO_IMAGE} AS build
WORKDIR /source
COPY deno.json deno.lock LICENSE ./
COPY scripts scripts
COPY src src
# There is no history here, so scripts/build/origin.ts takes both from the environment.
ARG SKEIN_BUILD_COMMIT
ARG SOURCE_DATE_EPOCH
ARG TARGETARCH
# The other form of the executable unpacks itself by a shell, which the next stage has not.
RUN case "$TARGETARCH" in \
      amd64) machine=x86_64 ;; \
      arm64) machine=aarch64 ;; \
      *) echo "no builds for ${TARGETARCH:-an unknown machine}" >&2; exit 1 ;; \
    esac \
    && deno task compile --json --target "$machine-unknown-linux-gnu" --output /image/skein \
      > /tmp/built.json \
    && { grep -q '"form":"compiled"' /tmp/built.json \
      || { echo "the image needs what deno compile makes; see above why there is none" >&2; exit 1; }; } \
    && mkdir --mode 700 /image/data

FROM ${BASE_IMAGE}
ARG SKEIN_BUILD_COMMIT
LABEL org.opencontainers.image.title="skein" \
      org.opencontainers.image.description="Consensus and distributed locks in one executable" \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.revision="${SKEIN_BUILD_COMMIT}"
COPY --from=build /image/skein /skein
COPY --from=build --chown=65532:65532 /image/data /data
# By number, so that who starts it can see that it is not root without looking into the image.
USER 65532:65532
# Clients and peers come from other containers, so it starts with both secrets alone: TOKEN or TOKEN_FILE for clients
# (or else HTTP_OPEN=true), CLUSTER_KEY or CLUSTER_KEY_FILE for peers. SELF_URL is where the others reach it.
ENV DATA_DIR=/data \
    HTTP_PORT=0.0.0.0:8001 \
    PEER_PORT=0.0.0.0:7001
# /tmp: when it starts, the executable puts its native code there and loads it. As a volume it can be written to, and
# loaded from, under `docker run --read-only` too; a tmpfs would have to be mounted with exec.
VOLUME ["/data", "/tmp"]
EXPOSE 8001 7001
# It hands leadership over and is gone within 5 s; Docker waits for 10.
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 \
  CMD ["/skein", "status", "--check"]
ENTRYPOINT ["/skein"]
CMD ["run"]
